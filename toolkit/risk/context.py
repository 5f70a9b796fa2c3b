"""What the checks of one order look at: account, market and open orders, frozen at one time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.state import OrderState
from toolkit.risk.exposure import Book, Exposure
from toolkit.risk.limits import OWN_RATE, RATE_WINDOW, Limits
from toolkit.risk.line import NOTHING, ZERO, Line, MissingPriceError, MissingRateError, Worth
from toolkit.risk.margin import Margin
from toolkit.risk.order import Order
from toolkit.risk.profit import Profit

_NO_QUOTE: Final = Quote()
_NO_PROFIT: Final = Profit()


Measured = Worth | MissingPriceError | MissingRateError
"""Exposure, or what it cannot be measured for."""


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
        own_worth: the same of the order's contract alone.
        quote_age: seconds since the last tick of a quote with both sides; None without one.
        mid: half way between the quote's sides; None unless both are there.
        open_orders: orders that may still trade, without the one that the order replaces.
        same_side: those of them in the order's contract and on its side.
        opposite: our own on its other side; only where self-crossing is forbidden.
        recent: orders accepted within ``repeat_window_s``, newest first.
        orders_this_second: orders accepted within the last second, without this one.
        own_this_second: those of them of the order's strategy.
        usual_quantity: what is usual for the order's strategy; None while nothing is.
        orders_today: orders accepted today in the order's contract, without this one.
        quantity_today: their quantity, and what changes were to add.
        recent_fills: fills of the order's strategy in its contract within the last minute.
        efficiency: the day's order-efficiency ratio, this order included.
        margin: what the broker says the order would leave; None when it was not asked.
        profit: what the account made today, as far as the broker told.
        approved: whether another person released the order.
    """

    limits: Limits
    bound: bool = False
    now: datetime | None = None
    account: str = ""
    currency: str = ""
    instrument: Instrument | None = None
    quote: Quote = _NO_QUOTE
    line: Line | None = None
    worth: Measured = NOTHING
    own_worth: Measured = NOTHING
    quote_age: Decimal | None = None
    mid: Decimal | None = None
    open_orders: int = 0
    same_side: int = 0
    opposite: Sequence[OrderState] = ()
    recent: Sequence[OrderState] = ()
    orders_this_second: int = 0
    own_this_second: int = 0
    usual_quantity: Decimal | None = None
    orders_today: int = 0
    quantity_today: Decimal = ZERO
    recent_fills: int = 0
    efficiency: Decimal = ZERO
    margin: Margin | None = None
    profit: Profit = _NO_PROFIT
    approved: bool = False

    @classmethod
    def of(cls, order: Order, book: Book, instrument: Instrument | None, limits: Limits) -> Context:
        """The snapshot for one order and its contract; what no limit asks for is left out."""
        now, history, exposure, enforced = book.now(), book.history, book.exposure, limits.in_force
        quote, mid, age, after = _NO_QUOTE, None, None, None
        worth: Measured = NOTHING
        own_worth: Measured = NOTHING
        opposite: Sequence[OrderState] = ()
        same_side = today = fills = 0
        quantity_today = ZERO
        if instrument is not None:
            con_id = instrument.con_id
            quote = book.quote(con_id)
            mid = quote.mid
            if mid is not None and quote.at is not None:
                age = seconds(now - quote.at)
            line = exposure.line(con_id, instrument, without=order.replaces)
            same_side = line.buy_orders if order.sign > 0 else line.sell_orders
            replaced = exposure.order(order.replaces, con_id) if order.replaces else None
            if exposure.known:
                after = _with_order(line, order, replaced)
                own_worth, worth = _worths(after, con_id, exposure)
            if "allow_self_cross" in enforced:
                opposite = exposure.orders(con_id, -order.sign, without=order.replaces)
            if "max_orders_per_day" in enforced:
                today = history.orders(con_id, now) - bool(order.replaces)
            if "max_quantity_per_day" in enforced:
                quantity_today = history.quantity(con_id, now)
                if replaced is not None and replaced.intent is not None:
                    quantity_today -= replaced.intent.quantity
            if "max_fills_per_minute" in enforced:
                fills = history.fills(order.strategy, con_id, now)
        return cls(
            limits=limits,
            bound=True,
            now=now,
            account=book.account,
            currency=book.currency,
            instrument=instrument,
            quote=quote,
            line=after,
            worth=worth,
            own_worth=own_worth,
            quote_age=age,
            mid=mid,
            open_orders=exposure.count - bool(order.replaces),
            same_side=same_side,
            opposite=opposite,
            recent=history.accepted_since(now - limits.look_back) if "repeat_window_s" in enforced else (),
            orders_this_second=(
                history.accepted_within(RATE_WINDOW, now) if "max_orders_per_second" in enforced else 0
            ),
            usual_quantity=(
                history.usual_quantity(order.strategy) if "fat_finger_multiple" in enforced else None
            ),
            own_this_second=(
                history.accepted_within(RATE_WINDOW, now, order.strategy) if OWN_RATE in enforced else 0
            ),
            orders_today=today,
            quantity_today=quantity_today,
            recent_fills=fills,
            efficiency=history.efficiency(now) if "max_order_efficiency_ratio" in enforced else ZERO,
            margin=(
                book.margin(str(order.raw.get("intent_id") or ""))
                if "min_excess_liquidity" in enforced
                else None
            ),
            profit=book.profit,
            approved="approve_above" in enforced and book.approvals.cover(order.raw, book.account, now),
        )


def _with_order(line: Line, order: Order, replaced: OrderState | None) -> Line:
    """The contract with the order open, which takes the place of the one that it replaces."""
    still_open = order.quantity
    if still_open is None or not order.sign:
        return line
    if replaced is not None:  # what it filled so far is in the position
        still_open = max(ZERO, still_open - replaced.filled_quantity)
    return line.with_order(order.sign, still_open, order.limit_price, order.stop_price)


def _worths(line: Line, con_id: int, exposure: Exposure) -> tuple[Measured, Measured]:
    """What one contract may come to, and everything with it."""
    try:
        own = line.worth()
    except (MissingPriceError, MissingRateError) as error:
        return error, error
    try:
        return own, exposure.others(con_id).plus(own)
    except (MissingPriceError, MissingRateError) as error:
        return own, error


def seconds(duration: timedelta) -> Decimal:
    """A duration in seconds, exact to the microsecond."""
    return Decimal(duration // _MICROSECOND) * _MILLIONTH


_MICROSECOND: Final = timedelta(microseconds=1)
_MILLIONTH: Final = Decimal("0.000001")
