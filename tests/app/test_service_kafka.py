"""``toolkit serve`` on a real Kafka: intents in, reports out, and nothing lost or doubled by a crash."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition

from tests import builders
from tests.commands import running
from tests.waiting import wait_until
from toolkit.app import publisher
from toolkit.bus import choose, kafka
from toolkit.bus.topics import DEAD_LETTERS, INTENTS, REPORTS
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.state import OrderStatus
from toolkit.settings import Settings

pytestmark = pytest.mark.kafka

PATIENCE = 30.0
"""Seconds for everything to come true, a member's rejoining of its group included."""


@pytest.fixture(scope="module")
def gateway() -> Iterator[PaperGateway]:
    """One for all tests here, so that every service has the same place in the consumer group."""
    with PaperGateway(port=0, quotes=None) as started:
        started.market.set_quote("SPY", 450.00, 450.02, 100_000, 100_000)
        yield started


@pytest.fixture
def variables(gateway: PaperGateway, kafka_bootstrap: str, home: Path) -> dict[str, str]:
    return {
        "IBKR_PORT": str(gateway.port),
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "PROMETHEUS_PORT": "0",
        "LOG_LEVEL": "WARNING",
    }


class Topics:
    """Hands on the topics, as any other program with kafka-python has them."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.run = uuid.uuid4().hex[:8]
        kafka.ensure_topics(bootstrap)

    def names(self, count: int) -> list[str]:
        """Intent ids that no other test uses."""
        return [f"{self.run}-{n}" for n in range(count)]

    def send(self, *messages: bytes | None) -> None:
        with closing(kafka.producer(self.bootstrap)) as producer:
            for message in messages:
                producer.send(INTENTS, value=message, key=b"momentum", headers=[("by", b"test")])
            producer.flush(30)

    def buy(self, names: list[str]) -> None:
        """A market order of one share for each name."""
        rows = [builders.market_intent(intent_id=name, quantity=1) for name in names]
        self.send(*(msgspec.json.encode(row) for row in rows))

    def read(self, topic: str, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """The records of a topic from its beginning, waiting until they are enough."""
        records: list[Any] = []
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap)) as consumer:
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            consumer.seek(partition, 0)

            def polled() -> bool:
                for batch in consumer.poll(timeout_ms=50).values():
                    records.extend(batch)
                return enough(records)

            wait_until(polled, PATIENCE)
        return records

    def reports(self, names: list[str]) -> dict[str, list[dict[str, Any]]]:
        """The reports by intent id, waiting until each of these has a final one."""
        found: dict[str, list[dict[str, Any]]] = {}

        def all_final(records: list[Any]) -> bool:
            found.clear()
            found.update({name: [] for name in names})
            for record in records:
                report = msgspec.json.decode(record.value)
                assert record.key == report["intent_id"].encode()
                if report["intent_id"] in found:
                    found[report["intent_id"]].append(report)
            return all(any(each["final"] for each in reports) for reports in found.values())

        self.read(REPORTS, all_final)
        return found

    def end(self) -> int:
        """Offset of the next intent."""
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap)) as consumer:
            return int(consumer.end_offsets([TopicPartition(INTENTS, 0)])[TopicPartition(INTENTS, 0)])

    def committed(self) -> int:
        """Offset from which the orchestrators' group would go on."""
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=choose.GROUP)) as consumer:
            return int(consumer.committed(TopicPartition(INTENTS, 0)) or 0)


@pytest.fixture
def topics(kafka_bootstrap: str) -> Topics:
    return Topics(kafka_bootstrap)


def test_intents_from_any_producer_become_orders_and_reports_keyed_by_intent(
    topics: Topics, variables: dict[str, str], gateway: PaperGateway
) -> None:
    names = topics.names(3)
    with running("serve", **variables) as service:
        assert service.line.endswith(topics.bootstrap)
        topics.buy(names)
        reports = topics.reports(names)
        wait_until(lambda: topics.committed() == topics.end())
        assert service.end() == 0, service.errors
    for name in names:
        assert [each["event"] for each in reports[name]][:3] == ["Accepted", "Submitted", "Fill"]
        assert len(gateway.ledger.orders[name]) == 1


def test_h20_poison_goes_to_the_dead_letters_and_what_follows_it_is_handled(
    topics: Topics, variables: dict[str, str]
) -> None:
    before, after = topics.names(2)
    start, poison = topics.end(), [f"{{bad {topics.run}".encode(), None, b"x" * 500_000]
    topics.buy([before])
    topics.send(*poison)
    topics.buy([after])
    with running("serve", **variables) as service:
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
    topics: Topics, variables: dict[str, str], gateway: PaperGateway, home: Path
) -> None:
    names = topics.names(100)
    first = topics.end()

    def arrived() -> int:
        return sum(request.order_ref in names for request in tuple(gateway.ledger.requests))

    with running("serve", **variables) as service:
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

    with running("serve", **variables) as service:
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
    for request in gateway.ledger.requests:
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
