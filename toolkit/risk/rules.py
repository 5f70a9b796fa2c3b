"""
The checks on one intent, each a plain function of the raw fields that returns a ``Decision``.

They read the raw dict, not the parsed intent, so that ``SimpleRiskChecker.validate`` answers for
any dict that a strategy may hold. Every check is evaluated and every failure is reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from toolkit.orders.events import Decision
from toolkit.orders.intent import NEEDS_LIMIT, NEEDS_STOP, ORDER_TYPES
from toolkit.orders.numbers import exact
from toolkit.risk.exposure import Book, MissingPriceError, MissingRateError, gross_exposure

Intent = Mapping[str, Any]


def quantity_above_zero(intent: Intent) -> Decision:
    """Check 1: the quantity is a finite number above 0, in units of the contract."""
    try:
        quantity = exact(intent.get("quantity"))
    except ValueError as error:
        return Decision(code="BAD_QUANTITY", message=f"quantity {error}; it must be a number above 0.")
    if quantity > 0:
        return Decision(code="BAD_QUANTITY", passed=True)
    return Decision(
        code="BAD_QUANTITY", message=f"quantity is {quantity}; it must be above 0.", observed=quantity
    )


def quantity_within_limit(intent: Intent, limit: Decimal) -> Decision:
    """Check 2: the quantity is at most ``limit``, in units of the contract."""
    try:
        quantity = exact(intent.get("quantity"))
    except ValueError:
        return Decision(code="MAX_ORDER_QUANTITY", message="quantity cannot be compared with its limit.")
    passed = quantity <= limit
    return Decision(
        code="MAX_ORDER_QUANTITY",
        passed=passed,
        message="" if passed else f"quantity {quantity} is above max_order_quantity {limit}.",
        observed=quantity,
        limit=limit,
        unit="units",
    )


def order_type_known(intent: Intent) -> Decision:
    """Check 3: the order type is MARKET, LIMIT, STOP or STOP_LIMIT."""
    order_type = intent.get("order_type")
    if order_type in ORDER_TYPES:
        return Decision(code="BAD_ORDER_TYPE", passed=True)
    return Decision(
        code="BAD_ORDER_TYPE", message=f"order_type is {order_type!r}; it must be {', '.join(ORDER_TYPES)}."
    )


def limit_price_given(intent: Intent) -> Decision:
    """Check 4: a LIMIT or STOP_LIMIT order has a limit price above 0."""
    return _price_given(intent, "limit_price", NEEDS_LIMIT)


def stop_price_given(intent: Intent) -> Decision:
    """Check 5: a STOP or STOP_LIMIT order has a stop price above 0."""
    return _price_given(intent, "stop_price", NEEDS_STOP)


def symbol_allowed(intent: Intent, blocked: frozenset[str]) -> Decision:
    """The symbol is not on the list of blocked ones."""
    symbol = intent.get("symbol")
    if symbol not in blocked:
        return Decision(code="BLOCKED_SYMBOL", passed=True)
    return Decision(code="BLOCKED_SYMBOL", message=f"{symbol} is on the list of blocked symbols.")


def gross_exposure_within_limit(intent: Intent, book: Book, limit: Decimal) -> Decision:
    """Worst-case gross exposure after this order is at most ``limit``, in account currency."""
    try:
        after = gross_exposure(book, intent)
    except MissingPriceError as error:
        return Decision(
            code="NO_PRICE",
            message=f"{error} has no price, so its exposure cannot be measured; wait for a quote.",
        )
    except MissingRateError as error:
        return Decision(code="NO_FX_RATE", message=f"{error}, and no exchange rate is known.")
    except ValueError as error:
        return Decision(code="MAX_GROSS_EXPOSURE", message=f"exposure cannot be measured: quantity {error}.")
    passed = after <= limit
    return Decision(
        code="MAX_GROSS_EXPOSURE",
        passed=passed,
        message=""
        if passed
        else f"gross exposure would be {after:,.2f}, above max_gross_exposure {limit:,.2f}.",
        observed=after,
        limit=limit,
        unit=book.currency,
        price_source="quote",
    )


def _price_given(intent: Intent, name: str, needed_by: frozenset[str]) -> Decision:
    code = f"MISSING_{name.upper()}"
    order_type = intent.get("order_type")
    if order_type not in needed_by:
        return Decision(code=code, passed=True)
    try:
        price = exact(intent.get(name))
    except ValueError as error:
        return Decision(code=code, message=f"{name} {error}; a {order_type} order needs a price above 0.")
    if price > 0:
        return Decision(code=code, passed=True)
    return Decision(code=code, message=f"{name} is {price}; it must be above 0.", observed=price)
