"""What a REPLACE intent makes of the order that it names: the same on other terms, or a reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace

from toolkit.errors import IntentError
from toolkit.orders.contract import IDENTITY
from toolkit.orders.fields import shown
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP, OrderIntent
from toolkit.orders.numbers import plain
from toolkit.orders.state import OrderState

CHANGEABLE: Final = ("quantity", "limit_price", "stop_price")
FIXED: Final = (*IDENTITY, "con_id", "direction", "order_type", "tif", "outside_rth", "account")
"""What a change may not touch: it may say it again, or leave it out."""


def changed(target: OrderState, change: OrderIntent, raw: Mapping[str, Any]) -> OrderIntent:
    """
    The target's order as it would be after the change; what the change leaves out stays.

    Args:
        target: the order in force.
        change: the REPLACE intent.
        raw: the same as it came, which says what it named and what it left out.

    Raises:
        IntentError: the change names another order than this one (``TARGET_DIFFERS``), a price that
            the order type does not take, a quantity below what is filled, or nothing new.
    """
    order = target.intent
    assert order is not None
    for name in FIXED:
        wanted, held = getattr(change, name), getattr(order, name)
        if raw.get(name) is not None and wanted != held:
            raise IntentError(
                f"{name} is {shown(wanted)}, but the order of intent {target.intent_id} has {shown(held)}; "
                "a REPLACE changes quantity, limit_price and stop_price only.",
                field=name,
                code="TARGET_DIFFERS",
            )
    for name, needed_by in (("limit_price", NEEDS_LIMIT), ("stop_price", NEEDS_STOP)):
        if getattr(change, name) is not None and order.order_type not in needed_by:
            raise IntentError(
                f"{name} is {getattr(change, name)}, but a {order.order_type} order takes none; remove it.",
                field=name,
                code=f"UNEXPECTED_{name.upper()}",
            )
    after = replace(order, **{name: getattr(change, name) or getattr(order, name) for name in CHANGEABLE})
    if after.quantity < target.filled_quantity:
        raise IntentError(
            f"quantity is {after.quantity}, but {target.filled_quantity} are filled already.",
            field="quantity",
            code="BELOW_FILLED",
        )
    if after == order:
        raise IntentError(
            f"The order of intent {target.intent_id} is on these terms already.",
            field="quantity",
            code="NOTHING_TO_REPLACE",
        )
    return after


def as_raw(target: OrderState, after: OrderIntent, replace_id: str) -> dict[str, Any]:
    """The whole order as it would be, as risk checks read one; ``action`` tells it from a new order."""
    return {
        **target.raw,
        **{name: _number(getattr(after, name)) for name in CHANGEABLE},
        "intent_id": replace_id,
        "action": "REPLACE",
        "target_intent_id": target.intent_id,
    }


def _number(value: Decimal | None) -> int | float | None:
    return None if value is None else plain(value)
