"""One test, two buses: the embedded one and a real Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from toolkit.bus import kafka
from toolkit.bus.embedded import EmbeddedConsumer, EmbeddedProducer


class Bus:
    """
    A bus under test; what it makes is closed when the test ends.

    Attributes:
        topic: a topic that no other test uses.
    """

    def __init__(
        self, make_consumer: Callable[[str, str], Any], make_producer: Callable[[], Any], stack: ExitStack
    ) -> None:
        self.topic = f"test-{uuid.uuid4().hex}"
        self._make_consumer = make_consumer
        self._make_producer = make_producer
        self._stack = stack

    def consumer(self, group: str = "readers") -> Any:
        """A consumer of the test's topic."""
        made = self._make_consumer(self.topic, f"{group}-{self.topic}")
        self._stack.callback(made.close)
        return made

    def producer(self) -> Any:
        """A producer."""
        made = self._make_producer()
        self._stack.callback(made.close)
        return made

    def send(self, *values: str) -> None:
        """Send these texts and wait until they are stored."""
        producer = self.producer()
        for value in values:
            producer.send(self.topic, value=value.encode())
        producer.flush(30)


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    with ExitStack() as stack:
        if request.param == "embedded":
            path = tmp_path / "bus.db"
            yield Bus(
                lambda topic, group: EmbeddedConsumer(path, topic, group_id=group),
                lambda: EmbeddedProducer(path),
                stack,
            )
        else:
            bootstrap = request.getfixturevalue("kafka_bootstrap")
            made = Bus(
                lambda topic, group: kafka.consumer(bootstrap, topic, group),
                lambda: kafka.producer(bootstrap),
                stack,
            )
            kafka.ensure_topics(bootstrap, [made.topic])
            yield made
