"""Where an order can stand, and what each of the broker's own words says about that."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class OrderStatus(Enum):
    """
    Where an order stands; the value is the word that reports carry.

    Attributes:
        final: whether only fills and corrections can still change the order.
    """

    PENDING_SUBMIT = "PendingSubmit"
    PRE_SUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    PENDING_CANCEL = "PendingCancel"
    REJECTED = "Rejected"
    UNKNOWN = "Unknown"

    final: bool

    def __init__(self, word: str) -> None:
        self.final = word in ("Filled", "Cancelled", "Rejected")


WORDS: Final[Mapping[str, OrderStatus]] = {
    "ApiPending": OrderStatus.PENDING_SUBMIT,
    "PendingSubmit": OrderStatus.PENDING_SUBMIT,
    "PreSubmitted": OrderStatus.PRE_SUBMITTED,
    "Submitted": OrderStatus.SUBMITTED,
    "PendingCancel": OrderStatus.PENDING_CANCEL,
    # Executions decide when an order is filled; until they are here the word only proves it worked.
    "Filled": OrderStatus.SUBMITTED,
    "Cancelled": OrderStatus.CANCELLED,
    "ApiCancelled": OrderStatus.CANCELLED,
    # Refused, parked by a precaution, or held for borrow: alone it does not say which.
    "Inactive": OrderStatus.UNKNOWN,
}
"""The broker's word -> what it means for an order without fills."""

UNCLEAR_WORDS: Final = frozenset(word for word, meaning in WORDS.items() if meaning is OrderStatus.UNKNOWN)
"""Words that alone do not say what became of an order."""

CANCEL_WORDS: Final = frozenset({"Cancelled", "ApiCancelled"})

LIVE_WORDS: Final = frozenset({"ApiPending", "PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel"})
"""Words that only an order has which may still trade."""
