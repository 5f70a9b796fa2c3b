"""Which bus the settings ask for: Kafka when servers are named, else the file of this machine."""

from __future__ import annotations

from typing import Any, Final

from toolkit.bus.embedded import EmbeddedConsumer, EmbeddedProducer
from toolkit.bus.topics import INTENTS
from toolkit.settings import Settings

GROUP: Final = "toolkit"
"""Consumer group of the orchestrators."""


def consumer_and_producer(settings: Settings) -> tuple[Any, Any]:
    """
    A consumer of ``order_intents`` and a producer, ready for an orchestrator.

    Raises:
        BusError: the bus cannot be reached.
    """
    if settings.kafka_bootstrap_servers:
        from toolkit.bus import kafka

        kafka.ensure_topics(settings.kafka_bootstrap_servers)
        consumer: Any = kafka.consumer(settings.kafka_bootstrap_servers, INTENTS, GROUP)
    else:
        consumer = EmbeddedConsumer(settings.bus_path, INTENTS, group_id=GROUP)
    return consumer, producer(settings)


def producer(settings: Settings) -> Any:
    """
    A producer for any topic.

    Raises:
        BusError: the bus cannot be reached.
    """
    if settings.kafka_bootstrap_servers:
        from toolkit.bus import kafka

        return kafka.producer(settings.kafka_bootstrap_servers)
    return EmbeddedProducer(settings.bus_path)
