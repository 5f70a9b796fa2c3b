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
from toolkit.risk.line import NOTHING, ZERO, Line, MissingPriceError, MissingRateError, Worth
from toolkit.risk.margin import Margin
from toolkit.risk.order import Order
from toolkit.risk.profit import Profit

_NO_PROFIT: Final = Profit()


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
        worth: exposure of everything, the order included, or what it cannot be measured for.
        quote_age: seconds since the quote's last tick; None when it never had one.
        open_orders: orders that may still trade, without the one that the order replaces.
        same_side: those of them in the order's contract and on its side.
        siblings: those of them in the order's contract; only where self-crossing is forbidden.
        recent: orders accepted within the longest window that any limit looks back, newest first.
        usual_quantity: what is usual for the order's strategy; None while nothing is.
        orders_today: orders accepted today in the order's contract, without this one.
        recent_fills: fills of the order's strategy in its contract within the last minute.
        efficiency: the day's order-efficiency ratio, this order included.
        profit: what the account made today, as far as the broker told.
        approved: whether another person released the order.
    """

    limits: Limits
    bound: bool = False
    now: datetime | None = None
    account: str = ""
    currency: str = ""
    instrument: Instrument | None = None
    quote: Quote = Quote()
    line: Line | None = None
    worth: Worth | MissingPriceError | MissingRateError = NOTHING
    quote_age: Decimal | None = None
    open_orders: int = 0
    same_side: int = 0
    siblings: Sequence[OrderState] = ()
    recent: tuple[OrderState, ...] = ()
    usual_quantity: Decimal | None = None
    orders_today: int = 0
    recent_fills: int = 0
    efficiency: Decimal = Decimal(0)
    margin: Margin | None = None
    profit: Profit = _NO_PROFIT
    approved: bool = False

    @classmethod
    def of(cls, order: Order, book: Book, instrument: Instrument | None, limits: Limits) -> Context:
        """The snapshot for one order and its contract; what no limit asks for is left out."""
        now, enforced = book.now(), limits.in_force
        found: dict[str, Any] = {}
        if "repeat_window_s" in enforced or "max_orders_per_second" in enforced:
            found["recent"] = tuple(book.history.accepted_since(now - limits.look_back))
        if "max_order_efficiency_ratio" in enforced:
            found["efficiency"] = book.history.efficiency(now)
        if "min_excess_liquidity" in enforced:
            found["margin"] = book.margin(str(order.raw.get("intent_id") or ""))
        if "approve_above" in enforced:
            found["approved"] = book.approvals.cover(order.raw, book.account, now)
        if "fat_finger_multiple" in enforced:
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
            open_orders=book.exposure.count - bool(order.replaces),
            profit=book.profit,
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
    quote = book.quote(con_id)
    found: dict[str, Any] = {"quote": quote}
    if quote.at is not None:
        found["quote_age"] = seconds(now - quote.at)
    line = exposure.line(con_id, instrument, without=order.replaces)
    found["same_side"] = line.buy_orders if order.sign > 0 else line.sell_orders
    if exposure.known:
        if order.quantity is not None and order.sign:
            still_open = order.quantity
            if order.replaces:  # what it filled so far is in the position
                still_open = max(ZERO, still_open - exposure.filled(order.replaces, con_id))
            line = line.with_order(order.sign, still_open, order.limit_price, order.stop_price)
        found["line"] = line
        try:
            found["worth"] = exposure.others(con_id).plus(line.worth())
        except (MissingPriceError, MissingRateError) as error:
            found["worth"] = error
    if "allow_self_cross" in limits.in_force:
        found["siblings"] = exposure.orders(con_id, without=order.replaces)
    if "max_orders_per_day" in limits.in_force:
        found["orders_today"] = book.history.orders(con_id, now) - bool(order.replaces)
    if "max_fills_per_minute" in limits.in_force:
        found["recent_fills"] = book.history.fills(order.strategy, con_id, now)
    return found


def seconds(duration: timedelta) -> Decimal:
    """A duration in seconds, exact to the microsecond."""
    return Decimal(duration // _MICROSECOND) * _MILLIONTH


_MICROSECOND: Final = timedelta(microseconds=1)
_MILLIONTH: Final = Decimal("0.000001")
