"""Checks of size: one order's money, exposure, position, and what may be sold short."""

from __future__ import annotations

from decimal import Decimal

from toolkit.orders.events import Decision
from toolkit.risk.context import Context
from toolkit.risk.line import ZERO, MissingPriceError, MissingRateError, Worth
from toolkit.risk.margin import enough_margin
from toolkit.risk.order import Order
from toolkit.risk.verdicts import above


def quantity_is_usual(order: Order, context: Context) -> Decision | None:
    """The quantity is at most ``fat_finger_multiple`` times what is usual for the strategy."""
    usual, quantity = context.usual_quantity, order.quantity
    assert quantity is not None
    multiple = context.limits.numbers["fat_finger_multiple"]
    if usual is None or quantity <= multiple * usual:
        return None
    what = f"its quantity over the {usual:f} that is usual for strategy {order.strategy!r} is"
    return above("FAT_FINGER", what, quantity / usual, multiple, "times")


def order_notional(order: Order, context: Context) -> Decision | None:
    """
    Quantity x price x multiplier is at most ``max_order_notional``, in account currency.

    A buy with a limit costs at most its limit; every other order may trade at the dearer of its own
    prices and the side of the quote that it meets, or the contract's mark without one.
    """
    return _cost_above(order, context, "max_order_notional", "MAX_ORDER_NOTIONAL", "the order may cost")


def large_order_approved(order: Order, context: Context) -> Decision | None:
    """The money of ``order_notional`` is at most ``approve_above``, or another person released the order."""
    if context.approved:
        return None
    what = "another person has to release it with `toolkit approve`: it may cost"
    return _cost_above(order, context, "approve_above", "NEEDS_APPROVAL", what)


def margin_left(_order: Order, context: Context) -> Decision | None:
    """Excess liquidity after the order is at least ``min_excess_liquidity``, if the broker was asked."""
    if context.margin is None:
        return None
    return enough_margin(context.margin, context.limits.numbers["min_excess_liquidity"], context.currency)


def gross_exposure_within_limit(_order: Order, context: Context) -> Decision | None:
    """Worst-case gross exposure after this order is at most ``max_gross_exposure``, in account currency."""
    worth, limit = context.worth, context.limits.numbers["max_gross_exposure"]
    if not isinstance(worth, Worth):
        return _unmeasured(worth)
    if worth.gross <= limit:
        return None
    return Decision(
        code="MAX_GROSS_EXPOSURE",
        message=f"gross exposure would be {worth.gross:,.2f}, above max_gross_exposure {limit:,.2f}.",
        observed=worth.gross,
        limit=limit,
        unit=context.currency,
        price_source="quote",
    )


def net_exposure_within_limit(order: Order, context: Context) -> Decision | None:
    """
    Worst-case net exposure on the order's side is within ``max_net_exposure``, in account currency.

    A buy is held against the upper end of the band alone and a sell against the lower one, so an
    order that leads back towards zero passes wherever the account stands.
    """
    worth, limit = context.worth, context.limits.numbers["max_net_exposure"]
    if not isinstance(worth, Worth):
        return _unmeasured(worth)
    after = worth.up if order.sign > 0 else -worth.down
    if after <= limit:
        return None
    after *= order.sign
    return Decision(
        code="MAX_NET_EXPOSURE",
        message=f"net exposure would be {after:,.2f}, beyond max_net_exposure {limit:,.2f} either way.",
        observed=after,
        limit=limit,
        unit=context.currency,
        price_source="quote",
    )


def position_within_limit(order: Order, context: Context) -> Decision | None:
    """
    The position that open orders can lead to on the order's side is at most ``max_position`` units.

    An order that only reduces the position stays on its side of zero, and passes.
    """
    line, limit = context.line, context.limits.numbers["max_position"]
    assert line is not None
    after = line.position + line.buys if order.sign > 0 else line.sells - line.position
    if after <= limit:
        return None
    after *= order.sign
    return Decision(
        code="MAX_POSITION",
        message=f"the position in {line.name} could become {after}, beyond max_position {limit} either way.",
        observed=after,
        limit=limit,
        unit="units",
    )


def position_share_within_limit(order: Order, context: Context) -> Decision | None:
    """
    What that position may be worth is at most ``max_position_pct_nav`` of the net liquidation value.

    As ``position_within_limit``, in percent.
    """
    worth, limit = context.own_worth, context.limits.numbers["max_position_pct_nav"]
    if not isinstance(worth, Worth):
        return _unmeasured(worth)
    after, value = (worth.up if order.sign > 0 else -worth.down) * 100, context.profit.value
    if after <= ZERO:
        return None
    if value is None or value <= ZERO:
        return Decision(
            code="NO_NAV", message="the broker has not told a net liquidation value above 0 to measure by."
        )
    if after <= limit * value:
        return None
    return Decision(
        code="MAX_POSITION_PCT_NAV",
        message=f"the position could come to {after / value:.2f} % of the net liquidation value "
        f"{value:,.2f}, above max_position_pct_nav {limit}.",
        observed=after / value,
        limit=limit,
        unit="%",
        price_source="quote",
    )


def short_sale_located(order: Order, context: Context) -> Decision | None:
    """
    Open sells of a stock beyond the long position are at most the shares that the broker has to lend.

    It is the seller who has to find them before the sale (Regulation SHO); only stocks are borrowed.
    """
    line, instrument, shares = context.line, context.instrument, context.quote.shortable
    assert line is not None
    assert instrument is not None
    if order.sign > 0 or instrument.sec_type != "STK":
        return None
    short = line.sells - max(line.position, ZERO)
    if short <= ZERO:
        return None
    if shares is None:
        return Decision(
            code="SHORTABLE_UNKNOWN",
            message=f"the broker has not told how many shares of {line.name} it has to lend.",
        )
    if short <= shares:
        return None
    return Decision(
        code="NOT_SHORTABLE",
        message=f"{short} {line.name} would be on sale beyond what is held; the broker has {shares} to lend.",
        observed=short,
        limit=shares,
        unit="shares",
    )


def no_short_sale(order: Order, context: Context) -> Decision | None:
    """Open sells, this one included, are at most the long position, in units of the contract."""
    if order.sign > 0:
        return None
    line = context.line
    assert line is not None
    held = max(line.position, ZERO)
    if line.sells <= held:
        return None
    return Decision(
        code="SHORT_SALE",
        message=f"{line.sells} {line.name} would be on sale with {held} held; short sales are not allowed.",
        observed=line.sells,
        limit=held,
        unit="units",
    )


def _cost_above(order: Order, context: Context, name: str, code: str, what: str) -> Decision | None:
    """What an order may cost when that is more than a limit of this name; ``what`` begins the sentence."""
    line, limit = context.line, context.limits.numbers[name]
    assert line is not None
    assert order.quantity is not None
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
        observed = order.quantity * price * line.unit()
    except MissingRateError as error:
        return _no_rate(str(error))
    if observed <= limit:
        return None
    return Decision(
        code=code,
        message=f"{what} {observed:,f} {context.currency}, above {name} {limit:,f}.",
        observed=observed,
        limit=limit,
        unit=context.currency,
        price_source=source,
    )


def _unmeasured(error: MissingPriceError | MissingRateError) -> Decision:
    return _no_price(str(error)) if isinstance(error, MissingPriceError) else _no_rate(str(error))


def _no_price(name: str) -> Decision:
    return Decision(
        code="NO_PRICE",
        message=f"{name} has no price, so its exposure cannot be measured; wait for a quote.",
    )


def _no_rate(what: str) -> Decision:
    return Decision(code="NO_FX_RATE", message=f"{what}; wait until the broker tells it.")
