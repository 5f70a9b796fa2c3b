"""Two services in one consumer group on a real Kafka, the first killed in the middle of its work."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from tests import builders
from tests.commands import running
from tests.kafka_topics import PATIENCE, Topics
from tests.waiting import wait_until
from toolkit.gateway import PaperGateway
from toolkit.journal.audit import audit
from toolkit.journal.reader import JournalReader
from toolkit.orders.state import OrderStatus

pytestmark = pytest.mark.kafka

INTENTS = 500
TOO_MANY = 5_000
"""Shares of an order that risk refuses; every second one, so that the message budget allows the rest soon."""


def test_h17_of_two_services_one_works_and_when_it_is_killed_the_other_finishes_its_500_intents(
    kafka_bootstrap: str, kafka_service: dict[str, str], kafka_gateway: PaperGateway, home: Path
) -> None:
    topics = Topics(kafka_bootstrap)
    names = topics.names(INTENTS)
    placeable, refusable = names[::2], names[1::2]
    rows = [
        builders.market_intent(intent_id=name, quantity=1 if number % 2 == 0 else TOO_MANY)
        for number, name in enumerate(names)
    ]

    def arrived() -> Counter[str]:
        return Counter(
            request.order_ref
            for request in tuple(kafka_gateway.ledger.requests)
            if request.order_ref.startswith(topics.run)
        )

    with running("serve", **kafka_service) as first, running("serve", **kafka_service) as second:
        assert first.line.startswith("serving")
        assert second.line.startswith("standing by")
        topics.send(*map(msgspec.json.encode, rows))
        wait_until(lambda: arrived().total() >= 100, PATIENCE)
        first.process.kill()
        first.process.wait()
        assert arrived().total() < len(placeable)
        wait_until(lambda: topics.committed() == topics.end(), PATIENCE)
        with JournalReader(home / "journal.db") as journal:
            # One that died between its reservation and the socket is unknown, and never sent again.
            unknown = {n for n, state in journal.states().items() if state.status is OrderStatus.UNKNOWN}
        reports = topics.reports([name for name in names if name not in unknown])
        assert second.end() == 0, second.errors

    assert len(unknown) <= 1
    assert arrived() == Counter(name for name in placeable if name not in unknown)
    assert {reports[name][-1]["reason_code"] for name in refusable} == {"MAX_ORDER_QUANTITY"}
    for name, told in reports.items():
        numbers = sorted({each["report_seq"] for each in told})
        assert numbers == list(range(1, len(numbers) + 1)), name
    with JournalReader(home / "journal.db") as journal:
        assert audit(journal.events(), journal.reports()) == []


def test_h17_a_service_with_another_journal_takes_over_without_sending_anything_twice(
    kafka_bootstrap: str, kafka_service: dict[str, str], kafka_gateway: PaperGateway, tmp_path: Path
) -> None:
    """What the first had sent and not committed comes again; the broker knows that it was sent."""
    topics = Topics(kafka_bootstrap)
    names = topics.names(100)
    elsewhere = {**kafka_service, "TOOLKIT_HOME": str(tmp_path / "elsewhere")}

    def arrived() -> Counter[str]:
        return Counter(
            request.order_ref
            for request in tuple(kafka_gateway.ledger.requests)
            if request.order_ref.startswith(topics.run)
        )

    with running("serve", **kafka_service) as first, running("serve", **elsewhere) as second:
        assert second.line.startswith("standing by: Client id")
        topics.buy(names)
        wait_until(lambda: arrived().total() >= 30, PATIENCE)
        first.process.kill()
        first.process.wait()
        before = arrived()
        assert before.total() < len(names)
        wait_until(lambda: topics.committed() == topics.end(), PATIENCE)
        assert second.end() == 0, second.errors
    with JournalReader(tmp_path / "elsewhere" / "journal.db") as journal:
        states = journal.states()
        assert audit(journal.events(), journal.reports()) == []
    assert arrived() == Counter(names)
    refused = {name for name, state in states.items() if state.reason_code == "SENT_ELSEWHERE"}
    assert refused
    assert refused <= before.keys()
