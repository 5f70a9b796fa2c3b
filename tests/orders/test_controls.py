"""Operators' commands, decided against every standing, and what history adds up to."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from tests.builders import at
from toolkit.errors import ControlError
from toolkit.orders.controls import (
    FRESH,
    SKEW,
    AccountCancelled,
    Armed,
    Command,
    CommandRefused,
    ControlState,
    Disarmed,
    LimitsSet,
    Standing,
    StateSet,
    Swept,
    Unreadable,
    apply,
    decide,
    fold,
    read_command,
)

TIGHTEN = {"reduce-only": "REDUCE_ONLY", "halt": "HALTED", "kill": "KILLED"}


def command(action: str, seconds: float = 10, **changes: Any) -> Command:
    return Command(**{"action": action, "by": "ann", "at": at(seconds), "reason": "drill", **changes})


def state_set(state: ControlState, seconds: float = 0) -> StateSet:
    return StateSet(at=at(seconds), by="bob", reason="earlier", state=state)


def standing(state: ControlState, seconds: float = 0) -> Standing:
    return fold([] if state is ControlState.ACTIVE else [state_set(state, seconds)])


def arming(**changes: Any) -> Command:
    terms = {"account": "U1", "port": 4001, "until": at(3600), "max_notional": Decimal(1000)}
    return command("arm", **{**terms, **changes})


# --- states ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "action"), list(product(ControlState, TIGHTEN)))
def test_a_state_can_be_tightened_and_never_loosened_but_by_resume(before: ControlState, action: str) -> None:
    wanted = ControlState(TIGHTEN[action])
    fact = decide(standing(before), command(action), at(10))
    after = apply(standing(before), fact)
    if wanted.strictness >= before.strictness:
        assert after.state is wanted
    else:
        assert isinstance(fact, CommandRefused)
        assert "stricter" in fact.why
        assert after.state is before


@pytest.mark.parametrize("before", ControlState)
def test_resume_leads_back_to_active_from_everywhere(before: ControlState) -> None:
    after = apply(standing(before), decide(standing(before), command("resume"), at(10)))
    assert (after.state, after.by, after.reason) == (ControlState.ACTIVE, "ann", "drill")


@pytest.mark.parametrize("missing", [{"by": ""}, {"reason": ""}, {"by": "  "}, {"reason": " "}])
def test_a_resume_without_a_name_or_a_reason_is_refused(missing: dict[str, str]) -> None:
    fact = decide(standing(ControlState.KILLED), command("resume", **missing), at(10))
    assert isinstance(fact, CommandRefused)
    assert "a name and a reason" in fact.why


def test_a_kill_is_obeyed_however_old_it_is() -> None:
    fact = decide(Standing(), command("kill", seconds=-100_000), at(10))
    assert apply(Standing(), fact).state is ControlState.KILLED


@pytest.mark.parametrize(
    ("age", "obeyed"),
    [
        (FRESH, True),
        (FRESH + timedelta(seconds=1), False),
        (-SKEW, True),
        (-SKEW - timedelta(seconds=1), False),
    ],
)
def test_a_resume_is_obeyed_while_it_is_fresh(age: timedelta, obeyed: bool) -> None:
    before = standing(ControlState.HALTED, seconds=-10_000)
    fact = decide(before, command("resume", at=at(10) - age), at(10))
    assert isinstance(fact, StateSet) is obeyed


def test_a_resume_given_before_the_kill_does_not_end_it() -> None:
    fact = decide(standing(ControlState.KILLED, seconds=10), command("resume", seconds=10), at(11))
    assert isinstance(fact, CommandRefused)
    assert "KILLED since 2026-01-05 14:30:10 UTC by bob: earlier" in fact.why


# --- arming ------------------------------------------------------------------------------------------


def test_arming_puts_a_token_in_force_and_disarming_takes_it_back() -> None:
    armed = apply(Standing(), decide(Standing(), arming(), at(10)))
    assert armed.token is not None
    assert (armed.token.account, armed.token.port, armed.token.until) == ("U1", 4001, at(3600))
    assert apply(armed, decide(armed, command("disarm"), at(11))).token is None


@pytest.mark.parametrize(
    "changes",
    [
        {"account": ""},
        {"port": 0},
        {"until": None},
        {"until": at(10)},
        {"until": at(10) + timedelta(hours=24, seconds=1)},
        {"max_notional": None},
        {"max_notional": Decimal(0)},
        {"max_notional": Decimal("NaN")},
        {"at": at(10) - FRESH - timedelta(seconds=1)},
    ],
)
def test_an_arming_that_leaves_something_open_is_refused(changes: dict[str, Any]) -> None:
    assert isinstance(decide(Standing(), arming(**changes), at(10)), CommandRefused)


@pytest.mark.parametrize(
    "fact", [state_set(ControlState.KILLED, 20), Unreadable(at=at(20), by="the journal", reason="torn")]
)
def test_a_kill_or_an_unreadable_row_disarms(fact: Any) -> None:
    armed = apply(Standing(), decide(Standing(), arming(), at(10)))
    assert apply(armed, fact).token is None


def test_the_account_wide_cancel_needs_its_account() -> None:
    assert isinstance(decide(Standing(), command("cancel-account", account="U1"), at(10)), AccountCancelled)
    assert isinstance(decide(Standing(), command("cancel-account"), at(10)), CommandRefused)


# --- history -----------------------------------------------------------------------------------------


def test_what_cannot_be_read_halts_but_never_loosens() -> None:
    torn = Unreadable(at=at(5), by="the journal", reason="Row 2 is missing.")
    assert apply(Standing(), torn).state is ControlState.HALTED
    assert apply(standing(ControlState.KILLED), torn).state is ControlState.KILLED
    resumed = fold([torn, state_set(ControlState.ACTIVE, 6)])
    assert resumed.state is ControlState.ACTIVE


def test_a_fold_keeps_limits_commands_and_what_the_latest_kill_left() -> None:
    swept = Swept(at=at(2), by="bob", orders=3, leftovers={"a": "held"})
    history = [
        LimitsSet(at=at(0), by="bob", limits_hash="h1", limits={"max_position": "5"}),
        StateSet(at=at(1), by="bob", state=ControlState.KILLED, command="k1"),
        swept,
        Disarmed(at=at(3), by="bob", command="d1"),
    ]
    after = fold(history)
    assert (after.limits_hash, after.limits, after.swept) == ("h1", {"max_position": "5"}, swept)
    assert after.commands == {"k1", "d1"}
    assert fold([*history, state_set(ControlState.KILLED, 9)]).swept is None


def test_an_armed_fact_survives_as_it_is() -> None:
    fact = decide(Standing(), arming(id="a1"), at(10))
    assert isinstance(fact, Armed)
    assert (fact.command, fact.max_notional) == ("a1", Decimal(1000))


# --- the topic's form --------------------------------------------------------------------------------

GIVEN = {"action": "halt", "account": "DU1", "by": "ann", "reason": "news", "at": "2026-01-05T14:30:05Z"}


def test_a_command_of_the_topic_is_read_field_by_field() -> None:
    read = read_command(GIVEN, now=at(10), id="order_control/0@3")
    assert read == Command(
        action="halt", by="ann", at=at(5), reason="news", account="DU1", id="order_control/0@3"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "arm"},
        {"action": "KILL"},
        {"action": None},
        {"action": ["kill"]},
        {"by": " "},
        {"by": 7},
        {"at": "yesterday"},
        {"at": "2026-01-05T14:30:05"},
        {"at": 5},
        {"at": None},
        {"reason": 1},
        {"account": 1},
        {"until": "16:00"},
        {"intent_id": "a-1"},
        {"action": "approve", "intent_id": 7},
    ],
)
def test_what_is_no_command_is_one_sentence(changes: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match=r"\.$"):
        read_command({**GIVEN, **changes}, now=at(10), id="x")


def test_an_approval_of_the_topic_names_the_denied_order() -> None:
    read = read_command({**GIVEN, "action": "approve", "intent_id": "a-1"}, now=at(10), id="x")
    assert (read.action, read.intent_id) == ("approve", "a-1")


@pytest.mark.parametrize("rest", [{}, {"by": None, "at": "now!", "reason": 3}, {"why": "fire"}])
def test_a_kill_is_taken_however_little_it_says(rest: dict[str, Any]) -> None:
    read = read_command({"action": "kill", **rest}, now=at(10), id="x")
    assert (read.action, read.at) == ("kill", at(10))
    assert read.by
