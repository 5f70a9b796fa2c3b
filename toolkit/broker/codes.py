"""
What the broker's error codes mean for an order, in one table.

The same number means different things depending on what it answers, so the key is the code and the
action that was pending (hazards H1, H15, H16, H27, H28, H29, H45). A code that no row names never
ends an order: it is a question, not an answer, and the broker is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple


class Action(Enum):
    """What we were waiting for when the message came."""

    PLACE = "place"
    """a new order, not acknowledged yet"""
    REPLACE = "replace"
    CANCEL = "cancel"
    NONE = "none"
    """a live order, nothing asked"""


class Meaning(Enum):
    """What a code says about the order it names."""

    REJECTED = "the broker refused the order"
    CANCELLED = "the broker confirmed a cancel"
    CANCEL_REFUSED = "the broker refused a cancel; the order is untouched"
    REPLACE_REFUSED = "the broker refused a change; the order lives on, on its old terms"
    HELD = "the broker took the order and holds it"
    NOTICE = "information; nothing changes"
    UNKNOWN = "we can no longer tell; only evidence settles it"


class Verdict(NamedTuple):
    """A code's meaning, and whether the broker has to be asked for the whole truth."""

    meaning: Meaning
    ask: bool = False


class Row(NamedTuple):
    """One line of the table: what a code says while each action is pending."""

    place: Verdict
    replace: Verdict
    cancel: Verdict
    none: Verdict


_NOTICE, _ASK = Verdict(Meaning.NOTICE), Verdict(Meaning.NOTICE, ask=True)
_UNKNOWN = Verdict(Meaning.UNKNOWN, ask=True)
_REJECTED, _CANCELLED = Verdict(Meaning.REJECTED), Verdict(Meaning.CANCELLED)
_REPLACE_REFUSED = Verdict(Meaning.REPLACE_REFUSED)
_REPLACE_REFUSED_ASK = Verdict(Meaning.REPLACE_REFUSED, ask=True)
_CANCEL_REFUSED_ASK = Verdict(Meaning.CANCEL_REFUSED, ask=True)

_ROWS: Final[tuple[tuple[Row, tuple[int, ...]], ...]] = (
    # It may name a healthy order of the same number, and proves nothing about the new one (H16).
    (Row(_UNKNOWN, _ASK, _ASK, _ASK), (103,)),
    # An action that came too late or for nothing: the order may be finished, which it says itself.
    (Row(_UNKNOWN, _REPLACE_REFUSED_ASK, _CANCEL_REFUSED_ASK, _ASK), (104, 135, 136, 161, 10147, 10148)),
    (Row(_REJECTED, _REPLACE_REFUSED, _NOTICE, _NOTICE), (105, 110, 321, 322, 329, 2102)),
    (
        Row(_REJECTED, _REPLACE_REFUSED, _ASK, _ASK),
        (106, 107, 109, 111, 113, 163, 200, 203, 355, *range(382, 389), 434, 436, 451, 460, 463),
    ),
    # On a live order only a matching status ends it (H27).
    (Row(_REJECTED, _REPLACE_REFUSED_ASK, _ASK, _ASK), (201,)),
    (Row(_CANCELLED, _CANCELLED, _CANCELLED, _CANCELLED), (202,)),
    (Row(_NOTICE, _NOTICE, _NOTICE, _NOTICE), (399, 2109, 2137, 2148, 10349)),
    (Row(Verdict(Meaning.HELD), _NOTICE, _NOTICE, _NOTICE), (404,)),
    (
        Row(_UNKNOWN, _UNKNOWN, _UNKNOWN, _UNKNOWN),
        (100, 502, 503, 504, 505, 506, 507, 508, 509, 1100, 1300, 2110),
    ),
)
_ANYTHING_ELSE: Final = Row(_UNKNOWN, _ASK, _ASK, _ASK)

TABLE: Final[Mapping[int, Row]] = {code: row for row, codes in _ROWS for code in codes}
"""Every code that we know, by number."""

LINK: Final = frozenset({502, 503, 504, 505, 506, 507, 1100, 1101, 1102, 1300, 2110})
"""Codes about the link between us, the gateway and the broker."""


def verdict(code: int, action: Action) -> Verdict:
    """
    What ``code`` says about an order for which ``action`` was pending.

    A code that we do not know leaves a new order unknown; a live one it does not touch. Either way
    the broker is asked.
    """
    row = TABLE.get(code, _ANYTHING_ELSE)
    match action:
        case Action.PLACE:
            return row.place
        case Action.REPLACE:
            return row.replace
        case Action.CANCEL:
            return row.cancel
        case Action.NONE:
            return row.none
