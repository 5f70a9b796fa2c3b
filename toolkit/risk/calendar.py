"""Checks against the contract's own calendar: is it open, and does it live long enough."""

from __future__ import annotations

from decimal import Decimal

from toolkit.orders.events import Decision
from toolkit.risk.context import Context
from toolkit.risk.order import Order

AT_THE_OPEN = "OPG"
"""Time in force of orders that are meant to wait for the open."""
WITHOUT_EXPIRY = frozenset({"STK", "CASH", "IND", "CFD", "CMDTY", "CRYPTO", "FUND"})


def market_open(order: Order, context: Context) -> Decision | None:
    """The contract's session is open: the regular one, or any for an order outside regular hours."""
    instrument, now = context.instrument, context.now
    assert instrument is not None
    assert now is not None
    outside = order.raw.get("outside_rth") is True
    hours = instrument.all_hours if outside else instrument.regular_hours
    for start, end in hours or ():
        if start <= now < end:
            return None
    # Hours are told for some days; past the last of them they say nothing.
    if not hours or now > hours[-1][1]:
        return Decision(
            code="NO_HOURS",
            message=f"the broker has not told when {instrument.symbol} trades, so it counts as closed.",
        )
    if order.raw.get("tif") == AT_THE_OPEN:
        return None
    opening = next((start for start, _ in hours if start > now), None)
    when = "" if opening is None else f" until {opening:%Y-%m-%d %H:%M} UTC"
    what = "outside regular hours too" if outside else "for regular trading"
    return Decision(code="MARKET_CLOSED", message=f"{instrument.symbol} is closed {what}{when}.")


def expiry_far_enough(_order: Order, context: Context) -> Decision | None:
    """The last trading day of a future or option is at least ``min_days_to_expiry`` days away."""
    instrument, now = context.instrument, context.now
    assert instrument is not None
    assert now is not None
    if instrument.sec_type in WITHOUT_EXPIRY:
        return None
    if instrument.expiry is None:
        return Decision(
            code="NO_EXPIRY", message=f"the broker has not told when {instrument.symbol} expires."
        )
    days, limit = (instrument.expiry - now.date()).days, context.limits.numbers["min_days_to_expiry"]
    if days >= limit:
        return None
    return Decision(
        code="EXPIRY_SOON",
        message=f"{instrument.symbol} trades for the last time on {instrument.expiry}, in {days} days, below "
        f"min_days_to_expiry {limit}.",
        observed=Decimal(days),
        limit=limit,
        unit="days",
    )
