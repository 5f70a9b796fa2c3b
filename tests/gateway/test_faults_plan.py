"""The plan of faults by itself: what it takes, what it refuses, and when a fault strikes."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.errors import ConfigError
from toolkit.gateway import PaperGateway
from toolkit.gateway.fault_messages import Seen
from toolkit.gateway.faults import FAULTS, Plan, read_fault

STATUS = Seen("orderStatus", client=1, order_id=7, order_ref="mine")


def strikes(plan: Plan, seen: Seen = STATUS, *, times: int = 1, now: float = 0.0) -> list[int]:
    return [len(plan.strike(seen, now)) for _ in range(times)]


def test_a_fault_strikes_once_unless_told_otherwise():
    plan = Plan()
    plan.add({"fault": "drop", "message": "orderStatus"}, 0)
    assert strikes(plan, times=3) == [1, 0, 0]
    assert not plan


def test_a_fault_may_let_some_messages_pass_and_then_strike_several():
    plan = Plan()
    plan.add({"fault": "drop", "message": "orderStatus", "skip": 1, "times": 2}, 0)
    assert strikes(plan, times=5) == [0, 1, 1, 0, 0]


def test_zero_times_is_without_end():
    plan = Plan()
    plan.add({"fault": "drop", "message": "orderStatus", "times": 0}, 0)
    assert strikes(plan, times=3) == [1, 1, 1]


@pytest.mark.parametrize(
    "condition", [{"client": 2}, {"order_id": 8}, {"order_ref": "another"}, {"message": "openOrder"}]
)
def test_a_fault_strikes_only_what_it_is_set_on(condition):
    plan = Plan()
    plan.add({"fault": "drop", "message": "orderStatus"} | condition, 0)
    assert strikes(plan) == [0]


def test_a_fault_begins_and_ends_by_the_clock():
    plan = Plan()
    plan.add({"fault": "drop", "message": "orderStatus", "times": 0, "after": 1, "until": 2}, 100)
    assert [len(plan.strike(STATUS, now)) for now in (100.9, 101, 101.9, 102)] == [0, 1, 1, 0]


def test_a_cleared_fault_strikes_no_more():
    plan = Plan()
    fault = plan.add({"fault": "drop", "message": "orderStatus"}, 0)
    plan.clear(fault.number)
    assert strikes(plan) == [0]
    with pytest.raises(ConfigError, match="No fault with number 1"):
        plan.clear(fault.number)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"fault": "dorp"}, "There is no fault 'dorp'; the nearest is drop."),
        ({"fault": "drop", "mesage": "error"}, "has no field 'mesage'; the nearest is message."),
        (
            {"fault": "drop", "message": "orderstatus"},
            "'orderstatus'; the nearest is orderStatus.",
        ),
        ({"fault": "drop"}, "Fault drop needs message"),
        ({"fault": "mutate", "message": "orderStatus", "set": {"permid": 0}}, "the nearest is permId."),
        (
            {"fault": "mutate", "message": "placeOrder", "set": {"x": 0}},
            "set on message 'placeOrder'",
        ),
        ({"fault": "mutate", "message": "openOrder"}, "Fault mutate needs set"),
        ({"fault": "reorder", "message": "openOrder", "behind": "orderstat"}, "the nearest is orderStatus."),
        (
            {"fault": "delay", "message": "error", "seconds": "long"},
            "fault delay should be a number",
        ),
        (
            {"fault": "drop", "message": "error", "times": True},
            "fault drop should be a whole number",
        ),
        ({"fault": "reject", "inactive": "orderState"}, "the nearest is orderStatus."),
        ({"fault": "roll_ids", "message": "error"}, "roll_ids cannot be set on message 'error'"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_nearest_name(asked, sentence):
    with pytest.raises(ConfigError) as caught:
        read_fault(1, asked)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_reads_back_from_what_it_says_of_itself(name):
    needed = {"set": {"permId": 0}, "behind": "execDetails", "code": 1100, "symbol": "AAPL", "price": 1.5}
    kind = FAULTS[name]
    asked = {"fault": name} | {option: needed[option] for option in kind.needs}
    if kind.at and not kind.message:
        asked["message"] = "orderStatus" if "orderStatus" in kind.at else sorted(kind.at)[0]
    fault = read_fault(1, asked)
    told = fault.as_dict()
    told.pop("number")
    assert read_fault(1, told) == fault


def test_a_yaml_plan_is_set_before_the_first_client_comes(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text("- fault: drop\n  message: openOrderEnd\n- {fault: notice, code: 2110, after: 0.5}\n")
    with PaperGateway(quotes=None, faults=plan) as gateway:
        (fault,) = gateway.faults.active()
    assert (fault["fault"], fault["message"]) == ("drop", "openOrderEnd")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- fault: dorp\n", "fault 1: There is no fault 'dorp'; the nearest is drop."),
        ("fault: drop\n", "should be a list of faults"),
        ("- [}\n", "cannot be read"),
    ],
)
def test_a_bad_plan_is_refused_before_anything_listens(tmp_path, text, sentence):
    plan = tmp_path / "plan.yaml"
    plan.write_text(text)
    with pytest.raises(ConfigError, match=r"plan\.yaml") as caught:
        PaperGateway(quotes=None, faults=plan)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_shown_to_reach_a_client(name):
    shown = "".join(
        Path(__file__).with_name(f"test_faults_{part}.py").read_text(encoding="utf-8")
        for part in ("messages", "session", "broker")
    )
    assert f'faults.add("{name}"' in shown
