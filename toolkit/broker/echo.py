"""An order as the broker shows it, held against what was sent (hazard H42)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from toolkit.broker.contracts import ORDER_TYPES
from toolkit.broker.order_messages import OpenOrder
from toolkit.orders.events import Mismatched, Replaced, ReplaceRefused
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP, OrderIntent
from toolkit.orders.state import OrderState


def compare(
    state: OrderState, shown: OpenOrder, now: datetime, patience: timedelta
) -> Replaced | ReplaceRefused | Mismatched | None:
    """
    What an openOrder proves about one of our orders; None when it shows what we know.

    Args:
        state: the order as we know it.
        shown: as the broker shows it.
        now: UTC.
        patience: how long the old terms may be shown after a change was sent; beyond it the broker
            has had its time, and the change did not come about.
    """
    intent, change = state.intent, state.change
    if intent is None or state.final:
        return None
    terms = _terms(shown, intent)
    asked = change or state.refused_change
    if asked is not None and terms == (asked.quantity, asked.limit_price, asked.stop_price):
        quantity, limit_price, stop_price = terms
        return Replaced(
            intent_id=state.intent_id,
            at=now,
            quantity=quantity,
            limit_price=limit_price,
            stop_price=stop_price,
        )
    unchanged = terms == (intent.quantity, intent.limit_price, intent.stop_price)
    if change is not None and unchanged and now - change.at >= patience:
        text = "The broker still shows the order on its old terms, so the change did not arrive."
        return ReplaceRefused(intent_id=state.intent_id, at=now, code=0, text=text)
    wrong = differences(intent, shown)
    if not wrong:
        return None
    text = f"The broker holds the order otherwise than it was sent: {'; '.join(wrong)}."
    return Mismatched(intent_id=state.intent_id, at=now, text=text, quantity=terms[0])


def differences(intent: OrderIntent, shown: OpenOrder) -> list[str]:
    """Where the broker's order is not what the intent says, one clause per field."""
    quantity, limit_price, stop_price = _terms(shown, intent)
    pairs = (
        ("side", intent.direction, shown.action),
        ("quantity", intent.quantity, quantity),
        ("order type", ORDER_TYPES[intent.order_type], shown.order_type),
        ("limit price", intent.limit_price, limit_price),
        ("stop price", intent.stop_price, stop_price),
        ("time in force", intent.tif, shown.tif),
        ("account", intent.account or shown.account, shown.account),
        ("reference", intent.intent_id, shown.order_ref),
    )
    return [f"{name} {sent} became {held}" for name, sent, held in pairs if sent != held]


def _terms(shown: OpenOrder, intent: OrderIntent) -> tuple[Decimal, Decimal | None, Decimal | None]:
    """Quantity, limit and stop as shown; a price that the type does not take is the broker's own affair."""
    return (
        shown.quantity,
        shown.limit_price if intent.order_type in NEEDS_LIMIT else None,
        shown.stop_price if intent.order_type in NEEDS_STOP else None,
    )
