"""What was asked of the broker before, counted by the day."""

from __future__ import annotations

from tests import builders
from tests.builders import at
from tests.risk.desk import SPY, Desk, ordered

DAY = 86_400.0


def test_accepted_orders_are_remembered_newest_first_whatever_became_of_them() -> None:
    facts = [*ordered("first", 1.0), builders.cancelled(intent_id="first"), *ordered("second", 2.0)]
    history = Desk(facts=facts).history
    assert [state.intent_id for state in history.accepted_since(at(0))] == ["second", "first"]
    assert [state.intent_id for state in history.accepted_since(at(1))] == ["second"]


def test_a_cancel_of_an_order_that_never_left_is_no_message() -> None:
    unsent = [builders.received(), builders.accepted(), builders.cancel_requested()]
    assert Desk(facts=unsent).history.efficiency(at(1), one_more=False) == 0
    sent = [*ordered("a"), builders.cancel_requested(intent_id="a")]
    assert Desk(facts=sent).history.efficiency(at(1), one_more=False) == 2


def test_two_fills_of_one_order_are_one_order_with_a_fill() -> None:
    facts = [*ordered("a"), *ordered("b"), *ordered("c")]
    facts += [builders.executed(10, exec_id=f"{n}.01", intent_id="a") for n in range(2)]
    assert Desk(facts=facts).history.efficiency(at(1), one_more=False) == 3 / 2


def test_a_new_day_starts_at_zero_and_a_late_fact_of_the_old_one_changes_nothing() -> None:
    history = Desk(facts=[*ordered("old"), *ordered("new", DAY), *ordered("late", 5.0)]).history
    assert history.orders(SPY.con_id, at(DAY)) == 1
    assert history.orders(SPY.con_id, at(2 * DAY)) == 0
    assert history.efficiency(at(2 * DAY)) == 1


def test_nothing_is_usual_before_five_orders_and_strategies_are_told_apart() -> None:
    facts = [fact for n in range(4) for fact in ordered(f"a{n}", quantity=10 * n + 10, strategy_id="a")]
    assert Desk(facts=facts).history.usual_quantity("a") is None
    facts += ordered("a4", quantity=1000, strategy_id="a")
    history = Desk(facts=facts).history
    assert history.usual_quantity("a") == 30
    assert history.usual_quantity("b") is None
