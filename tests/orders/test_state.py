"""What facts about an order add up to, however late, repeated or shuffled they come."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.builders import (
    PERM_ID,
    accepted,
    assert_filled,
    at,
    cancel_refused,
    cancel_requested,
    cancelled,
    charged,
    denied,
    executed,
    lost,
    noticed,
    order,
    received,
    rejected,
    state_of,
    status,
)
from toolkit.orders.apply import apply, replay
from toolkit.orders.events import Received
from toolkit.orders.state import OrderStatus, execution_root
from toolkit.orders.status import WORDS

# --- the broker's words --------------------------------------------------------------------------


def test_an_order_that_was_sent_is_pending_until_the_broker_answers():
    state = order()
    assert state.status is OrderStatus.PENDING_SUBMIT
    assert state.working
    assert state.acked_at is None


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ApiPending", "PendingSubmit"),
        ("PendingSubmit", "PendingSubmit"),
        ("PreSubmitted", "PreSubmitted"),
        ("Submitted", "Submitted"),
        ("PendingCancel", "PendingCancel"),
        ("Cancelled", "Cancelled"),
        ("ApiCancelled", "Cancelled"),
        ("Inactive", "Unknown"),
    ],
)
def test_each_broker_word_has_one_meaning_for_an_order_without_fills(word, expected):
    """H36: the broker has no words for rejected, expired or partially filled."""
    state = order(status(word))
    assert state.status.value == expected
    assert state.broker_status == word


def test_a_word_the_broker_never_documented_changes_neither_status_nor_acknowledgement():
    """H35."""
    state = order(status("FooBar"))
    assert (state.status, state.broker_status, state.acked_at) == (OrderStatus.PENDING_SUBMIT, "", None)


def test_the_first_answer_that_is_no_echo_of_ours_acknowledges_the_order():
    state = order(status("PendingSubmit", seconds=1), status("Submitted", seconds=2))
    assert state.acked_at == at(2)


def test_a_held_order_is_not_inactive():
    """H27 (c): searching for shares to borrow; it wakes up and fills."""
    held = status("Inactive", why_held="locate")
    assert order(held, noticed(404)).status is OrderStatus.PRE_SUBMITTED
    assert order(held, noticed(404), status("Submitted")).status is OrderStatus.SUBMITTED
    assert_filled(order(held, noticed(404), status("Submitted"), executed(100)), 100, "450.25")


def test_inactive_alone_is_unknown_and_keeps_its_exposure():
    """H27 (d)."""
    state = order(status("Inactive"))
    assert state.status is OrderStatus.UNKNOWN
    assert state.working


@pytest.mark.parametrize("events", [(rejected(), status("Inactive")), (status("Inactive"), rejected())])
def test_a_refusal_is_a_refusal_on_either_side_of_inactive(events):
    """H27 (a, b)."""
    state = order(*events)
    assert (state.status, state.reason, state.reason_code) == (
        OrderStatus.REJECTED,
        "Margin too low.",
        "IB201",
    )


# --- executions are the truth --------------------------------------------------------------------


def test_an_order_fills_by_its_executions_without_any_status():
    """H10."""
    assert_filled(order(executed(100)), 100, "450.25")


def test_the_word_filled_alone_fills_nothing_but_shows_that_executions_are_missing():
    """H10: executions, not statuses, carry quantity."""
    state = order(status("Filled", filled=100))
    assert (state.status, state.filled_quantity) == (OrderStatus.SUBMITTED, 0)
    assert state.awaiting_executions
    assert not apply(state, executed(100)).awaiting_executions


def test_some_of_the_quantity_is_partially_filled():
    state = order(status("Submitted"), executed(30))
    assert state.status is OrderStatus.PARTIALLY_FILLED
    assert (state.filled_quantity, state.remaining_quantity) == (30, 70)


def test_the_average_price_is_share_weighted_and_exact():
    """H38: 0.1 + 0.2 of prices and shares leaves no remainder."""
    fills = [
        executed("0.1", "10.000001", "A.01"),
        executed("0.2", "10.000004", "B.01"),
        executed("99.7", "10", "C.01"),
    ]
    state = order(*fills)
    assert_filled(state, 100, (Decimal("1000.0000009") / 100))


def test_the_same_execution_twice_counts_once():
    """H34."""
    state = order(executed(40, exec_id="A.01"))
    assert apply(state, executed(40, exec_id="A.01", seconds=9)) is state


def test_a_correction_replaces_the_execution_it_corrects():
    """H34: A.01 100 at 10, again A.01, then A.02 90 at 10, then B.01 10 at 10."""
    first = executed(100, 10, "A.01")
    corrected = order(first, first, executed(90, 10, "A.02"))
    assert corrected.filled_quantity == 90
    assert corrected.status is OrderStatus.PARTIALLY_FILLED
    assert_filled(apply(corrected, executed(10, 10, "B.01")), 100, 10)


def test_a_correction_that_comes_before_its_original_stands():
    """H34."""
    state = order(executed(90, 10, "A.02"), executed(100, 10, "A.01"))
    assert state.filled_quantity == 90


def test_the_tenth_correction_is_higher_than_the_ninth():
    """H34: the digits after the last dot are a number."""
    state = order(executed(90, 10, "A.9"), executed(80, 10, "A.10"), executed(70, 10, "A.08"))
    assert state.filled_quantity == 80


def test_a_correction_becomes_the_newest_execution():
    state = order(executed(60, 10, "A.01"), executed(40, 10, "B.01"), executed(50, 10, "A.02"))
    assert [fill.exec_id for fill in state.executions.values()] == ["B.01", "A.02"]


@pytest.mark.parametrize(
    ("exec_id", "root"),
    [
        ("00025b46.63f8a3a1.01.01", "00025b46.63f8a3a1.01"),
        ("A.02", "A"),
        ("A", "A"),
        ("A.b", "A.b"),
        ("A.²", "A.²"),
        ("", ""),
    ],
)
def test_an_executions_root_is_all_but_the_digits_after_its_last_dot(exec_id, root):
    assert execution_root(exec_id) == root


def test_an_overfill_is_shown_and_never_hidden():
    """H34: an incident to look into, not a number to clamp."""
    state = order(executed(100, exec_id="A.01"), executed(50, exec_id="B.01"))
    assert (state.status, state.filled_quantity, state.remaining_quantity) == (OrderStatus.FILLED, 150, 0)


def test_an_execution_with_an_unreadable_time_is_booked_when_it_was_learnt():
    """H9: the fill counts; only its time is ours."""
    state = order(replace(executed(100, seconds=3), time=None, time_text="20260105 Nowhere/Zone"))
    assert_filled(state, 100, "450.25")
    assert state.first_fill_at == at(3)


# --- commissions ---------------------------------------------------------------------------------


def test_a_commission_is_unknown_until_it_is_charged():
    """H39: unknown is NaN, never 0."""
    state = order(executed(100))
    assert state.known_commission is None
    assert state.commission.is_nan()
    assert apply(state, charged("1.25")).commission == Decimal("1.25")


def test_a_commission_may_come_before_its_execution():
    """H39."""
    assert order(charged("1.25"), executed(100)).commission == Decimal("1.25")


@pytest.mark.parametrize("figure", ["0", "-0.2"])
def test_a_free_trade_and_a_rebate_are_known_commissions(figure):
    """H39."""
    assert order(executed(100), charged(figure)).known_commission == Decimal(figure)


def test_a_broker_that_does_not_know_yet_takes_no_figure_back():
    """H39."""
    assert order(executed(100), charged(None)).known_commission is None
    assert order(executed(100), charged("1.25"), charged(None)).known_commission == Decimal("1.25")


def test_the_sum_is_unknown_while_any_commission_is():
    """H39."""
    two = (executed(60, exec_id="A.01"), executed(40, exec_id="B.01"))
    assert order(*two, charged(1, "A.01")).known_commission is None
    assert order(*two, charged(1, "A.01"), charged(1, "B.01")).known_commission == 2


# --- cancelling ----------------------------------------------------------------------------------


def test_a_cancel_that_was_asked_for_is_not_a_cancel():
    """H14: no time passes that makes it one, and the order keeps its exposure."""
    state = order(status("Submitted"), cancel_requested())
    assert state.status is OrderStatus.PENDING_CANCEL
    assert state.working


@pytest.mark.parametrize("confirmation", [cancelled(), status("Cancelled"), status("ApiCancelled")])
def test_the_brokers_word_or_its_code_confirms_a_cancel(confirmation):
    state = order(cancel_requested(), confirmation)
    assert state.status is OrderStatus.CANCELLED
    assert not state.working


def test_fills_on_the_way_to_a_cancel_count():
    """H14: cancel, PendingCancel, 30 shares, Cancelled."""
    working = order(status("Submitted"), cancel_requested(), status("PendingCancel"), executed(30))
    state = apply(working, status("Cancelled", filled=30))
    assert state.status is OrderStatus.CANCELLED
    assert (state.filled_quantity, state.remaining_quantity) == (30, 70)


def test_an_order_may_fill_after_its_cancel_was_confirmed():
    """H14."""
    assert_filled(order(cancel_requested(), cancelled(), executed(100)), 100, "450.25")


def test_a_refused_cancel_leaves_the_order_as_it_was():
    state = order(status("Submitted"), cancel_requested(), cancel_refused())
    assert (state.status, state.reason_code) == (OrderStatus.SUBMITTED, "IB161")


def test_an_order_that_never_left_is_cancelled_at_once():
    assert state_of(received(), accepted(), cancel_requested()).status is OrderStatus.CANCELLED


@pytest.mark.parametrize("end", [cancelled(), executed(100), rejected()])
def test_asking_again_to_cancel_a_finished_order_does_not_reopen_it(end):
    before = order(cancel_requested(), end)
    after = order(cancel_requested(), end, cancel_requested(), cancel_refused())
    assert after.status is before.status
    assert after.reason == before.reason


def test_the_reason_of_a_cancel_may_follow_its_word():
    state = order(status("Cancelled"), cancelled())
    assert (state.status, state.reason) == (OrderStatus.CANCELLED, "Order cancelled.")


# --- ends and doubts -----------------------------------------------------------------------------


def test_a_late_submitted_never_reopens_a_filled_order():
    """H35."""
    filled = order(executed(100))
    assert_filled(apply(filled, status("Submitted")), 100, "450.25")


@pytest.mark.parametrize("end", [cancelled(), rejected(), executed(100)])
@pytest.mark.parametrize("word", sorted(WORDS))
def test_no_word_reopens_a_finished_order(end, word):
    """H35."""
    finished = order(end)
    assert order(end, status(word)).status is finished.status


def test_h35_an_order_refused_before_any_other_word_is_reopened_when_the_broker_shows_it_on_asking():
    assert order(rejected(), status("Submitted", recovered=True)).status is OrderStatus.SUBMITTED
    told_before = order(status("Submitted"), rejected(), status("Submitted", recovered=True))
    assert told_before.status is OrderStatus.REJECTED


def test_a_denied_order_is_rejected_and_was_never_working():
    state = state_of(received(), denied())
    assert (state.status, state.reason_code) == (OrderStatus.REJECTED, "MAX_ORDER_QUANTITY")
    assert not state.working


def test_a_cancel_that_took_effect_before_the_risk_checks_is_not_denied_afterwards():
    state = state_of(received(), cancel_requested(), denied())
    assert (state.status, state.reason) == (OrderStatus.CANCELLED, "")


def test_a_refusal_after_a_fill_does_not_hide_the_fill():
    state = order(executed(30), rejected())
    assert (state.status, state.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, 30)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (status("Submitted"), OrderStatus.SUBMITTED),
        (status("Cancelled"), OrderStatus.CANCELLED),
        (executed(30), OrderStatus.PARTIALLY_FILLED),
        (executed(100), OrderStatus.FILLED),
        (rejected(), OrderStatus.REJECTED),
        (cancelled(), OrderStatus.CANCELLED),
    ],
)
def test_only_the_brokers_evidence_ends_a_lost_order(evidence, expected):
    lost_order = order(lost())
    assert lost_order.status is OrderStatus.UNKNOWN
    assert lost_order.working
    assert apply(lost_order, evidence).status is expected


@pytest.mark.parametrize("silence", [noticed(), cancel_requested(), status("FooBar"), charged()])
def test_nothing_else_ends_a_lost_order(silence):
    assert order(lost(), silence).status is OrderStatus.UNKNOWN


def test_a_finished_order_cannot_be_lost():
    filled = order(executed(100))
    assert apply(filled, lost()) is filled


def test_a_cancel_intent_is_done_once_it_is_handed_on():
    raw = {"intent_id": "c-1", "action": "CANCEL", "target_intent_id": "momentum-1"}
    asked = received("c-1", action="CANCEL", target_intent_id="momentum-1")
    assert asked.intent is not None
    assert asked.raw.items() >= raw.items()
    state = state_of(asked, accepted(intent_id="c-1"))
    assert state.final
    assert not state.working


# --- identity and the first intent ---------------------------------------------------------------


def test_the_first_intent_stands_when_it_is_received_again():
    state = order()
    assert apply(state, received(quantity=999)) is state


def test_the_account_of_the_intent_is_kept_when_the_reservation_names_none():
    assert order(account="DU2").account == "DU2"


def test_the_permanent_id_is_taken_once_from_whoever_tells_it_first():
    assert order(status("Submitted")).perm_id == PERM_ID
    assert order(executed(1)).perm_id == PERM_ID


def test_an_intent_nobody_could_read_still_has_a_state():
    unread = Received(intent_id="x", at=at(0), raw={"symbol": "SPY", "direction": "buy"})
    state = state_of(unread, denied(intent_id="x"))
    assert (state.status, state.symbol, state.direction, state.quantity) == (
        OrderStatus.REJECTED,
        "SPY",
        "buy",
        0,
    )


def test_an_event_of_somebody_else_is_our_mistake():
    with pytest.raises(AssertionError):
        apply(order(), object())  # type: ignore[arg-type]


def test_an_empty_history_is_no_order():
    assert replay([]) is None
