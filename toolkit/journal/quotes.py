"""
The quotes around our orders, in a file of their own beside the journal.

They are for measuring afterwards, not for recovery: no order depends on them, the last second of them
may be lost, and a file that cannot be written stops nothing but the recording.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from toolkit.errors import JournalError

FILE: Final = "quotes.db"
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


class QuoteFile:
    """
    Writes quotes; one thread at a time.

    Raises:
        JournalError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = off")
            self._database.execute(_TABLE)
        except sqlite3.Error as error:
            raise _explain(path, error) from error

    def write(self, quotes: Iterable[RecordedQuote]) -> None:
        """
        Append some quotes.

        Raises:
            JournalError: the disk is full or the file is gone.
        """
        rows = [
            (con_id, symbol, (at - _EPOCH) // _MICROSECOND, *(None if x is None else str(x) for x in figures))
            for con_id, symbol, at, *figures in quotes
        ]
        try:
            self._database.execute("begin")
            self._database.executemany("insert into quotes values (?, ?, ?, ?, ?, ?, ?)", rows)
            self._database.execute("commit")
        except sqlite3.Error as error:
            raise _explain(self.path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def read_quotes(journal: Path) -> list[RecordedQuote]:
    """
    The quotes that were recorded beside a journal, as they came; none when there is no such file.

    Raises:
        JournalError: the file cannot be read.
    """
    path = journal.with_name(FILE)
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute("select * from quotes order by rowid").fetchall()
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
