"""Four eyes: who may release which denied order, and which order an approval then covers (control 25)."""

from __future__ import annotations

from typing import Any

import pytest

from tests import builders
from tests.builders import at, state_of
from toolkit.orders.approvals import FROM_DESK, LASTS, Approvals, again, approve, submitters
from toolkit.orders.controls import (
    FRESH,
    Approved,
    Command,
    CommandRefused,
    ControlState,
    Standing,
    StateSet,
    apply,
)
from toolkit.orders.events import Decision, Received
from toolkit.orders.state import OrderState

LARGE = Decision(code="NEEDS_APPROVAL", message="It is large.")


def denied(*decisions: Decision, source: str = "python", **changes: Any) -> OrderState:
    """A large buy that bob wanted, and why it was denied."""
    raw = builders.raw_intent(**{"submitted_by": "bob", **changes})
    received = Received(
        intent_id=builders.INTENT_ID, at=at(0), raw=raw, intent=builders.intent(**changes), source=source
    )
    return state_of(received, builders.denied(*(decisions or (LARGE,)), code="NEEDS_APPROVAL"))


def ask(order: OrderState | None, used: dict[str, str] | None = None, **changes: Any) -> Any:
    terms = {"action": "approve", "by": "ann", "reason": "hedged", "at": at(10), "id": "c1", **changes}
    return approve(Standing(), order, used or {}, Command(intent_id=builders.INTENT_ID, **terms), at(10))


def approvals() -> Approvals:
    """Ann has approved bob's order, until 15 minutes after the tenth second."""
    found = Approvals()
    found.granted = {builders.INTENT_ID: ask(denied())}
    return found


# --- who, and which ------------------------------------------------------------------------------------


def test_another_person_releases_the_very_order_that_was_denied() -> None:
    fact = ask(denied())
    assert isinstance(fact, Approved)
    assert (fact.by, fact.reason, fact.command, fact.until) == ("ann", "hedged", "c1", at(10) + LASTS)
    assert fact.intent == denied().intent


@pytest.mark.parametrize(
    ("order", "changes", "said"),
    [
        pytest.param(None, {}, "No order is known", id="an unknown order"),
        pytest.param(builders.order(), {}, "was not denied", id="an order that went"),
        pytest.param(
            denied(LARGE, Decision(code="MAX_POSITION")),
            {},
            "approval alone: MAX_POSITION.",
            id="an order that other limits deny too",
        ),
        pytest.param(denied(), {"by": " Bob "}, "another person", id="the one who wanted it"),
        pytest.param(
            denied(source=FROM_DESK + "carl"),
            {"by": "carl"},
            "another person",
            id="the one whose desk it was",
        ),
        pytest.param(denied(submitted_by=None), {}, "submitted_by", id="an order of nobody knows whom"),
        pytest.param(denied(), {"reason": " "}, "a name and a reason", id="no reason"),
        pytest.param(denied(), {"by": ""}, "a name and a reason", id="no name"),
        pytest.param(denied(), {"at": at(9.9) - FRESH}, "give it anew", id="an old command"),
        pytest.param(
            denied(action="REPLACE", target_intent_id="a"), {}, "changes an order", id="a change of an order"
        ),
    ],
)
def test_an_approval_is_refused_for(order: OrderState | None, changes: dict[str, Any], said: str) -> None:
    fact = ask(order, **changes)
    assert isinstance(fact, CommandRefused)
    assert said in fact.why


def test_an_order_that_went_once_is_not_released_again() -> None:
    fact = ask(denied(), {builders.INTENT_ID: "momentum-2"})
    assert isinstance(fact, CommandRefused)
    assert fact.why == f"Intent {builders.INTENT_ID} was released already, as momentum-2."


def test_an_order_is_wanted_by_whom_it_names_and_by_whose_desk_sent_it() -> None:
    assert submitters(denied(source=FROM_DESK + "carl")) == {"bob", "carl"}
    assert submitters(denied(source="order_intents/0@7", submitted_by=7)) == frozenset()


# --- what it covers --------------------------------------------------------------------------------------


def cover(found: Approvals, seconds: float = 20, **changes: Any) -> bool:
    raw = builders.raw_intent(intent_id="new", approval=builders.INTENT_ID)
    raw = {name: value for name, value in {**raw, **changes}.items() if value is not None}
    return found.cover(raw, "", at(seconds))


def test_the_same_terms_under_another_id_are_covered_while_it_lasts() -> None:
    until = 10 + LASTS.total_seconds()
    assert cover(approvals())
    assert cover(approvals(), intent_id=None)
    assert cover(approvals(), until - 0.001)
    assert not cover(approvals(), until)


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 101},
        {"direction": "SELL"},
        {"symbol": "QQQ"},
        {"limit_price": 450.26},
        {"order_type": "MARKET", "limit_price": None},
        {"tif": "GTC"},
        {"strategy_id": "other"},
        {"account": "DU2"},
        {"quantity": "lots"},
        {"approval": None},
        {"approval": "another"},
        {"approval": ["momentum-1"]},
    ],
)
def test_any_other_order_is_not_covered(changes: dict[str, Any]) -> None:
    assert not cover(approvals(), **changes)


def test_the_first_order_that_is_accepted_uses_it_up() -> None:
    found = approvals()
    accepted = builders.accepted(intent_id="new")
    order = state_of(builders.received("new", approval=builders.INTENT_ID), accepted)
    tried = found.copy()
    tried.observe(accepted, order)
    assert not cover(tried)
    assert tried.used == {builders.INTENT_ID: "new"}
    assert cover(found), "a copy goes on by itself"


def test_a_kill_ends_approvals() -> None:
    fact = ask(denied())
    approved = apply(Standing(), fact)
    assert approved.approvals == {builders.INTENT_ID: fact}
    killed = StateSet(at=at(30), by="ann", state=ControlState.KILLED)
    assert apply(approved, killed).approvals == {}


def test_a_denied_order_is_sent_again_as_a_new_decision_on_the_same_terms() -> None:
    order = denied(valid_until="2026-01-05T14:31:00Z", arrival_bid=450)
    raw = again(order, "new")
    assert (raw["intent_id"], raw["approval"]) == ("new", builders.INTENT_ID)
    assert raw.keys() & {"valid_until", "arrival_bid"} == set()
    assert cover(approvals(), **raw)
