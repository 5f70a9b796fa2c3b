"""Which tests show a limit at work: just inside it, just outside, and with its input missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.broker import test_risk_over_socket
from tests.risk.test_rules import INSIDE, NEEDS_CONTRACT, OUTSIDE
from toolkit.risk.catalogue import OTHER_CODES, Limit

DARK: Final = frozenset({*OTHER_CODES, "NO_PNL", "NO_NAV", "MARGIN_UNKNOWN", "SHORTABLE_UNKNOWN"})
"""Codes of an input that is missing."""
BY_HAND: Final = {
    "what_if_above": test_risk_over_socket.test_a_large_order_asks_again_although_the_contract_is_known
}
"""Limits that say when another one asks."""
NEEDS_NOTHING: Final = frozenset(
    {
        "max_orders_per_second",
        "max_order_efficiency_ratio",
        "max_open_orders",
        "fat_finger_multiple",
    }
)
"""Limits on what we know ourselves: nothing that somebody else would have to tell can be missing."""


def limit_shown_by(limit: Limit) -> str:
    """
    The cases of ``test_rules.py`` that show a limit, in words; each is the id of a test.

    Raises:
        StopIteration: no case does.
    """
    if limit.name in BY_HAND:
        return f"`{BY_HAND[limit.name].__name__}`"
    inside = next(name for name, case in INSIDE.items() if limit.name in _named(case.limits))
    outside = next(
        name
        for name, case in OUTSIDE.items()
        if limit.codes[0] in case.codes and limit.name in _named(case.limits)
    )
    found = [f"inside: {inside}", f"outside: {outside}"]
    if limit.name not in NEEDS_NOTHING:
        found.append(f"missing: {next(_missing(limit))}")
    return "; ".join(found)


def code_shown_by(code: str) -> str:
    """
    The case of ``test_rules.py`` that shows a code; it is the id of a test.

    Raises:
        StopIteration: no case does.
    """
    return next(name for name, case in OUTSIDE.items() if code in case.codes)


def _missing(limit: Limit) -> Iterator[str]:
    for name, case in OUTSIDE.items():
        dark = not DARK.isdisjoint(case.codes) and limit.codes[0] not in case.codes
        if dark and limit.name in _named(case.limits):
            yield name
    for _, name in NEEDS_CONTRACT:
        if name == limit.name:
            yield "unresolved contract"


def _named(limits: dict[str, object]) -> set[str]:
    """The limits that a case sets, in any scope."""
    scoped = (limits.get(section) for section in ("strategies", "symbols"))
    inner = (each for section in scoped if isinstance(section, dict) for each in section.values())
    return {*limits, *(name for each in inner for name in each)}
