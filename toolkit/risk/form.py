"""Checks of one order by itself: the specification's five, and the lists of names."""

from __future__ import annotations

from typing import Final

from toolkit.orders.events import Decision
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP, ORDER_TYPES
from toolkit.risk.context import Context
from toolkit.risk.order import Order
from toolkit.risk.verdicts import no_contract


def quantity_above_zero(order: Order, _context: Context) -> Decision:
    """Check 1: the quantity is a finite number above 0, in units of the contract."""
    quantity = order.quantity
    if quantity is None:
        fault = order.faults["quantity"]
        return Decision(code="BAD_QUANTITY", message=f"quantity {fault}; it must be a number above 0.")
    if quantity > 0:
        return _GOOD_QUANTITY
    return Decision(
        code="BAD_QUANTITY", message=f"quantity is {quantity}; it must be above 0.", observed=quantity
    )


def quantity_within_limit(order: Order, context: Context) -> Decision:
    """Check 2: the quantity is at most ``max_order_quantity``, in units of the contract."""
    quantity, limit = order.quantity, context.limits.numbers["max_order_quantity"]
    if quantity is None:
        return Decision(code="BAD_QUANTITY", message="quantity cannot be compared with its limit.")
    passed = quantity <= limit
    return Decision(
        code="MAX_ORDER_QUANTITY",
        passed=passed,
        message="" if passed else f"quantity {quantity} is above max_order_quantity {limit}.",
        observed=quantity,
        limit=limit,
        unit="units",
    )


def order_type_known(order: Order, _context: Context) -> Decision:
    """Check 3: the order type is MARKET, LIMIT, STOP or STOP_LIMIT."""
    if order.order_type in ORDER_TYPES:
        return _GOOD_TYPE
    return Decision(
        code="BAD_ORDER_TYPE",
        message=f"order_type is {order.raw.get('order_type')!r}; it must be {', '.join(ORDER_TYPES)}.",
    )


def limit_price_given(order: Order, _context: Context) -> Decision:
    """Check 4: a LIMIT or STOP_LIMIT order has a limit price above 0."""
    return _price_given(order, "limit_price", NEEDS_LIMIT)


def stop_price_given(order: Order, _context: Context) -> Decision:
    """Check 5: a STOP or STOP_LIMIT order has a stop price above 0."""
    return _price_given(order, "stop_price", NEEDS_STOP)


def symbol_not_blocked(order: Order, context: Context) -> Decision:
    """Neither what the intent names nor what it resolves to is on ``blocked_symbols``."""
    instrument = context.instrument
    names, shown = {order.symbol, str(order.con_id)}, order.raw.get("symbol")
    if instrument is not None:
        shown = shown or instrument.symbol
        names |= {instrument.symbol.upper(), str(instrument.con_id)}
    elif context.bound:
        return no_contract(order, "blocked_symbols")
    blocked = context.limits.names["blocked_symbols"] & names
    if not blocked:
        return Decision(code="BLOCKED_SYMBOL", passed=True)
    return Decision(
        code="BLOCKED_SYMBOL", message=f"{shown or min(blocked)} is on the list of blocked symbols."
    )


def symbol_allowed(order: Order, context: Context) -> Decision:
    """What the intent resolves to is on ``allowed_symbols``, by symbol or contract number."""
    symbol, con_id = order.symbol, order.con_id
    if context.instrument is not None:
        # An intent may name one contract's number and another one's symbol: the contract decides.
        symbol, con_id = context.instrument.symbol.upper(), context.instrument.con_id
    elif context.bound:
        return no_contract(order, "allowed_symbols")
    allowed = context.limits.names["allowed_symbols"]
    if symbol in allowed or str(con_id) in allowed:
        return Decision(code="SYMBOL_NOT_ALLOWED", passed=True)
    return Decision(
        code="SYMBOL_NOT_ALLOWED", message=f"{symbol or con_id} is not on the list of allowed symbols."
    )


def sec_type_allowed(order: Order, context: Context) -> Decision:
    """The security type is on ``allowed_sec_types``."""
    sec_type = order.sec_type
    if context.instrument is not None:
        sec_type = context.instrument.sec_type
    elif context.bound:
        return no_contract(order, "allowed_sec_types")
    allowed = context.limits.names["allowed_sec_types"]
    if sec_type.upper() in allowed:
        return Decision(code="SEC_TYPE_NOT_ALLOWED", passed=True)
    return Decision(
        code="SEC_TYPE_NOT_ALLOWED",
        message=f"{sec_type} may not trade; allowed are {', '.join(sorted(allowed))}.",
    )


_GOOD_QUANTITY: Final = Decision(code="BAD_QUANTITY", passed=True)
_GOOD_TYPE: Final = Decision(code="BAD_ORDER_TYPE", passed=True)


def _price_given(order: Order, name: str, needed_by: frozenset[str]) -> Decision:
    code = f"MISSING_{name.upper()}"
    if order.order_type not in needed_by:
        return Decision(code=code, passed=True)
    price = order.limit_price if name == "limit_price" else order.stop_price
    if price is None:
        return Decision(
            code=code,
            message=f"{name} {order.faults[name]}; a {order.order_type} order needs a price above 0.",
        )
    if price > 0:
        return Decision(code=code, passed=True)
    return Decision(code=code, message=f"{name} is {price}; it must be above 0.", observed=price)
