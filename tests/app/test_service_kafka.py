"""``toolkit serve`` on a real Kafka: intents in, reports out, and nothing lost or doubled by a crash."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.commands import running
from tests.kafka_topics import PATIENCE, Topics
from tests.waiting import wait_until
from toolkit.app import publisher
from toolkit.bus import choose
from toolkit.bus.topics import DEAD_LETTERS
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.state import OrderStatus
from toolkit.settings import Settings

pytestmark = pytest.mark.kafka


@pytest.fixture
def topics(kafka_bootstrap: str) -> Topics:
    return Topics(kafka_bootstrap)


def test_intents_from_any_producer_become_orders_and_reports_keyed_by_intent(
    topics: Topics, kafka_service: dict[str, str], kafka_gateway: PaperGateway
) -> None:
    names = topics.names(3)
    with running("serve", **kafka_service) as service:
        assert service.line.endswith(topics.bootstrap)
        topics.buy(names)
        reports = topics.reports(names)
        wait_until(lambda: topics.committed() == topics.end())
        assert service.end() == 0, service.errors
    for name in names:
        assert [each["event"] for each in reports[name]][:3] == ["Accepted", "Submitted", "Fill"]
        assert len(kafka_gateway.ledger.orders[name]) == 1


def test_h20_poison_goes_to_the_dead_letters_and_what_follows_it_is_handled(
    topics: Topics, kafka_service: dict[str, str]
) -> None:
    before, after = topics.names(2)
    start, poison = topics.end(), [f"{{bad {topics.run}".encode(), None, b"x" * 500_000]
    topics.buy([before])
    topics.send(*poison)
    topics.buy([after])
    with running("serve", **kafka_service) as service:
        topics.reports([before, after])
        wait_until(lambda: topics.committed() == topics.end())
        assert service.end() == 0, service.errors

    def of_this_test(records: list[Any]) -> list[Any]:
        return [each for each in records if int(dict(each.headers)["offset"]) >= start]

    letters = of_this_test(topics.read(DEAD_LETTERS, lambda records: len(of_this_test(records)) >= 3))
    assert [letter.value for letter in letters] == poison
    assert {letter.key for letter in letters} == {b"momentum"}
    headers = [dict(letter.headers) for letter in letters]
    assert [each["code"] for each in headers] == [b"NOT_JSON", b"EMPTY_MESSAGE", b"MESSAGE_TOO_LARGE"]
    assert [(each["topic"], each["partition"], int(each["offset"])) for each in headers] == [
        (b"order_intents", b"0", start + n) for n in (1, 2, 3)
    ]
    assert all(each["reason"].endswith(b".") for each in headers)


def test_h18_a_service_that_is_killed_amid_intents_leaves_none_out_and_sends_none_twice(
    topics: Topics, kafka_service: dict[str, str], kafka_gateway: PaperGateway, home: Path
) -> None:
    names = topics.names(100)
    first = topics.end()

    def arrived() -> int:
        return sum(request.order_ref in names for request in tuple(kafka_gateway.ledger.requests))

    with running("serve", **kafka_service) as service:
        topics.buy(names[:10])
        wait_until(lambda: topics.committed() == first + 10, PATIENCE)
        topics.buy(names[10:])
        # The message budget lets some 50 go at once; the others follow at 40 a second.
        wait_until(lambda: arrived() >= 60)
        service.process.kill()
        service.process.wait()
    assert arrived() < 100

    with JournalReader(home / "journal.db") as journal:
        decided = {state.source for state in journal.states().values() if not state.undecided}
    assert {f"order_intents/0@{offset}" for offset in range(first, topics.committed())} <= decided

    with running("serve", **kafka_service) as service:
        wait_until(lambda: topics.committed() == topics.end(), PATIENCE)
        with JournalReader(home / "journal.db") as journal:
            states = journal.states()
            told = {report["intent_id"] for report in journal.reports() if report["event"] == "Unknown"}
        # The one that was about to be written to the socket may have died with the process: nobody can
        # know, so it is said to be unknown and never sent again.
        unknown = [name for name in names if states[name].status is OrderStatus.UNKNOWN]
        assert len(unknown) <= 1
        assert told.issuperset(unknown)
        placed = [name for name in names if name not in unknown]
        reports = topics.reports(placed)
        assert service.end() == 0, service.errors

    sent: dict[str, int] = defaultdict(int)
    for request in kafka_gateway.ledger.requests:
        sent[request.order_ref] += 1
    assert {name: sent[name] for name in names} == {name: int(name in placed) for name in names}
    for name in placed:
        numbers = {each["report_seq"] for each in reports[name]}
        assert numbers == set(range(1, max(numbers) + 1)), name
        assert [each["filled_quantity"] for each in reports[name] if each["final"]][-1] == 1


def test_h18_h20_the_service_reads_bytes_from_the_earliest_and_commits_by_itself_only(
    kafka_bootstrap: str, home: Path
) -> None:
    settings = Settings.load(kafka_bootstrap_servers=kafka_bootstrap, ibkr_client_id=77)
    consumer, producer = choose.consumer_and_producer(settings)
    with closing(consumer), closing(producer):
        assert consumer.config["group_id"] == choose.GROUP
        assert consumer.config["group_instance_id"].endswith("-127.0.0.1-4002-77")
        assert consumer.config["enable_auto_commit"] is False
        assert consumer.config["auto_offset_reset"] == "earliest"
        assert consumer.config["value_deserializer"] is None
        assert producer.config["acks"] == -1
        assert producer.config["enable_idempotence"] is True
        assert producer.config["delivery_timeout_ms"] < publisher.SEND_TIMEOUT * 1000
