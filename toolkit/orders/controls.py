"""
Whether orders may go at all: the operators' commands, the facts they become, and where that leaves us.

House rules: no clock, no I/O. A command is decided once, against the standing it meets, and becomes
exactly one fact, also when it is refused. Standing is a fold of the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, assert_never

import msgspec
from msgspec.structs import replace

from toolkit.errors import ControlError
from toolkit.orders.intent import OrderIntent


class ControlState(Enum):
    """What may be sent, from all to nothing; the value is the word that the journal and health carry."""

    ACTIVE = "ACTIVE"
    REDUCE_ONLY = "REDUCE_ONLY"
    HALTED = "HALTED"
    KILLED = "KILLED"

    @property
    def strictness(self) -> int:
        """0 for ACTIVE up to 3 for KILLED."""
        return _STRICTNESS[self]


_STRICTNESS: Final = {state: rank for rank, state in enumerate(ControlState)}

TARGETS: Final[Mapping[str, ControlState]] = {
    "kill": ControlState.KILLED,
    "halt": ControlState.HALTED,
    "reduce-only": ControlState.REDUCE_ONLY,
    "resume": ControlState.ACTIVE,
}
"""Action of a command -> the state it asks for."""

LONGEST_ARMING: Final = timedelta(hours=24)
FRESH: Final = timedelta(minutes=5)
"""A command that loosens anything is obeyed this long after it was given; a kill always is."""
SKEW: Final = timedelta(seconds=30)
"""How far ahead of ours the clock of whoever gave a command may be."""


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What an operator asks for.

    Attributes:
        action: kill, halt, reduce-only, resume, arm, disarm, approve, cancel-account or limits.
        by: who, a person's or a program's name.
        at: when it was given, UTC.
        id: what it is known by, so that it is obeyed once and its fact can be found.
        account: whom it concerns, ``""`` for every account; of ``arm`` and ``cancel-account`` the one meant.
        port: of ``arm``: the gateway's port.
        until: of ``arm``: when it ends, UTC.
        max_notional: of ``arm``: what orders may add up to, in account currency.
        limits: of ``limits``: name -> new value; the others stay.
        intent_id: of ``approve``: the denied order that may go after all.
    """

    action: str
    by: str
    at: datetime
    reason: str = ""
    id: str = ""
    account: str = ""
    port: int = 0
    until: datetime | None = None
    max_notional: Decimal | None = None
    limits: dict[str, Any] = {}
    intent_id: str = ""


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="type"):
    """Something about our permission to trade, done ``at`` (UTC) by ``by`` on the command of this id."""

    at: datetime
    by: str
    reason: str = ""
    command: str = ""


class StateSet(Fact, frozen=True, kw_only=True):
    """From now on this is what may be sent."""

    state: ControlState


class Armed(Fact, frozen=True, kw_only=True):
    """Live orders may go to ``account`` through ``port`` until ``until`` (UTC), up to ``max_notional``."""

    account: str
    port: int
    until: datetime
    max_notional: Decimal
    """Sum over the orders sent since, each at its worst price, in account currency."""


class Disarmed(Fact, frozen=True, kw_only=True):
    """Live orders may not go any more."""


class Approved(Fact, frozen=True, kw_only=True):
    """The order of ``intent``, which was denied as too large for one person, may go until ``until`` (UTC)."""

    intent: OrderIntent
    until: datetime


class AccountCancelled(Fact, frozen=True, kw_only=True):
    """Every order of ``account`` was cancelled, of other programs and manual ones too (hazard H44)."""

    account: str


class LimitsSet(Fact, frozen=True, kw_only=True):
    """These risk limits are in force from now on; ``changed`` holds those that were others, as they were."""

    limits_hash: str
    limits: dict[str, Any]
    changed: dict[str, Any] = {}


class CommandRefused(Fact, frozen=True, kw_only=True):
    """A command was not obeyed; ``why`` is a sentence."""

    action: str
    why: str


class Swept(Fact, frozen=True, kw_only=True):
    """
    What a kill left behind.

    Attributes:
        orders: our orders that might still trade when it began.
        leftovers: intent id -> why its order may still trade.
        seconds: from the kill to the last cancel on the wire; None when none was sent.
    """

    orders: int
    leftovers: dict[str, str] = {}
    seconds: float | None = None


class Unreadable(Fact, frozen=True, kw_only=True):
    """A row of the journal that cannot be read: never written, only found; ``reason`` says where."""


AnyFact = (
    StateSet
    | Armed
    | Disarmed
    | Approved
    | AccountCancelled
    | LimitsSet
    | CommandRefused
    | Swept
    | Unreadable
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where the facts leave us.

    Attributes:
        state: what may be sent.
        since, by, reason: of the fact that put it in force; None and ``""`` when none did.
        token: the arming in force, expired or not; None when there is none.
        approvals: denied intent id -> its approval, expired or not.
        limits, limits_hash: risk limits last put in force.
        swept: what the latest kill left behind, None until that is known.
        commands: ids of every command that was decided.
    """

    state: ControlState = ControlState.ACTIVE
    since: datetime | None = None
    by: str = ""
    reason: str = ""
    token: Armed | None = None
    approvals: dict[str, Approved] = {}
    limits: dict[str, Any] = {}
    limits_hash: str = ""
    swept: Swept | None = None
    commands: frozenset[str] = frozenset()

    @property
    def told(self) -> str:
        """The state and who put it in force, for a sentence."""
        if self.since is None:
            return self.state.value
        why = f": {self.reason}" if self.reason else ""
        return f"{self.state.value} since {self.since:%Y-%m-%d %H:%M:%S} UTC by {self.by}{why}"


def apply(standing: Standing, fact: AnyFact) -> Standing:
    """The standing after one more fact."""
    if fact.command:
        standing = replace(standing, commands=standing.commands | {fact.command})
    match fact:
        case StateSet():
            standing = _set(standing, fact.state, fact)
            # Whoever resumes after a kill has to arm and approve again.
            killed = fact.state is ControlState.KILLED
            return replace(standing, token=None, approvals={}) if killed else standing
        case Unreadable():
            halted = standing.state.strictness < ControlState.HALTED.strictness
            standing = _set(standing, ControlState.HALTED, fact) if halted else standing
            return replace(standing, token=None, approvals={})
        case Armed():
            return replace(standing, token=fact)
        case Disarmed():
            return replace(standing, token=None)
        case Approved():
            return replace(standing, approvals={**standing.approvals, fact.intent.intent_id: fact})
        case LimitsSet():
            return replace(standing, limits=fact.limits, limits_hash=fact.limits_hash)
        case Swept():
            return replace(standing, swept=fact)
        case CommandRefused() | AccountCancelled():
            return standing
        case _:
            assert_never(fact)


def fold(facts: Iterable[AnyFact]) -> Standing:
    """The standing that a whole history adds up to."""
    standing = Standing()
    for fact in facts:
        standing = apply(standing, fact)
    return standing


def decide(
    standing: Standing, command: Command, now: datetime
) -> StateSet | Armed | Disarmed | AccountCancelled | CommandRefused:
    """
    The fact that a command becomes.

    A kill is obeyed whatever its age; what is stricter than the command asks for stays; a resume
    needs a name, a reason, and to be newer than what it ends.
    """
    why = objection(standing, command, now)
    by, reason, key = command.by, command.reason, command.id
    if why:
        return refused(command, why, now)
    if command.action == "disarm":
        return Disarmed(at=now, by=by, reason=reason, command=key)
    if command.action == "cancel-account":
        return AccountCancelled(at=now, by=by, reason=reason, command=key, account=command.account)
    if command.action == "arm":
        assert command.until is not None
        assert command.max_notional is not None
        return Armed(
            at=now,
            by=by,
            reason=reason,
            command=key,
            account=command.account,
            port=command.port,
            until=command.until,
            max_notional=command.max_notional,
        )
    return StateSet(at=now, by=by, reason=reason, command=key, state=TARGETS[command.action])


def refused(command: Command, why: str, now: datetime) -> CommandRefused:
    """The fact that a command becomes that is not obeyed; ``why`` is a sentence."""
    return CommandRefused(
        at=now, by=command.by, reason=command.reason, command=command.id, action=command.action, why=why
    )


def objection(standing: Standing, command: Command, now: datetime) -> str:
    """Why a command is not obeyed, ``""`` when it is."""
    match command.action:
        case "kill" | "disarm":
            return ""
        case "arm":
            return _arming_objection(command, now) or _too_old(command, now)
        case "limits":
            return _too_old(command, now) if command.reason.strip() else "New limits need a reason."
        case "approve":
            named = command.by.strip() and command.reason.strip()
            return _too_old(command, now) if named else "An approval needs a name and a reason."
        case "cancel-account":
            return _too_old(command, now) if command.account else "It needs the account."
        case "halt" | "reduce-only":
            if TARGETS[command.action].strictness < standing.state.strictness:
                return f"The state is {standing.told}, which is stricter; resume first, by name."
            return ""
        case "resume":
            if not (command.by.strip() and command.reason.strip()):
                return "A resume needs a name and a reason."
            if standing.since is not None and command.at <= standing.since:
                return f"It was given at {command.at:%H:%M:%S} UTC, but since then: {standing.told}."
            return _too_old(command, now)
    return f"{command.action!r} is no command."


def read_command(raw: Mapping[str, Any], *, now: datetime, id: str) -> Command:  # noqa: A002 - the field's name
    """
    A command of the topic ``order_control``: action, account, by, reason, at, and of approve the intent_id.

    A kill is taken however little it says: who presses it in a hurry is not sent back to fill in a form.

    Raises:
        ControlError: it is no command; says what is wrong.
    """
    action = raw.get("action")
    known = (*TARGETS, "approve")
    if not isinstance(action, str) or action not in known:
        raise ControlError(f"action is {action!r}; it must be {', '.join(known)}.")
    kill = action == "kill"
    fields = ("action", "account", "by", "reason", "at", *(("intent_id",) if action == "approve" else ()))
    unknown = sorted(map(str, raw.keys() - set(fields)))
    if unknown and not kill:
        raise ControlError(f"{unknown[0]} is no field of a command; they are {', '.join(fields)}.")
    words = {name: raw.get(name, "") for name in ("account", "by", "reason", "intent_id")}
    for name, word in words.items():
        if not isinstance(word, str) and not (kill and name != "account"):
            raise ControlError(f"{name} is {word!r}; it must be a text.")
    at = _time(raw.get("at")) or (now if kill else None)
    if at is None:
        raise ControlError(f"at is {raw.get('at')!r}; give the time in ISO 8601, with its zone.")
    by = str(words["by"]).strip()
    if not by and not kill:
        raise ControlError("by is missing; say who gives the command.")
    return Command(
        action=action,
        by=by or "an unnamed operator",
        at=at,
        reason=str(words["reason"]).strip(),
        id=id,
        account=words["account"],
        intent_id="" if kill else words["intent_id"],
    )


def _time(value: object) -> datetime | None:
    """An ISO 8601 text with its zone as a time; None when it is none."""
    try:
        at = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    return None if at.tzinfo is None else at


def _set(standing: Standing, state: ControlState, fact: Fact) -> Standing:
    swept = None if state is ControlState.KILLED else standing.swept
    return replace(standing, state=state, since=fact.at, by=fact.by, reason=fact.reason, swept=swept)


def _too_old(command: Command, now: datetime) -> str:
    if not -SKEW <= now - command.at <= FRESH:
        return (
            f"It was given at {command.at:%Y-%m-%d %H:%M:%S} UTC, which is not within the last "
            f"{FRESH.total_seconds() / 60:g} minutes; give it anew."
        )
    return ""


def _arming_objection(command: Command, now: datetime) -> str:
    if not command.account or not command.port:
        return "Arming needs the account and the port."
    if command.until is None or not now < command.until <= now + LONGEST_ARMING:
        return "Arming needs an end within the next 24 hours."
    amount = command.max_notional
    if amount is None or not (amount.is_finite() and amount > 0):
        return "Arming needs a max_notional above 0."
    return ""
