"""An order as the broker shows it, held against what was sent (hazard H42)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from ib_async import Order

from toolkit.broker.contracts import ORDER_TYPES
from toolkit.broker.values import UNSET, decimal
from toolkit.orders.events import Mismatched, Replaced, ReplaceRefused
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP, OrderIntent
from toolkit.orders.state import OrderState


def compare(
    state: OrderState, order: Order, now: datetime, patience: timedelta
) -> Replaced | ReplaceRefused | Mismatched | None:
    """
    What an openOrder proves about one of our orders; None when it shows what we know.

    Args:
        state: the order as we know it.
        order: as the broker shows it.
        now: UTC.
        patience: how long the old terms may be shown after a change was sent; beyond it the broker
            has had its time, and the change did not come about.
    """
    intent, change = state.intent, state.change
    if intent is None or state.final:
        return None
    shown = _terms(order, intent)
    asked = change or state.refused_change
    if asked is not None and shown == (asked.quantity, asked.limit_price, asked.stop_price):
        quantity, limit_price, stop_price = shown
        return Replaced(
            intent_id=state.intent_id,
            at=now,
            quantity=quantity,
            limit_price=limit_price,
            stop_price=stop_price,
        )
    unchanged = shown == (intent.quantity, intent.limit_price, intent.stop_price)
    if change is not None and unchanged and now - change.at >= patience:
        text = "The broker still shows the order on its old terms, so the change did not arrive."
        return ReplaceRefused(intent_id=state.intent_id, at=now, code=0, text=text)
    wrong = differences(intent, order)
    if not wrong:
        return None
    text = f"The broker holds the order otherwise than it was sent: {'; '.join(wrong)}."
    return Mismatched(intent_id=state.intent_id, at=now, text=text, quantity=shown[0])


def differences(intent: OrderIntent, order: Order) -> list[str]:
    """Where the broker's order is not what the intent says, one clause per field."""
    quantity, limit_price, stop_price = _terms(order, intent)
    pairs = (
        ("side", intent.direction, order.action),
        ("quantity", intent.quantity, quantity),
        ("order type", ORDER_TYPES[intent.order_type], order.orderType),
        ("limit price", intent.limit_price, limit_price),
        ("stop price", intent.stop_price, stop_price),
        ("time in force", intent.tif, order.tif),
        ("account", intent.account or order.account, order.account),
        ("reference", intent.intent_id, order.orderRef),
    )
    return [f"{name} {sent} became {shown}" for name, sent, shown in pairs if sent != shown]


def _terms(order: Order, intent: OrderIntent) -> tuple[Decimal, Decimal | None, Decimal | None]:
    """Quantity, limit and stop as shown; a price that the type does not take is the broker's own affair."""
    return (
        decimal(order.totalQuantity),
        _price(order.lmtPrice) if intent.order_type in NEEDS_LIMIT else None,
        _price(order.auxPrice) if intent.order_type in NEEDS_STOP else None,
    )


def _price(value: float | Decimal | None) -> Decimal | None:
    return None if value is None or value == UNSET else decimal(float(value))
