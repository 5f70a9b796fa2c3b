"""
The journal's tables, how a file gets them, and what SQLite's refusals mean to a person.

One row of ``events`` per fact, for ever. The same statement that writes a fact writes its report
and, for a reservation, its order, because all of them are columns of the view ``inbox``.

``controls`` holds what operators did (kill, resume, arm, limits); ``after`` is the newest row of
``events`` at that moment, so that the two can be told in one order.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from toolkit.errors import JournalError

APPLICATION_ID: Final = 0x746B6A31
"""``tkj1`` in the file's header, so that another program's database is recognised."""

MIGRATIONS: Final = (
    """
    create table events (
        seq integer primary key,
        intent_id text not null,
        type text not null,
        body text not null
    );
    create table reports (
        id integer primary key references events (seq),
        intent_id text not null,
        report_seq integer not null,
        body text not null,
        sent_at text
    );
    create unique index report_number on reports (intent_id, report_seq) where report_seq > 0;
    create index report_unsent on reports (id) where sent_at is null;
    create table orders (
        client_id integer not null,
        order_id integer not null,
        intent_id text not null unique,
        primary key (client_id, order_id)
    ) without rowid;
    create view inbox as
        select seq, intent_id, type, body, 0 report_seq, '' report, 0 client_id, 0 order_id from events;
    create trigger inbox_insert instead of insert on inbox begin
        insert into events values (new.seq, new.intent_id, new.type, new.body);
        insert into reports
            select new.seq, new.intent_id, new.report_seq, new.report, null where new.report is not null;
        insert into orders
            select new.client_id, new.order_id, new.intent_id where new.order_id is not null;
    end;
    """,
    """
    create table controls (
        seq integer primary key,
        after integer not null,
        type text not null,
        body text not null
    );
    """,
)
"""Step n takes a file from schema version n to n + 1 (``user_version``)."""

CONTROLS_SINCE: Final = 2
"""The first schema version with a table of controls."""


def connect(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """
    A connection in autocommit mode that any one thread at a time may use.

    Raises:
        JournalError: the file cannot be opened, or is no journal that this version reads.
    """
    if readonly and not path.is_file():
        raise JournalError(f"There is no journal at {path}; it is made when the service first starts.")
    mode = "ro" if readonly else "rwc"
    try:
        database = sqlite3.connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        _check_format(database, path)
    except sqlite3.Error as error:
        database.close()
        raise explain(error, path) from error
    except JournalError:
        database.close()
        raise
    return database


def prepare(database: sqlite3.Connection, path: Path) -> None:
    """
    Make a writable connection durable, check the file, and bring its tables up to date.

    Raises:
        JournalError: the file is damaged, or cannot be written.
    """
    try:
        (mode,) = database.execute("pragma journal_mode = wal").fetchone()
        database.execute("pragma synchronous = full")
        (verdict,) = database.execute("pragma quick_check(1)").fetchone()
        if mode != "wal" or verdict != "ok":
            raise _damaged(path, verdict if mode == "wal" else f"its journal mode is {mode}, not wal")
        found = version(database)
        # A file that may only be read opens as well; a write shows it before anything depends on it.
        database.execute("begin immediate")
        database.execute(f"pragma user_version = {found}")
        database.execute("rollback")
        for number, script in enumerate(MIGRATIONS[found:], found + 1):
            database.executescript(
                f"begin immediate; {script} pragma application_id = {APPLICATION_ID}; "
                f"pragma user_version = {number}; commit;"
            )
    except sqlite3.Error as error:
        raise explain(error, path) from error


def version(database: sqlite3.Connection) -> int:
    """The file's schema version, 0 when it has no tables yet."""
    (number,) = database.execute("pragma user_version").fetchone()
    return int(number)


def explain(error: sqlite3.Error, path: Path) -> JournalError:
    """What SQLite's refusal means: one sentence with the path and what to do."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return JournalError(
                f"The disk that holds the journal {path} is full; free some space and restart."
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return _damaged(path, str(error))
        case sqlite3.SQLITE_CONSTRAINT:
            return JournalError(
                f"The journal {path} refused a fact that contradicts an earlier one ({error}), and with it "
                "everything queued since; restart, and reconcile with the broker before trading."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return JournalError(
                f"The journal {path} cannot be opened for writing ({error}); make the file and its directory "
                "writable, or set TOOLKIT_HOME to a directory that is."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return JournalError(
                f"Another program holds the journal {path} ({error}); close it there and restart."
            )
    return JournalError(f"The journal {path} failed ({error}); check the disk and restart.")


def _check_format(database: sqlite3.Connection, path: Path) -> None:
    found = version(database)
    (owner,) = database.execute("pragma application_id").fetchone()
    (tables,) = database.execute("select count(*) from sqlite_master").fetchone()
    if tables and owner != APPLICATION_ID:
        raise JournalError(f"{path} is the database of another program; give the journal a path of its own.")
    if found > len(MIGRATIONS):
        raise JournalError(
            f"The journal {path} was written by a newer toolkit (schema {found}, this one reads "
            f"{len(MIGRATIONS)}); upgrade toolkit."
        )


def _damaged(path: Path, why: str) -> JournalError:
    why = " ".join(why.replace("*", " ").split())
    return JournalError(
        f"The journal {path} is damaged ({why}); restore it from a copy, or move it away and start a new "
        "one, which learns the open orders from the broker."
    )
