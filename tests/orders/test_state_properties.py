"""Facts about one order in any order, any number of times: the state holds together."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    accepted,
    assert_filled,
    cancel_refused,
    cancel_requested,
    cancelled,
    charged,
    denied,
    executed,
    lost,
    noticed,
    order,
    placed,
    received,
    rejected,
    replace_refused,
    replace_requested,
    replaced,
    reserved,
    sent,
    state_of,
    status,
)
from toolkit.orders.apply import apply, replay
from toolkit.orders.state import execution_root
from toolkit.orders.status import WORDS

WORDS_HEARD = [*sorted(WORDS), "FooBar"]

STATUSES = st.builds(
    status, st.sampled_from(WORDS_HEARD), st.integers(0, 100), why_held=st.sampled_from(["", "locate"])
)
EXECUTIONS = st.builds(
    executed,
    st.integers(1, 60),
    st.sampled_from([10, 11, "10.005"]),
    st.sampled_from(["A.01", "A.02", "B.01", "C.01", "C.2"]),
)
COMMISSIONS = st.builds(
    charged, st.sampled_from([None, 0, 1, "-0.2"]), st.sampled_from(["A.01", "A.02", "B.01"])
)
OTHERS = st.sampled_from(
    [
        rejected(),
        cancelled(),
        cancel_refused(),
        cancel_requested(),
        noticed(),
        lost(),
        denied(),
        replace_requested(),
        replace_requested(50, 449),
        replaced(),
        replaced(50, 449),
        replace_refused(),
    ]
)
BROKER_FACTS = STATUSES | EXECUTIONS | COMMISSIONS | OTHERS


@given(st.data())
def test_all_orders_and_repetitions_of_one_orders_messages_end_in_one_state(data):
    """H35, H10, H39: three executions, their commissions and every word, shuffled and repeated."""
    fills = [executed(50, 10, "A.01"), executed(30, "10.5", "B.01"), executed(20, 11, "C.01")]
    fees = [charged("0.35", "A.01"), charged("-0.2", "B.01"), charged(None, "C.01"), charged("1", "C.01")]
    words = [status("PreSubmitted"), status("Submitted", 50), status("Filled", 100)]
    messages = fills + fees + words
    repeated = data.draw(st.lists(st.sampled_from(messages), max_size=6))
    state = order(*data.draw(st.permutations(messages + repeated)))
    assert_filled(state, 100, (Decimal(500) + 315 + 220) / 100)
    assert state.known_commission == Decimal("1.15")
    assert not state.awaiting_executions


@given(st.permutations([executed(100, 10, "A.01"), executed(90, 11, "A.02"), executed(80, 12, "A.03")]))
def test_the_highest_correction_wins_in_every_order(fills):
    """H34."""
    state = order(*fills)
    assert (state.filled_quantity, state.avg_fill_price) == (80, 12)


@given(st.lists(BROKER_FACTS, max_size=15))
def test_quantity_never_shrinks_except_by_a_correction(events):
    state = order()
    for event in events:
        after = apply(state, event)
        corrects = len(after.executions) == len(state.executions) and after.executions != state.executions
        assert corrects or after.filled_quantity >= state.filled_quantity
        assert after.reported_filled >= state.reported_filled
        state = after


@given(st.lists(BROKER_FACTS, max_size=15))
def test_a_finished_order_changes_its_status_only_by_fills_and_corrections(events):
    """H35."""
    state = order()
    for event in events:
        after = apply(state, event)
        assert not state.final or after.status is state.status or after.executions != state.executions
        state = after


@given(st.lists(BROKER_FACTS, max_size=15))
def test_the_running_totals_are_those_of_the_executions(events):
    state = order(*events)
    fills = state.executions.values()
    assert state.filled_quantity == sum(fill.shares for fill in fills)
    assert state.filled_value == sum(fill.shares * fill.price for fill in fills)
    assert {execution_root(fill.exec_id) for fill in fills} == set(state.executions)
    charged = [state.commissions[fill.exec_id].amount for fill in fills if fill.exec_id in state.commissions]
    known = [amount for amount in charged if amount is not None]
    assert (state.charged, state.uncharged) == (sum(known), len(fills) - len(known))


@given(st.lists(BROKER_FACTS, max_size=15), BROKER_FACTS)
def test_the_same_fact_twice_in_a_row_is_the_same_as_once(events, event):
    once = order(*events, event)
    assert replay([*placed(), *events, event, event]).status is once.status
    assert apply(once, event).executions == once.executions


@given(st.permutations([received(), accepted(), reserved(), sent(), executed(100)]))
def test_our_own_facts_may_be_read_back_in_any_order(events):
    assert_filled(state_of(*events), 100, "450.25")


@given(st.lists(BROKER_FACTS, max_size=15))
def test_what_may_still_trade_is_never_less_than_the_terms_in_force_or_asked_for_leave_open(events):
    """H14, H15: whatever was said, exposure covers the order as it is and as it may be."""
    state = order(*events)
    for terms in (state.quantity, Decimal(0) if state.change is None else state.change.quantity):
        assert state.open_quantity >= terms - state.filled_quantity
    assert state.open_quantity >= state.remaining_quantity
