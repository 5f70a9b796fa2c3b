"""Pictures of what trading cost: slippage, shortfall, and where the market went after a fill."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports.aggregate import aggregate
from toolkit.reports.drawing import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SIDES,
    counted,
    currency_of,
    legend,
    new_figure,
    note,
    number_axis,
    says,
)
from toolkit.reports.spreads import HORIZONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTS: Final = {
    "delay": "is_delay",
    "trading": "is_trading",
    "opportunity": "is_opportunity_from_arrival",
    "fees": "is_fees",
}
"""Part of the shortfall -> its column; together they are ``is_total``."""
GROUPS: Final = ((BLUE, "o", "-"), (ORANGE, "v", "--"), (GREEN, "s", "-."), (GREY, "D", ":"))
"""Colour, marker and line of each group of a curve."""


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
    figure, axes = new_figure("Arrival slippage")
    if known.empty:
        return says(figure, axes, f"no {noun}s with a quote to compare" if len(traded) else "no fills")
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
                label=f"{side.lower()}, {counted(counts.sum(), noun)}",
            )
            bottom += counts
    axes.axvline(0, color="black", linewidth=0.8)
    axes.axvline(
        mean, color="black", linewidth=1.2, linestyle="--", label=f"mean {mean:+.2f} bps, by notional"
    )
    missing = len(traded) - len(known)
    if missing:
        note(axes, f"not shown: {counted(missing, noun)} without a quote")
    axes.set_xlabel("slippage against the arrival mid (bps, positive = cost)")
    axes.set_ylabel(f"{noun}s")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    legend(figure)
    return figure


def shortfall_waterfall(measures: pd.DataFrame) -> Figure:
    """
    What the orders together cost against their decision: delay, trading, opportunity, fees, and the sum.

    Args:
        measures: as ``measure`` makes it, with or without labels; orders of which a part is not known are
            counted in the title, not added.

    Raises:
        ConfigError: the orders are in several currencies, which do not add up.
    """
    currency = currency_of(measures) if "currency" in measures else "currency of the contract"
    if "currency" in measures and measures["currency"].nunique() > 1:
        raise ConfigError(
            f"The orders are in {' and '.join(sorted(measures['currency'].unique()))}; choose those of one."
        )
    known = measures[measures[[*PARTS.values(), "is_total"]].notna().all(axis=1)]
    figure, axes = new_figure("Implementation shortfall")
    if known.empty:
        return says(
            figure, axes, "no orders whose whole shortfall is known" if len(measures) else "no orders"
        )
    parts = known[list(PARTS.values())].sum().to_numpy()
    total, traded = float(known["is_total"].sum()), float(known["notional"].sum())
    heights = [*parts, total]
    starts = [*(np.cumsum(parts) - parts), 0.0]
    bars = axes.bar(
        [*PARTS, "shortfall"],
        heights,
        bottom=starts,
        color=[ORANGE if height > 0 else BLUE for height in parts] + [GREY],
        hatch=["///" if height > 0 else "" for height in parts] + [""],
        edgecolor="white",
        width=0.65,
    )
    for level, (left, right) in zip(np.cumsum(parts), pairwise(bars), strict=True):
        axes.plot([left.get_x() + left.get_width(), right.get_x()], [level] * 2, color=GREY, linewidth=0.8)
    for bar, height in zip(bars, heights, strict=True):
        bps = f"\n{1e4 * height / traded:+,.2f} bps" if traded else ""
        top = max(bar.get_y(), bar.get_y() + height)
        axes.annotate(f"{height:+,.2f}{bps}", (bar.get_x() + bar.get_width() / 2, top), xytext=(0, 3),
                      textcoords="offset points", ha="center", va="bottom", fontsize=9)  # fmt: skip
    missing = len(measures) - len(known)
    if missing:
        note(axes, f"not added: {counted(missing, 'order')} with something unknown")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.margins(y=0.18)
    axes.set_ylabel(f"cost ({currency}, positive = cost)")
    axes.set_xlabel(f"{counted(len(known), 'order')}; bps of {traded:,.0f} traded")
    number_axis(axes, 0)
    axes.grid(visible=False, axis="x")
    return figure


def markout_curve(fill_measures: pd.DataFrame, by: str | None = None, seed: int = 0) -> Figure:
    """
    Where the market went after fills: share-weighted mean markout in bps with 95 % bootstrap bands.

    The point at zero is what the fill cost against the mid just before it; positive is good.

    Args:
        fill_measures: as ``measure_fills`` makes it.
        by: a column to draw a curve for each value of (``liquidity``, ``symbol``, ...), at most four.
        seed: of the bootstrap.

    Raises:
        ConfigError: ``by`` has more than four values.
    """
    names = ["at_fill_bps", *(f"markout_{name}_bps" for name in HORIZONS)]
    rows = fill_measures.assign(
        at_fill_bps=-1e4 * fill_measures["effective_spread"] / 2 / fill_measures["price"],
        **({} if by else {"all": "all fills"}),
    )
    found = aggregate(rows, by or "all", names, seed=seed)
    groups = list(dict.fromkeys(found.index.get_level_values(0)))
    figure, axes = new_figure("Markout")
    if len(groups) > len(GROUPS):
        raise ConfigError(f"The column {by} has {len(groups)} values; draw at most {len(GROUPS)} curves.")
    if found["share_mean"].isna().all():
        return says(figure, axes, "no fills with quotes after them" if len(rows) else "no fills")
    places = np.arange(len(names))
    for group, (colour, marker, line) in zip(groups, GROUPS, strict=False):
        some = found.loc[group]
        label = f"{group}, {counted(int(some['n'].max()), 'fill')}"
        axes.fill_between(
            places, some["share_low"], some["share_high"], color=colour, alpha=0.18, linewidth=0
        )
        axes.plot(places, some["share_mean"], color=colour, marker=marker, linestyle=line, label=label)
    missing = found["missing"].groupby(level=1, sort=False).sum()
    if missing.any():
        horizon = str(missing.idxmax()).removeprefix("markout_").removesuffix("_bps")
        note(axes, f"{counted(int(missing.max()), 'fill')} without a quote at {horizon}")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(places, ["at the fill", *(f"{name[:-1]} s" for name in HORIZONS)])
    axes.set_xlabel("after the fill")
    axes.set_ylabel("markout (bps of the price, positive = good)")
    legend(figure)
    return figure


def _edges(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Bins of one width with an edge at zero, 8 to 60 of them, so that no bar mixes cost and gain."""
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    spread = float(np.subtract(*np.percentile(values, [75, 25]))) or (high - low) / 8 or 1.0
    width = float(np.clip(2 * spread / len(values) ** (1 / 3), (high - low) / 60, (high - low) / 8 or 1.0))
    return width * np.arange(np.floor(low / width), np.floor(high / width) + 2)
