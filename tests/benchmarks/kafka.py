"""The whole chain on a real Kafka, kafka-python on both sides; see ``tests.kafka_broker`` for the broker."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks import chain
from tests.benchmarks.measure import Figure
from tests.kafka_broker import KafkaBroker, kafka_broker


def run(*, quick: bool) -> list[Figure]:
    """Every figure of ``chain``, on Kafka."""
    with tempfile.TemporaryDirectory() as scratch, kafka_broker(Path(scratch)) as broker:
        bootstrap = broker.bootstrap if isinstance(broker, KafkaBroker) else broker
        return chain.figures(bootstrap, quick=quick)
