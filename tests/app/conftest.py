"""What tests of the main flow share: a gateway, a bus and an orchestrator between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.auditing import assert_one_story, let_arrive
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.bus import choose, topics
from toolkit.bus.embedded import EmbeddedConsumer, EmbeddedProducer
from toolkit.gateway import PaperGateway
from toolkit.settings import Settings


@dataclass
class Desk:
    """A running engine on the embedded bus, and hands on both ends of it."""

    engine: Engine
    settings: Settings

    def send(self, *messages: dict[str, Any] | bytes | None) -> None:
        """Put messages on ``order_intents``; bytes go as they are."""
        producer = EmbeddedProducer(self.settings.bus_path)
        for message in messages:
            body = msgspec.json.encode(message) if isinstance(message, dict) else message
            producer.send(topics.INTENTS, value=body, key=b"test")
        producer.flush()
        producer.close()

    def read(self, topic: str, count: int, group: str = "test") -> list[Any]:
        """Wait for ``count`` records of a topic, oldest first."""
        consumer = EmbeddedConsumer(self.settings.bus_path, topic, group_id=group)
        records: list[Any] = []

        def enough() -> bool:
            for batch in consumer.poll(timeout_ms=50).values():
                records.extend(batch)
            return len(records) >= count

        wait_until(enough)
        consumer.close()
        return records

    def reports(self, count: int) -> list[dict[str, Any]]:
        """Wait for ``count`` execution reports."""
        return [msgspec.json.decode(record.value) for record in self.read(topics.REPORTS, count)]

    def committed(self) -> int:
        """Offset that a new member of the orchestrator's group would go on from."""
        consumer = EmbeddedConsumer(self.settings.bus_path, topics.INTENTS, group_id=choose.GROUP)
        records: list[Any] = []
        for batch in consumer.poll(timeout_ms=0).values():
            records.extend(batch)
        (partition,) = consumer.assignment()
        position = consumer.position(partition) - len(records)
        consumer.close()
        return position


@pytest.fixture
def settings(gateway: PaperGateway, home: Path) -> Settings:
    return Settings.load(ibkr_port=gateway.port)


@pytest.fixture
def desk(settings: Settings, gateway: PaperGateway) -> Iterator[Desk]:
    engine = Engine(settings, bus=choose.consumer_and_producer, max_messages_per_second=1000)
    engine.start()
    yield Desk(engine, settings)
    let_arrive(engine.client, gateway)
    engine.stop()
    assert_one_story(settings.journal_path, gateway, engine.client.ledger)
