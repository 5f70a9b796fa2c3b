"""The one door for facts: remembered first, then applied, then told."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    CLIENT_ID,
    INTENT_ID,
    ORDER_ID,
    PERM_ID,
    MemoryJournal,
    accepted,
    at,
    cancel_requested,
    cancelled,
    charged,
    denied,
    executed,
    lost,
    noticed,
    placed,
    raw_intent,
    received,
    rejected,
    reserved,
    status,
)
from toolkit.errors import JournalError
from toolkit.orders.events import Repeated
from toolkit.orders.ledger import OrderLedger, fold_all
from toolkit.orders.state import OrderStatus


def ledger_with(*events):
    """A ledger that has recorded these facts, and its journal."""
    journal = MemoryJournal()
    ledger = OrderLedger(journal)
    for event in events:
        ledger.record(event)
    return ledger, journal


def repeated():
    return Repeated(intent_id=INTENT_ID, at=at(9), raw=raw_intent(quantity=999))


def test_a_fact_is_remembered_before_it_counts():
    ledger, journal = ledger_with(*placed())
    journal.full = JournalError("The disk is full.")
    before = ledger.get(INTENT_ID)
    with pytest.raises(JournalError):
        ledger.record(executed(100))
    assert ledger.get(INTENT_ID) is before
    assert ledger.by_execution("0001.01.01") is None


def test_nobody_hears_of_a_fact_that_could_not_be_remembered():
    ledger, journal = ledger_with(*placed())
    heard = []
    ledger.listeners.append(lambda event, state, report: heard.append(event))
    journal.full = JournalError("The disk is full.")
    with pytest.raises(JournalError):
        ledger.record(executed(100))
    assert heard == []


def test_listeners_hear_the_event_the_new_state_and_its_report():
    ledger, _ = ledger_with(*placed())
    heard = []
    ledger.listeners.append(lambda *told: heard.append(told))
    fill = executed(100)
    ledger.record(fill)
    [(event, state, report)] = heard
    assert (event, state) == (fill, ledger.get(INTENT_ID))
    assert (report.event, report.sequence) == ("Fill", 2)


def test_a_fact_without_a_report_is_told_too():
    ledger, journal = ledger_with(*placed())
    heard = []
    ledger.listeners.append(lambda event, state, report: heard.append(report))
    ledger.record(status("PendingSubmit"))
    assert heard == [None]
    assert len(journal.reports) == 1


def test_a_fact_that_says_nothing_new_is_dropped():
    """H35, H34: repeats neither grow the journal nor reach a listener."""
    ledger, journal = ledger_with(*placed(), status("Submitted"), executed(40))
    heard = []
    ledger.listeners.append(lambda *told: heard.append(told))
    remembered = len(journal.facts)
    ledger.record(status("Submitted"))
    ledger.record(executed(40))
    assert (len(journal.facts), heard) == (remembered, [])


def test_a_listener_that_fails_is_logged_and_the_others_still_hear(caplog):
    ledger, _ = ledger_with(*placed())
    heard = []

    def broken(*_):
        raise ZeroDivisionError

    ledger.listeners += [broken, lambda *told: heard.append(told)]
    with caplog.at_level(logging.ERROR):
        state = ledger.record(executed(100))
    assert state.status is OrderStatus.FILLED
    assert len(heard) == 1
    [record] = caplog.records
    assert record.exc_info is not None
    assert INTENT_ID in record.getMessage()


def test_a_listener_may_leave_while_it_is_called():
    ledger, _ = ledger_with()
    heard = []

    def once(*told):
        heard.append(told)
        ledger.listeners.remove(once)

    ledger.listeners += [once, lambda *told: heard.append(told)]
    ledger.record(received())
    assert len(heard) == 2
    assert len(ledger.listeners) == 1


def test_an_order_is_found_by_its_order_id_its_permanent_id_and_its_executions():
    ledger, _ = ledger_with(*placed(), executed(40, exec_id="A.01"))
    state = ledger.get(INTENT_ID)
    assert state is not None
    assert ledger.by_order(CLIENT_ID, ORDER_ID) is state
    assert ledger.by_perm(PERM_ID) is state
    assert ledger.by_execution("A.02") is state


def test_an_order_id_belongs_to_its_client():
    ledger, _ = ledger_with(*placed())
    assert ledger.by_order(CLIENT_ID + 1, ORDER_ID) is None


def test_what_is_not_known_is_none():
    ledger, _ = ledger_with()
    assert ledger.get("x") is ledger.by_order(1, 1) is ledger.by_perm(1) is ledger.by_execution("x") is None


def test_the_highest_order_id_is_counted_per_client():
    ledger, _ = ledger_with(*placed("a", 7), *placed("b", 12))
    assert ledger.highest_order_id(CLIENT_ID) == 12
    assert ledger.highest_order_id(CLIENT_ID + 1) == 0


def test_working_orders_are_those_that_may_still_trade():
    ledger, _ = ledger_with(
        *placed("working", 1),
        *placed("filled", 2),
        executed(100, intent_id="filled"),
        *placed("lost", 3),
        lost(intent_id="lost"),
        received("denied"),
        denied(intent_id="denied"),
        received("undecided"),
    )
    assert [state.intent_id for state in ledger.working()] == ["working", "lost"]
    assert len(ledger) == len(list(ledger)) == 5


def test_an_order_whose_fill_was_busted_works_again_and_is_listed_again():
    ledger, _ = ledger_with(*placed(), executed(100, exec_id="0001.01.01"))
    assert ledger.working() == []
    ledger.record(executed(40, exec_id="0001.01.02", seconds=1))
    assert [state.remaining_quantity for state in ledger.working()] == [60]


def test_a_watcher_hears_every_fact_those_of_the_journal_first():
    facts = [*placed("first", 1), cancelled(intent_id="first")]
    ledger, journal = ledger_with(*facts)
    heard: list[tuple[str, OrderStatus]] = []
    again = OrderLedger(journal, [lambda fact, state: heard.append((type(fact).__name__, state.status))])
    assert [name for name, _ in heard] == [type(fact).__name__ for fact in facts]
    assert heard[-1][1] == again.get("first").status == ledger.get("first").status == OrderStatus.CANCELLED
    again.record(received("second"))
    assert heard[-1] == ("Received", OrderStatus.PENDING_SUBMIT)


def test_a_snapshot_does_not_change_under_its_reader():
    ledger, _ = ledger_with(*placed())
    before = ledger.get(INTENT_ID)
    assert before is not None
    ledger.record(executed(100))
    assert (before.status, before.executions) == (OrderStatus.PENDING_SUBMIT, {})


def test_the_second_order_under_one_id_is_refused_and_the_first_goes_on():
    ledger, journal = ledger_with(*placed())
    before = ledger.get(INTENT_ID)
    ledger.record(repeated())
    assert ledger.get(INTENT_ID) is before
    assert journal.reports[-1]["reason_code"] == "DUPLICATE_INTENT"


# --- replay --------------------------------------------------------------------------------------

OURS = [received(), accepted(), reserved(), denied(), cancel_requested(), lost(), repeated()]
WORDS = [status("Submitted"), status("Inactive"), status("Filled", 100), status("Cancelled")]
ANSWERS = [cancelled(), rejected(), noticed()]
FILLS = [executed(40, exec_id="A.01"), executed(30, exec_id="A.02"), executed(60, exec_id="B.01")]
FEES = [charged(1, "A.01"), charged(2, "A.02"), charged(None, "B.01")]
ANOTHER = [*placed("other", 8), executed(100, exec_id="Z.01", intent_id="other")]
FACTS = st.lists(st.sampled_from(OURS + WORDS + ANSWERS + FILLS + FEES + ANOTHER), max_size=25)


@given(FACTS)
def test_replaying_the_journal_gives_the_live_state_exactly(events):
    live, journal = ledger_with(*events)
    replayed = OrderLedger(MemoryJournal(*journal.facts))
    assert list(replayed) == list(live)
    assert fold_all(journal.facts) == {state.intent_id: state for state in live}
    for state in live:
        assert replayed.by_order(state.client_id, state.order_id or 0) == live.by_order(
            state.client_id, state.order_id or 0
        )
        assert replayed.by_perm(state.perm_id) == live.by_perm(state.perm_id)


@given(FACTS)
def test_the_reports_of_an_intent_are_numbered_without_holes(events):
    ledger, journal = ledger_with(*events)
    for state in ledger:
        numbers = [
            report["report_seq"]
            for report in journal.reports
            if report["intent_id"] == state.intent_id and report["report_seq"]
        ]
        assert numbers == list(range(1, state.reports + 1))


@given(FACTS)
def test_a_restart_goes_on_numbering_where_it_stopped(events):
    journal = MemoryJournal()
    for event in events:
        OrderLedger(journal).record(event)
    _, uninterrupted = ledger_with(*events)
    assert journal.reports == uninterrupted.reports


@given(FACTS)
def test_every_report_has_an_id_of_its_own(events):
    _, journal = ledger_with(*events)
    ids = [report["execution_id"] for report in journal.reports if report["report_seq"]]
    assert len(ids) == len(set(ids))
