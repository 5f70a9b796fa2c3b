"""Pictures of the market and what was held in it: fills, one order's life, exposure and profit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports.drawing import (
    BAND,
    BLUE,
    GREY,
    SIDES,
    WIDTH,
    counted,
    currency_of,
    legend,
    new_figure,
    note,
    number_axis,
    plain,
    says,
    time_axis,
    utc,
)
from toolkit.reports.exposure import exposure_frame
from toolkit.reports.session import Trading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AROUND: Final = 0.3
"""How much of the market before and after an order is shown, as a share of its life."""


def fills_against_quote(fills: pd.DataFrame, quotes: pd.DataFrame, symbol: str = "") -> Figure:
    """
    Buys and sells of one symbol over the band between bid and ask.

    Args:
        fills: as ``fills_frame`` makes it.
        quotes: columns ``ts`` (UTC), ``bid``, ``ask`` in price units, and ``symbol`` when of several.
        symbol: which symbol; may be left out when there is only one.

    Raises:
        ConfigError: there are several symbols and none was named.
    """
    symbol = symbol or _only_symbol(fills, quotes)
    fills = fills[fills["symbol"] == symbol]
    if "symbol" in quotes:
        quotes = quotes[quotes["symbol"] == symbol]
    figure, axes = new_figure(f"{symbol} fills against the quote".strip())
    if not quotes.empty:
        times = utc(quotes["ts"])
        axes.fill_between(
            times, quotes["bid"], quotes["ask"], step="post", color=BAND, linewidth=0, label="bid to ask"
        )
        for name in ("bid", "ask"):
            axes.step(times, quotes[name], where="post", color=GREY, linewidth=0.4)
    for side, (colour, marker) in SIDES.items():
        some = fills[fills["side"] == side]
        if not some.empty:
            axes.scatter(
                utc(some["time"]),
                some["price"],
                s=_areas(some["shares"], fills["shares"]),
                c=colour,
                marker=marker,
                edgecolors="white",
                linewidths=0.6,
                zorder=3,
                label=f"{side.lower()}, {counted(len(some), 'fill')}, {some['shares'].sum():,.0f} shares",
            )
    if fills.empty and quotes.empty:
        return says(figure, axes, "no fills, no quotes")
    if fills.empty:
        note(axes, "no fills")
    time_axis(axes, pd.concat([fills["time"], quotes["ts"]]))
    axes.set_ylabel(f"price ({currency_of(fills)})")
    number_axis(axes, 2)
    legend(figure)
    return figure


def order_life(trading: Trading, parent_id: str) -> Figure:
    """
    One order from its decision to its end: the quote, its fills, and the mid it was decided on.

    Raises:
        ConfigError: there is no such order.
    """
    found = trading.parents[trading.parents["parent_id"] == parent_id].to_dict("records")
    if not found:
        raise ConfigError(f"No order {parent_id!r} was traded; trading.parents lists them.")
    parent = found[0]
    children = trading.children[trading.children["parent_id"] == parent_id]
    fills = trading.fills[trading.fills["order_id"].isin(children["order_id"])]
    quotes = trading.quotes[trading.quotes["symbol"] == parent["symbol"]]
    start, ended = parent["ts_intent"], parent["ts_end"]
    end = pd.Series([start, ended, fills["ts"].max()]).max()
    room = max((end - start) * AROUND, pd.Timedelta(20, "ms"))
    quotes = _between(quotes, start - room, end + room)
    drawn = trading.executed()
    drawn = drawn[drawn["exec_id"].isin(fills["exec_id"])]
    figure = fills_against_quote(drawn, quotes, parent["symbol"])
    (axes,) = figure.axes
    if not axes.axison:
        return figure
    side, qty = parent["side"].lower(), parent["qty"]
    axes.set_title(
        f"{parent_id}: {side} {qty:,.12g} {parent['symbol']} {parent['order_type']}", loc="left", fontsize=11
    )
    moments = [("decided", start), ("sent", children["ts_submit"].min()), ("ended", ended)]
    for row, (word, when) in enumerate(moments, 1):
        if pd.notna(when):
            (place,) = utc(pd.Series([when]))
            axes.axvline(place, color="black", linewidth=0.7, linestyle=":")
            # One below the other, since they may be a moment apart.
            axes.annotate(word, (place, 1), xycoords=("data", "axes fraction"), xytext=(3, -11 * row),
                          textcoords="offset points", fontsize=8, color="#3A3A3A")  # fmt: skip
    if pd.notna(parent["decision_price"]):
        axes.axhline(
            parent["decision_price"],
            color="black",
            linewidth=0.9,
            linestyle="--",
            label="mid at the decision",
        )
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + (high - low) * 0.25)  # room for the words
    axes.set_xlim(*utc(pd.Series([start - room, end + room])))
    number_axis(axes, 2)
    for old in figure.legends:
        old.remove()
    legend(figure)
    return figure


def exposure_through_the_day(fills: pd.DataFrame, quotes: pd.DataFrame | None = None) -> Figure:
    """
    Exposure and profit of some fills through time, starting flat; see ``exposure_frame``.

    Raises:
        ConfigError: the fills are in several currencies, or the quotes do not say which symbol they are of.
    """
    from matplotlib import pyplot as plt

    held = exposure_frame(fills, quotes)
    if held.empty:
        return says(*new_figure("Exposure"), "no fills")
    figure, (above, below) = plt.subplots(
        2, sharex=True, figsize=(WIDTH, 5.4), layout="constrained", height_ratios=[3, 2]
    )
    plt.close(figure)
    times, currency = utc(held.index.to_series()), currency_of(fills)
    # One moment alone has no width to draw a step over.
    dot = "o" if len(held) == 1 else ""
    gross, net = held["gross"], held["net"]
    above.fill_between(times, gross, step="post", color=BAND, linewidth=0)
    most, end = f"gross, at most {gross.max():,.0f}", f"net, {net.iloc[-1]:,.0f} at the end"
    above.step(times, gross, where="post", color=GREY, linewidth=1, linestyle="--", marker=dot, label=most)
    above.step(times, net, where="post", color=BLUE, linewidth=1.4, marker=dot, label=end)
    profit, charged = held["pnl"], held["pnl"] - held["commission"]
    told = f"P&L before commissions, {profit.iloc[-1]:+,.2f} at the end"
    below.step(times, profit, where="post", color=GREY, linewidth=1, linestyle="--", marker=dot, label=told)
    if charged.notna().any():
        last = float(charged.iloc[-1])
        told = "after, as far as charged" if np.isnan(last) else f"after, {last:+,.2f}"
        below.step(times, charged, where="post", color=BLUE, linewidth=1.4, marker=dot, label=told)
    for axes, what in ((above, "exposure"), (below, "P&L")):
        plain(axes)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_ylabel(f"{what} ({currency})")
        number_axis(axes, 0)
        axes.set_title("Exposure" if axes is above else "Profit", loc="left", fontsize=11)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=9)
    time_axis(below, held.index.to_series())
    return figure


def _between(quotes: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Quotes of a window: the one that held when it began, and the last one until it ends."""
    quotes = quotes[quotes["ts"] <= end]
    held = quotes[quotes["ts"] <= start].tail(1).assign(ts=start)
    some = pd.concat([held, quotes[quotes["ts"] > start]])
    return pd.concat([some, some.tail(1).assign(ts=end)], ignore_index=True)


def _areas(shares: pd.Series[float], everyone: pd.Series[float]) -> pd.Series[float]:
    """Marker areas in proportion to the shares, in points squared; the smallest stays visible."""
    return 30 + 120 * shares / everyone.max()


def _only_symbol(fills: pd.DataFrame, quotes: pd.DataFrame) -> str:
    symbols = sorted(set(fills["symbol"]) or set(quotes.get("symbol", ())))
    if len(symbols) > 1:
        raise ConfigError(
            f"There are {len(symbols)} symbols, {', '.join(symbols[:5])}; name one with symbol=."
        )
    return symbols[0] if symbols else ""
