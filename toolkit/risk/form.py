"""Checks of one order by itself: the specification's five, and the lists of names."""

from __future__ import annotations

from decimal import Decimal

from toolkit.orders.events import Decision
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP, ORDER_TYPES
from toolkit.risk.context import Context
from toolkit.risk.line import ZERO
from toolkit.risk.order import Order


def quantity_above_zero(order: Order, _context: Context) -> Decision | None:
    """Check 1: the quantity is a finite number above 0, in units of the contract."""
    quantity = order.quantity
    if quantity is None:
        fault = order.faults["quantity"]
        return Decision(code="BAD_QUANTITY", message=f"quantity {fault}; it must be a number above 0.")
    if quantity > ZERO:
        return None
    return Decision(
        code="BAD_QUANTITY", message=f"quantity is {quantity}; it must be above 0.", observed=quantity
    )


def quantity_within_limit(order: Order, context: Context) -> Decision | None:
    """Check 2: the quantity is at most ``max_order_quantity``, in units of the contract."""
    quantity, limit = order.quantity, context.limits.numbers["max_order_quantity"]
    if quantity is None:
        return Decision(code="BAD_QUANTITY", message="quantity cannot be compared with its limit.")
    if quantity <= limit:
        return None
    return Decision(
        code="MAX_ORDER_QUANTITY",
        message=f"quantity {quantity} is above max_order_quantity {limit}.",
        observed=quantity,
        limit=limit,
        unit="units",
    )


def order_type_known(order: Order, _context: Context) -> Decision | None:
    """Check 3: the order type is MARKET, LIMIT, STOP or STOP_LIMIT."""
    if order.order_type in ORDER_TYPES:
        return None
    return Decision(
        code="BAD_ORDER_TYPE",
        message=f"order_type is {order.raw.get('order_type')!r}; it must be {', '.join(ORDER_TYPES)}.",
    )


def limit_price_given(order: Order, _context: Context) -> Decision | None:
    """Check 4: a LIMIT or STOP_LIMIT order has a limit price above 0."""
    if order.order_type not in NEEDS_LIMIT:
        return None
    return _price_above_zero(order, "limit_price", order.limit_price)


def stop_price_given(order: Order, _context: Context) -> Decision | None:
    """Check 5: a STOP or STOP_LIMIT order has a stop price above 0."""
    if order.order_type not in NEEDS_STOP:
        return None
    return _price_above_zero(order, "stop_price", order.stop_price)


def symbol_not_blocked(order: Order, context: Context) -> Decision | None:
    """Neither what the intent names nor what it resolves to is on ``blocked_symbols``."""
    instrument, blocked = context.instrument, context.limits.names["blocked_symbols"]
    names: tuple[str, ...] = (order.symbol, str(order.con_id))
    shown: str | int = order.symbol or order.con_id
    if instrument is not None:
        shown = instrument.symbol
        names = (*names, instrument.symbol.upper(), str(instrument.con_id))
    if blocked.isdisjoint(names):
        return None
    return Decision(code="BLOCKED_SYMBOL", message=f"{shown} is on the list of blocked symbols.")


def symbol_allowed(order: Order, context: Context) -> Decision | None:
    """What the intent resolves to is on ``allowed_symbols``, by symbol or contract number."""
    symbol, con_id = order.symbol, order.con_id
    if context.instrument is not None:
        # An intent may name one contract's number and another one's symbol: the contract decides.
        symbol, con_id = context.instrument.symbol.upper(), context.instrument.con_id
    allowed = context.limits.names["allowed_symbols"]
    if symbol in allowed or str(con_id) in allowed:
        return None
    return Decision(
        code="SYMBOL_NOT_ALLOWED", message=f"{symbol or con_id} is not on the list of allowed symbols."
    )


def sec_type_allowed(order: Order, context: Context) -> Decision | None:
    """The security type is on ``allowed_sec_types``."""
    sec_type = order.sec_type if context.instrument is None else context.instrument.sec_type
    allowed = context.limits.names["allowed_sec_types"]
    if sec_type.upper() in allowed:
        return None
    return Decision(
        code="SEC_TYPE_NOT_ALLOWED",
        message=f"{sec_type} may not trade; allowed are {', '.join(sorted(allowed))}.",
    )


def _price_above_zero(order: Order, name: str, price: Decimal | None) -> Decision | None:
    code = f"MISSING_{name.upper()}"
    if price is None:
        return Decision(
            code=code,
            message=f"{name} {order.faults[name]}; a {order.order_type} order needs a price above 0.",
        )
    if price > ZERO:
        return None
    return Decision(code=code, message=f"{name} is {price}; it must be above 0.", observed=price)
