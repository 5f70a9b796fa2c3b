"""What an order must say to be accepted, and TWS's word for where it is."""

from __future__ import annotations

from toolkit.gateway.ladder import BookOrder, State
from toolkit.gateway.ticks import SCALE, US_STOCK_RULE, Rule, increment_at
from toolkit.gateway.triggers import METHODS

KINDS = frozenset({"MKT", "LMT", "STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "MOC", "LOC"})
TIFS = frozenset({"DAY", "GTC", "IOC", "FOK", "OPG"})
TIFS_FOR_CLOSE = frozenset({"DAY", "GTC"})
NOT_DIRECTED = frozenset({"", "SMART", "IDEALPRO"})


def fits_increment(units: int, rule: Rule = US_STOCK_RULE) -> bool:
    """Whether a price (units of 1e-8) is positive and on the grid of its market rule (R12)."""
    increment = increment_at(units, rule)
    return units > 0 and increment > 0 and units % increment == 0


def check_terms(order: BookOrder, rule: Rule = US_STOCK_RULE) -> int:
    """
    What is wrong with an order, as the error code that refuses it; 0 when nothing is.

    387 order type, 201 time in force, trigger method or trailing distance, 434 no quantity, 10243
    part of a share, 110 a price that is missing or off the increment (R12).
    """
    if order.kind not in KINDS:
        return 387
    if order.tif not in (TIFS_FOR_CLOSE if order.for_close else TIFS) or order.trigger not in METHODS:
        return 201
    if order.trails and not _keeps_a_distance(order):
        return 201
    if order.quantity <= 0:
        return 434
    if not isinstance(order.quantity, int):
        return 10243
    if order.trails and not order.stop:
        return 0  # its prices are found on the grid once it sees the market
    if order.has_limit and not fits_increment(order.limit, rule):
        return 110
    if order.is_stop and not fits_increment(order.stop, rule):
        return 110
    return 0


def _keeps_a_distance(order: BookOrder) -> bool:
    """A trailing stop needs an amount or a percentage below 100, not both; and for a limit its offset."""
    if (order.trail and order.trail_percent) or order.offset is None:
        return False
    return order.trail > 0 or 0 < order.trail_percent < 100 * SCALE


def status_word(order: BookOrder) -> str:
    """TWS's status word for an accepted order."""
    if order.state is State.WORKING:
        held = order.at_market and not order.filled
        return "PreSubmitted" if held else "Submitted"
    if order.state is State.FILLED:
        return "Filled"
    if order.state is State.HELD and not order.transmit:
        return "PendingSubmit"
    return "Cancelled" if order.state is State.CANCELLED else "PreSubmitted"
