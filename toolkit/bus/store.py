"""
The embedded bus's file: records and committed offsets in SQLite, shared by processes of one machine.

A topic has one partition, 0, whose offsets count 0, 1, 2, ... without holes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec

from toolkit.errors import BusError

DDL: Final = """
create table if not exists records (
    topic text not null,
    number integer not null,
    timestamp integer not null,
    key blob,
    value blob,
    headers blob,
    primary key (topic, number)
);
create table if not exists commits (
    consumer_group text not null,
    topic text not null,
    number integer not null,
    primary key (consumer_group, topic)
) without rowid;
"""
APPLICATION_ID: Final = 0x746B6231
"""``tkb1`` in the file's header, so that another program's database is recognised."""

WRITE_WAIT_S: Final = 30.0
"""How long a write may wait for the writes of other processes."""

LOOK_S: Final = 0.008
"""How often a waiting consumer looks whether another process wrote; one look costs a few microseconds."""

STATEMENT_ROWS: Final = 128
"""Rows per statement: each statement takes Python's interpreter lock once, however busy other threads are."""

Headers = list[tuple[str, bytes]]


class TopicPartition(NamedTuple):
    """A topic and the number of one of its partitions."""

    topic: str
    partition: int


class Record(NamedTuple):
    """One message as a consumer gets it; ``timestamp`` is when it was sent, in ms since 1970 UTC."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Message(NamedTuple):
    """One message as a producer hands it over; ``timestamp`` in ms since 1970 UTC."""

    topic: str
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: bytes | None
    """Packed by ``pack``."""


def pack(headers: Headers) -> bytes | None:
    """Headers as they are stored; None for none."""
    return msgspec.msgpack.encode(headers) if headers else None


class Store:
    """
    One connection to the file, for one thread at a time.

    Raises:
        BusError: the file cannot be opened, or is not an embedded bus.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.refusals():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes must not turn a new file into a bus at the same moment.
            with Claim(path.with_name(path.name + ".lock"), wait=True):
                self._database = sqlite3.connect(
                    f"file:{quote(str(path))}",
                    uri=True,
                    isolation_level=None,
                    check_same_thread=False,
                    timeout=WRITE_WAIT_S,
                    cached_statements=256,
                )
                try:
                    self._prepare()
                except (sqlite3.Error, BusError):
                    self._database.close()
                    raise

    def _prepare(self) -> None:
        (owner,) = self._database.execute("pragma application_id").fetchone()
        (tables,) = self._database.execute("select count(*) from sqlite_master").fetchone()
        if tables and owner != APPLICATION_ID:
            raise BusError(f"{self.path} is the database of another program; give the bus a path of its own.")
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        if not tables:
            self._database.executescript(f"begin; {DDL} pragma application_id = {APPLICATION_ID}; commit;")

    def append(self, messages: Sequence[Message]) -> list[int]:
        """Store messages in one transaction; their offsets in the same order."""
        offsets: list[int] = []
        rows: list[tuple[Any, ...]] = []
        with self._transaction():
            end = {topic: self.end(topic) for topic in {message.topic for message in messages}}
            for message in messages:
                offset = end[message.topic]
                rows.append((message.topic, offset, *message[1:]))
                offsets.append(offset)
                end[message.topic] += 1
            for start in range(0, len(rows), STATEMENT_ROWS):
                chunk = rows[start : start + STATEMENT_ROWS]
                places = ",".join(("(?,?,?,?,?,?)",) * len(chunk))
                insert = f"insert into records values {places}"  # noqa: S608 - nothing but placeholders
                self._database.execute(insert, list(chain.from_iterable(chunk)))
        return offsets

    def fetch(self, topic: str, offset: int, limit: int) -> list[Record]:
        """Up to ``limit`` records of a topic from ``offset`` on."""
        with self.refusals():
            rows = self._database.execute(
                "select number, timestamp, key, value, headers from records "
                "where topic = ? and number >= ? order by number limit ?",
                (topic, offset, limit),
            ).fetchall()
        return [
            Record(topic, 0, number, timestamp, key, value, _headers.decode(packed) if packed else [])
            for number, timestamp, key, value, packed in rows
        ]

    def end(self, topic: str) -> int:
        """The offset that the next record of a topic will have."""
        with self.refusals():
            (number,) = self._database.execute(
                "select coalesce(max(number) + 1, 0) from records where topic = ?", (topic,)
            ).fetchone()
        return int(number)

    def commit(self, group: str, offsets: Iterable[tuple[str, int]]) -> None:
        """Remember for a group where to go on in each topic."""
        with self._transaction():
            for topic, number in offsets:
                self._database.execute(
                    "insert or replace into commits values (?, ?, ?)", (group, topic, number)
                )

    def committed(self, group: str, topic: str) -> int:
        """Where a group goes on in a topic; 0, the earliest, when it never committed."""
        with self.refusals():
            row = self._database.execute(
                "select number from commits where consumer_group = ? and topic = ?", (group, topic)
            ).fetchone()
        return 0 if row is None else int(row[0])

    def version(self) -> int:
        """A number that changes whenever another connection has written."""
        with self.refusals():
            (version,) = self._database.execute("pragma data_version").fetchone()
        return int(version)

    def wait_for_change(self, version: int, timeout: float) -> None:
        """Sleep until ``version()`` is no longer ``version``, at most ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while self.version() == version:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(LOOK_S, left))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.refusals():
            self._database.execute("begin immediate")
            try:
                yield
                self._database.execute("commit")
            finally:
                if self._database.in_transaction:
                    self._database.execute("rollback")

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turn what the disk or SQLite refuse into one sentence."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise BusError(
                f"The embedded bus {self.path} failed ({error}); check that the disk has room and the "
                "directory can be written, or set KAFKA_BOOTSTRAP_SERVERS to use Kafka."
            ) from error


class Claim:
    """
    A lock file that one holder at a time has; the kernel frees it when the holder dies.

    Used as a context manager, or with ``take`` and ``release``.
    """

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        self._flags = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        """Whether the lock is ours now."""
        try:
            fcntl.flock(self._descriptor, self._flags)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let the next one have it."""
        os.close(self._descriptor)

    def __enter__(self) -> None:
        self.take()

    def __exit__(self, *exception: object) -> None:
        self.release()


_headers = msgspec.msgpack.Decoder(Headers)
