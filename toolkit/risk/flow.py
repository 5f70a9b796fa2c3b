"""Checks against other orders: repeats, rate, how many are open, and orders that would meet our own."""

from __future__ import annotations

from decimal import Decimal

from toolkit.orders.events import Decision
from toolkit.orders.intent import OrderIntent
from toolkit.orders.state import OrderState
from toolkit.risk.context import Context, seconds
from toolkit.risk.limits import OWN_RATE
from toolkit.risk.order import Order
from toolkit.risk.verdicts import above


def no_repeat(order: Order, context: Context) -> Decision | None:
    """No order of the same account, contract, side, quantity, type and prices in ``repeat_window_s``."""
    window = context.limits.numbers["repeat_window_s"]
    twin = None if order.repeat_allowed else _twin(order, context, window)
    if twin is None:
        return None
    age = _age(context, twin)
    return Decision(
        code="DUPLICATE_ECONOMICS",
        message=f"the same order went {age:.1f} s ago as {twin.intent_id}; "
        f"wait {window} s, or set allow_repeat if both are meant.",
        observed=age,
        limit=window,
        unit="s",
    )


def rate_within_limit(_order: Order, context: Context) -> Decision | None:
    """Orders accepted in the last second, this one included, are at most ``max_orders_per_second``."""
    count, limit = context.orders_this_second + 1, context.limits.numbers["max_orders_per_second"]
    if count <= limit:
        return None
    return Decision(
        code="ORDER_RATE",
        message=f"{count} orders in one second, above max_orders_per_second {limit}.",
        observed=Decimal(count),
        limit=limit,
        unit="orders",
    )


def own_rate_within_limit(order: Order, context: Context) -> Decision | None:
    """As ``rate_within_limit``, of the order's strategy alone."""
    count, limit = context.own_this_second + 1, context.limits.numbers[OWN_RATE]
    if count <= limit:
        return None
    return Decision(
        code="ORDER_RATE",
        message=f"{count} orders of strategy {order.strategy!r} in one second, above its "
        f"max_orders_per_second {limit}.",
        observed=Decimal(count),
        limit=limit,
        unit="orders",
    )


def open_orders_within_limit(_order: Order, context: Context) -> Decision | None:
    """Orders that may still trade, this one included, are at most ``max_open_orders``."""
    count, limit = context.open_orders + 1, context.limits.numbers["max_open_orders"]
    if count <= limit:
        return None
    return above("MAX_OPEN_ORDERS", "open orders would be", Decimal(count), limit, "orders")


def open_orders_per_side_within_limit(order: Order, context: Context) -> Decision | None:
    """As ``open_orders_within_limit``, of one contract on one side; the broker refuses the 21st."""
    count, limit = context.same_side + 1, context.limits.numbers["max_open_orders_per_side"]
    if count <= limit:
        return None
    assert context.instrument is not None
    what = f"open {'buys' if order.sign > 0 else 'sells'} of {context.instrument.symbol} would be"
    return above("MAX_OPEN_ORDERS_PER_SIDE", what, Decimal(count), limit, "orders")


def orders_per_day_within_limit(_order: Order, context: Context) -> Decision | None:
    """Orders accepted today in the contract, this one included, are at most ``max_orders_per_day``."""
    count, limit = context.orders_today + 1, context.limits.numbers["max_orders_per_day"]
    if count <= limit:
        return None
    assert context.instrument is not None
    what = f"today's orders in {context.instrument.symbol} would be"
    return above("ORDERS_PER_DAY", what, Decimal(count), limit, "orders")


def quantity_per_day_within_limit(order: Order, context: Context) -> Decision | None:
    """Today's orders in the contract, this one included, come to at most ``max_quantity_per_day`` units."""
    assert order.quantity is not None
    quantity, limit = context.quantity_today + order.quantity, context.limits.numbers["max_quantity_per_day"]
    if quantity <= limit:
        return None
    assert context.instrument is not None
    what = f"today's orders in {context.instrument.symbol} would come to"
    return above("QUANTITY_PER_DAY", what, quantity, limit, "units")


def fills_within_limit(order: Order, context: Context) -> Decision | None:
    """
    Fills of the strategy in the contract within the last minute are below ``max_fills_per_minute``.

    A strategy that runs in circles is stopped here (RTS 6, article 15, repeated automated execution).
    """
    count, limit = context.recent_fills, context.limits.numbers["max_fills_per_minute"]
    if count < limit:
        return None
    assert context.instrument is not None
    return Decision(
        code="REPEATED_EXECUTION",
        message=f"strategy {order.strategy!r} had {count} fills in {context.instrument.symbol} within a "
        f"minute, max_fills_per_minute is {limit}.",
        observed=Decimal(count),
        limit=limit,
        unit="fills",
    )


def efficient(_order: Order, context: Context) -> Decision | None:
    """The day's order-efficiency ratio with this order is at most ``max_order_efficiency_ratio``."""
    ratio, limit = context.efficiency, context.limits.numbers["max_order_efficiency_ratio"]
    if ratio <= limit:
        return None
    return Decision(
        code="ORDER_EFFICIENCY",
        message=f"the order-efficiency ratio would be {ratio:.1f}, above "
        f"max_order_efficiency_ratio {limit}; too few of today's orders were filled.",
        observed=ratio,
        limit=limit,
    )


def no_self_cross(order: Order, context: Context) -> Decision | None:
    """
    No own working order of the other side stands at a price that this one would meet.

    A stop that has not triggered meets nobody, be it this order or the other one.
    """
    account = order.account or context.account
    for state in context.opposite:
        other = state.intent
        assert other is not None
        if (other.account or context.account) == account and _crosses(order, other):
            price = "the market" if other.limit_price is None else str(other.limit_price)
            return Decision(
                code="SELF_CROSS",
                message=f"it would meet our own order {state.intent_id}, which "
                f"{'buys' if other.sign > 0 else 'sells'} at {price}; cancel that one first.",
                observed=order.limit_price,
                limit=other.limit_price,
                unit="price",
                price_source="order",
            )
    return None


def _crosses(order: Order, other: OrderIntent) -> bool:
    if order.order_type not in _LIVE or other.order_type not in _LIVE:
        return False
    if order.order_type == "MARKET" or other.order_type == "MARKET":
        return True
    if order.limit_price is None or other.limit_price is None:
        return True
    return (order.limit_price - other.limit_price) * order.sign >= 0


_LIVE = ("MARKET", "LIMIT")


def _twin(order: Order, context: Context, window: Decimal) -> OrderState | None:
    instrument = context.instrument
    assert instrument is not None
    account = order.account or context.account
    for state in context.recent:
        intent = state.intent
        if (
            intent is not None
            and state.intent_id != order.replaces
            and state.con_id == instrument.con_id
            and intent.sign == order.sign
            and intent.quantity == order.quantity
            and intent.order_type == order.order_type
            and intent.limit_price == order.limit_price
            and intent.stop_price == order.stop_price
            and (intent.account or context.account) == account
            and _age(context, state) < window
        ):
            return state
    return None


def _age(context: Context, state: OrderState) -> Decimal:
    """Seconds since risk let an order pass."""
    assert context.now is not None
    assert state.accepted_at is not None
    return seconds(context.now - state.accepted_at)
