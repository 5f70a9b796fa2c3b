"""What checks share: the denial of a value beyond its limit, and those of inputs that are missing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from toolkit.orders.events import Decision
from toolkit.risk.context import Context
from toolkit.risk.order import Order

Need = Callable[[Order, Context, str], Decision | None]
"""Gives the denial of what cannot be checked (its name in the third place) for want of an input."""


def above(
    code: str, what: str, observed: Decimal, limit: Decimal, unit: str, price_source: str = ""
) -> Decision:
    """The denial of what is more than it may be; ``what`` begins the sentence."""
    return Decision(
        code=code,
        message=f"{what} {observed:,f} {unit}, above {code.lower()} {limit:,f}.",
        observed=observed,
        limit=limit,
        unit=unit,
        price_source=price_source,
    )


def quantity_and_side_readable(order: Order, context: Context, what: str) -> Decision | None:
    """The order says how much, and whether it buys or sells."""
    if order.quantity is None:
        return Decision(
            code="BAD_QUANTITY", message=f"{what} cannot be checked: quantity {order.faults['quantity']}."
        )
    return side_readable(order, context, what)


def side_readable(order: Order, _context: Context, what: str) -> Decision | None:
    """The order says whether it buys or sells."""
    if order.sign:
        return None
    direction = order.raw.get("direction")
    return Decision(
        code="BAD_DIRECTION",
        message=f"{what} cannot be checked: direction is {direction!r}; it must be BUY or SELL.",
    )


def contract_known(order: Order, context: Context, what: str) -> Decision | None:
    """The order's contract is resolved."""
    if context.instrument is not None:
        return None
    name = order.symbol or order.con_id or "the contract"
    return Decision(code="NO_CONTRACT", message=f"{what} cannot be checked: {name} is not resolved yet.")


def contract_known_if_bound(order: Order, context: Context, what: str) -> Decision | None:
    """As ``contract_known``; without a book nothing is ever resolved, and names are all there is."""
    return contract_known(order, context, what) if context.bound else None


def positions_known(_order: Order, context: Context, what: str) -> Decision | None:
    """The broker has told the account's positions."""
    return no_positions(what) if context.line is None else None


def no_positions(what: str) -> Decision:
    """The denial while the broker has not told the account's positions."""
    return Decision(
        code="NO_POSITIONS", message=f"{what} cannot be checked: the broker has not told the positions yet."
    )
