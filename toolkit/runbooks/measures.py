"""What each order of a session cost and how long it took; the one place where runbooks take measures from."""

from __future__ import annotations

import pandas as pd

from toolkit.reports.slippage import BPS
from toolkit.runbooks.session import Session


def measures(session: Session) -> pd.DataFrame:
    """
    One row per order that traded; index ``intent_id``.

    Columns: ``symbol``, ``side``, ``strategy_id``, ``filled`` (units), ``fill_rate``, ``average`` (price
    units), ``notional`` (currency), ``slippage_bps`` (of the arrival mid, positive = cost; NaN without
    one), ``slippage`` and ``commission`` (currency; NaN while unknown), ``commission_bps`` (of the
    notional), ``to_wire_ms``, ``to_ack_ms``, ``to_fill_ms`` (each from the
    step before; negative when a fill was heard of before its acknowledgement).
    """
    orders = session.orders[session.orders["filled_quantity"] > 0]
    # When we heard of it: the broker's own clock has whole seconds only.
    first_fill = session.fills.groupby("intent_id")["time"].min().reindex(orders.index)
    return pd.DataFrame(
        {
            "symbol": orders["symbol"],
            "side": orders["side"],
            "strategy_id": orders["strategy_id"],
            "filled": orders["filled_quantity"],
            "fill_rate": orders["filled_quantity"] / orders["quantity"],
            "average": orders["avg_fill_price"],
            "notional": orders["notional"],
            "slippage_bps": orders["slippage_bps"],
            "slippage": orders["slippage_bps"] / BPS * orders["notional"],
            "commission": orders["commission"],
            "commission_bps": orders["commission"] / orders["notional"] * BPS,
            "to_wire_ms": _ms(orders["sent_at"] - orders["received_at"]),
            "to_ack_ms": _ms(orders["acked_at"] - orders["sent_at"]),
            "to_fill_ms": _ms(first_fill - orders["acked_at"]),
        }
    )


def by_symbol(measured: pd.DataFrame) -> pd.DataFrame:
    """Sums per symbol, slippage weighted by notional, for orders of one currency; index ``symbol``."""
    with_mid = measured[measured["slippage_bps"].notna()]
    groups = measured.groupby("symbol")
    weights = with_mid.groupby("symbol")["notional"].sum()
    return pd.DataFrame(
        {
            "orders": groups.size(),
            "filled": groups["filled"].sum(),
            "notional": groups["notional"].sum(),
            "slippage": with_mid.groupby("symbol")["slippage"].sum(),
            "slippage_bps": with_mid.groupby("symbol")["slippage"].sum() / weights * BPS,
            "commission": groups["commission"].sum(min_count=1),
        }
    )


def _ms(span: pd.Series[pd.Timedelta]) -> pd.Series[float]:
    return span.dt.total_seconds() * 1000
