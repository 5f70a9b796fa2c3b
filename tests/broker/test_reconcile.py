"""What answers prove, decided from plain values: silence proves nothing until it is complete, twice."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests import builders
from toolkit.broker.reconcile import Answer, Break, Evidence, PositionWatch, missing, settle
from toolkit.orders.events import Lost, Replaced
from toolkit.orders.status import OrderStatus

COMPLETE, PARTIAL, FAILED = Answer.COMPLETE, Answer.PARTIAL, Answer.FAILED
LATER = builders.at(60)
ALL = Evidence(
    asked_at=builders.at(30),
    executions=COMPLETE,
    open_orders=COMPLETE,
    completed=COMPLETE,
    positions=COMPLETE,
)
DOUBTED = frozenset({builders.INTENT_ID})


@pytest.mark.parametrize("question", ["executions", "open_orders", "completed"])
@pytest.mark.parametrize("answer", [PARTIAL, FAILED])
def test_h3_an_answer_without_its_end_proves_no_absence(question: str, answer: Answer) -> None:
    evidence = replace(ALL, **{question: answer})
    assert missing([builders.order()], evidence) == []
    assert settle([builders.order()], evidence, doubted=DOUBTED, now=LATER) == []


def test_h3_one_complete_silence_is_a_doubt_and_a_second_one_makes_the_order_unknown() -> None:
    order = builders.order()
    assert missing([order], ALL) == [order]
    assert settle([order], ALL, doubted=frozenset(), now=LATER) == []
    (lost,) = settle([order], ALL, doubted=DOUBTED, now=LATER)
    assert isinstance(lost, Lost)
    assert "may never have arrived" in lost.reason
    assert "toolkit resolve" in lost.reason


def test_an_order_that_the_broker_shows_is_not_missing() -> None:
    assert missing([builders.order()], replace(ALL, seen=DOUBTED)) == []


def test_an_order_that_was_sent_after_the_questions_may_still_be_on_its_way() -> None:
    assert missing([builders.order()], replace(ALL, asked_at=builders.at(0.003))) == []


def test_an_order_that_was_reserved_but_never_written_is_missing_too() -> None:
    reserved = builders.state_of(*builders.placed()[:-1])
    assert missing([reserved], ALL) == [reserved]


def test_an_order_called_filled_as_far_as_a_change_reduced_it_is_on_the_terms_of_that_change() -> None:
    """Its completed order has no quantity (hazard H32), and the executions are all there."""
    called_filled = builders.status("Filled", seconds=0.4)
    reduced = builders.order(builders.executed(50), builders.replace_requested(50), called_filled)
    (fact,) = settle([reduced], ALL, doubted=DOUBTED, now=LATER)
    assert isinstance(fact, Replaced)
    assert (
        builders.order(builders.executed(50), builders.replace_requested(50), called_filled, fact).status
        is OrderStatus.FILLED
    )


@pytest.mark.parametrize(("filled", "quantity", "counted"), [(40, 50, 0), (60, 50, 0), (50, 50, 100)])
def test_h32_an_order_called_filled_that_a_change_does_not_explain_is_unknown(
    filled: int, quantity: int, counted: int
) -> None:
    facts = builders.executed(filled), builders.replace_requested(quantity)
    state = builders.order(*facts, builders.status("Submitted", counted), builders.status("Filled"))
    (fact,) = settle([state], ALL, doubted=DOUBTED, now=LATER)
    assert isinstance(fact, Lost)


def test_an_order_that_is_unknown_already_is_not_reported_again() -> None:
    assert settle([builders.order(builders.lost())], ALL, doubted=DOUBTED, now=LATER) == []


def test_an_order_that_the_broker_once_confirmed_is_gone_rather_than_never_arrived() -> None:
    (lost,) = settle([builders.order(builders.status("Submitted"))], ALL, doubted=DOUBTED, now=LATER)
    assert "confirmed the order" in lost.reason


def test_h31_fills_that_the_broker_counts_but_does_not_tell_are_named() -> None:
    order = builders.order(builders.status("Filled", filled=100))
    (lost,) = settle([order], ALL, doubted=DOUBTED, now=LATER)
    assert "counts 100 as filled but told executions of 0 only" in lost.reason


# --- positions ---------------------------------------------------------------------------------------

SPY = ("DU1", 756733)
QUIET = builders.at(10)


@pytest.fixture
def positions() -> PositionWatch:
    """100 held when the broker told for the first time; later fills are counted."""
    found = PositionWatch()
    found.fill(*SPY, "before", Decimal(40), builders.at(0))
    assert found.compare({SPY: Decimal(100)}, QUIET) == []
    return found


def test_h26_a_position_that_moves_with_its_executions_is_explained(positions: PositionWatch) -> None:
    positions.fill(*SPY, "ours", Decimal(-30), builders.at(1))
    positions.fill(*SPY, "foreign", Decimal(5), builders.at(2))
    assert positions.compare({SPY: Decimal(75)}, QUIET) == []


def test_h26_a_position_that_moves_alone_is_a_break_until_it_is_accepted(positions: PositionWatch) -> None:
    (found,) = positions.compare({}, QUIET)
    assert found == Break(*SPY, expected=Decimal(100), told=Decimal(0))
    positions.accept(found)
    assert positions.compare({}, QUIET) == []


def test_h34_a_correction_replaces_its_execution_and_a_repeat_changes_nothing(
    positions: PositionWatch,
) -> None:
    for units in (Decimal(10), Decimal(10), Decimal(9)):
        positions.fill(*SPY, "ours", units, builders.at(1))
    assert positions.compare({SPY: Decimal(109)}, QUIET) == []


def test_a_contract_that_traded_a_moment_ago_is_judged_later(positions: PositionWatch) -> None:
    positions.fill(*SPY, "ours", Decimal(10), QUIET + timedelta(seconds=1))
    assert positions.compare({SPY: Decimal(100)}, QUIET) == []
    assert positions.compare({SPY: Decimal(100)}, QUIET + timedelta(seconds=2)) != []
