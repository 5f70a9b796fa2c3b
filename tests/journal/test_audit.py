"""The auditor finds nothing in a true story, and every lie by the number of its invariant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec.structs import replace

from tests.journal.histories import HISTORIES, NOON, executed, order_history, raw_intent, with_reports
from toolkit.journal.audit import Breach, BrokerExecution, BrokerOrder, TakenRecord, audit
from toolkit.orders import events
from toolkit.orders.events import AnyEvent
from toolkit.orders.intent import parse
from toolkit.orders.ledger import fold_all
from toolkit.orders.state import OrderState


@dataclass
class Story:
    """What the three witnesses say about one day; the tests let one of them lie."""

    events: list[AnyEvent]
    reports: list[dict[str, Any]]
    orders: list[BrokerOrder]
    executions: list[BrokerExecution]
    live: dict[str, OrderState]

    def breaches(self, **options: Any) -> list[Breach]:
        return audit(self.events, self.reports, self.orders, self.executions, live=self.live, **options)

    def report(self, event: str, intent_id: str = "a-1") -> dict[str, Any]:
        (found,) = (
            report for report in self.reports if (report["event"], report["intent_id"]) == (event, intent_id)
        )
        return found

    def replace_event(self, kind: type[Any], **changes: Any) -> None:
        """Change the first fact of a kind about a-1."""
        index = next(n for n, event in enumerate(self.events) if isinstance(event, kind))
        self.events[index] = replace(self.events[index], **changes)


def told(history: list[AnyEvent]) -> list[dict[str, Any]]:
    """The reports of a history as they are read back from JSON."""
    reports = [report for _, report in with_reports(history) if report is not None]
    return msgspec.json.decode(msgspec.json.encode(reports))


@pytest.fixture
def story() -> Story:
    """Two orders: a-1 filled in one go, a-2 in two executions of which the first was corrected."""
    second = [
        *order_history("a-2", order_id=2)[:5],
        executed("a-2", "0002.aa.01", shares=40),
        executed("a-2", "0002.aa.02", shares=50),
        executed("a-2", "0002.bb.01", shares=50, price="450.20"),
    ]
    history = order_history("a-1") + second
    return Story(
        events=history,
        reports=told(history),
        orders=[
            BrokerOrder("a-1", 7, 1, 9_001, "SPY", "BUY", Decimal(100)),
            BrokerOrder("a-2", 7, 2, 9_002, "SPY", "BUY", Decimal(100)),
        ],
        executions=[
            BrokerExecution("0001.0001.01", "a-1", "SPY", "BOT", Decimal(100), Decimal("450.25"), Decimal(1)),
            BrokerExecution("0002.aa.01", "a-2", "SPY", "BOT", Decimal(40), Decimal("450.25"), None),
            BrokerExecution("0002.aa.02", "a-2", "SPY", "BOT", Decimal(50), Decimal("450.25"), None),
            BrokerExecution("0002.bb.01", "a-2", "SPY", "BOT", Decimal(50), Decimal("450.20"), None),
        ],
        live=fold_all(history),
    )


def test_a_true_story_has_no_breach(story):
    assert story.breaches() == []


def test_reports_delivered_twice_are_no_breach(story):
    story.reports += story.reports
    assert story.breaches() == []


def test_a_refused_repeat_of_an_intent_id_is_no_breach(story):
    story.events.append(events.Repeated(intent_id="a-1", at=NOON, raw=raw_intent(quantity=1)))
    story.reports = told(story.events)
    assert story.breaches() == []


def test_what_was_not_asked_is_not_held_against_anyone(story):
    assert audit(story.events, story.reports) == []


# --- one lie at a time ---------------------------------------------------------------------------


def second_order_at_the_broker(story: Story) -> None:
    story.events.insert(3, events.Reserved(intent_id="a-1", at=NOON, order_id=3, client_id=8))
    story.live = fold_all(story.events)
    story.orders.append(BrokerOrder("a-1", 8, 3, 9_003, "SPY", "BUY", Decimal(100)))


def order_id_used_twice(story: Story) -> None:
    story.replace_event(events.Reserved, order_id=2)
    story.live = fold_all(story.events)
    for report in story.reports:
        report["ibkr_order_id"] = 2
    story.orders[0] = story.orders[0]._replace(order_id=2)


def fill_the_reports_miss(story: Story) -> None:
    for event in ("Fill", "Commission"):
        story.report(event)["executions"] = []


def fill_the_journal_misses(story: Story) -> None:
    story.executions.append(
        BrokerExecution("0001.0002.01", "a-1", "SPY", "BOT", Decimal(5), Decimal(450), None)
    )
    story.executions.append(
        BrokerExecution("0001.0003.01", "a-1", "SPY", "SLD", Decimal(5), Decimal(450), None)
    )


def correction_the_client_missed(story: Story) -> None:
    story.executions.append(story.executions[0]._replace(exec_id="0001.0001.02", price=Decimal("450.24")))


def fill_of_an_unknown_intent(story: Story) -> None:
    story.executions += [
        story.executions[0]._replace(order_ref="x-9", exec_id="0009.01"),
        story.executions[0]._replace(order_ref="x-9", exec_id="0010.01", side="SLD"),
    ]


def execution_listed_twice(story: Story) -> None:
    story.report("Fill")["executions"] *= 2


def order_without_approval(story: Story) -> None:
    del story.events[1]
    story.reports = told(story.events)
    story.live = fold_all(story.events)


def order_the_journal_never_reserved(story: Story) -> None:
    story.orders.append(BrokerOrder("x-9", 7, 99, 9_099, "SPY", "BUY", Decimal(100)))


def order_of_another_size(story: Story) -> None:
    story.orders[0] = story.orders[0]._replace(quantity=Decimal(1_000))


def order_sent_without_a_reserved_id(story: Story) -> None:
    story.events.append(events.Sent(intent_id="a-9", at=NOON, journaled_at=NOON))
    story.live = fold_all(story.events)


def final_order_that_came_back_to_life(story: Story) -> None:
    story.report("Commission")["status"] = "Submitted"


def position_from_nowhere(story: Story) -> None:
    story.report("Commission")["filled_quantity"] = 90


def commission_the_broker_never_charged(story: Story) -> None:
    story.replace_event(events.CommissionCharged, commission=Decimal("1.25"))
    story.reports = told(story.events)
    story.live = fold_all(story.events)


def commission_of_zero_for_an_unknown_one(story: Story) -> None:
    story.report("Fill", "a-2")["commission"] = 0
    story.report("Fill", "a-2")["executions"][0]["commission"] = 0


def live_state_of_its_own(story: Story) -> None:
    story.live["a-1"] = replace(story.live["a-1"], perm_id=1)


def live_order_nobody_journaled(story: Story) -> None:
    story.live["a-9"] = replace(story.live["a-1"], intent_id="a-9")


def hole_in_the_numbers(story: Story) -> None:
    story.reports.remove(story.report("Submitted"))


def last_report_missing(story: Story) -> None:
    story.events.append(events.Noticed(intent_id="a-1", at=NOON, code=399, text="warning"))
    story.live = fold_all(story.events)


def two_reports_of_one_number(story: Story) -> None:
    story.reports.insert(0, story.report("Submitted") | {"broker_status": "PreSubmitted"})


def report_of_an_unknown_intent(story: Story) -> None:
    story.reports.append(
        story.report("Accepted") | {"intent_id": "x-9", "execution_id": "x", "filled_quantity": 0}
    )


LIES: list[tuple[Callable[[Story], None], int, str]] = [
    (second_order_at_the_broker, 1, "2 orders reached the broker"),
    (order_id_used_twice, 1, "holds order 2 of client 7"),
    (fill_the_reports_miss, 2, "but missing in the reports"),
    (fill_the_journal_misses, 2, "BOT 5 at 450 at the broker, but missing in the journal"),
    (correction_the_client_missed, 2, "BOT 100 at 450.24 at the broker, but BOT 100 at 450.25"),
    (fill_of_an_unknown_intent, 2, "but missing in the journal"),
    (execution_listed_twice, 2, "lists execution 0001.0001 2 times"),
    (order_without_approval, 3, "reserved without approval"),
    (order_the_journal_never_reserved, 3, "never reserved"),
    (order_of_another_size, 3, "has BUY 1000 SPY, approved was BUY 100 SPY"),
    (order_sent_without_a_reserved_id, 3, "without a reserved order id"),
    (final_order_that_came_back_to_life, 5, "was Filled in report 3 and became Submitted by Commission"),
    (position_from_nowhere, 8, "a position of 190, the broker's fills to 200"),
    (commission_the_broker_never_charged, 9, "cost 1.25 in the journal, at the broker 1"),
    (commission_of_zero_for_an_unknown_one, 9, "which the broker never said"),
    (live_state_of_its_own, 10, "differ in perm_id"),
    (live_order_nobody_journaled, 10, "only the live ledger knows it"),
    (hole_in_the_numbers, 11, "the numbers found are: 1, 3, 4"),
    (last_report_missing, 11, "make 5 reports, but the numbers found are: 1, 2, 3, 4"),
    (two_reports_of_one_number, 11, "found are: 1, 2, 2, 3, 4"),
    (report_of_an_unknown_intent, 11, "make 0 reports"),
]


@pytest.mark.parametrize(
    ("lie", "invariant", "sentence"), LIES, ids=[lie.__name__.replace("_", " ") for lie, _, _ in LIES]
)
def test_a_lie_is_found_by_its_invariant_alone(story, lie, invariant, sentence):
    lie(story)
    breaches = story.breaches()
    assert {breach.invariant for breach in breaches} == {invariant}
    assert any(sentence in breach.message for breach in breaches), breaches


@pytest.mark.parametrize(
    ("taken", "sentence"),
    [
        (TakenRecord("order_intents/0@1", "a-1", buried=False), ""),
        (TakenRecord("order_intents/0@2", "", buried=True), ""),
        (TakenRecord("order_intents/0@3", "", buried=False), "order_intents/0@3 is committed, but nobody"),
        (TakenRecord("order_intents/0@4", "a-9", buried=False), "order_intents/0@4 is committed, but nobody"),
    ],
    ids=["an order", "a dead letter", "poison that is nowhere", "an intent that is nowhere"],
)
def test_a_record_that_was_committed_must_have_become_something(story, taken, sentence):
    found = story.breaches(taken=[taken])
    assert [(each.invariant, each.message[: len(sentence)]) for each in found] == (
        [(4, sentence)] if sentence else []
    )


def test_an_intent_that_was_committed_undecided_is_found():
    history = order_history()[:1]
    (breach,) = (
        each
        for each in audit(history, [], taken=[TakenRecord("order_intents/0@1", "a-1", buried=False)])
        if each.invariant == 4
    )
    assert str(breach) == "I4 a-1: order_intents/0@1 is committed, but undecided."


def changed_to(quantity: int, *, approved: bool) -> list[AnyEvent]:
    """An order of 100 that was asked to become another size, and did, before it filled."""
    before = order_history("a-1")
    change = [
        events.ReplaceRequested(intent_id="a-1", at=NOON, by="a-2", quantity=Decimal(quantity)),
        events.Replaced(intent_id="a-1", at=NOON, quantity=Decimal(quantity)),
    ]
    raw = raw_intent("a-2")
    verdict = [
        events.Received(intent_id="a-2", at=NOON, raw=raw, intent=parse(raw, now=NOON)),
        events.Accepted(intent_id="a-2", at=NOON),
    ]
    return [*before[:5], *(verdict if approved else ()), *change]


@pytest.mark.parametrize("held", [100, 200])
def test_the_broker_may_hold_an_order_at_any_size_that_was_approved(held):
    history = changed_to(200, approved=True)
    order = BrokerOrder("a-1", 7, 1, 9_001, "SPY", "BUY", Decimal(held))
    assert audit(history, told(history), [order], [], live=fold_all(history)) == []


def test_a_change_that_came_too_late_is_no_second_order_but_a_repeat_without_one_is():
    history = changed_to(200, approved=True)
    first = BrokerOrder("a-1", 7, 1, 9_001, "SPY", "BUY", Decimal(100))
    late = first._replace(quantity=Decimal(200))
    assert audit(history, told(history), [first, late], []) == []
    (breach,) = audit(history, told(history), [first, late, late], [])
    assert (breach.invariant, breach.message) == (1, "3 orders reached the broker.")


def test_a_size_that_nobody_approved_and_a_change_that_nobody_judged_are_found():
    history = changed_to(200, approved=True)
    order = BrokerOrder("a-1", 7, 1, 9_001, "SPY", "BUY", Decimal(300))
    (breach,) = audit(history, told(history), [order], [])
    assert (breach.invariant, "approved was BUY 100 or 200 SPY" in breach.message) == (3, True)
    history = changed_to(200, approved=False)
    (breach,) = audit(history, told(history))
    assert (breach.invariant, "its change by a-2" in breach.message) == (3, True)


def test_a_breach_reads_as_one_line():
    assert str(Breach(2, "a-1", "it lies.")) == "I2 a-1: it lies."


# --- in bounded time -----------------------------------------------------------------------------


def received(intent_id: str = "a-9") -> events.Received:
    return events.Received(intent_id=intent_id, at=NOON, raw={})


def test_an_intent_without_a_report_is_found():
    assert [str(breach) for breach in audit([received()], [])] == [
        "I6 a-9: received 2026-11-20T17:00:00+00:00, it has no report."
    ]


def test_an_intent_that_just_arrived_may_still_wait():
    assert audit([received()], [], as_of=NOON + timedelta(seconds=59)) == []
    assert audit([received()], [], as_of=NOON + timedelta(seconds=61)) != []


def test_a_report_that_came_late_is_found():
    history = [
        received(),
        events.Denied(intent_id="a-9", at=NOON + timedelta(seconds=90), code="STALE", reason="too old"),
    ]
    (breach,) = audit(history, told(history))
    assert str(breach) == "I6 a-9: its first report came after 90 s."


# --- any history ---------------------------------------------------------------------------------


@given(HISTORIES)
def test_reports_made_from_any_history_never_contradict_it(history):
    found = audit(history, told(history), live=fold_all(history))
    assert not [breach for breach in found if breach.invariant in (2, 5, 9, 10, 11)]
