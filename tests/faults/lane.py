"""One lane on a real Kafka: an engine in this process, with a topic, a group and a home of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from tests.kafka_topics import PATIENCE
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.bus import kafka
from toolkit.bus.topics import DEAD_LETTERS, REPORTS
from toolkit.gateway import PaperGateway
from toolkit.journal.audit import TakenRecord, audit
from toolkit.journal.reader import JournalReader
from toolkit.orders.intent import readable_id
from toolkit.orders.state import OrderState
from toolkit.settings import Settings


class Lane:
    """
    Attributes:
        topic, partitions: its intents.
        group: its consumer group.
        make_consumer: makes the engine's first consumer.
    """

    def __init__(
        self, bootstrap: str, gateway: PaperGateway, home: Path, *, partitions: int = 1, **settings: Any
    ) -> None:
        self.bootstrap = bootstrap
        self.gateway = gateway
        self.name = uuid.uuid4().hex[:8]
        self.topic = f"intents-{self.name}"
        self.group = f"group-{self.name}"
        self.settings = Settings.load(
            ibkr_port=gateway.port, toolkit_home=home, max_open_orders_per_side=1000, **settings
        )
        self.partitions = partitions
        self.make_consumer: Callable[[], Any] = self.consumer
        kafka.ensure_topics(bootstrap)
        kafka.ensure_topics(bootstrap, [self.topic], partitions=partitions)
        self._start = {topic: self.end(topic) for topic in (REPORTS, DEAD_LETTERS)}

    def consumer(self) -> Any:
        """A consumer as the service has it."""
        return kafka.consumer(self.bootstrap, self.topic, self.group, member=f"member-{self.name}")

    @contextmanager
    def running(self) -> Iterator[Engine]:
        """The lane at work; afterwards its journal and its reports must agree."""
        engine = Engine(
            self.settings,
            bus=lambda _: (self.make_consumer(), kafka.producer(self.bootstrap)),
            renew_consumer=lambda _: self.consumer(),
            renew_producer=lambda _: kafka.producer(self.bootstrap, connect_s=1.0),
            max_messages_per_second=1000,
        )
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()
        with JournalReader(self.settings.journal_path) as journal:
            assert audit(journal.events(), journal.reports(), taken=self.taken()) == []

    def taken(self) -> list[TakenRecord]:
        """What is below the committed offsets, as the auditor wants it."""
        buried = {
            (int(headers["partition"]), int(headers["offset"]))
            for letter in self.read(DEAD_LETTERS, lambda _: True, whole=True)
            if (headers := dict(letter.headers))["topic"] == self.topic.encode()
        }
        committed = [self.committed(partition) for partition in range(self.partitions)]
        return [
            TakenRecord(
                f"{record.topic}/{record.partition}@{record.offset}",
                _intent_id(record.value),
                (record.partition, record.offset) in buried,
            )
            for partition in range(self.partitions)
            for record in self.read(self.topic, lambda _: True, partition=partition, whole=True)
            if record.offset < committed[partition]
        ]

    def intent(self, n: int, **changes: Any) -> dict[str, Any]:
        """A market order of one share under an id that no other lane uses; a change to None drops a field."""
        raw = {
            "intent_id": f"{self.name}-{n}",
            "symbol": "SPY",
            "direction": "BUY",
            "quantity": 1,
            "order_type": "MARKET",
            **changes,
        }
        return {name: value for name, value in raw.items() if value is not None}

    def send(self, *messages: dict[str, Any] | bytes | None, partition: int | None = None) -> None:
        """Put messages on the lane's topic; bytes go as they are."""
        with closing(kafka.producer(self.bootstrap)) as producer:
            for message in messages:
                body = msgspec.json.encode(message) if isinstance(message, dict) else message
                producer.send(self.topic, value=body, key=b"test", partition=partition)
            producer.flush(30)

    def orders(self, n: int) -> int:
        """How many orders of an intent reached the gateway."""
        return len(self.gateway.ledger.orders.get(f"{self.name}-{n}", ()))

    def state(self, engine: Engine, n: int) -> OrderState | None:
        """What the lane knows of an intent."""
        return engine.client.ledger.get(f"{self.name}-{n}")

    def settled(self, engine: Engine, *numbers: int) -> list[OrderState]:
        """The states of intents, once all of them are final and their commissions are known."""

        def final(state: OrderState | None) -> bool:
            if state is None or not state.final:
                return False
            return not state.executions or state.known_commission is not None

        wait_until(lambda: all(final(self.state(engine, n)) for n in numbers), PATIENCE)
        return [state for n in numbers if (state := self.state(engine, n)) is not None]

    def committed(self, partition: int = 0) -> int:
        """Offset from which the lane's group would go on."""
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=self.group)) as consumer:
            return int(consumer.committed(TopicPartition(self.topic, partition)) or 0)

    def end(self, topic: str, partition: int = 0) -> int:
        """Offset of the next record of a topic."""
        place = TopicPartition(topic, partition)
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap)) as consumer:
            return int(consumer.end_offsets([place])[place])

    def read(
        self,
        topic: str,
        enough: Callable[[list[Any]], bool],
        *,
        partition: int = 0,
        whole: bool = False,
    ) -> list[Any]:
        """The records since the lane was made, waiting until they are enough, or all that there are now."""
        records: list[Any] = []
        with closing(KafkaConsumer(bootstrap_servers=self.bootstrap)) as consumer:
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            start = max(self._start.get(topic, 0), consumer.beginning_offsets([place])[place])
            consumer.seek(place, start)
            end = consumer.end_offsets([place])[place]

            def polled() -> bool:
                for batch in consumer.poll(timeout_ms=50).values():
                    records.extend(batch)
                return enough(records) and (not whole or consumer.position(place) >= end)

            wait_until(polled, PATIENCE)
        return records

    def letters(self, count: int) -> list[Any]:
        """The dead letters of this lane, waiting until there are so many."""

        def ours(records: list[Any]) -> list[Any]:
            return [each for each in records if dict(each.headers)["topic"] == self.topic.encode()]

        return ours(self.read(DEAD_LETTERS, lambda records: len(ours(records)) >= count))

    def reports(self, *numbers: int) -> dict[int, list[dict[str, Any]]]:
        """
        The reports as a reader has them who drops repeats, waiting until all that are due have come.

        They must come in order, without a hole.
        """
        due: dict[int, int] = {}

        def journaled() -> bool:
            with JournalReader(self.settings.journal_path) as journal:
                states = journal.states()
            due.update(
                {n: states[f"{self.name}-{n}"].reports for n in numbers if f"{self.name}-{n}" in states}
            )
            return len(due) == len(numbers)

        wait_until(journaled, PATIENCE)
        told: dict[int, list[dict[str, Any]]] = {}

        def all_there(records: list[Any]) -> bool:
            told.clear()
            told.update({n: [] for n in numbers})
            seen: set[str] = set()
            for record in records:
                report = msgspec.json.decode(record.value)
                lane, _, number = report["intent_id"].rpartition("-")
                if lane == self.name and int(number) in told and report["execution_id"] not in seen:
                    seen.add(report["execution_id"])
                    told[int(number)].append(report)
            return all(len(reports) >= due[n] for n, reports in told.items())

        self.read(REPORTS, all_there)
        for n, reports in told.items():
            numbered = [each["report_seq"] for each in reports if each["report_seq"]]
            assert numbered == list(range(1, len(numbered) + 1)), f"{self.name}-{n}"
        return told


def _intent_id(body: bytes | None) -> str:
    try:
        content = msgspec.json.decode(body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return readable_id(content)
