"""Checks of size: one order's money, exposure, position, and what may be sold short."""

from __future__ import annotations

from decimal import Decimal

from toolkit.orders.events import Decision
from toolkit.risk.context import Context
from toolkit.risk.line import ZERO, MissingPriceError, MissingRateError, Worth
from toolkit.risk.margin import enough_margin
from toolkit.risk.order import Order
from toolkit.risk.verdicts import at_most, gap, unreadable


def quantity_is_usual(order: Order, context: Context) -> Decision:
    """The quantity is at most ``fat_finger_multiple`` times what is usual for the strategy."""
    fault = unreadable(order, "fat_finger_multiple")
    if fault is not None:
        return fault
    assert order.quantity is not None
    usual = context.usual_quantity
    if usual is None:
        return Decision(code="FAT_FINGER", passed=True)
    return at_most(
        "FAT_FINGER",
        f"its quantity over the {usual:f} that is usual for strategy {order.strategy!r} is",
        order.quantity / usual,
        context.limits.numbers["fat_finger_multiple"],
        "times",
    )


def order_notional(order: Order, context: Context) -> Decision:
    """
    Quantity x price x multiplier is at most ``max_order_notional``, in account currency.

    A buy with a limit costs at most its limit; every other order may trade at the dearer of its own
    prices and the side of the quote that it meets, or the contract's mark without one.
    """
    return _cost_at_most(order, context, "max_order_notional", "MAX_ORDER_NOTIONAL", "the order may cost")


def large_order_approved(order: Order, context: Context) -> Decision:
    """The money of ``order_notional`` is at most ``approve_above``, or another person released the order."""
    if context.approved:
        return Decision(code="NEEDS_APPROVAL", passed=True)
    what = "another person has to release it with `toolkit approve`: it may cost"
    return _cost_at_most(order, context, "approve_above", "NEEDS_APPROVAL", what)


def margin_left(_order: Order, context: Context) -> Decision:
    """Excess liquidity after the order is at least ``min_excess_liquidity``, if the broker was asked."""
    if context.margin is None:
        return Decision(code="MARGIN", passed=True)
    return enough_margin(context.margin, context.limits.numbers["min_excess_liquidity"], context.currency)


def gross_exposure_within_limit(order: Order, context: Context) -> Decision:
    """Worst-case gross exposure after this order is at most ``max_gross_exposure``, in account currency."""
    limit = context.limits.numbers["max_gross_exposure"]
    missing = gap(order, context, "max_gross_exposure")
    if missing is not None:
        return missing
    worth = _worth(context)
    if isinstance(worth, Decision):
        return worth
    after = worth.gross
    passed = after <= limit
    return Decision(
        code="MAX_GROSS_EXPOSURE",
        passed=passed,
        message=""
        if passed
        else f"gross exposure would be {after:,.2f}, above max_gross_exposure {limit:,.2f}.",
        observed=after,
        limit=limit,
        unit=context.currency,
        price_source="quote",
    )


def net_exposure_within_limit(order: Order, context: Context) -> Decision:
    """
    Worst-case net exposure on the order's side is within ``max_net_exposure``, in account currency.

    A buy is held against the upper end of the band alone and a sell against the lower one, so an
    order that leads back towards zero passes wherever the account stands.
    """
    limit = context.limits.numbers["max_net_exposure"]
    missing = gap(order, context, "max_net_exposure")
    if missing is not None:
        return missing
    worth = _worth(context)
    if isinstance(worth, Decision):
        return worth
    after = worth.up if order.sign > 0 else worth.down
    passed = after * order.sign <= limit
    return Decision(
        code="MAX_NET_EXPOSURE",
        passed=passed,
        message=""
        if passed
        else f"net exposure would be {after:,.2f}, beyond max_net_exposure {limit:,.2f} either way.",
        observed=after,
        limit=limit,
        unit=context.currency,
        price_source="quote",
    )


def position_within_limit(order: Order, context: Context) -> Decision:
    """
    The position that open orders can lead to on the order's side is at most ``max_position`` units.

    An order that only reduces the position stays on its side of zero, and passes.
    """
    missing = gap(order, context, "max_position")
    if missing is not None:
        return missing
    line, limit = context.own, context.limits.numbers["max_position"]
    after = line.position + line.buys if order.sign > 0 else line.position - line.sells
    passed = after * order.sign <= limit
    return Decision(
        code="MAX_POSITION",
        passed=passed,
        message=""
        if passed
        else f"the position in {line.name} could become {after}, beyond max_position {limit} either way.",
        observed=after,
        limit=limit,
        unit="units",
    )


def no_short_sale(order: Order, context: Context) -> Decision:
    """Open sells, this one included, are at most the long position, in units of the contract."""
    missing = gap(order, context, "allow_short")
    if missing is not None:
        return missing
    if order.sign > 0:
        return Decision(code="SHORT_SALE", passed=True)
    line = context.own
    held = max(line.position, ZERO)
    passed = line.sells <= held
    return Decision(
        code="SHORT_SALE",
        passed=passed,
        message=""
        if passed
        else f"{line.sells} {line.name} would be on sale with {held} held; short sales are not allowed.",
        observed=line.sells,
        limit=held,
        unit="units",
    )


def _cost_at_most(order: Order, context: Context, name: str, code: str, what: str) -> Decision:
    """What an order may cost, held against a limit of this name; ``what`` begins the sentence."""
    missing = gap(order, context, name)
    if missing is not None:
        return missing
    assert order.quantity is not None
    line, limit = context.own, context.limits.numbers[name]
    if order.sign > 0 and order.limit_price is not None:
        price: Decimal | None = order.limit_price
        source = "limit"
    else:
        touch = context.quote.ask if order.sign > 0 else context.quote.bid
        own = max(order.limit_price or ZERO, order.stop_price or ZERO)
        price = max(own, touch or line.mark or ZERO)
        source = "quote" if price > own else "order"
    if not price:
        return _no_price(line.name)
    try:
        observed = order.quantity * line.money(price)
    except MissingRateError as error:
        return _no_rate(str(error))
    passed = observed <= limit
    return Decision(
        code=code,
        passed=passed,
        message="" if passed else f"{what} {observed:,f} {context.currency}, above {name} {limit:,f}.",
        observed=observed,
        limit=limit,
        unit=context.currency,
        price_source=source,
    )


def _worth(context: Context) -> Worth | Decision:
    """Exposure of everything, the order included, or the denial for what it cannot be measured for."""
    match context.worth:
        case MissingPriceError() as error:
            return _no_price(str(error))
        case MissingRateError() as error:
            return _no_rate(str(error))
        case worth:
            return worth


def _no_price(name: str) -> Decision:
    return Decision(
        code="NO_PRICE",
        message=f"{name} has no price, so its exposure cannot be measured; wait for a quote.",
    )


def _no_rate(what: str) -> Decision:
    return Decision(code="NO_FX_RATE", message=f"{what}; wait until the broker tells it.")
