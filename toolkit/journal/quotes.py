"""
The quotes around our orders, in a file of their own beside the journal.

They are for measuring afterwards, not for recovery: no order depends on them, the last second of them
may be lost, and a file that cannot be written stops nothing but the recording.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from concurrent.futures import Future
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

from toolkit.errors import JournalError

log = logging.getLogger(__name__)

FILE: Final = "quotes.db"
KEPT: Final = timedelta(days=30)
"""How long quotes are kept; those journaled with the orders stay."""
_TABLE: Final = """
    create table if not exists quotes (
        con_id integer not null,
        symbol text not null,
        at_us integer not null,
        bid text,
        ask text,
        bid_size text,
        ask_size text
    )
"""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class RecordedQuote(NamedTuple):
    """
    One contract's quote from ``at`` (UTC) on; prices in price units, None where there is none.

    Sizes are in units of the contract.
    """

    con_id: int
    symbol: str
    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None


class QuoteWriter:
    """
    Writes quotes in a thread of its own, so that no disk is waited for.

    Attributes:
        failure: why nothing is written any more, None while all is well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failure: JournalError | None = None
        self._work: SimpleQueue[list[RecordedQuote] | Future[None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="quote-writer", daemon=True)
        self._thread.start()

    def write(self, quotes: list[RecordedQuote]) -> None:
        """Queue some quotes."""
        self._work.put(quotes)

    def settled(self) -> Future[None]:
        """Done when all that was queued before is in the file, or cannot be."""
        done: Future[None] = Future()
        self._work.put(done)
        return done

    def close(self) -> None:
        """Write what is queued, and let go of the file."""
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        with ExitStack() as opened:
            database = None
            while (work := self._work.get()) is not None:
                if isinstance(work, Future):
                    work.set_result(None)
                elif self.failure is None:
                    try:
                        if database is None:
                            database = opened.enter_context(closing(_open(self.path)))
                        _append(database, work)
                    except sqlite3.Error as error:
                        self.failure = _explain(self.path, error)
                        log.critical("%s", self.failure)


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = off")
    database.execute(_TABLE)
    oldest = (datetime.now(UTC) - KEPT - _EPOCH) // _MICROSECOND
    database.execute("delete from quotes where at_us < ?", (oldest,))
    return database


def _append(database: sqlite3.Connection, quotes: list[RecordedQuote]) -> None:
    rows = [
        (con_id, symbol, (at - _EPOCH) // _MICROSECOND, *(None if x is None else str(x) for x in figures))
        for con_id, symbol, at, *figures in quotes
    ]
    database.execute("begin")
    database.executemany("insert into quotes values (?, ?, ?, ?, ?, ?, ?)", rows)
    database.execute("commit")


def read_quotes(journal: Path, since: datetime | None = None) -> list[RecordedQuote]:
    """
    The quotes that were recorded beside a journal, as they came; none when there is no such file.

    Args:
        journal: path of the journal.
        since: leave out those from before this moment, UTC; None: all.

    Raises:
        JournalError: the file cannot be read.
    """
    path = journal.with_name(FILE)
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            after = 0 if since is None else (since - _EPOCH) // _MICROSECOND
            rows = database.execute(
                "select * from quotes where at_us >= ? order by rowid", (after,)
            ).fetchall()
    except sqlite3.Error as error:
        raise _explain(path, error) from error
    return [
        RecordedQuote(
            con_id,
            symbol,
            _EPOCH + at_us * _MICROSECOND,
            *(None if x is None else Decimal(x) for x in figures),
        )
        for con_id, symbol, at_us, *figures in rows
    ]


def _explain(path: Path, error: sqlite3.Error) -> JournalError:
    return JournalError(
        f"The quotes in {path} cannot be written or read ({error}); free some space or make it writable, "
        "then restart. Orders go on without them."
    )
