"""One contract's position and open orders, with sums that are kept up to date."""

from __future__ import annotations

import copy
import heapq
from decimal import Decimal
from typing import NamedTuple

from toolkit.orders.state import OrderState
from toolkit.risk.line import ZERO, dearest


class OpenOrder(NamedTuple):
    """
    An order that may still trade.

    Attributes:
        sign: +1 buys, -1 sells.
        quantity: the most that may still trade, in units of the contract.
        price: the highest that it may trade at, in price units; None when it names none.
        state: the order, when it is ours.
    """

    sign: int
    quantity: Decimal
    price: Decimal | None
    state: OrderState | None = None


def open_order(state: OrderState) -> OpenOrder:
    """An order of ours; while a change is unanswered either terms may be in force."""
    intent, change = state.intent, state.change
    assert intent is not None
    price = dearest(intent.limit_price, intent.stop_price)
    if change is not None:
        price = dearest(price, change.limit_price, change.stop_price)
    return OpenOrder(intent.sign, state.open_quantity, price, state)


class Holding:
    """A position and what is open on both sides."""

    __slots__ = ("_prices", "buy_orders", "buys", "orders", "position", "sell_orders", "sells")

    def __init__(self) -> None:
        self.position = self.buys = self.sells = ZERO
        self.buy_orders = self.sell_orders = 0
        self.orders: dict[str, OpenOrder] = {}
        self._prices: list[tuple[Decimal, str]] = []
        """heap of (- price, order); entries of orders that changed since are stale"""

    def put(self, name: str, order: OpenOrder) -> None:
        """Count an order as it stands now."""
        before = self.orders.get(name)
        if before is not None:
            self._count(before, -1)
        self.orders[name] = order
        self._count(order, 1)
        if order.price is not None and (before is None or order.price != before.price):
            heapq.heappush(self._prices, (-order.price, name))

    def drop(self, name: str) -> None:
        """Forget an order that can no longer trade."""
        self._count(self.orders.pop(name), -1)

    def highest(self, without: str = "") -> Decimal | None:
        """The highest price of the open orders; None when none has one."""
        if without in self.orders:
            return dearest(*(order.price for name, order in self.orders.items() if name != without))
        prices = self._prices
        while prices:
            negative, name = prices[0]
            order = self.orders.get(name)
            if order is not None and order.price is not None and -order.price == negative:
                return order.price
            heapq.heappop(prices)
        return None

    def copy(self) -> Holding:
        """The same, apart from this one."""
        other = copy.copy(self)
        other.orders, other._prices = dict(self.orders), list(self._prices)
        return other

    def _count(self, order: OpenOrder, times: int) -> None:
        if order.sign > 0:
            self.buys += times * order.quantity
            self.buy_orders += times
        else:
            self.sells += times * order.quantity
            self.sell_orders += times
