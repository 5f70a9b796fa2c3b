"""Checks of prices: is the quote good enough to decide on, and is the order's price near it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from toolkit.orders.events import Decision
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP
from toolkit.risk.context import Context
from toolkit.risk.line import ZERO
from toolkit.risk.order import Order
from toolkit.risk.verdicts import above

BPS: Final = Decimal(10_000)
COLLAR_QUOTE_AGE_S: Final = Decimal(60)
"""Oldest quote that a collar is laid around when ``max_quote_age_s`` does not say."""
DELAY_S: Final = Decimal(900)
"""How far delayed quotes are behind the market: 15 minutes, as exchanges sell them."""


def quote_fresh(_order: Order, context: Context) -> Decision | None:
    """The quote has both sides, and its last tick is at most ``max_quote_age_s`` old."""
    return _fresh(context, context.limits.numbers["max_quote_age_s"])


def quote_uncrossed(_order: Order, context: Context) -> Decision | None:
    """The bid is below the ask."""
    bid, ask = context.quote.bid, context.quote.ask
    if bid is None or ask is None:
        return _no_quote()
    if bid < ask:
        return None
    return Decision(
        code="CROSSED_QUOTE",
        message=f"the quote is {bid} at {ask}: its bid is not below its ask.",
        observed=bid,
        limit=ask,
        unit="price",
        price_source="quote",
    )


def spread_within_limit(_order: Order, context: Context) -> Decision | None:
    """Ask minus bid is at most ``max_spread_bps`` of their middle."""
    bid, ask, mid = context.quote.bid, context.quote.ask, context.mid
    if bid is None or ask is None or not mid:
        return _no_quote()
    spread, limit = (ask - bid) * BPS, context.limits.numbers["max_spread_bps"]
    if spread <= limit * mid:
        return None
    return Decision(
        code="WIDE_SPREAD",
        message=f"the spread is {spread / mid:.1f} bps, above max_spread_bps {limit}.",
        observed=spread / mid,
        limit=limit,
        unit="bps",
        price_source="quote",
    )


def price_within_collar(order: Order, context: Context) -> Decision | None:
    """
    A limit is at most ``price_collar_bps`` beyond the side of a fresh quote that it would meet.

    A buy is held against the ask and a sell against the bid. A STOP_LIMIT order meets the market at
    its trigger, so its limit is held against its stop price where that is further out.
    """
    if order.order_type not in NEEDS_LIMIT:
        return None
    price, limit = order.limit_price, context.limits.numbers["price_collar_bps"]
    if price is None:
        return _no_own_price(order, "limit_price", "price_collar_bps")
    missing = _unusable(context)
    if missing is not None:
        return missing
    reference, source = _reference(order, context)
    beyond = (price - reference if order.sign > 0 else reference - price) * BPS
    if beyond <= limit * reference:
        return None
    what = _beyond(order, source, reference)
    return above("PRICE_COLLAR", what, beyond / reference, limit, "bps", source)


def price_within_ticks(order: Order, context: Context) -> Decision | None:
    """As ``price_within_collar``, at most ``price_collar_ticks`` of the contract's smallest price step."""
    if order.order_type not in NEEDS_LIMIT:
        return None
    price, limit = order.limit_price, context.limits.numbers["price_collar_ticks"]
    if price is None:
        return _no_own_price(order, "limit_price", "price_collar_ticks")
    missing = _unusable(context)
    if missing is not None:
        return missing
    assert context.instrument is not None
    tick = context.instrument.min_tick
    reference, source = _reference(order, context)
    beyond = price - reference if order.sign > 0 else reference - price
    if beyond <= limit * tick:
        return None
    what = _beyond(order, source, reference)
    return above("PRICE_COLLAR_TICKS", what, beyond / tick, limit, "ticks", source)


def stop_beyond_quote(order: Order, context: Context) -> Decision | None:
    """A buy stop triggers at or above the ask, a sell stop at or below the bid: not at once."""
    if order.order_type not in NEEDS_STOP:
        return None
    stop = order.stop_price
    if stop is None:
        return _no_own_price(order, "stop_price", "price_collar_bps")
    missing = _unusable(context)
    if missing is not None:
        return missing
    reference = _touch(order, context)
    if (stop - reference) * order.sign >= ZERO:
        return None
    side = "below the ask" if order.sign > 0 else "above the bid"
    return Decision(
        code="STOP_WRONG_SIDE",
        message=f"the stop {stop} is {side} {reference}: it would trigger at once.",
        observed=stop,
        limit=reference,
        unit="price",
        price_source="quote",
    )


def move_within_limit(_order: Order, context: Context) -> Decision | None:
    """The middle of the quote is at most ``max_move_bps`` away from the close of the day before."""
    mid, close = context.mid, context.quote.close
    if mid is None:
        return _no_quote()
    if not close:
        return Decision(code="NO_CLOSE", message="the broker has not told the close of the day before.")
    moved, limit = abs(mid - close) * BPS, context.limits.numbers["max_move_bps"]
    if moved <= limit * close:
        return None
    what = f"the quote's middle {mid} has moved from the close {close} by"
    return above("PRICE_MOVE", what, moved / close, limit, "bps", "quote")


def _reference(order: Order, context: Context) -> tuple[Decimal, str]:
    """The price that a limit is held against, and what it is."""
    touch, stop = _touch(order, context), order.stop_price
    if order.order_type not in NEEDS_STOP or stop is None or stop <= ZERO:
        return touch, "quote"
    return (stop, "stop") if (stop - touch) * order.sign > ZERO else (touch, "quote")


def _beyond(order: Order, source: str, reference: Decimal) -> str:
    side = "above" if order.sign > 0 else "below"
    return f"the limit {order.limit_price} {side} the {source} {reference} is beyond it by"


def _touch(order: Order, context: Context) -> Decimal:
    """The side of a quote with both sides that the order would meet."""
    touch = context.quote.ask if order.sign > 0 else context.quote.bid
    assert touch is not None
    return touch


def _unusable(context: Context) -> Decision | None:
    """Why no collar can be laid around the quote, None when one can."""
    if context.mid is None:
        return _no_quote()
    if "max_quote_age_s" in context.limits.numbers:  # which has the quote judged by rules of its own
        return None
    return _fresh(context, COLLAR_QUOTE_AGE_S) or quote_uncrossed(_NOBODY, context)


def _fresh(context: Context, limit: Decimal) -> Decision | None:
    age, delayed = context.quote_age, context.quote.delayed
    if age is None:
        return _no_quote()
    if delayed:
        age += DELAY_S
    if age <= limit:
        return None
    what = "delayed by 15 minutes, so " if delayed else ""
    return Decision(
        code="DELAYED_QUOTE" if delayed else "STALE_QUOTE",
        message=f"the quote is {what}{age:.1f} s old; at most {limit} s is allowed.",
        observed=age,
        limit=limit,
        unit="s",
        price_source="quote",
    )


def _no_quote() -> Decision:
    return Decision(code="NO_QUOTE", message="the contract has no quote with a bid, an ask and a time.")


def _no_own_price(order: Order, name: str, what: str) -> Decision:
    return Decision(
        code=f"MISSING_{name.upper()}",
        message=f"{what} cannot be checked: {name} {order.faults[name]}.",
    )


_NOBODY: Final = Order.read({})
