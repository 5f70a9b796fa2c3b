"""
Kafka's consumer and producer with the settings that losing no intent and no report takes.

Bytes go in and out: a deserializer that raises would freeze the consumer, so parsing is ours. The
consumer commits only when told to and starts a new group at the earliest record; the producer is
idempotent and counts a record as sent when all in-sync replicas have it.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError, TopicAlreadyExistsError

from toolkit.bus.topics import DEAD_LETTERS, REPORTS, TOPICS
from toolkit.errors import BusError

CONNECT_S: Final = 10.0
"""How long a new client tries to reach a broker."""
DELIVERY_S: Final = 10
"""Seconds after which a record that Kafka did not take has failed, so that a service can always end."""
CLOSE_S: Final = 2.0
"""How long a producer that cannot send any more may take to end."""
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Largest message that our producer and the dead letters' topic take: poison is kept whole (hazard H20)."""
SESSION_S: Final = 10
"""Seconds of silence after which the group gives a member's partitions to others."""

CONFIGS: Final = {
    REPORTS: {"retention.ms": str(90 * 86_400_000)},
    DEAD_LETTERS: {"retention.ms": str(90 * 86_400_000), "max.message.bytes": str(MAX_MESSAGE_BYTES)},
}
"""Topic -> how it differs from the broker's defaults: what happened can be read for a quarter of a year."""


class Producer(KafkaProducer):
    """kafka-python's producer, whose ``close`` ends it also when something cannot be sent any more."""

    def __init__(self, **configs: Any) -> None:
        theirs: Any = super()
        theirs.__init__(**configs)

    def close(self, timeout: float | None = None, null_logger: bool = False) -> None:
        """Send what is left, within ``timeout`` seconds, and close; what could not be sent has failed."""
        theirs: Any = super()
        try:
            theirs.close(timeout, null_logger)
        except KafkaTimeoutError:
            # Theirs gives up here, with its thread and its sockets still open.
            self._sender.force_close()
            self._sender.join(CLOSE_S)
            theirs.close(CLOSE_S, null_logger)


def consumer(
    bootstrap: str, topic: str, group: str, *, member: str | None = None, connect_s: float = CONNECT_S
) -> KafkaConsumer:
    """
    A member of a consumer group.

    Args:
        bootstrap: ``host:port``, several separated by commas.
        topic: what to read.
        group: whose committed offsets to go on from.
        member: a name that outlives the process, so that after a crash the next one has its partitions
            at once; one process at a time may use it. None: the group learns of a crash by silence.
        connect_s: seconds to try to reach a broker.

    Raises:
        BusError: no broker answers.
    """
    with _reaching(bootstrap, connect_s):
        return KafkaConsumer(
            topic,
            bootstrap_servers=_servers(bootstrap),
            group_id=group,
            group_instance_id=member,
            session_timeout_ms=SESSION_S * 1000,
            heartbeat_interval_ms=SESSION_S * 100,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            bootstrap_timeout_ms=connect_s * 1000,
        )


def producer(bootstrap: str, *, connect_s: float = CONNECT_S) -> KafkaProducer:
    """
    A producer that may be shared by threads; arguments and errors as ``consumer``.

    Raises:
        BusError: no broker answers.
    """
    with _reaching(bootstrap, connect_s):
        return Producer(
            bootstrap_servers=_servers(bootstrap),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_request_size=MAX_MESSAGE_BYTES,
            request_timeout_ms=DELIVERY_S * 500,
            delivery_timeout_ms=DELIVERY_S * 1000,
            max_block_ms=DELIVERY_S * 1000,
            bootstrap_timeout_ms=connect_s * 1000,
        )


def ensure_topics(
    bootstrap: str,
    topics: Iterable[str] = TOPICS,
    *,
    partitions: int = 1,
    connect_s: float = CONNECT_S,
) -> None:
    """
    Create the topics that do not exist yet, replicated as the broker's default says.

    Raises:
        BusError: no broker answers, or it does not let us.
    """
    with (
        _reaching(bootstrap, connect_s),
        closing(
            KafkaAdminClient(bootstrap_servers=_servers(bootstrap), bootstrap_timeout_ms=connect_s * 1000)
        ) as admin,
    ):
        for topic in sorted(set(topics) - set(admin.list_topics())):
            try:
                options = {"num_partitions": partitions, "configs": CONFIGS.get(topic, {})}
                admin.create_topics({topic: options}, wait_for_metadata=True)
            except TopicAlreadyExistsError:
                # Another process made it since we looked.
                continue


@contextmanager
def _reaching(bootstrap: str, connect_s: float) -> Iterator[None]:
    try:
        _wait_for_listener(_servers(bootstrap), connect_s)
        yield
    except (KafkaError, OSError, ValueError) as error:
        raise BusError(
            f"Kafka at {bootstrap} cannot be used ({type(error).__name__}: {error}); start it, correct "
            "KAFKA_BOOTSTRAP_SERVERS, or leave that empty to use the embedded bus."
        ) from error


def _wait_for_listener(servers: list[str], timeout: float) -> None:
    """Return when one of the servers listens; a client that is made before leaks its sockets."""
    deadline = time.monotonic() + timeout
    while True:
        for server in servers:
            host, _, port = server.rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout).close()
            except OSError as error:
                refusal = error
            else:
                return
        if time.monotonic() > deadline:
            raise refusal
        time.sleep(0.1)


def _servers(bootstrap: str) -> list[str]:
    servers = [server.strip() for server in bootstrap.split(",") if server.strip()]
    if not all(re.fullmatch(r".+:\d+", server) for server in servers) or not servers:
        raise ValueError("name it as host:port, several separated by commas")
    return servers
