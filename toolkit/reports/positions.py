"""What fills leave behind: a position per contract and account, at average cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import pandas as pd

from toolkit.orders.state import ZERO, OrderState
from toolkit.reports.frames import Fill, fills_of, side_of
from toolkit.reports.slippage import SIGNS
from toolkit.reports.table import NUMBER, TEXT, WHOLE, Column, Schema, build


@dataclass(slots=True)
class Position:
    """
    One contract in one account, from the fills of known orders alone.

    Attributes:
        quantity: units of the contract; negative when short.
        average_cost: price units, of the open quantity; 0 when flat.
        realized: currency, closed quantity at average cost, before commissions.
        commission: currency; None while that of any fill is unknown.
        mark: price units; None when there is no price to value it with.
        working_buys, working_sells: units of the contract that open orders may still trade.
    """

    order: OrderState
    quantity: Decimal = ZERO
    average_cost: Decimal = ZERO
    realized: Decimal = ZERO
    commission: Decimal | None = ZERO
    mark: Decimal | None = None
    working_buys: Decimal = ZERO
    working_sells: Decimal = ZERO

    @property
    def market_value(self) -> Decimal | None:
        """Signed value at the mark, currency; None without a mark, 0 when flat."""
        if not self.quantity:
            return ZERO
        return None if self.mark is None else self.quantity * self.mark * self.order.multiplier

    @property
    def unrealized(self) -> Decimal | None:
        """Profit of the open quantity at the mark, currency, before commissions; None without a mark."""
        if not self.quantity:
            return ZERO
        if self.mark is None:
            return None
        return self.quantity * (self.mark - self.average_cost) * self.order.multiplier

    def take(self, fill: Fill) -> None:
        """Add one fill: opening moves the average cost, closing realizes against it."""
        traded, price = SIGNS[side_of(fill)] * fill.execution.shares, fill.execution.price
        closing = min(abs(traded), abs(self.quantity)) if traded * self.quantity < 0 else ZERO
        direction = 1 if self.quantity > 0 else -1
        self.realized += direction * closing * (price - self.average_cost) * self.order.multiplier
        opening = abs(traded) - closing
        kept = abs(self.quantity) - closing
        self.quantity += traded
        if opening:
            self.average_cost = (kept * self.average_cost + opening * price) / (kept + opening)
        elif not self.quantity:
            self.average_cost = ZERO
        charged = fill.order.commissions.get(fill.execution.exec_id)
        if charged is None or charged.amount is None or self.commission is None:
            self.commission = None
        else:
            self.commission += charged.amount


POSITIONS: Final[Schema] = {
    "symbol": Column(TEXT, "index", lambda position: position.order.symbol),
    "account": Column(TEXT, "", lambda position: position.order.account),
    "sec_type": Column(TEXT, "STK, FUT, ...", lambda position: position.order.intent.sec_type),
    "con_id": Column(WHOLE, "", lambda position: position.order.con_id or None),
    "position": Column(NUMBER, "shares or contracts, short < 0", lambda position: position.quantity),
    "average_cost": Column(
        NUMBER, "price units", lambda position: position.average_cost if position.quantity else None
    ),
    "mark": Column(NUMBER, "price units", lambda position: position.mark),
    "market_value": Column(NUMBER, "currency", lambda position: position.market_value),
    "unrealized": Column(NUMBER, "currency, before commissions", lambda position: position.unrealized),
    "realized": Column(NUMBER, "currency, before commissions", lambda position: position.realized),
    "commission": Column(NUMBER, "currency, NaN until known", lambda position: position.commission),
    "currency": Column(TEXT, "", lambda position: position.order.intent.currency),
    "working_buys": Column(NUMBER, "shares or contracts", lambda position: position.working_buys),
    "working_sells": Column(NUMBER, "shares or contracts", lambda position: position.working_sells),
}


def positions_frame(
    states: Iterable[OrderState], marks: Mapping[str, Decimal | float] | None = None
) -> pd.DataFrame:
    """
    One row per contract and account that orders touched; index ``symbol``, columns as in ``POSITIONS``.

    Only these orders count: what the account held before is not in it.

    Args:
        states: orders of any contracts and accounts.
        marks: symbol -> price to value open positions with, in price units; without one, values are NaN.
    """
    orders = [order for order in states if order.intent is not None and order.intent.action == "NEW"]
    book: dict[tuple[object, ...], Position] = {}
    for order in orders:
        if not (order.executions or order.working):
            continue
        position = book.setdefault(_contract(order), Position(order))
        if order.working and order.direction == "BUY":
            position.working_buys += order.remaining_quantity
        elif order.working:
            position.working_sells += order.remaining_quantity
    for fill in fills_of(orders):
        book[_contract(fill.order)].take(fill)
    for position in book.values():
        mark = (marks or {}).get(position.order.symbol)
        position.mark = None if mark is None else Decimal(str(mark))
    return build(POSITIONS, list(book.values()), "symbol")


def _contract(order: OrderState) -> tuple[object, ...]:
    assert order.intent is not None
    intent = order.intent
    described = (intent.symbol, intent.sec_type, intent.currency, intent.expiry, intent.strike, intent.right)
    return order.account, order.con_id or described
