"""
What somebody has to be woken for, worked out from how things stand. Pure.

An alert is about a condition, not about a moment: it is told when the condition begins or reaches
more subjects (another order, another contract), and once more when it is over. Risk control 26 asks
for five seconds at most from the finding to the alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from toolkit.app.logs import masked
from toolkit.orders.report import iso


class Kind(Enum):
    """What there is to be woken for; INCIDENT_PLAYBOOK.md has a heading of this name that says what to do."""

    LINK_LOST = "LinkLost"
    BREAK = "PositionBreak"
    UNKNOWN_ORDER = "OrdersUnknown"
    KILLED = "Killed"
    HALTED = "Halted"
    LOSS_LATCH = "LossLatch"
    STOPPED = "EngineStopped"


class Condition(NamedTuple):
    """
    Something that is wrong now.

    Attributes:
        kind: what.
        subjects: the orders, contracts or moments that it is about.
        summary: one sentence.
    """

    kind: Kind
    subjects: frozenset[str]
    summary: str


class Alert(NamedTuple):
    """One message: a condition began or grew (``firing``), or is over."""

    condition: Condition
    firing: bool


class Standing(NamedTuple):
    """
    What conditions are worked out from.

    Attributes:
        down_since: when orders could last be sent; None while they can, or while a restart is expected.
        down_reason: why, one sentence.
        locked: symbol -> why no new order of it may be sent.
        unknown: intents whose order nobody can account for.
        control: ACTIVE, REDUCE_ONLY, HALTED or KILLED.
        control_since, control_told: since when, and the sentence that says who and why.
        latched: whether a loss beyond its limit put it there, not a person.
    """

    down_since: datetime | None
    down_reason: str
    locked: Mapping[str, str]
    unknown: Iterable[str]
    control: str
    control_since: datetime | None
    control_told: str
    latched: bool


SHOWN: Final = 10
"""Orders that a summary names; their number is told in any case."""
_STATES: Final = {"KILLED": Kind.KILLED, "HALTED": Kind.HALTED}


def conditions_of(now: Standing) -> dict[Kind, Condition]:
    """Everything that is wrong, at most one condition of a kind."""
    found = []
    if now.down_since is not None:
        since = frozenset({str(iso(now.down_since))})
        found.append(Condition(Kind.LINK_LOST, since, f"No order reaches the broker: {now.down_reason}"))
    if now.locked:
        found.append(Condition(Kind.BREAK, frozenset(now.locked), " ".join(now.locked.values())))
    if unknown := sorted(now.unknown):
        names = ", ".join(unknown[:SHOWN]) + (", ..." if len(unknown) > SHOWN else "")
        text = f"Nobody can tell what became of {len(unknown)} orders: {names}."
        found.append(Condition(Kind.UNKNOWN_ORDER, frozenset(unknown), text))
    kind = Kind.LOSS_LATCH if now.latched else _STATES.get(now.control)
    if kind is not None:
        since = frozenset({str(iso(now.control_since))})
        found.append(Condition(kind, since, f"Trading is {now.control_told}."))
    return {condition.kind: condition for condition in found}


def changes(told: Mapping[Kind, Condition], now: Mapping[Kind, Condition]) -> list[Alert]:
    """
    What there is to tell.

    Args:
        told: the conditions of the look before.
        now: those of this one.
    """
    begun = [
        Alert(condition, True)
        for kind, condition in now.items()
        if kind not in told or not condition.subjects <= told[kind].subjects
    ]
    return begun + [Alert(condition, False) for kind, condition in told.items() if kind not in now]


def message(alert: Alert, account: str, at: datetime) -> dict[str, Any]:
    """
    The alert as a JSON object, with no account number in full.

    ``text`` says it all in one line, which is the field that chat services show.
    """
    kind, subjects, summary = alert.condition
    status = "firing" if alert.firing else "resolved"
    plain = {
        "text": f"{status} {kind.value}: {summary}" if alert.firing else f"{status} {kind.value}",
        "summary": summary,
        "account": account,
    }
    return {
        "alert": kind.value,
        "status": status,
        "severity": "critical",
        "at": iso(at),
        "subjects": [masked(subject) for subject in sorted(subjects)[:SHOWN]],
        "runbook": f"runbooks/INCIDENT_PLAYBOOK.md#{kind.value.lower()}",
        **{name: masked(text) for name, text in plain.items()},
    }
