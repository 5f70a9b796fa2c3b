"""Hands on a real Kafka's topics, as any other program with kafka-python has them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from tests import builders
from tests.waiting import wait_until
from toolkit.bus import choose, kafka
from toolkit.bus.topics import INTENTS, REPORTS

PATIENCE = 60.0
"""Seconds for everything to come true on a busy machine, a member's rejoining of its group included."""


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
