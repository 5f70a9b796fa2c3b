"""
Orders that are none of ours: made by hand, by another program, or by the broker itself.

They are never touched, and they move positions like any other, so risk has to know them (hazard H25).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from toolkit.broker.order_messages import OpenOrder
from toolkit.orders.status import WORDS

_ENDED: Final = frozenset({"Filled", "Cancelled", "ApiCancelled", "Inactive"})


class ForeignOrder(msgspec.Struct, frozen=True, kw_only=True):
    """
    One open order of somebody else.

    Attributes:
        perm_id: the broker's permanent id, which alone identifies it.
        multiplier: currency units per price unit and contract.
        client_id, order_id: whose it is; 0 or negative for orders made by hand.
        side: BUY or SELL.
        remaining: still to be filled, in units of the contract.
        limit_price, stop_price: price units, None where the order has none.
    """

    perm_id: int
    client_id: int
    order_id: int
    account: str
    con_id: int
    symbol: str
    sec_type: str
    currency: str
    multiplier: Decimal
    side: str
    remaining: Decimal
    order_type: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    order_ref: str = ""


class ForeignOrders:
    """
    Every open order of somebody else, by its permanent id; in no order.

    Args:
        follow: told of every change: permanent id, contract number, and the order, None when it is gone.
    """

    def __init__(self, follow: Callable[[int, int, ForeignOrder | None], None]) -> None:
        self._follow = follow
        self._orders: dict[int, ForeignOrder] = {}
        self._told: set[int] | None = None
        """permanent ids that the answer under way mentioned; None while none is"""

    def __iter__(self) -> Iterator[ForeignOrder]:
        return iter(tuple(self._orders.values()))

    def __len__(self) -> int:
        return len(self._orders)

    def begin(self) -> None:
        """An answer with all open orders begins."""
        self._told = set()

    def end(self, *, complete: bool) -> None:
        """It ended; when it is complete, what it did not mention is gone."""
        told, self._told = self._told, None
        if complete and told is not None:
            for perm_id in self._orders.keys() - told:
                self._drop(perm_id)

    def open(self, shown: OpenOrder) -> None:
        """Take one openOrder message; an order without a permanent id cannot be told from another."""
        if not shown.perm_id:
            return
        if self._told is not None:
            self._told.add(shown.perm_id)
        if shown.status in _ENDED:
            self._drop(shown.perm_id)
            return
        known = self._orders.get(shown.perm_id)
        found = self._orders[shown.perm_id] = ForeignOrder(
            perm_id=shown.perm_id,
            client_id=shown.client_id,
            order_id=shown.order_id,
            account=shown.account,
            con_id=shown.con_id,
            symbol=shown.symbol,
            sec_type=shown.sec_type,
            currency=shown.currency,
            multiplier=Decimal(shown.multiplier or "1"),
            side=shown.action,
            remaining=shown.quantity if known is None else known.remaining,
            order_type=shown.order_type,
            limit_price=shown.limit_price or None,  # the broker writes none as 0 too
            stop_price=shown.stop_price or None,
            order_ref=shown.order_ref,
        )
        self._follow(shown.perm_id, shown.con_id, found)

    def status(self, perm_id: int, word: str, remaining: Decimal) -> None:
        """Take one orderStatus message."""
        known = self._orders.get(perm_id)
        if known is None:
            return
        if word in _ENDED:
            self._drop(perm_id)
        elif word in WORDS:
            self._orders[perm_id] = replace(known, remaining=remaining)
            self._follow(perm_id, known.con_id, self._orders[perm_id])

    def _drop(self, perm_id: int) -> None:
        gone = self._orders.pop(perm_id, None)
        if gone is not None:
            self._follow(perm_id, gone.con_id, None)
