"""A person may settle an unknown order, says who and why, and is overruled by the broker."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests import builders
from toolkit.errors import ConfigError
from toolkit.orders.events import AnyEvent
from toolkit.orders.resolution import resolution
from toolkit.orders.state import OrderState, OrderStatus

UNKNOWN = builders.order(builders.lost())


def facts(outcome: str, state: OrderState = UNKNOWN, **more: Any) -> list[AnyEvent]:
    return resolution(
        state, outcome, **{"by": "Ada", "reason": "called the desk", "now": builders.at(60), **more}
    )


def settled(outcome: str, *later: AnyEvent, **more: Any) -> OrderState:
    return builders.order(builders.lost(), *facts(outcome, **more), *later)


@pytest.mark.parametrize(
    ("outcome", "status"), [("not-placed", OrderStatus.REJECTED), ("cancelled", OrderStatus.CANCELLED)]
)
def test_an_unknown_order_ends_as_the_person_says_with_name_and_reason(
    outcome: str, status: OrderStatus
) -> None:
    state = settled(outcome)
    assert state.status is status
    assert not state.working
    assert state.reason == "Settled by Ada: called the desk"
    assert state.reason_code == f"RESOLVED_{outcome.upper().replace('-', '_')}"


def test_a_fill_that_a_person_found_on_the_statement_is_booked_at_its_price() -> None:
    state = settled("filled", price=Decimal("450.10"))
    builders.assert_filled(state, 100, "450.10")
    assert state.known_commission is None


def test_what_of_a_settled_order_was_not_filled_counts_as_cancelled() -> None:
    state = settled("filled", quantity=Decimal(30), price=Decimal(450))
    assert (state.status, state.filled_quantity) == (OrderStatus.CANCELLED, 30)


def test_an_order_that_turns_out_to_work_after_all_is_alive_again() -> None:
    state = settled("not-placed", builders.status("Submitted", seconds=90))
    assert state.status is OrderStatus.SUBMITTED
    assert state.working
    assert settled("cancelled", builders.executed(40, seconds=90)).status is OrderStatus.PARTIALLY_FILLED


def test_a_late_confirmation_that_it_ended_changes_nothing() -> None:
    assert settled("not-placed", builders.status("Cancelled", seconds=90)).status is OrderStatus.REJECTED


@pytest.mark.parametrize(
    ("outcome", "more", "sentence"),
    [
        ("gone", {}, "choose not-placed, cancelled, filled"),
        ("cancelled", {"by": " "}, "a name and a reason"),
        ("cancelled", {"reason": ""}, "a name and a reason"),
        ("cancelled", {"state": builders.order()}, "not Unknown"),
        ("not-placed", {"state": builders.order(builders.executed(1), builders.lost())}, "was placed"),
        ("cancelled", {"price": Decimal(1)}, "belong to filled"),
        ("filled", {}, "without the price"),
        ("filled", {"price": Decimal(0)}, "without the price"),
        ("filled", {"price": Decimal(1), "quantity": Decimal(101)}, "has 100 left to fill"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(outcome: str, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        facts(outcome, **more)
