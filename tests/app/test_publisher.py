"""The outbox's way to the topic: in order, at least once, and never in the way of the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import builders
from tests.waiting import wait_until
from toolkit.app import publisher
from toolkit.app.publisher import Publisher
from toolkit.bus.embedded import EmbeddedConsumer, EmbeddedProducer, RecordMetadata, SendFuture
from toolkit.bus.topics import REPORTS
from toolkit.errors import BusError
from toolkit.journal.reader import Unsent
from toolkit.journal.sqlite import SqliteJournal


class Producer:
    """Takes messages while ``up``; otherwise they fail as they do when the bus is away."""

    def __init__(self) -> None:
        self.up = True
        self.refuse_from: int | None = None
        self.attempts = 0
        self.taken: list[bytes] = []
        self._queue: list[tuple[bytes, SendFuture]] = []

    def send(self, topic: str, value: bytes, key: bytes) -> SendFuture:
        assert topic == REPORTS
        self.attempts += 1
        future = SendFuture()
        self._queue.append((value, future))
        return future

    def flush(self, timeout: float) -> None:
        queue, self._queue = self._queue, []
        for number, (value, future) in enumerate(queue):
            if self.up and (self.refuse_from is None or number < self.refuse_from):
                self.taken.append(value)
                future.resolve(RecordMetadata(REPORTS, 0, len(self.taken), 0))
            else:
                future.fail(BusError("The bus is away."))
        self.refuse_from = None


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "RETRY_AFTER", 0.01)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    with SqliteJournal(tmp_path / "journal.db") as opened:
        yield opened


def remember(journal: SqliteJournal, count: int) -> None:
    """As many facts, each with a report."""
    for number in range(1, count + 1):
        journal.append(builders.received(f"m{number}"), {"report_seq": 1, "n": number})


def unsent(journal: SqliteJournal) -> list[Unsent]:
    journal.flush()
    return journal.outbox(100)


def numbers(bodies: list[bytes]) -> list[int]:
    return [msgspec.json.decode(body)["n"] for body in bodies]


def test_reports_of_an_earlier_run_are_sent_in_order_and_leave_the_outbox(journal: SqliteJournal) -> None:
    remember(journal, 3)
    producer = Producer()
    sending = Publisher(journal, producer)
    sending.start()
    wait_until(lambda: not unsent(journal))
    sending.stop()
    assert numbers(producer.taken) == [1, 2, 3]


def test_h47_while_the_bus_is_away_reports_wait_and_then_go_out_in_order(journal: SqliteJournal) -> None:
    producer = Producer()
    producer.up = False
    sending = Publisher(journal, producer)
    sending.start()
    remember(journal, 3)
    sending.wake()
    wait_until(lambda: producer.attempts >= 6)
    assert len(unsent(journal)) == 3
    producer.up = True
    wait_until(lambda: not unsent(journal))
    sending.stop()
    assert numbers(producer.taken) == [1, 2, 3]


def test_what_was_taken_before_a_failure_is_not_sent_again(journal: SqliteJournal) -> None:
    producer = Producer()
    producer.refuse_from = 2
    remember(journal, 4)
    sending = Publisher(journal, producer)
    sending.start()
    wait_until(lambda: not unsent(journal))
    sending.stop()
    assert numbers(producer.taken) == [1, 2, 3, 4]


def test_the_end_sends_what_is_left(journal: SqliteJournal) -> None:
    producer = Producer()
    sending = Publisher(journal, producer)
    sending.start()
    remember(journal, 2)
    sending.stop()
    assert numbers(producer.taken) == [1, 2]
    wait_until(lambda: not unsent(journal))


def test_the_end_does_not_wait_for_a_bus_that_is_away(journal: SqliteJournal) -> None:
    producer = Producer()
    producer.up = False
    sending = Publisher(journal, producer)
    sending.start()
    remember(journal, 2)
    sending.stop()
    assert len(unsent(journal)) == 2


def test_a_report_has_its_intent_as_key(journal: SqliteJournal, tmp_path: Path) -> None:
    remember(journal, 2)
    with EmbeddedProducer(tmp_path / "bus.db") as producer:
        sending = Publisher(journal, producer)
        sending.start()
        sending.stop()
    with EmbeddedConsumer(tmp_path / "bus.db", REPORTS, group_id="g") as consumer:
        records: list[Any] = [record for batch in consumer.poll().values() for record in batch]
    assert [record.key for record in records] == [b"m1", b"m2"]


def test_a_journal_that_fails_is_one_sentence_and_the_end_of_sending(
    journal: SqliteJournal, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    sending = Publisher(journal, Producer(), on_change=lambda: told.append(sending.trouble))
    with closing(sqlite3.connect(journal.path)) as database:
        database.execute("drop table reports")
    sending.start()
    wait_until(lambda: told)
    sending.stop()
    assert str(journal.path) in told[0]
    (alarm,) = caplog.records
    assert alarm.getMessage() == f"Reports cannot be sent any more: {told[0]}"
    assert alarm.exc_info is None
