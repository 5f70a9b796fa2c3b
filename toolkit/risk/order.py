"""One order as risk reads it: a raw intent's fields as exact values, each read once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from toolkit.orders.numbers import exact

_SIGNS = {"BUY": 1, "SELL": -1}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """
    What risk needs of a raw intent, whatever dict a strategy may hold.

    Attributes:
        symbol, sec_type, order_type, account, strategy: as the intent says, ``""`` where it says nothing.
        con_id: the broker's contract number, 0 when the intent names none.
        sign: +1 for BUY, -1 for SELL, 0 for anything else.
        quantity: units of the contract; None when it is missing or no number.
        limit_price, stop_price: price units; None when missing or no number.
        replaces: the intent whose order becomes this one; ``""`` for a new order.
        faults: field -> what is wrong with its number, for a sentence.
        repeat_allowed: ``allow_repeat`` is true: the same order twice in a moment is meant.
    """

    raw: Mapping[str, Any]
    symbol: str
    sec_type: str
    order_type: str
    account: str
    strategy: str
    con_id: int
    sign: int
    quantity: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    replaces: str
    faults: Mapping[str, str]
    repeat_allowed: bool

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Order:
        """A raw intent's order; nothing in it can make this fail."""
        faults: dict[str, str] = {}
        number, order_type = raw.get("con_id"), raw.get("order_type")
        return cls(
            raw=raw,
            symbol=str(raw.get("symbol") or "").upper(),
            sec_type=str(raw.get("sec_type") or "STK"),
            order_type=order_type if isinstance(order_type, str) else "",
            account=str(raw.get("account") or ""),
            strategy=str(raw.get("strategy_id") or ""),
            con_id=number if isinstance(number, int) else 0,
            sign=_SIGNS.get(str(raw.get("direction")), 0),
            quantity=_number(raw, "quantity", faults),
            limit_price=_number(raw, "limit_price", faults),
            stop_price=_number(raw, "stop_price", faults),
            replaces=str(raw.get("target_intent_id") or "") if raw.get("action") == "REPLACE" else "",
            faults=faults,
            repeat_allowed=raw.get("allow_repeat") is True,
        )


def _number(raw: Mapping[str, Any], name: str, faults: dict[str, str]) -> Decimal | None:
    value = raw.get(name)
    if value is None:  # the usual reason, told without the price of an exception
        faults[name] = "is empty"
        return None
    try:
        return exact(value)
    except ValueError as error:
        faults[name] = str(error)
        return None
