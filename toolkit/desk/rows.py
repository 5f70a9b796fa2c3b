"""
What the blotter shows, as plain rows of text: orders, refusals, fills and positions.

Pure. The live table and the static one are drawn from the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from toolkit.desk.account import Holding
from toolkit.orders.state import OrderState, OrderStatus, execution_root
from toolkit.reports.frames import Fill, side_of
from toolkit.reports.slippage import arrival_mid, arrival_slippage_bps, slippage_bps

Row = dict[str, Any]
"""``id``, ``at`` (sort key, ms since 1970), ``cells`` (text per column), and what the cells cannot say."""


class Column(NamedTuple):
    """
    One column.

    Attributes:
        title: the heading, with the unit.
        kind: how it is drawn: text, number, side, fill, status, age, id, note or action.
        width: px.
    """

    title: str
    kind: str
    width: int


ORDERS: Final = (
    Column("Time UTC", "text", 102),
    Column("Symbol", "text", 62),
    Column("Side", "side", 52),
    Column("Qty", "number", 62),
    Column("Filled", "fill", 76),
    Column("Type", "text", 76),
    Column("Limit", "number", 70),
    Column("Stop", "number", 58),
    Column("TIF", "text", 42),
    Column("Avg price", "number", 76),
    Column("Slip bps", "number", 72),
    Column("Status", "status", 116),
    Column("Age", "age", 56),
    Column("Strategy", "text", 84),
    Column("Intent", "id", 190),
    Column("", "action", 142),
)
REFUSED: Final = (
    Column("Time UTC", "text", 102),
    Column("Symbol", "text", 62),
    Column("Side", "side", 52),
    Column("Qty", "number", 62),
    Column("Type", "text", 76),
    Column("Limit", "number", 70),
    Column("Status", "status", 92),
    Column("Code", "text", 176),
    Column("Reason", "note", 360),
    Column("Strategy", "text", 84),
    Column("Intent", "id", 190),
)
FILLS: Final = (
    Column("Time UTC", "text", 102),
    Column("Symbol", "text", 62),
    Column("Side", "side", 52),
    Column("Shares", "number", 74),
    Column("Price", "number", 82),
    Column("Venue", "text", 84),
    Column("Commission", "number", 110),
    Column("Slip bps", "number", 72),
    Column("Strategy", "text", 84),
    Column("Intent", "id", 190),
)
POSITIONS: Final = (
    Column("Symbol", "text", 62),
    Column("Position", "number", 84),
    Column("Avg cost", "number", 90),
    Column("Mark", "number", 90),
    Column("Market value", "number", 130),
    Column("Unrealised", "number", 120),
    Column("Realised", "number", 120),
    Column("Working buys", "number", 100),
    Column("Working sells", "number", 100),
)

STATUS: Final[Mapping[OrderStatus, tuple[str, str, str]]] = {
    OrderStatus.PENDING_SUBMIT: ("…", "Pending submit", "wait"),
    OrderStatus.PRE_SUBMITTED: ("●", "Pre-submitted", "live"),
    OrderStatus.SUBMITTED: ("●", "Submitted", "live"),
    OrderStatus.PARTIALLY_FILLED: ("◐", "Partially filled", "live"),
    OrderStatus.FILLED: ("✓", "Filled", "done"),
    OrderStatus.CANCELLED: ("✕", "Cancelled", "off"),
    OrderStatus.PENDING_CANCEL: ("◌", "Pending cancel", "wait"),
    OrderStatus.REJECTED: ("⊘", "Rejected", "bad"),
    OrderStatus.UNKNOWN: ("?", "Unknown", "alarm"),
}
"""Status -> icon, word, tone."""


def order_row(order: OrderState) -> Row:
    """One order."""
    intent = order.intent
    quantity = order.quantity
    filled = order.filled_quantity
    return {
        **_common(order),
        "working": order.working,
        "unknown": order.status is OrderStatus.UNKNOWN,
        "cancellable": order.working and order.status is not OrderStatus.PENDING_CANCEL,
        "filled": float(filled / quantity) if quantity else 0.0,
        "cells": [
            clock(order.received_at),
            order.symbol,
            order.direction,
            number(quantity),
            number(filled),
            "" if intent is None else intent.order_type.replace("_", " "),
            price(None if intent is None else intent.limit_price),
            price(None if intent is None else intent.stop_price),
            "" if intent is None else intent.tif,
            price(order.avg_fill_price if filled else None),
            bps(arrival_slippage_bps(order)),
            _status(order)[1],
            "",
            "" if intent is None else intent.strategy_id,
            order.intent_id,
            "",
        ],
    }


def refused_row(order: OrderState) -> Row:
    """One order that we denied or the broker rejected, with the reason."""
    intent, raw = order.intent, order.raw
    return {
        **_common(order),
        "cells": [
            clock(order.received_at),
            order.symbol,
            order.direction,
            str(raw.get("quantity", "")) if intent is None else number(intent.quantity),
            str(raw.get("order_type", "")).replace("_", " "),
            price(None if intent is None else intent.limit_price),
            _status(order)[1],
            order.reason_code,
            order.reason,
            str(raw.get("strategy_id", "")),
            order.intent_id,
        ],
    }


def fill_row(fill: Fill) -> Row:
    """One execution, with its commission once that is known."""
    order, execution = fill
    charged = order.commissions.get(execution.exec_id)
    slippage = slippage_bps(side_of(fill), execution.price, arrival_mid(order))
    known = charged is not None and charged.amount is not None
    return {
        "id": execution_root(execution.exec_id),
        "at": _ms(execution.time),
        "side": side_of(fill),
        "cells": [
            clock(execution.time),
            order.symbol,
            side_of(fill),
            number(execution.shares),
            price(execution.price),
            execution.exchange,
            money(charged.amount, charged.currency) if charged is not None and known else "not yet",
            bps(slippage),
            "" if order.intent is None else order.intent.strategy_id,
            order.intent_id,
        ],
    }


def position_row(held: Holding) -> Row:
    """One position in the broker's words, and what open orders may still do to it."""
    position = held.position
    currency = position.instrument.currency
    return {
        "id": f"{position.account}/{position.instrument.con_id}",
        "at": 0,
        "cells": [
            position.instrument.symbol,
            number(position.quantity),
            price(position.average_cost if position.quantity else None),
            price(position.mark),
            money(held.market_value, currency),
            money(position.unrealized_pnl, ""),
            money(position.realized_pnl, ""),
            number(held.working_buys),
            number(held.working_sells),
        ],
    }


def tables(orders: Iterable[OrderState], held: Iterable[Holding]) -> dict[str, list[Row]]:
    """Table name -> its rows, for these orders and positions."""
    states = list(orders)
    return {
        "orders": [order_row(state) for state in states],
        "refused": [refused_row(state) for state in states if state.status is OrderStatus.REJECTED],
        "fills": [fill_row(Fill(state, one)) for state in states for one in state.executions.values()],
        "positions": [position_row(one) for one in held],
    }


COLUMNS: Final = {"orders": ORDERS, "refused": REFUSED, "fills": FILLS, "positions": POSITIONS}
"""Table name -> its columns"""


def clock(moment: datetime | None) -> str:
    """Time of day, UTC, to the millisecond."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


def number(value: Decimal | None) -> str:
    """With thousands separators, and only the decimals it has."""
    return "" if value is None else f"{value.normalize():,f}"


def price(value: Decimal | None) -> str:
    """At least two decimals, at most five."""
    if value is None:
        return ""
    exponent = value.normalize().as_tuple().exponent
    decimals = max(2, min(5, -exponent)) if isinstance(exponent, int) else 2
    return f"{value:,.{decimals}f}"


def money(value: Decimal | None, currency: str) -> str:
    """Two decimals and the currency."""
    return "" if value is None else f"{value:,.2f} {currency}".rstrip()


def bps(value: float | None) -> str:
    """Signed, one decimal."""
    return "" if value is None else f"{value:+.1f}"


def _common(order: OrderState) -> Row:
    icon, _, tone = _status(order)
    return {
        "id": order.intent_id,
        "at": _ms(order.received_at),
        "side": order.direction,
        "icon": icon,
        "tone": tone,
        "note": order.reason,
    }


def _status(order: OrderState) -> tuple[str, str, str]:
    if order.denied is not None and order.status is OrderStatus.REJECTED:
        return "⊘", "Denied", "bad"
    return STATUS[order.status]


def _ms(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp() * 1000)
