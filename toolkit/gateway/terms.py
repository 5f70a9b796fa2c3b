"""What an order must say to be accepted, and TWS's word for where it is."""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.gateway.ladder import BookOrder, State
from toolkit.gateway.ticks import SCALE
from toolkit.gateway.triggers import METHODS

KINDS = frozenset({"MKT", "LMT", "STP", "STP LMT", "TRAIL", "MOC", "LOC"})
TIFS = frozenset({"DAY", "GTC", "IOC", "FOK", "OPG"})
TIFS_FOR_CLOSE = frozenset({"DAY", "GTC"})
NOT_DIRECTED = frozenset({"", "SMART", "IDEALPRO"})
US_STOCK_RULE = ((0, SCALE // 10_000), (SCALE, SCALE // 100))


def fits_increment(units: int, rule: Sequence[tuple[int, int]] = US_STOCK_RULE) -> bool:
    """Whether a price (units of 1e-8) is positive and on the grid of its market rule (R12)."""
    increment = 0
    for low_edge, step in rule:
        if units >= low_edge:
            increment = step
    return units > 0 and increment > 0 and units % increment == 0


def check_terms(order: BookOrder, rule: Sequence[tuple[int, int]] = US_STOCK_RULE) -> int:
    """
    What is wrong with an order, as the error code that refuses it; 0 when nothing is.

    387 order type, 201 time in force, trigger method or trailing distance, 434 no quantity, 10243
    part of a share, 110 a price that is missing or off the increment (R12).
    """
    if order.kind not in KINDS:
        return 387
    if order.tif not in (TIFS_FOR_CLOSE if order.for_close else TIFS) or order.trigger not in METHODS:
        return 201
    if order.kind == "TRAIL" and not _keeps_a_distance(order):
        return 201
    if order.quantity <= 0:
        return 434
    if not isinstance(order.quantity, int):
        return 10243
    if order.has_limit and not fits_increment(order.limit, rule):
        return 110
    if (
        order.is_stop
        and not (order.kind == "TRAIL" and not order.stop)
        and not fits_increment(order.stop, rule)
    ):
        return 110
    return 0


def _keeps_a_distance(order: BookOrder) -> bool:
    """A trailing stop needs an amount or a percentage below 100, not both."""
    if order.trail and order.trail_percent:
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
