"""Pictures of orders as such: how they ended, how far they came, how fast, and what limits left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from toolkit.reports.drawing import BLUE, GREY, ORANGE, counted, figure_of, legend, new_figure, note, says

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STATUS_COLOURS: Final = {"Filled": BLUE, "Rejected": ORANGE, "Unknown": "#000000"}
STAGES: Final = {
    "intent to risk": "intent_to_risk_ms",
    "risk to wire": "risk_to_submit_ms",
    "wire to ack": "submit_to_ack_ms",
    "ack to first fill": "ack_to_first_fill_ms",
    "first to last fill": "first_to_last_fill_ms",
    "intent to last fill": "intent_to_last_fill_ms",
}
"""Stage of an order's life -> its column of the measures, milliseconds."""
PERCENTILES: Final = ((50, BLUE, "o"), (90, GREY, "D"), (99, ORANGE, ">"))
SHORTEST_MS: Final = 0.001
"""Where a logarithm ends: shorter spans, and those the clocks call negative, are drawn here."""


def order_outcomes(orders: pd.DataFrame) -> Figure:
    """How many orders ended how, refusals by reason: denied by us, or rejected by the broker."""
    from matplotlib.ticker import MaxNLocator

    refused = orders["status"] == "Rejected"
    outcome = orders["status"].where(~(refused & orders["sent_at"].isna()), "Denied")
    names = outcome.str.cat((": " + orders["reason_code"]).where(refused, ""))
    counts = pd.DataFrame({"name": names, "status": orders["status"]}).value_counts().reset_index()
    figure, axes = new_figure("Order outcomes", height=1.2 + 0.32 * max(len(counts), 3))
    if counts.empty:
        return says(figure, axes, "no orders")
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
    figure, axes = new_figure("Limits used", height=1.2 + 0.32 * max(len(headroom), 3))
    if headroom.empty:
        return says(figure, axes, "no limit in force that orders use up")
    used, allowed = headroom["used"], headroom["allowed"]
    # Any use of a limit of 0 is a breach; what cannot be measured denies too.
    share = (100 * used / allowed.where(allowed > 0)).fillna(0.0).where(~((allowed == 0) & (used > 0)), 100.0)
    full = used.isna() | (used >= allowed)
    colours = [ORANGE if each else BLUE for each in full]
    axes.barh(list(headroom.index), share.clip(upper=120), color=colours, height=0.7)
    labels = [
        f"cannot be measured: {where}"
        if np.isnan(one)
        else f"{figure_of(one)} of {figure_of(of)} {unit}".rstrip() + (f", {where}" if where else "")
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


def order_funnel(orders: pd.DataFrame) -> Figure:
    """
    How far orders came, and where they were lost: intents, passed by risk, acknowledged, filled.

    Args:
        orders: as ``orders_frame`` makes it.
    """
    total = len(orders)
    figure, axes = new_figure("From intent to fill", height=3.4)
    if not total:
        return says(figure, axes, "no orders")
    passed, sent, acked = (orders[name].notna() for name in ("accepted_at", "sent_at", "acked_at"))
    some = orders["filled_quantity"] > 0
    whole = some & (orders["remaining_quantity"] == 0)
    status = orders["status"]
    lost = {
        "passed by risk": ("denied", ~passed & (status == "Rejected")),
        "sent": ("not sent", passed & ~sent & orders["final"]),
        "acknowledged": ("rejected by the broker", sent & ~acked & (status == "Rejected")),
        "traded": ("cancelled or expired without a fill", acked & ~some & orders["final"]),
        "filled": ("cancelled part-filled", some & ~whole & orders["final"]),
    }
    reached = {"intents": total, "passed by risk": passed.sum(), "sent": sent.sum(),
               "acknowledged": acked.sum(), "traded": some.sum(), "filled": whole.sum()}  # fmt: skip
    names, counts = list(reached), [int(each) for each in reached.values()]
    axes.barh(names, counts, color=[GREY, *[BLUE] * 5], height=0.7)
    for place, (name, count) in enumerate(zip(names, counts, strict=True)):
        why, where = lost.get(name, ("", orders["final"] & False))
        told = f"{count:,}  {count / total:.0%}" + (f"   {where.sum():,} {why}" if where.any() else "")
        axes.annotate(
            told, (count, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.invert_yaxis()
    axes.set_xlim(0, total * 1.6)
    axes.set_xticks([0, total])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("orders")
    if open_ := int((~orders["final"]).sum()):
        note(axes, f"{counted(open_, 'order')} still open")
    axes.grid(visible=False, axis="y")
    return figure


def latency_stages(measures: pd.DataFrame) -> Figure:
    """
    How long each stage of an order took: median, 90th and 99th percentile on a logarithmic scale.

    Args:
        measures: as ``measure`` makes it.
    """
    # From its first fill to its last is no stage of an order that has only one.
    spans = {
        stage: measures.loc[(measures["n_fills"] > 1) | (stage != "first to last fill"), column].dropna()
        for stage, column in STAGES.items()
    }
    spans = {stage: values for stage, values in spans.items() if len(values)}
    figure, axes = new_figure("Latency by stage", height=1.4 + 0.42 * max(len(spans), 3))
    if not spans:
        return says(figure, axes, "no orders that were sent")
    table = pd.DataFrame(
        {
            stage: np.percentile(values, [each for each, _, _ in PERCENTILES])
            for stage, values in spans.items()
        }
    ).clip(lower=SHORTEST_MS)
    places = np.arange(len(table.columns))
    axes.hlines(places, table.min(), table.max(), color=GREY, linewidth=1)
    for (percentile, colour, marker), row in zip(PERCENTILES, table.to_numpy(), strict=True):
        axes.scatter(
            row, places, c=colour, marker=marker, s=46, edgecolors="white", zorder=3, label=f"p{percentile}"
        )
    for place, stage in enumerate(table.columns):
        told = "  ".join(figure_of(float(f"{value:.3g}")) for value in table[stage])
        words = f"{told} ms, n = {len(spans[stage]):,}"
        axes.annotate(words, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set_yticks(places, list(table.columns))
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds")
    axes.margins(y=0.12)
    legend(figure)
    return figure
