"""The verdicts that checks share: a value held against its limit, and an input that is missing."""

from __future__ import annotations

from decimal import Decimal

from toolkit.orders.events import Decision
from toolkit.risk.context import Context
from toolkit.risk.order import Order


def at_most(
    code: str, what: str, observed: Decimal, limit: Decimal, unit: str, price_source: str = ""
) -> Decision:
    """Passed when ``observed`` is at most ``limit``; ``what`` begins the sentence if it is not."""
    passed = observed <= limit
    return Decision(
        code=code,
        passed=passed,
        message="" if passed else f"{what} {observed:,f} {unit}, above {code.lower()} {limit:,f}.",
        observed=observed,
        limit=limit,
        unit=unit,
        price_source=price_source,
    )


def unreadable(order: Order, what: str) -> Decision | None:
    """The denial when quantity or direction cannot be read, else None."""
    if order.quantity is None:
        return Decision(
            code="BAD_QUANTITY", message=f"{what} cannot be checked: quantity {order.faults['quantity']}."
        )
    if not order.sign:
        direction = order.raw.get("direction")
        return Decision(
            code="BAD_DIRECTION",
            message=f"{what} cannot be checked: direction is {direction!r}; it must be BUY or SELL.",
        )
    return None


def no_contract(order: Order, what: str) -> Decision:
    """The denial of an order whose contract is not known."""
    name = order.symbol or order.con_id or "the contract"
    return Decision(code="NO_CONTRACT", message=f"{what} cannot be checked: {name} is not resolved yet.")


def no_positions(what: str) -> Decision:
    """The denial while the broker has not told the account's positions."""
    return Decision(
        code="NO_POSITIONS", message=f"{what} cannot be checked: the broker has not told the positions yet."
    )


def gap(order: Order, context: Context, what: str) -> Decision | None:
    """The denial for the first input that checks of size lack, else None."""
    fault = unreadable(order, what)
    if fault is not None:
        return fault
    if context.instrument is None:
        return no_contract(order, what)
    return no_positions(what) if context.line is None else None
