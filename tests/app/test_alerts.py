"""Which conditions are told, when, and in what words."""

from __future__ import annotations

import json
from typing import Any

from tests.builders import at
from toolkit.app.alerts import Alert, Condition, Kind, Standing, changes, conditions_of, message

WELL = Standing(
    down_since=None,
    down_reason="",
    locked={},
    unknown=(),
    control="ACTIVE",
    control_since=None,
    control_told="ACTIVE",
    latched=False,
)


def found(**changes: Any) -> dict[Kind, Condition]:
    return conditions_of(WELL._replace(**changes))


def told(before: dict[Kind, Condition], now: dict[Kind, Condition]) -> list[tuple[str, bool]]:
    return [(alert.condition.kind.value, alert.firing) for alert in changes(before, now)]


def test_nothing_is_wrong_while_all_is_well() -> None:
    assert found() == {}


def test_each_thing_that_is_wrong_is_one_condition_with_a_sentence() -> None:
    wrong = found(
        down_since=at(0),
        down_reason="The connection was lost.",
        locked={"SPY": "The broker holds 5 of SPY."},
        unknown=["b", "a"],
        control="KILLED",
        control_since=at(1),
        control_told="KILLED since 14:30 by ann",
    )
    assert {kind.value: condition.summary for kind, condition in wrong.items()} == {
        "LinkLost": "No order reaches the broker: The connection was lost.",
        "PositionBreak": "The broker holds 5 of SPY.",
        "OrdersUnknown": "Nobody can tell what became of 2 orders: a, b.",
        "Killed": "Trading is KILLED since 14:30 by ann.",
    }


def test_a_loss_beyond_its_limit_is_told_and_a_persons_reduce_only_is_not() -> None:
    assert Kind.LOSS_LATCH in found(control="REDUCE_ONLY", control_since=at(0), latched=True)
    assert found(control="REDUCE_ONLY", control_since=at(0)) == {}


def test_an_unreadable_state_is_halted_and_told() -> None:
    assert Kind.HALTED in found(control="HALTED", control_since=at(0))


def test_a_condition_is_told_when_it_begins_and_when_it_ends_and_not_between() -> None:
    broken = found(locked={"SPY": "..."})
    assert told({}, broken) == [("PositionBreak", True)]
    assert told(broken, broken) == []
    assert told(broken, {}) == [("PositionBreak", False)]


def test_a_condition_that_reaches_more_is_told_again_and_one_that_shrinks_is_not() -> None:
    one, two = found(unknown=["a"]), found(unknown=["a", "b"])
    assert told(one, two) == [("OrdersUnknown", True)]
    assert told(two, one) == []


def test_a_second_kill_after_a_resume_that_nobody_saw_is_told() -> None:
    first, second = (found(control="KILLED", control_since=at(second)) for second in (0, 1))
    assert told(first, second) == [("Killed", True)]


def test_a_thousand_unknown_orders_are_one_message_that_names_ten() -> None:
    (condition,) = found(unknown=[f"i{n:04}" for n in range(1000)]).values()
    sent = message(Alert(condition, firing=True), "DU123456", at(0))
    assert condition.summary.startswith("Nobody can tell what became of 1000 orders: i0000, i0001,")
    assert len(sent["subjects"]) == 10
    assert len(json.dumps(sent)) < 1500


def test_a_message_shows_no_account_number_and_says_where_to_read_on() -> None:
    condition = Condition(Kind.BREAK, frozenset({"SPY"}), "The broker holds 5 of SPY in U1234567.")
    sent = message(Alert(condition, firing=True), "U1234567", at(0))
    assert "1234567" not in json.dumps(sent)
    assert sent["text"] == "firing PositionBreak: The broker holds 5 of SPY in U*****67."
    assert sent["runbook"] == "runbooks/INCIDENT_PLAYBOOK.md#positionbreak"
    assert sent["at"] == "2026-01-05T14:30:00Z"
