"""The journal remembers what operators did, in one order with the orders' facts, and doubts what is torn."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests import builders
from tests.journal.histories import NOON, notices, order_history, with_reports
from toolkit.errors import JournalError
from toolkit.journal import schema
from toolkit.journal.audit import BrokerOrder, audit
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.controls import (
    AccountCancelled,
    AnyFact,
    Approved,
    Armed,
    CommandRefused,
    ControlState,
    Disarmed,
    LimitsSet,
    StateSet,
    Swept,
    Unreadable,
    fold,
)
from toolkit.orders.events import Denied

KILLED = StateSet(at=NOON, by="ann", reason="drill", command="k1", state=ControlState.KILLED)
RESUMED = StateSet(at=NOON + timedelta(minutes=1), by="ann", reason="over", state=ControlState.ACTIVE)
EVERY_FACT: tuple[AnyFact, ...] = (
    KILLED,
    RESUMED,
    Armed(
        at=NOON,
        by="ann",
        account="U1",
        port=4001,
        until=NOON + timedelta(hours=1),
        max_notional=Decimal("1000.50"),
    ),
    Disarmed(at=NOON, by="ann"),
    Approved(
        at=NOON, by="ann", intent=builders.intent(limit_price=450.25), until=NOON + timedelta(minutes=15)
    ),
    AccountCancelled(at=NOON, by="ann", account="U1"),
    LimitsSet(at=NOON, by="ann", limits_hash="0f", limits={"max_position": "5", "blocked_symbols": ["GME"]}),
    CommandRefused(at=NOON, by="ann", action="resume", why="It is old."),
    Swept(at=NOON, by="ann", orders=2, leftovers={"a-1": "held"}, seconds=0.25),
)


def remember(path: Path, *facts: AnyFact) -> None:
    with SqliteJournal(path) as journal:
        for fact in facts:
            journal.append_control(fact).result(10)


def read(path: Path) -> list[AnyFact]:
    with JournalReader(path) as reader:
        return [fact for _, fact in reader.controls()]


def tear(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(statement)


def test_every_kind_of_fact_is_told_again_as_it_was(path: Path) -> None:
    remember(path, *EVERY_FACT)
    assert read(path) == list(EVERY_FACT)
    with SqliteJournal(path) as journal:
        assert journal.controls() == list(EVERY_FACT)


def test_each_fact_knows_which_facts_about_orders_came_before_it(path: Path) -> None:
    with SqliteJournal(path) as journal:
        journal.append(notices(1)[0], None)
        journal.append_control(KILLED)
        journal.append(notices(1)[0], None)
        journal.append_control(RESUMED)
    with JournalReader(path) as reader:
        assert [after for after, _ in reader.controls()] == [1, 2]


def test_who_gives_up_waiting_does_not_take_the_fact_back(path: Path, busy_disk) -> None:
    with SqliteJournal(path) as journal, busy_disk():
        assert not journal.append_control(KILLED).cancel()
    assert read(path) == [KILLED]


def test_a_failed_journal_tells_who_waits_for_an_operators_fact(path: Path) -> None:
    journal = SqliteJournal(path)
    tear(path, "drop table controls")
    with pytest.raises(JournalError):
        journal.append_control(KILLED).result(10)
    with pytest.raises(JournalError):
        journal.append_control(KILLED)
    with pytest.raises(JournalError):
        journal.close()


@pytest.mark.parametrize(
    "damage",
    [
        "update controls set body = '{' where seq = 1",
        'update controls set body = \'{"v":1,"type":"Pardoned"}\' where seq = 1',
        "update controls set body = '{\"v\":99}' where seq = 1",
        "update controls set body = x'ff' where seq = 1",
        "delete from controls where seq = 1",
    ],
)
def test_a_row_that_cannot_be_read_halts_until_somebody_resumes(path: Path, damage: str) -> None:
    disarmed = Disarmed(at=NOON, by="ann")
    remember(path, KILLED, disarmed)
    tear(path, damage)
    facts = read(path)
    assert isinstance(facts[0], Unreadable)
    assert fold(facts).state is ControlState.HALTED
    assert fold([*facts, RESUMED]).state is ControlState.ACTIVE


def test_a_journal_of_the_first_version_gets_its_controls_and_keeps_its_facts(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(
            f"{schema.MIGRATIONS[0]} pragma application_id = {schema.APPLICATION_ID};pragma user_version = 1;"
        )
        body = (
            f'{{"v":1,"type":"Noticed","intent_id":"a-1","at":"{NOON.isoformat()}","code":0,"text":"said"}}'
        )
        database.execute("insert into events values (1, 'a-1', 'Noticed', ?)", [body])
    assert read(path) == []
    remember(path, KILLED)
    assert read(path) == [KILLED]
    with JournalReader(path) as reader:
        assert list(reader.events()) == notices(1)


# --- I7 ----------------------------------------------------------------------------------------------


def breaches(*controls: tuple[int, AnyFact], **more) -> list[str]:
    history = order_history()
    reports = [report for _, report in with_reports(history) if report is not None]
    return [str(breach) for breach in audit(history, reports, controls=controls, **more)]


HALTED = StateSet(at=NOON, by="ann", state=ControlState.HALTED)
REDUCING = StateSet(at=NOON, by="ann", state=ControlState.REDUCE_ONLY)


@pytest.mark.parametrize("closed", [KILLED, HALTED])
def test_i7_a_kill_or_a_halt_before_the_number_and_before_the_socket_is_a_breach(closed: StateSet) -> None:
    told = closed.state.value
    assert [line.split(f" although the state was {told}")[0] for line in breaches((2, closed))] == [
        "I7 a-1: it was given an order id",
        "I7 a-1: it was sent",
    ]
    assert len(breaches((3, closed))) == 1


def test_i7_what_was_sent_before_or_after_is_no_breach() -> None:
    assert breaches((4, KILLED)) == []
    assert breaches((1, KILLED), (2, RESUMED)) == []
    assert breaches((0, REDUCING)) == []


def test_i7_an_order_that_was_turned_away_at_the_last_moment_may_not_be_at_the_broker() -> None:
    history = order_history()[:3]
    history.append(Denied(intent_id="a-1", at=NOON, code="KILLED", reason="Killed."))
    reports = [report for _, report in with_reports(history) if report is not None]
    order = BrokerOrder("a-1", 7, 1, 9_001, "SPY", "BUY", Decimal(100))
    found = audit(history, reports, [order], [], controls=[(3, KILLED)])
    assert [str(breach) for breach in found] == [
        "I7 a-1: it was denied as KILLED, but the broker has an order of it."
    ]
