"""What was asked of the broker before, counted by the day."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

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


@settings(max_examples=25, deadline=None)
@given(quantities=st.lists(st.integers(1, 50), min_size=5, max_size=40))
def test_usual_is_the_median_of_the_last_twenty_orders(quantities: list[int]) -> None:
    facts = [fact for n, q in enumerate(quantities) for fact in ordered(f"o{n}", quantity=q, strategy_id="a")]
    history = Desk(facts=facts).history
    assert history.usual_quantity("a") == history.copy().usual_quantity("a") == median(quantities[-20:])


def test_a_days_quantity_grows_by_what_a_change_adds_and_never_shrinks() -> None:
    facts = [*ordered(builders.INTENT_ID, quantity=100), *ordered("other", quantity=7)]
    assert Desk(facts=facts).history.quantity(SPY.con_id, at(1)) == 107
    facts += [builders.replace_requested(150), builders.replaced(150), builders.replace_requested(120)]
    history = Desk(facts=facts).history
    assert history.quantity(SPY.con_id, at(1)) == history.copy().quantity(SPY.con_id, at(1)) == 157
    assert history.quantity(SPY.con_id, at(DAY)) == 0


def test_a_strategys_orders_are_counted_apart() -> None:
    facts = [*ordered("a", 1.0, strategy_id="a"), *ordered("b", 1.0, strategy_id="b")]
    history, second = Desk(facts=facts).history, timedelta(seconds=1)
    assert history.accepted_within(second, at(1.5)) == 2
    assert history.accepted_within(second, at(1.5), "a") == 1
    assert history.accepted_within(second, at(2.0), "a") == 0
