"""Read a journal, beside the service that writes it or after it: no lock is taken, nothing is changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from toolkit.errors import JournalError
from toolkit.journal import encoding, schema
from toolkit.orders.controls import AnyFact, Unreadable
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import fold_all
from toolkit.orders.state import OrderState


class Unsent(NamedTuple):
    """A report that waits to be published: its id, the intent it is about (the key), its JSON."""

    id: int
    key: str
    body: bytes


class JournalReader:
    """
    What a journal holds, durable facts only.

    Raises:
        JournalError: there is no journal, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = schema.connect(path, readonly=True)

    def events(self, after: int = 0) -> Iterator[AnyEvent]:
        """
        Every fact, oldest first.

        Args:
            after: number of the last fact that the caller knows already.

        Raises:
            JournalError: a row is missing or cannot be read; names it.
        """
        query = "select seq, body from events where seq > ? order by seq"
        for expected, (seq, body) in enumerate(self._rows(query, after), after + 1):
            if seq != expected:
                raise JournalError(
                    f"Row {expected} of the journal {self.path} is missing; restore it from a copy, or move "
                    "it away and start a new one."
                )
            yield encoding.decode(body.encode(), seq)

    def history(self, intent_id: str) -> Iterator[AnyEvent]:
        """
        The facts about one intent, oldest first.

        Raises:
            JournalError: a row cannot be read; names it.
        """
        query = "select seq, body from events where intent_id = ? order by seq"
        for seq, body in self._rows(query, intent_id):
            yield encoding.decode(body.encode(), seq)

    def states(self) -> dict[str, OrderState]:
        """Every order that the facts add up to, by intent id."""
        return fold_all(self.events())

    def reports(self, intent_id: str | None = None) -> Iterator[dict[str, Any]]:
        """The reports as they go to the bus, oldest first; of one intent when it is named."""
        rows = (
            self._rows("select id, body from reports order by id")
            if intent_id is None
            else self._rows("select id, body from reports where intent_id = ? order by id", intent_id)
        )
        for row, body in rows:
            try:
                yield msgspec.json.decode(body)
            except msgspec.DecodeError as error:
                raise JournalError(
                    f"Report {row} of the journal {self.path} cannot be read ({error})."
                ) from error

    def outbox(self, limit: int, after: int = 0) -> list[Unsent]:
        """The oldest reports not sent yet, at most ``limit``, with an id above ``after``."""
        rows = self._rows(
            "select id, intent_id, body from reports where sent_at is null and id > ? order by id limit ?",
            after,
            limit,
        )
        return [Unsent(row, key, body.encode()) for row, key, body in rows]

    def controls(self) -> Iterator[tuple[int, AnyFact]]:
        """
        What operators did, oldest first, each with the number of the newest fact at that moment.

        A row that is missing or cannot be read comes as ``Unreadable``: nobody knows what it forbade.
        """
        if schema.version(self._database) < schema.CONTROLS_SINCE:
            return
        expected, at = 1, _EPOCH
        # As a blob, because a torn row may hold anything.
        query = "select seq, after, cast(body as blob) from controls order by seq"
        for seq, after, body in self._rows(query):
            if seq != expected:
                yield after, _unreadable(at, f"Row {expected} of the journal's controls is missing.")
            try:
                fact = encoding.decode_control(body, seq)
            except JournalError as error:
                fact = _unreadable(at, str(error))
            yield after, fact
            expected, at = seq + 1, fact.at

    def unsent(self) -> int:
        """How many reports wait to be published."""
        ((count,),) = self._rows("select count(*) from reports where sent_at is null")
        return int(count)

    def last_seq(self) -> int:
        """Number of the newest fact, 0 when there is none."""
        ((seq,),) = self._rows("select coalesce(max(seq), 0) from events")
        return int(seq)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self, query: str, *arguments: object) -> Iterator[tuple[Any, ...]]:
        try:
            with closing(self._database.execute(query, arguments)) as cursor:
                yield from cursor
        except sqlite3.Error as error:
            raise schema.explain(error, self.path) from error


def _unreadable(at: datetime, reason: str) -> Unreadable:
    return Unreadable(at=at, by="the journal", reason=reason)


_EPOCH = datetime.fromtimestamp(0, UTC)
