"""Which bus the settings ask for: Kafka when servers are named, else the file of this machine."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import Any, Final

from toolkit.bus.embedded import EmbeddedConsumer, EmbeddedProducer
from toolkit.bus.topics import CONTROL, INTENTS
from toolkit.errors import BusError, ToolkitError
from toolkit.settings import Settings

GROUP: Final = "toolkit"
"""Consumer group of the orchestrators."""
SEND_TIMEOUT: Final = 30.0
"""Seconds for the bus to take what is sent."""


def consumer_and_producer(settings: Settings) -> tuple[Any, Any]:
    """
    A consumer of ``order_intents`` and a producer, ready for an orchestrator.

    Raises:
        BusError: the bus cannot be reached.
    """
    sink = producer(settings)
    return consumer(settings), sink


def consumer(settings: Settings) -> Any:
    """
    A consumer of ``order_intents`` for an orchestrator.

    Raises:
        BusError: the bus cannot be reached.
    """
    return reader(settings, INTENTS, GROUP, member=_member(settings))


def control_consumer(settings: Settings) -> Any:
    """
    A consumer of ``order_control``: each lane hears every command, so its group is its own.

    Raises:
        BusError: the bus cannot be reached.
    """
    lane = _member(settings)
    return reader(settings, CONTROL, f"{GROUP}-control-{lane}"[:249], member=lane)


def reader(settings: Settings, topic: str, group: str, *, member: str | None = None) -> Any:
    """
    A consumer of any topic.

    Args:
        settings: which bus.
        topic: what to read.
        group: whose committed offsets to go on from.
        member: of Kafka's group, a name that outlives the process; None: the group learns of a crash
            by silence.

    Raises:
        BusError: the bus cannot be reached.
    """
    if settings.kafka_bootstrap_servers:
        from toolkit.bus import kafka

        return kafka.consumer(settings.kafka_bootstrap_servers, topic, group, member=member)
    return EmbeddedConsumer(settings.bus_path, topic, group_id=group)


def producer(settings: Settings) -> Any:
    """
    A producer for any topic; the topics are made when they are not there.

    Raises:
        BusError: the bus cannot be reached.
    """
    if settings.kafka_bootstrap_servers:
        from toolkit.bus import kafka

        kafka.ensure_topics(settings.kafka_bootstrap_servers)
        return kafka.producer(settings.kafka_bootstrap_servers)
    return EmbeddedProducer(settings.bus_path)


def send_all(settings: Settings, topic: str, messages: Iterable[tuple[str, bytes]]) -> None:
    """
    Put messages, each with its key, on a topic and wait until the bus has them.

    Raises:
        BusError: the bus cannot be reached, or did not take all of them.
    """
    bus = producer(settings)
    try:
        try:
            sent = [bus.send(topic, value=body, key=key.encode()) for key, body in messages]
            bus.flush(timeout=SEND_TIMEOUT)
            for future in sent:
                future.get(timeout=SEND_TIMEOUT)
        finally:
            bus.close(timeout=SEND_TIMEOUT)
    except ToolkitError:
        raise
    except Exception as error:
        raise BusError(
            f"The bus did not take every message ({type(error).__name__}: {error}); send them again: what "
            "arrived is recognised."
        ) from error


def _member(settings: Settings) -> str:
    """Our name in the group: the gateway lets one process at a time have this client id (hazard H17)."""
    lane = f"{socket.gethostname()}-{settings.ibkr_host}-{settings.ibkr_port}-{settings.ibkr_client_id}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", lane)[:249]
