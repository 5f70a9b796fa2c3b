"""What the checks of one order look at: account, market and open orders, frozen at one time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.state import OrderState
from toolkit.risk.exposure import Book
from toolkit.risk.limits import Limits
from toolkit.risk.line import NOTHING, Line, MissingPriceError, MissingRateError, Worth
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
        line: what is held and open in the order's contract, the order included; None while the
            contract is not resolved or the positions are not known.
        others: exposure of everything else, or what it cannot be measured for.
        open_orders: orders that may still trade.
        same_side: those of them in the order's contract and on its side.
        siblings: those of them in the order's contract; only where self-crossing is forbidden.
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
    line: Line | None = None
    others: Worth | MissingPriceError | MissingRateError = NOTHING
    open_orders: int = 0
    same_side: int = 0
    siblings: Sequence[OrderState] = ()
    recent: tuple[OrderState, ...] = ()
    usual_quantity: Decimal | None = None
    orders_today: int = 0
    recent_fills: int = 0
    efficiency: Decimal = Decimal(0)

    @classmethod
    def of(cls, order: Order, book: Book, instrument: Instrument | None, limits: Limits) -> Context:
        """The snapshot for one order and its contract; what no limit asks for is left out."""
        now, enforced = book.now(), limits.enforces
        found: dict[str, Any] = {}
        if enforced("repeat_window_s") or enforced("max_orders_per_second"):
            since = now - timedelta(seconds=float(_window(limits)))
            found["recent"] = tuple(book.history.accepted_since(since))
        if enforced("max_order_efficiency_ratio"):
            found["efficiency"] = book.history.efficiency(now)
        if enforced("fat_finger_multiple"):
            found["usual_quantity"] = book.history.usual_quantity(order.strategy)
        if instrument is not None:
            found.update(_of_contract(order, book, instrument, limits, now))
        return cls(
            limits=limits,
            bound=True,
            now=now,
            account=book.account,
            currency=book.currency,
            instrument=instrument,
            open_orders=book.exposure.count,
            **found,
        )

    @property
    def own(self) -> Line:
        """``line``, where the caller has made sure that there is one."""
        assert self.line is not None
        return self.line


def _of_contract(
    order: Order, book: Book, instrument: Instrument, limits: Limits, now: datetime
) -> dict[str, Any]:
    con_id, exposure = instrument.con_id, book.exposure
    found: dict[str, Any] = {"quote": book.quote(con_id)}
    line = exposure.line(con_id, instrument)
    found["same_side"] = line.buy_orders if order.sign > 0 else line.sell_orders
    if exposure.known:
        if order.quantity is not None and order.sign:
            line = line.with_order(order.sign, order.quantity, order.limit_price, order.stop_price)
        found["line"] = line
        try:
            found["others"] = exposure.others(con_id)
        except (MissingPriceError, MissingRateError) as error:
            found["others"] = error
    if limits.enforces("allow_self_cross"):
        found["siblings"] = exposure.orders(con_id)
    if limits.enforces("max_orders_per_day"):
        found["orders_today"] = book.history.orders(con_id, now)
    if limits.enforces("max_fills_per_minute"):
        found["recent_fills"] = book.history.fills(order.strategy, con_id, now)
    return found


def _window(limits: Limits) -> Decimal:
    return max(RATE_WINDOW_S, limits.numbers.get("repeat_window_s", RATE_WINDOW_S))
