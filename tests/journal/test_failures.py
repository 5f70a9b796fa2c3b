"""When the journal cannot remember, everybody hears of it, in one sentence, and nothing pretends."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.journal.histories import NOON, notices, order_history
from toolkit.errors import JournalError, JournalLockedError
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.events import Reserved

ROOT = Path(__file__).parents[2]


def reserved(intent_id: str, order_id: int) -> Reserved:
    return Reserved(intent_id=intent_id, at=NOON, order_id=order_id, client_id=7)


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process that runs ``code`` with these arguments; its output can be read."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


# --- one owner -----------------------------------------------------------------------------------


def test_a_second_owner_in_the_same_process_is_refused_with_the_pid(journal, path):
    with pytest.raises(JournalLockedError, match=f"in use by process {os.getpid()}") as caught:
        SqliteJournal(path)
    assert caught.value.pid == os.getpid()
    assert str(path) in str(caught.value)


def test_a_second_owner_in_another_process_is_refused_with_the_pid(journal, path):
    code = """
import sys, pathlib
from toolkit.errors import JournalLockedError
from toolkit.journal.sqlite import SqliteJournal
try:
    SqliteJournal(pathlib.Path(sys.argv[1]))
except JournalLockedError as error:
    print(error.pid)
"""
    output, _ = python(code, path).communicate(timeout=30)
    assert output.strip() == str(os.getpid())


def test_a_link_to_the_journal_is_the_same_journal(journal, path):
    link = path.with_name("link.db")
    link.symlink_to(path)
    with pytest.raises(JournalLockedError):
        SqliteJournal(link)


def test_a_reader_is_not_locked_out(journal, path):
    journal.append(notices(1)[0], None)
    journal.flush()
    with JournalReader(path) as reader:
        assert list(reader.events()) == notices(1)


def test_the_lock_is_free_after_the_close_and_after_a_failed_open(path):
    SqliteJournal(path).close()
    SqliteJournal(path).close()
    path.write_bytes(b"not a database " * 100)
    for _ in range(2):
        with pytest.raises(JournalError, match="is damaged"):
            SqliteJournal(path)


def test_a_killed_owner_leaves_every_durable_fact_and_a_free_lock(path):
    code = """
import sys, pathlib
from tests.journal.histories import notices
from toolkit.journal.sqlite import SqliteJournal
journal = SqliteJournal(pathlib.Path(sys.argv[1]))
for event in notices(1_000_000):
    seq = journal.append(event, None)
    if seq % 50 == 0:
        journal.wait(journal.last_seq - 20)
        print(journal.durable_seq, flush=True)
"""
    child = python(code, path)
    durable = 0
    while durable < 500:
        durable = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    last_told = [*child.stdout.read().split("\n")][:-1]
    child.wait(30)
    child.stdout.close()
    durable = max([durable, *map(int, last_told)])
    with SqliteJournal(path) as journal:
        assert journal.last_seq >= durable
        assert [event.code for event in journal.events()] == list(range(journal.last_seq))


# --- the database refuses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "column"),
    [(reserved("a-1", 2), "orders.intent_id"), (reserved("a-2", 1), "orders.order_id")],
    ids=["a second order for an intent", "an order id used twice"],
)
def test_the_database_itself_refuses(journal, path, second, column):
    heard = []
    journal.on_failure.append(heard.append)
    journal.append(reserved("a-1", 1), None)
    journal.flush()
    seq = journal.append(second, None)
    with pytest.raises(JournalError, match=column):
        journal.wait(seq, timeout=10)
    assert heard == [journal.failure]
    with pytest.raises(JournalError, match=column):
        journal.close()
    with JournalReader(path) as reader:
        assert list(reader.events()) == [reserved("a-1", 1)]


def test_after_a_failure_every_waiter_and_every_append_is_told(journal, busy_disk):
    async def scenario() -> None:
        with busy_disk():
            journal.append(reserved("a-1", 1), None)
            seq = journal.append(reserved("a-1", 1), None)
            waiting = [asyncio.create_task(journal.durable(seq)) for _ in range(3)]
            await asyncio.sleep(0)
        for outcome in await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 10):
            assert isinstance(outcome, JournalError)
        with pytest.raises(JournalError, match="refused a fact"):
            await journal.durable(seq)

    asyncio.run(scenario())
    with pytest.raises(JournalError, match="refused a fact"):
        journal.append(notices(1)[0], None)
    with pytest.raises(JournalError, match="refused a fact"):
        journal.mark_sent([1])
    with pytest.raises(JournalError, match="refused a fact"):
        journal.close()


def test_a_listener_that_fails_does_not_keep_the_next_from_hearing(journal):
    heard = []
    journal.on_failure += [lambda failure: 1 / 0, heard.append]
    journal.append(reserved("a-1", 1), None)
    seq = journal.append(reserved("a-1", 1), None)
    with pytest.raises(JournalError):
        journal.wait(seq, timeout=10)
    with pytest.raises(JournalError):
        journal.close()
    assert heard == [journal.failure]


def test_a_full_disk_stops_the_journal_and_keeps_what_was_durable(path):
    code = """
import logging, os, pathlib, resource, signal, sys
from tests.journal.histories import notices
from toolkit.errors import JournalError
from toolkit.journal.sqlite import SqliteJournal
journal = SqliteJournal(pathlib.Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
logging.disable()
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for event in notices(100_000):
        journal.wait(journal.append(event, None))
except JournalError as error:
    print(journal.durable_seq, str(error) == str(journal.failure), error)
    sys.stdout.flush()
    os._exit(0)
"""
    output, _ = python(code, path).communicate(timeout=60)
    assert f"{path}" in output
    durable, same, _ = output.splitlines()[-1].split(" ", 2)
    assert same == "True"
    assert int(durable) > 0
    with SqliteJournal(path) as journal:
        assert journal.last_seq >= int(durable)
        assert len(list(journal.events())) == journal.last_seq


# --- files that are no journal -------------------------------------------------------------------


def filled(path: Path) -> None:
    with SqliteJournal(path) as journal:
        for n in range(1, 200):
            for event in order_history(f"a-{n}", order_id=n):
                journal.append(event, None)


def test_a_truncated_journal_is_refused(path):
    filled(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(JournalError, match="is damaged") as caught:
        SqliteJournal(path)
    assert str(path) in str(caught.value)


def test_a_journal_with_a_missing_row_is_not_replayed(path):
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("delete from events where seq = 17")
    with SqliteJournal(path) as journal, pytest.raises(JournalError, match=r"Row 17 .* is missing"):
        list(journal.events())


def test_a_broken_row_is_named(path):
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("update events set body = 'x' where seq = 17")
    with SqliteJournal(path) as journal, pytest.raises(JournalError, match="Row 17 "):
        list(journal.events())


def test_a_journal_of_a_newer_version_is_refused(path):
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("pragma user_version = 99")
    for opening in (SqliteJournal, JournalReader):
        with pytest.raises(JournalError, match=r"newer toolkit \(schema 99"):
            opening(path)


def test_the_database_of_another_program_is_left_alone(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table mine (a)")
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another program"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_directory_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be written") as caught:
        SqliteJournal(tmp_path / "file" / "journal.db")
    assert str(tmp_path / "file") in str(caught.value)


def test_a_reader_of_a_journal_that_is_not_there_says_so(path):
    with pytest.raises(JournalError, match="There is no journal at"):
        JournalReader(path)
    assert not path.exists()
