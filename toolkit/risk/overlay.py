"""A book that stands still while orders are tried on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import Accepted
from toolkit.orders.intent import OrderIntent
from toolkit.orders.state import OrderState
from toolkit.risk.exposure import Book
from toolkit.risk.margin import Margin
from toolkit.risk.order import Order


class Overlay:
    """
    A copy of a book's exposure and history, at its time; satisfies ``exposure.Book``.

    Args:
        book: stays as it is; its quotes and contracts are read from it.
    """

    def __init__(self, book: Book) -> None:
        self._book = book
        self._now = book.now()
        self.account = book.account
        self.currency = book.currency
        self.history = book.history.copy()
        self.profit = book.profit.copy()
        self.exposure = book.exposure.copy(self)
        self.approvals = book.approvals.copy()

    def approve(self, order: Order, name: str) -> None:
        """Count an order as accepted and open; what is usual for its strategy stays as it was."""
        instrument = self.instrument(order.raw)
        assert instrument is not None
        assert order.quantity is not None
        intent = OrderIntent(
            intent_id=name,
            symbol=instrument.symbol,
            currency=instrument.currency,
            direction="BUY" if order.sign > 0 else "SELL",
            quantity=order.quantity,
            order_type=order.order_type,
            limit_price=order.limit_price,
            stop_price=order.stop_price,
            account=order.account,
            strategy_id=order.strategy,
            created_at=self._now,
            valid_until=self._now,
        )
        state = OrderState(
            intent_id=name,
            raw=dict(order.raw),
            intent=intent,
            con_id=instrument.con_id,
            multiplier=instrument.multiplier,
            accepted_at=self._now,
        )
        self.history.accept(state)
        accepted = Accepted(intent_id=name, at=self._now)
        self.exposure.observe(accepted, state)
        self.approvals.observe(accepted, state)

    def now(self) -> datetime:
        """When the copy was made, UTC."""
        return self._now

    def instrument(self, intent: Mapping[str, Any]) -> Instrument | None:
        """The contract that a raw intent names, None while it is not resolved."""
        return self._book.instrument(intent)

    def by_number(self, con_id: int) -> Instrument | None:
        """The contract with this number, None while it is not known."""
        return self._book.by_number(con_id)

    def margin(self, _intent_id: str) -> Margin | None:
        """None: the broker is asked when an order is sent, not when it is tried."""
        return None

    def quote(self, con_id: int) -> Quote:
        """The latest quote; its sides are None when there is none."""
        return self._book.quote(con_id)

    def mark(self, con_id: int) -> Decimal | None:
        """The price that values one contract."""
        return self._book.mark(con_id)

    def rate(self, currency: str) -> Decimal | None:
        """Account currency per unit of ``currency``."""
        return self._book.rate(currency)
