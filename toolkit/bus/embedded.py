"""
A bus in one file: the methods of kafka-python's consumer and producer that this package uses.

The meaning is Kafka's: at least once, in order per partition, a committed offset per group, a new
group starts at the earliest record, and one member of a group at a time has a partition. So whoever
is given these cannot tell them from Kafka's. Like Kafka's, a consumer belongs to one thread; a
producer may be shared.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

from toolkit.bus.store import Claim, Headers, Message, Record, Store, TopicPartition, pack
from toolkit.errors import BusError

MAX_POLL_RECORDS: Final = 500
CLAIM_S: Final = 0.2
"""How often a consumer without its partition looks whether the one that has it is gone."""


_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class EmbeddedConsumer:
    """
    Reads topics of one bus file as a member of a group.

    Args:
        path: the bus file; made when it is not there.
        topics: what to read, one partition each.
        group_id: whose committed offsets to go on from.

    Raises:
        BusError: the file cannot be used.
    """

    def __init__(self, path: Path, *topics: str, group_id: str) -> None:
        self._store = Store(path)
        self._group = group_id
        self._claims = {}
        """Topics whose partition another member of the group may have -> the lock that tells."""
        for topic in topics:
            name = f"{path.name}.{quote(group_id, safe='')}.{quote(topic, safe='')}.lock"
            with self._store.refusals():
                self._claims[TopicPartition(topic, 0)] = Claim(path.with_name(name))
        self._positions: dict[TopicPartition, int] = {}
        """Assigned partition -> offset of the next record to hand out; the next to be asked first."""
        self._paused: set[TopicPartition] = set()
        self._closed = False

    def poll(
        self, timeout_ms: float = 0, max_records: int = MAX_POLL_RECORDS
    ) -> dict[TopicPartition, list[Record]]:
        """
        The next records of the assigned partitions that are not paused.

        Args:
            timeout_ms: how long to wait when there are none.
            max_records: how many at most, over all partitions.

        Raises:
            BusError: the file cannot be read, or the consumer is closed.
        """
        deadline = time.monotonic() + timeout_ms / 1000
        while True:
            if self._closed:
                raise BusError("The consumer is closed; make a new one.")
            version = self._store.version()
            self._claim()
            records = self._fetch(max_records)
            left = deadline - time.monotonic()
            if records or left <= 0:
                return records
            unclaimed = len(self._positions) < len(self._claims)
            self._store.wait_for_change(version, min(left, CLAIM_S) if unclaimed else left)

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are ours; none before the first ``poll``."""
        return set(self._positions)

    def position(self, partition: TopicPartition) -> int:
        """
        Offset of the next record that ``poll`` hands out.

        Raises:
            BusError: the partition is not ours.
        """
        self._require(partition)
        return self._positions[partition]

    def end_offsets(
        self, partitions: Iterable[TopicPartition], timeout_ms: float | None = None
    ) -> dict[TopicPartition, int]:
        """
        Offset that the next record of each partition will have; ``timeout_ms`` changes nothing here.

        Raises:
            BusError: the file cannot be read.
        """
        return {each: self._store.end(each.topic) for each in partitions}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """
        Go on from ``offset``.

        Raises:
            BusError: the partition is not ours.
        """
        self._require(partition)
        self._positions[partition] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        """Hand out nothing from these until ``resume``."""
        for partition in partitions:
            self._require(partition)
            self._paused.add(TopicPartition(*partition))

    def resume(self, *partitions: TopicPartition) -> None:
        """Hand out records from these again."""
        self._paused.difference_update(partitions)

    def paused(self) -> set[TopicPartition]:
        """The partitions that are paused."""
        return set(self._paused)

    def commit(self) -> None:
        """
        Remember the positions for the group: everything handed out so far is done.

        Raises:
            BusError: the file cannot be written.
        """
        self._store.commit(self._group, [(each.topic, offset) for each, offset in self._positions.items()])

    def close(self, autocommit: bool = False) -> None:
        """Leave the group. Nothing is committed, whatever ``autocommit`` says, as with auto-commit off."""
        if self._closed:
            return
        self._closed = True
        for claim in self._claims.values():
            claim.release()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _claim(self) -> None:
        for partition, claim in self._claims.items():
            if partition not in self._positions and claim.take():
                self._positions[partition] = self._store.committed(self._group, partition.topic)

    def _fetch(self, max_records: int) -> dict[TopicPartition, list[Record]]:
        fetched: dict[TopicPartition, list[Record]] = {}
        left = max_records
        for partition, offset in tuple(self._positions.items()):
            if left and partition not in self._paused:
                records = self._store.fetch(partition.topic, offset, left)
                if records:
                    fetched[partition] = records
                    left -= len(records)
                    # Moved to the end, so that a long backlog of one topic does not starve the others.
                    del self._positions[partition]
                    self._positions[partition] = records[-1].offset + 1
        return fetched

    def _require(self, partition: TopicPartition) -> None:
        if partition not in self._positions:
            topic, number = partition
            raise BusError(f"Partition {number} of {topic} is not assigned to this consumer; poll first.")


class RecordMetadata(NamedTuple):
    """Where a sent message was stored; ``timestamp`` in ms since 1970 UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int


class SendFuture:
    """What became of one message; callbacks run in the producer's thread, or at once when it is done."""

    def __init__(self) -> None:
        self._outcome: Future[RecordMetadata] = Future()

    @property
    def is_done(self) -> bool:
        """Whether it was stored or failed."""
        return self._outcome.done()

    @property
    def exception(self) -> BaseException | None:
        """Why it could not be stored; None while it waits and when it was stored."""
        return self._outcome.exception() if self.is_done else None

    def succeeded(self) -> bool:
        """Whether it was stored."""
        return self.is_done and self.exception is None

    def failed(self) -> bool:
        """Whether it could not be stored."""
        return self.exception is not None

    def get(self, timeout: float | None = None) -> RecordMetadata:
        """
        Where it was stored, waiting up to ``timeout`` seconds.

        Raises:
            BusError: it could not be stored, or not in time.
        """
        try:
            return self._outcome.result(timeout)
        except TimeoutError as error:
            raise BusError(f"The message was not stored within {timeout} s; it may still be.") from error

    def add_callback(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Call ``function(*args, metadata, **kwargs)`` when it is stored."""

        def call(outcome: Future[RecordMetadata]) -> None:
            if outcome.exception() is None:
                function(*args, outcome.result(), **kwargs)

        self._outcome.add_done_callback(call)
        return self

    def add_errback(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> Self:
        """Call ``function(*args, error, **kwargs)`` when it cannot be stored."""

        def call(outcome: Future[RecordMetadata]) -> None:
            error = outcome.exception()
            if error is not None:
                function(*args, error, **kwargs)

        self._outcome.add_done_callback(call)
        return self

    def resolve(self, metadata: RecordMetadata) -> None:
        """Tell that it was stored; for the producer."""
        self._outcome.set_result(metadata)

    def fail(self, error: BusError) -> None:
        """Tell that it could not be stored; for the producer."""
        self._outcome.set_exception(error)


class EmbeddedProducer:
    """
    Writes to topics of one bus file; messages that queue up are stored in one transaction.

    Args:
        path: the bus file; made when it is not there.

    Raises:
        BusError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._store = Store(path)
        self._lock = threading.Lock()
        self._queue: list[tuple[Message, SendFuture]] = []
        self._writer = ThreadPoolExecutor(1, "bus-producer")
        self._closed = False

    def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        headers: Headers | None = None,
    ) -> SendFuture:
        """
        Queue one message; the future tells where it was stored or why not.

        Raises:
            BusError: the producer is closed.
            TypeError: key or value are not bytes, or headers are no list of (text, bytes).
            ValueError: there is neither key nor value, or ``topic`` is no topic name.
        """
        if not _TOPIC.fullmatch(topic):
            raise ValueError(f"{topic!r} is no topic name; use up to 249 of A-Z a-z 0-9 . _ -")
        if value is None and key is None:
            raise ValueError("Need at least one: key or value")
        for part in (value, key):
            if part is not None and not isinstance(part, bytes):
                raise TypeError(f"key and value must be bytes, not {type(part).__name__}")
        for header in headers or ():
            match header:
                case (str(), bytes()):
                    continue
            raise TypeError(f"headers must be (text, bytes) pairs, not {header!r}")
        message = Message(topic, time.time_ns() // 1_000_000, key, value, pack(headers or []))
        future = SendFuture()
        with self._lock:
            if self._closed:
                raise BusError("The producer is closed; make a new one.")
            self._queue.append((message, future))
            if len(self._queue) == 1:
                self._writer.submit(self._store_queued)
        return future

    def flush(self, timeout: float | None = None) -> None:
        """
        Block until everything sent so far is stored or failed.

        Raises:
            BusError: ``timeout`` seconds were not enough.
        """
        with self._lock:
            if self._closed:
                return
            # One thread works in order: when this is done, so is everything before.
            reached = self._writer.submit(bool)
        try:
            reached.result(timeout)
        except TimeoutError as error:
            raise BusError(f"The bus took longer than {timeout} s to store what was sent.") from error

    def close(self, timeout: float | None = None) -> None:
        """
        Store what was sent, waiting up to ``timeout`` seconds, and let go of the file.

        Raises:
            BusError: the time was not enough.
        """
        self.flush(timeout)
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._writer.shutdown()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _store_queued(self) -> None:
        with self._lock:
            queue, self._queue = self._queue, []
        try:
            offsets = self._store.append([message for message, _ in queue])
        except BusError as error:
            for _, future in queue:
                future.fail(error)
            return
        for (message, future), offset in zip(queue, offsets, strict=True):
            future.resolve(RecordMetadata(message.topic, 0, offset, message.timestamp))
