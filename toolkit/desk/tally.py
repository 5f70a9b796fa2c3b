"""What open orders add up to, kept up to date order by order, so that one change costs one order's work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from toolkit.desk.account import Holding
from toolkit.orders.state import ZERO, OrderState, OrderStatus

if TYPE_CHECKING:
    from toolkit.broker.market import Position


class _Share(NamedTuple):
    """What one open order may still do; ``key`` is (account, contract number, side)."""

    key: tuple[str, int, str]
    quantity: Decimal
    unknown: bool


class Tally:
    """Counts of open and unknown orders, and what is working on each side of each contract."""

    def __init__(self) -> None:
        self._shares: dict[str, _Share] = {}
        """intent id -> of an order that may still trade"""
        self._sums: dict[tuple[str, int, str], Decimal] = {}
        self._told: dict[tuple[str, int], tuple[Holding, str]] = {}
        """(account, contract number) -> what ``changed`` gave last, and its lock"""

    @property
    def working(self) -> int:
        """Orders that may still trade."""
        return len(self._shares)

    @property
    def unknown(self) -> int:
        """Orders of which nobody can tell what became."""
        return sum(share.unknown for share in self._shares.values())

    def take(self, orders: Iterable[OrderState]) -> None:
        """Orders as they stand now; CANCEL and REPLACE intents are none."""
        for order in orders:
            if order.intent is None or order.intent.action != "NEW":
                continue
            if (old := self._shares.pop(order.intent_id, None)) is not None:
                self._sums[old.key] -= old.quantity
            if order.working:
                share = _Share(
                    (order.account, order.con_id, order.direction),
                    order.remaining_quantity,
                    order.status is OrderStatus.UNKNOWN,
                )
                self._shares[order.intent_id] = share
                self._sums[share.key] = self._sums.get(share.key, ZERO) + share.quantity

    def changed(self, positions: Iterable[Position], locks: Mapping[str, str]) -> list[Holding]:
        """
        Positions that differ from the last call's, or whose working orders or locks do.

        Args:
            positions: all of them.
            locks: symbol -> why no new order of it may be sent.
        """
        changed = []
        for position in positions:
            key = position.account, position.instrument.con_id
            held = Holding(position, *(self._sums.get((*key, side), ZERO) for side in ("BUY", "SELL")))
            told = held, locks.get(position.instrument.symbol, "")
            if self._told.get(key) != told:
                self._told[key] = told
                changed.append(held)
        return changed

    def forget_positions(self) -> None:
        """Let the next ``changed`` give them all."""
        self._told.clear()
