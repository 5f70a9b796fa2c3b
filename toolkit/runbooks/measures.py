"""What a session's orders and fills cost, as tables for a reader; the measures are those of ``tca``."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from toolkit.reports.aggregate import aggregate

BENCHMARKS: Final = {
    "the mid at the decision": "decision_price",
    "the mid at the send": "arrival_price",
    "the whole shortfall": "is_total",
    "the quote just before every fill": "effective_spread",
    "the quote 1 s after every fill": "markout_1s_bps",
    "the quote 60 s after every fill": "markout_60s_bps",
    "the quote 300 s after every fill": "markout_300s_bps",
    "every commission": "commission",
}
"""What an order is held against -> the measure that is missing without it."""
COLUMNS: Final = {
    "symbol": "symbol",
    "side": "side",
    "strategy_id": "strategy",
    "order_type": "type",
    "filled_qty": "filled (shares)",
    "fill_rate": "filled (%)",
    "notional": "notional",
    "is_total": "shortfall",
    "is_bps": "shortfall (bps)",
    "arrival_slippage_bps": "slippage (bps)",
    "commission": "commission",
    "intent_to_last_fill_ms": "to last fill (ms)",
    "decision_quote": "decided on",
}
"""Column of the measures -> its head in a table of orders."""


def by_group(measured: pd.DataFrame, by: str) -> pd.DataFrame:
    """
    What was traded and what it cost, per value of a label and per currency.

    Args:
        measured: orders that traded, or fills, as ``toolkit.reports.session.Trading`` measures them.
        by: a label: ``strategy_id``, ``symbol``, ``order_type``, ``hour``, ``exchange``, ...

    Returns:
        Index: the label's values, ``none`` for an empty one. Columns ``orders`` or ``fills``,
        ``filled (shares)``, ``notional``, ``currency``; the mean weighted by notional, of orders
        ``slippage (bps)`` to the mid at the send, of fills ``effective spread (bps)``; its bootstrap
        interval ``95 %`` as text (``""`` of fewer than two); ``no quote`` (how many are not in the
        mean); of orders ``shortfall``, and ``commission`` (currency; sums of what is known, NaN when
        nothing is).
    """
    noun, name, head = ("orders", "arrival_slippage_bps", "slippage (bps)")
    if measured.index.name == "exec_id":
        noun, name, head = ("fills", "effective_spread_bps", "effective spread (bps)")
    groups = measured.groupby([by, "currency"])
    found = aggregate(measured, [by, "currency"], [name]).droplevel("measure")
    columns = {
        noun: groups.size(),
        "filled (shares)": groups["filled_qty"].sum(),
        "notional": groups["notional"].sum(),
        head: found["notional_mean"],
        "95 %": pd.Series([_interval(row) for row in found.itertuples()], found.index, dtype=str),
        "no quote": found["missing"],
    }
    if noun == "orders":
        columns["shortfall"] = groups["is_total"].sum(min_count=1)
    columns["commission"] = groups["commission"].sum(min_count=1)
    frame = pd.DataFrame(columns).reset_index("currency").rename(index={"": "none"})
    frame.insert(3, "currency", frame.pop("currency"))
    return frame


def benchmarks(measured: pd.DataFrame) -> pd.DataFrame:
    """
    For how many of some orders that traded each benchmark is known; index ``benchmark``.

    Columns ``orders with it`` and ``orders without it``.
    """
    known = {benchmark: int(measured[name].notna().sum()) for benchmark, name in BENCHMARKS.items()}
    frame = pd.DataFrame({"orders with it": known}).rename_axis("benchmark")
    frame["orders without it"] = len(measured) - frame["orders with it"]
    return frame


def costliest(measured: pd.DataFrame, most: int = 200) -> pd.DataFrame:
    """
    The orders that cost most, one row each; index the order, columns as in the heads of ``COLUMNS``.

    Most by shortfall; those whose shortfall is not known come last.
    """
    shown = measured.sort_values("is_total", ascending=False, kind="stable").head(most)
    shown = shown.assign(fill_rate=100 * shown["fill_rate"])
    return shown[list(COLUMNS)].rename(columns=COLUMNS).rename_axis("order")


def _interval(row: Any) -> str:
    if row.n - row.missing < 2:
        return ""
    return f"{row.notional_low:+.2f}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{row.notional_high:+.2f}"
