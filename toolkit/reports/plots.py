"""
Pictures of a trading day, one call each: what was traded at which price, what it cost, what was held.

Blue buys and orange sells, which every kind of colour vision tells apart, and a marker or a word
beside each colour, so that a grey print says the same. Times are UTC. Every function takes the
frames of this package and returns a matplotlib figure; matplotlib is imported when one is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports.exposure import exposure_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREY: Final = "#8A8A8A"
BAND: Final = "#D9D9D9"
SIDES: Final = {"BUY": (BLUE, "^"), "SELL": (ORANGE, "v")}
"""Side -> colour and marker."""
STATUS_COLOURS: Final = {"Filled": BLUE, "Rejected": ORANGE, "Unknown": "#000000"}
WIDTH: Final = 8.0
"""Inches; fits a page and a notebook cell."""
MINUTE: Final = pd.Timedelta(minutes=1)


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
    figure, axes = _figure(f"{symbol} fills against the quote".strip())
    if not quotes.empty:
        times = _utc(quotes["ts"])
        axes.fill_between(
            times, quotes["bid"], quotes["ask"], step="post", color=BAND, linewidth=0, label="bid to ask"
        )
        for name in ("bid", "ask"):
            axes.step(times, quotes[name], where="post", color=GREY, linewidth=0.4)
    for side, (colour, marker) in SIDES.items():
        some = fills[fills["side"] == side]
        if not some.empty:
            axes.scatter(
                _utc(some["time"]),
                some["price"],
                s=_areas(some["shares"], fills["shares"]),
                c=colour,
                marker=marker,
                edgecolors="white",
                linewidths=0.6,
                zorder=3,
                label=f"{side.lower()}, {_count(len(some), 'fill')}, {some['shares'].sum():,.0f} shares",
            )
    if fills.empty and quotes.empty:
        return _says(figure, axes, "no fills, no quotes")
    if fills.empty:
        _note(axes, "no fills")
    _time_axis(axes, pd.concat([fills["time"], quotes["ts"]]))
    axes.set_ylabel(f"price ({_currency(fills)})")
    _price_axis(axes)
    _legend(figure)
    return figure


def slippage_distribution(frame: pd.DataFrame) -> Figure:
    """
    How far fills, or orders, traded from their arrival mid: a histogram in bps, positive is a cost.

    Args:
        frame: as ``fills_frame`` or ``orders_frame`` makes it; rows without slippage are counted in
            the title, not drawn.
    """
    from matplotlib.ticker import MaxNLocator

    noun = "fill" if frame.index.name == "exec_id" else "order"
    known = frame[frame["slippage_bps"].notna()]
    traded = frame[frame["notional"] != 0]
    figure, axes = _figure("Arrival slippage")
    if known.empty:
        return _says(figure, axes, f"no {noun}s with a quote to compare" if len(traded) else "no fills")
    values = known["slippage_bps"].to_numpy()
    mean = float(np.average(values, weights=known["notional"].abs()))
    edges = _edges(values)
    bottom = np.zeros(len(edges) - 1)
    for side, (colour, marker) in SIDES.items():
        counts, _ = np.histogram(known.loc[known["side"] == side, "slippage_bps"], edges)
        if counts.any():
            axes.bar(
                edges[:-1],
                counts,
                np.diff(edges),
                bottom,
                align="edge",
                color=colour,
                edgecolor="white",
                linewidth=0.6,
                hatch="" if marker == "^" else "///",
                label=f"{side.lower()}, {_count(counts.sum(), noun)}",
            )
            bottom += counts
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(
        mean, color="black", linewidth=1.2, linestyle="--", label=f"mean {mean:+.2f} bps, by notional"
    )
    missing = len(traded) - len(known)
    if missing:
        _note(axes, f"not shown: {_count(missing, noun)} without a quote")
    axes.set_xlabel("slippage against the arrival mid (bps, positive = cost)")
    axes.set_ylabel(f"{noun}s")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure)
    return figure


def exposure_through_the_day(fills: pd.DataFrame, quotes: pd.DataFrame | None = None) -> Figure:
    """
    Gross and net exposure of some fills through time, starting flat; see ``exposure_frame``.

    Raises:
        ConfigError: the fills are in several currencies, or the quotes do not say which symbol they are of.
    """
    exposure = exposure_frame(fills, quotes)
    figure, axes = _figure("Exposure")
    if exposure.empty:
        return _says(figure, axes, "no fills")
    gross, net = exposure["gross"], exposure["net"]
    times = _utc(exposure.index.to_series())
    # One moment alone has no width to draw a step over.
    dot = "o" if len(exposure) == 1 else ""
    axes.fill_between(times, gross, step="post", color=BAND, linewidth=0)
    most, end = f"gross, at most {gross.max():,.0f}", f"net, {net.iloc[-1]:,.0f} at the end"
    axes.step(times, gross, where="post", color=GREY, linewidth=1, linestyle="--", marker=dot, label=most)
    axes.step(times, net, where="post", color=BLUE, linewidth=1.4, marker=dot, label=end)
    axes.axhline(0, color="black", linewidth=0.8)
    _time_axis(axes, exposure.index.to_series())
    axes.set_ylabel(f"exposure ({_currency(fills)})")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    _legend(figure)
    return figure


def order_outcomes(orders: pd.DataFrame) -> Figure:
    """How many orders ended how, refusals by reason: denied by us, or rejected by the broker."""
    from matplotlib.ticker import MaxNLocator

    refused = orders["status"] == "Rejected"
    outcome = orders["status"].where(~(refused & orders["sent_at"].isna()), "Denied")
    names = outcome.str.cat((": " + orders["reason_code"]).where(refused, ""))
    counts = pd.DataFrame({"name": names, "status": orders["status"]}).value_counts().reset_index()
    figure, axes = _figure("Order outcomes", height=1.2 + 0.32 * max(len(counts), 3))
    if counts.empty:
        return _says(figure, axes, "no orders")
    colours = [STATUS_COLOURS.get(status, GREY) for status in counts["status"]]
    bars = axes.barh(counts["name"], counts["count"], color=colours, height=0.7)
    axes.bar_label(bars, [f"{count:,}" for count in counts["count"]], padding=4)
    axes.invert_yaxis()
    axes.set_xlabel(f"orders, {len(orders):,} in all")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.1)
    axes.grid(visible=False, axis="y")
    return figure


def headroom_bars(headroom: pd.DataFrame) -> Figure:
    """
    How much of each limit is used, as a share of it; beyond the line at 100 % it denies.

    Args:
        headroom: index ``limit``; columns ``used``, ``allowed``, ``unit``, ``where``.
    """
    figure, axes = _figure("Limits used", height=1.2 + 0.32 * max(len(headroom), 3))
    if headroom.empty:
        return _says(figure, axes, "no limit in force that orders use up")
    used, allowed = headroom["used"], headroom["allowed"]
    # Any use of a limit of 0 is a breach; what cannot be measured denies too.
    share = (100 * used / allowed.where(allowed > 0)).fillna(0.0).where(~((allowed == 0) & (used > 0)), 100.0)
    full = used.isna() | (used >= allowed)
    colours = [ORANGE if each else BLUE for each in full]
    axes.barh(list(headroom.index), share.clip(upper=120), color=colours, height=0.7)
    labels = [
        f"cannot be measured: {where}"
        if np.isnan(one)
        else f"{_figure_of(one)} of {_figure_of(of)} {unit}".rstrip() + (f", {where}" if where else "")
        for one, of, unit, where in zip(used, allowed, headroom["unit"], headroom["where"], strict=True)
    ]
    for place, label in enumerate(labels):
        axes.text(125, place, label, va="center", fontsize=9)
    axes.axvline(100, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlim(0, 200)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel("% of the limit")
    axes.grid(visible=False, axis="y")
    return figure


def _figure(title: str, height: float = 3.8) -> tuple[Figure, Axes]:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    # The caller holds the figure; pyplot would keep it for ever, and a notebook would show it twice.
    plt.close(figure)
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#EBEBEB", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _says(figure: Figure, axes: Axes, text: str) -> Figure:
    """A figure that says why it is empty."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#5A5A5A", fontsize=12
    )
    return figure


def _note(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="right", fontsize=9, color="#5A5A5A")


def _legend(figure: Figure) -> None:
    """Below the axes, where it hides nothing."""
    figure.legend(loc="outside lower left", ncols=3, frameon=False, fontsize=9)


def _time_axis(axes: Axes, times: pd.Series[Any]) -> None:
    """Ticks as clock times, the day in the label; a single moment gets a minute around it."""
    from matplotlib.dates import AutoDateLocator, DateFormatter, num2date

    first, last = times.min(), times.max()
    span = last - first
    if not span:
        axes.set_xlim(*_utc(pd.Series([first - MINUTE / 2, last + MINUTE / 2])))
    days = f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
    clock = "%H:%M:%S" if span < 10 * MINUTE else "%H:%M" if first.date() == last.date() else "%d %b %H:%M"
    short = span < MINUTE / 6
    locator = AutoDateLocator(tz="UTC", minticks=3 if short else 4, maxticks=5 if short else 8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    if short:
        # Several ticks within one second need their milliseconds to differ.
        axes.xaxis.set_major_formatter(lambda tick, _: f"{num2date(tick, tz='UTC'):%H:%M:%S.%f}"[:-3])  # type: ignore[no-untyped-call]
    else:
        axes.xaxis.set_major_formatter(DateFormatter(clock, tz="UTC"))  # type: ignore[no-untyped-call]
    axes.set_xlabel(f"time (UTC), {days}")


def _price_axis(axes: Axes) -> None:
    """As many decimals as tell the ticks apart, at least two."""
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=7, steps=[1, 2, 5, 10])
    axes.yaxis.set_major_locator(locator)
    ticks = locator.tick_values(*axes.get_ylim())
    places = max(2, -int(np.floor(np.log10(ticks[1] - ticks[0]) + 1e-9)))
    axes.yaxis.set_major_formatter(f"{{x:,.{places}f}}")


def _utc(times: pd.Series[Any]) -> Any:
    """Instants as matplotlib wants them: UTC without saying so."""
    return times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _figure_of(number: float) -> str:
    """With thousands apart, and no more than two decimals."""
    return f"{round(number, 2):,.12g}"


def _areas(shares: pd.Series[float], everyone: pd.Series[float]) -> pd.Series[float]:
    """Marker areas in proportion to the shares, in points squared; the smallest stays visible."""
    return 30 + 120 * shares / everyone.max()


def _edges(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bins of one width with an edge at zero, 8 to 60 of them, so that no bar mixes cost and gain."""
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    spread = float(np.subtract(*np.percentile(values, [75, 25]))) or (high - low) / 8 or 1.0
    width = float(np.clip(2 * spread / len(values) ** (1 / 3), (high - low) / 60, (high - low) / 8 or 1.0))
    return width * np.arange(np.floor(low / width), np.floor(high / width) + 2)


def _only_symbol(fills: pd.DataFrame, quotes: pd.DataFrame) -> str:
    symbols = sorted(set(fills["symbol"]) or set(quotes.get("symbol", ())))
    if len(symbols) > 1:
        raise ConfigError(
            f"There are {len(symbols)} symbols, {', '.join(symbols[:5])}; name one with symbol=."
        )
    return symbols[0] if symbols else ""


def _currency(fills: pd.DataFrame) -> str:
    currencies = sorted(set(fills["currency"]) - {""})
    return currencies[0] if len(currencies) == 1 else "currency of the contract"
