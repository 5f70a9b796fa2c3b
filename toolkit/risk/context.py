"""What the checks of one order look at: account, market and open orders, frozen at one time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.state import OrderState
from toolkit.risk.exposure import Book, Line, lines
from toolkit.risk.limits import Limits
from toolkit.risk.order import Order

RATE_WINDOW_S: Final = Decimal(1)
"""Seconds over which orders are counted for ``max_orders_per_second``."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """
    A snapshot: checks that read nothing else give the same answer for ever.

    Attributes:
        limits: what is enforced.
        bound: whether account and market are known at all; without them the rest is empty.
        now: when the order is judged, UTC.
        account: account of orders that name none.
        currency: of the account, ``""`` while unknown.
        instrument: the order's contract, None while it is not resolved.
        quote: of the order's contract.
        lines: contract number -> what is held and open, this order included; None while the
            positions are not known.
        working: orders that may still trade.
        recent: orders accepted within the longest window that any limit looks back, newest first.
        usual_quantity: what is usual for the order's strategy; None while nothing is.
        orders_today: orders accepted today in the order's contract, without this one.
        recent_fills: fills of the order's strategy in its contract within the last minute.
        efficiency: the day's order-efficiency ratio, this order included.
    """

    limits: Limits
    bound: bool = False
    now: datetime | None = None
    account: str = ""
    currency: str = ""
    instrument: Instrument | None = None
    quote: Quote = Quote()
    lines: Mapping[int, Line] | None = None
    working: tuple[OrderState, ...] = ()
    recent: tuple[OrderState, ...] = ()
    usual_quantity: Decimal | None = None
    orders_today: int = 0
    recent_fills: int = 0
    efficiency: Decimal = Decimal(0)

    @classmethod
    def of(cls, order: Order, book: Book, instrument: Instrument | None, limits: Limits) -> Context:
        """The snapshot for one order and what its contract turned out to be."""
        now = book.now()
        working = tuple(book.working())
        history, con_id = book.history, 0 if instrument is None else instrument.con_id
        return cls(
            limits=limits,
            bound=True,
            now=now,
            account=book.account,
            currency=book.currency,
            instrument=instrument,
            quote=Quote() if instrument is None else book.quote(instrument.con_id),
            lines=lines(book, working, order, instrument),
            working=working,
            recent=tuple(book.accepted_since(now - timedelta(seconds=float(_window(limits))))),
            usual_quantity=history.usual_quantity(order.strategy),
            orders_today=history.orders(con_id, now),
            recent_fills=history.fills(order.strategy, con_id, now),
            efficiency=history.efficiency(now),
        )

    @property
    def line(self) -> Line:
        """The order's own contract, the order included; call it only when contract and lines are known."""
        assert self.instrument is not None
        assert self.lines is not None
        return self.lines[self.instrument.con_id]

    def of_contract(self, sign: int) -> list[OrderState]:
        """Working orders of the order's contract on one side: +1 buys, -1 sells."""
        assert self.instrument is not None
        con_id = self.instrument.con_id
        return [
            state
            for state in self.working
            if state.con_id == con_id and state.intent is not None and state.intent.sign == sign
        ]


def _window(limits: Limits) -> Decimal:
    return max(RATE_WINDOW_S, limits.numbers.get("repeat_window_s", RATE_WINDOW_S))
