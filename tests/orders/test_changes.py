"""An order whose terms are to change: what is asked for, what is in force, and what risk must count."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.builders import (
    at,
    cancelled,
    executed,
    intent,
    order,
    placed,
    raw_intent,
    replace_refused,
    replace_requested,
    replaced,
    status,
)
from toolkit.errors import IntentError
from toolkit.orders.apply import apply
from toolkit.orders.events import Mismatched, Noticed
from toolkit.orders.ledger import fold
from toolkit.orders.replacement import as_raw, changed
from toolkit.orders.report import execution_report, occasion
from toolkit.orders.state import OrderStatus


def working(*events, **changes):
    return order(status("Submitted"), *events, **changes)


def told(*events):
    """The report events of a working order's further life."""
    state, names = working(), []
    for event in events:
        state, report = fold(state, event)
        names.append(report and report.event)
    return names


def test_a_change_that_was_asked_for_is_not_in_force_yet():
    state = working(replace_requested(200, 449))
    assert (state.quantity, state.intent.limit_price) == (100, Decimal("450.25"))
    assert (state.status, state.open_quantity) == (OrderStatus.SUBMITTED, 200)


def test_a_smaller_order_that_was_asked_for_frees_nothing_yet():
    assert working(replace_requested(50)).open_quantity == 100


def test_a_change_is_in_force_once_the_broker_shows_it():
    state = working(replace_requested(200, 449), replaced(200, 449))
    assert (state.quantity, state.intent.limit_price, state.change) == (200, 449, None)
    assert state.original == order().intent


def test_the_same_echo_twice_says_nothing_new():
    once = working(replace_requested(200), replaced(200))
    assert apply(once, replaced(200)) is once


def test_h15_a_refused_change_leaves_the_old_terms_in_force():
    state = working(replace_requested(200), replace_refused())
    assert (state.quantity, state.change, state.open_quantity) == (100, None, 100)
    assert (state.status, state.reason_code) == (OrderStatus.SUBMITTED, "IB110")


def test_fills_up_to_the_old_quantity_do_not_finish_an_order_that_may_be_larger_by_now():
    state = working(replace_requested(200), executed(100))
    assert (state.status, state.open_quantity) == (OrderStatus.PARTIALLY_FILLED, 100)
    assert apply(state, replace_refused()).status is OrderStatus.FILLED
    assert apply(state, replaced(200)).remaining_quantity == 100


def test_an_order_made_as_small_as_what_it_filled_is_filled():
    state = working(executed(60), replace_requested(60), replaced(60))
    assert (state.status, state.remaining_quantity, state.final) == (OrderStatus.FILLED, 0, True)


def test_the_brokers_word_filled_settles_a_change_whose_echo_was_lost():
    assert working(replace_requested(200), executed(100), status("Filled", 100)).status is OrderStatus.FILLED
    larger = working(replace_requested(200), executed(200), status("Filled", 200))
    assert (larger.quantity, larger.status) == (200, OrderStatus.FILLED)


def test_a_finished_order_keeps_its_terms_whatever_comes_late():
    state = working(cancelled())
    assert apply(state, replaced(200)) is state
    assert apply(state, replace_refused()) is state


def test_reports_tell_a_changes_way_and_its_end():
    assert told(replace_requested(), replaced()) == ["Notice", "Replaced"]
    assert told(replace_requested(), replace_refused()) == ["Notice", "Notice"]
    assert told(executed(60), replace_requested(60), replaced(60))[-1] == "Replaced"
    assert told(replace_requested(), executed(100), replace_refused())[-2:] == ["PartialFill", "Fill"]
    assert told(replace_requested(), executed(100), status("Filled", 100))[-2:] == ["PartialFill", "Fill"]


def test_a_report_of_a_changed_order_carries_the_terms_in_force():
    report = execution_report(working(replace_requested(200, 449), replaced(200, 449)), "Replaced", 4)
    assert (report["quantity"], report["remaining_quantity"], report["limit_price"]) == (200, 200, 449)


def test_h42_exposure_counts_what_the_broker_holds_when_that_is_more():
    wrong = Mismatched(
        intent_id="momentum-1", at=at(1), text="quantity 100 became 200", quantity=Decimal(200)
    )
    state = working(wrong)
    assert (state.open_quantity, state.remaining_quantity) == (200, 100)
    assert (state.status, state.reason_code) == (OrderStatus.SUBMITTED, "MISMATCH")
    assert occasion(working(), wrong, state) == "Notice"
    assert apply(state, wrong) is state


def test_h45_a_new_order_that_waits_for_shares_to_borrow_is_held_not_silent():
    state = order(Noticed(intent_id="momentum-1", at=at(1), code=404, text="Held.", why_held="locate"))
    assert (state.status, state.silent) == (OrderStatus.PRE_SUBMITTED, False)
    assert apply(state, status("Submitted")).status is OrderStatus.SUBMITTED


def test_h27_the_same_word_without_a_reason_takes_the_reason_not_back():
    held = order(status("Inactive", why_held="locate"))
    assert apply(held, status("Inactive")).status is OrderStatus.PRE_SUBMITTED
    assert order(status("Inactive")).status is OrderStatus.UNKNOWN


# --- what a REPLACE intent makes of an order -------------------------------------------------------------


def replacement(**fields):
    raw = {"intent_id": "change-1", "action": "REPLACE", "target_intent_id": "momentum-1", **fields}
    return intent(**{name: None for name in raw_intent() if name not in raw}, **raw), raw


def after(*events, **fields):
    return changed(working(*events), *replacement(**fields))


def test_what_a_replacement_leaves_out_stays():
    assert after(limit_price=449).terms == intent(limit_price=449).terms
    assert after(quantity=50).terms == intent(quantity=50).terms


def test_a_replacement_may_repeat_what_it_does_not_change():
    same = {"symbol": "SPY", "direction": "BUY", "order_type": "LIMIT", "tif": "DAY", "sec_type": "STK"}
    assert after(quantity=50, **same).quantity == 50


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"quantity": 50, "tif": "GTC"}, "TARGET_DIFFERS"),
        ({"quantity": 50, "account": "DU9"}, "TARGET_DIFFERS"),
        ({"stop_price": 449}, "UNEXPECTED_STOP_PRICE"),
        ({"quantity": 100, "limit_price": 450.25}, "NOTHING_TO_REPLACE"),
        ({"quantity": 59}, "BELOW_FILLED"),
    ],
)
def test_a_replacement_that_names_another_order_is_refused_with_its_field(fields, code):
    with pytest.raises(IntentError) as caught:
        after(executed(60), **fields)
    assert caught.value.code == code
    assert caught.value.field in fields


def test_risk_reads_the_whole_order_as_it_would_be():
    state = working()
    raw = as_raw(state, changed(state, *replacement(quantity=50)), "change-1")
    assert (raw["symbol"], raw["direction"], raw["quantity"], raw["limit_price"]) == (
        "SPY",
        "BUY",
        50,
        450.25,
    )
    assert (raw["action"], raw["target_intent_id"]) == ("REPLACE", "momentum-1")
    assert placed()[0].raw == raw_intent()
