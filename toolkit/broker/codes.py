"""
What the broker's error codes mean for an order, in one table.

The same number means different things depending on what it answers, so the key is the code and the
action that was pending: a new order that was never acknowledged, a cancel, or nothing (hazards H1,
H15, H28, H29, H45). A code that no table knows never ends an order: it is a question, not an answer.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Action(Enum):
    """What we were waiting for when the message came."""

    PLACE = "place"
    """a new order, not acknowledged yet"""
    CANCEL = "cancel"
    NONE = "none"
    """a live order, nothing asked"""


class Meaning(Enum):
    """What a code says about the order it names."""

    REJECTED = "the broker refused the order"
    CANCELLED = "the broker confirmed a cancel"
    CANCEL_REFUSED = "the broker refused a cancel; the order is untouched"
    NOTICE = "information; nothing changes"
    UNKNOWN = "we can no longer tell; only evidence settles it"


_ALWAYS: Final = {
    202: Meaning.CANCELLED,
    399: Meaning.NOTICE,
    404: Meaning.NOTICE,
    2109: Meaning.NOTICE,
    2137: Meaning.NOTICE,
    10349: Meaning.NOTICE,
    100: Meaning.UNKNOWN,
    103: Meaning.UNKNOWN,
}
"""Codes that mean the same whatever was asked."""

_REFUSES_NEW: Final = frozenset(
    {105, 106, 107, 109, 110, 111, 113, 163, 200, 201, 203, 321, 322, 329, 355, 382, 383, 387, 388}
    | {434, 436, 451, 460, 463, 2102}
)
"""Codes that refuse an order which was never acknowledged; on a live order they end nothing."""

_REFUSES_CANCEL: Final = frozenset({104, 135, 136, 161, 10147, 10148})
"""Codes that refuse a cancel; the order may be finished already, which its own messages will say."""

LINK: Final = frozenset({502, 503, 504, 505, 506, 507, 1100, 1101, 1102, 1300, 2110})
"""Codes about the link between us, the gateway and the broker; they name no order."""


def meaning(code: int, action: Action) -> Meaning:
    """
    What ``code`` says about an order for which ``action`` was pending.

    An unknown code on a new order leaves it unknown; on a live order it is a notice.
    """
    if code in _ALWAYS:
        return _ALWAYS[code]
    if action is Action.CANCEL and code in _REFUSES_CANCEL:
        return Meaning.CANCEL_REFUSED
    if action is Action.PLACE:
        return Meaning.REJECTED if code in _REFUSES_NEW else Meaning.UNKNOWN
    return Meaning.NOTICE
