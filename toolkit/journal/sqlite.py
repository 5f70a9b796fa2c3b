"""
The journal: every fact and report in one SQLite file, durable before anything is done about it.

``append`` only queues. One writer thread commits whatever has queued up since its last commit as one
group, so that a burst of a thousand facts costs a handful of disk flushes and a lone fact waits for
one. Who must not act before a fact is safe awaits ``durable`` (or, in a thread, ``wait``).

Any failure of the writer is final: nothing more is taken, and everybody who waits is told.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from toolkit.errors import JournalError
from toolkit.journal import encoding, schema
from toolkit.journal.lock import OwnerLock, lock_path
from toolkit.journal.reader import JournalReader, Unsent
from toolkit.orders.controls import AnyFact
from toolkit.orders.events import AnyEvent, Reserved

log = logging.getLogger(__name__)

# (seq, intent id, type, body, report number, report, client id, order id): the columns of ``inbox``.
_Row = tuple[int, str, str, str, int | None, str | None, int | None, int | None]

_Control = tuple[int, str, str, concurrent.futures.Future[None]]
# (newest fact, type, body, what to resolve once it is durable)

STATEMENT_ROWS: Final = 128
"""
Rows per statement. A whole group in one statement takes Python's interpreter lock once, not once per
row: beside a busy thread that is 6 ms instead of 160 ms for a hundred facts.
"""


class SqliteJournal:
    """
    The journal of one owner, locked while open.

    Attributes:
        path: the SQLite file.
        commits: groups committed so far.
        failure: why the journal takes no more, None while it works.
        on_failure: called once with that error, from the writer thread.

    Raises:
        JournalLockedError: another owner has it open; carries the pid.
        JournalError: the file is damaged, from a newer version, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path).resolve()
        self.commits = 0
        self.failure: JournalError | None = None
        self.on_failure: list[Callable[[JournalError], None]] = []
        lock_file = OwnerLock(lock_path(self.path))
        with ExitStack() as undo:
            undo.callback(lock_file.release)
            self._database = undo.enter_context(closing(schema.connect(self.path, readonly=False)))
            schema.prepare(self._database, self.path)
            self._reader = undo.enter_context(JournalReader(self.path))
            self._last = self._durable = self._reader.last_seq()
            self._release = undo.pop_all()
        self._lock = threading.Lock()
        self._queued = threading.Condition(self._lock)
        self._committed = threading.Condition(self._lock)
        self._reading = threading.Lock()
        self._rows: list[_Row] = []
        self._sent: list[int] = []
        self._controls: list[_Control] = []
        self._in_work: list[_Control] = []
        """Controls that the writer has taken and not committed yet."""
        self._waiting: dict[asyncio.AbstractEventLoop, list[tuple[int, asyncio.Future[None]]]] = {}
        """loop -> (sequence number, what to resolve once it is durable)"""
        self._closing = self._ended = False
        self._writer = threading.Thread(target=self._write, name="journal-writer", daemon=True)
        self._writer.start()
        atexit.register(self.close)

    # --- remember --------------------------------------------------------------------------------

    def append(self, event: AnyEvent, report: dict[str, Any] | None) -> int:
        """
        Queue one fact, and the report it gave rise to, for the next group commit.

        Returns:
            Its sequence number: 1, 2, ... without holes.

        Raises:
            JournalError: the journal failed or is closed, or the fact has no JSON form.
        """
        body = encoding.encode(event).decode()
        number = text = client = order = None
        if report is not None:
            number, text = report["report_seq"], encoding.encode_report(report).decode()
        if isinstance(event, Reserved):
            client, order = event.client_id, event.order_id
        with self._lock:
            self._check()
            self._last = seq = self._last + 1
            self._rows.append((seq, event.intent_id, type(event).__name__, body, number, text, client, order))
            self._queued.notify()
        return seq

    async def durable(self, seq: int) -> None:
        """
        Resume when fact ``seq`` is on disk; it may be one that is still to come.

        Those who wait in one loop resume in the order of their facts, whatever was committed between
        writing and waiting: orders leave in the order of their ids, and the broker refuses any other
        (code 103).

        Raises:
            JournalError: it never will be.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if seq <= self._durable:
                loop.call_soon(_resolve, [future], None)
            else:
                self._check()
                self._waiting.setdefault(loop, []).append((seq, future))
        await future

    def wait(self, seq: int, timeout: float | None = None) -> bool:
        """
        Block a thread until fact ``seq`` is on disk; it may be one that is still to come.

        Args:
            seq: sequence number.
            timeout: seconds; None waits without limit.

        Returns:
            False when the time ran out.

        Raises:
            JournalError: it never will be.
        """
        with self._lock:
            self._committed.wait_for(lambda: seq <= self._durable or self._ended, timeout)
            if seq > self._durable and self._ended:
                self._check()
            return seq <= self._durable

    def flush(self) -> None:
        """
        Block until everything appended so far is on disk.

        Raises:
            JournalError: some of it never will be.
        """
        self.wait(self._last)

    def mark_sent(self, ids: Iterable[int]) -> None:
        """
        Queue that these reports were published; they stay, but leave the outbox with the next commit.

        Raises:
            JournalError: the journal failed or is closed.
        """
        with self._lock:
            self._check()
            self._sent.extend(ids)
            self._queued.notify()

    def append_control(self, fact: AnyFact) -> concurrent.futures.Future[None]:
        """
        Queue what an operator did for the next group commit.

        Returns:
            What resolves when it is on disk, and raises JournalError when it never will be.

        Raises:
            JournalError: the journal failed or is closed.
        """
        body = encoding.encode_control(fact).decode()
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        done.set_running_or_notify_cancel()  # who gives up waiting cannot take the fact back
        with self._lock:
            self._check()
            self._controls.append((self._last, type(fact).__name__, body, done))
            self._queued.notify()
        return done

    # --- recall ----------------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """Number of the newest fact, durable or not; 0 when there is none."""
        return self._last

    @property
    def durable_seq(self) -> int:
        """Number of the newest fact on disk; 0 when there is none."""
        with self._lock:  # whoever was just told so finds it so
            return self._durable

    def events(self) -> Iterator[AnyEvent]:
        """
        Every fact so far, oldest first.

        Raises:
            JournalError: a row is missing or cannot be read, or a queued fact cannot be written.
        """
        self.flush()
        with JournalReader(self.path) as reader:
            yield from reader.events()

    def controls(self) -> list[AnyFact]:
        """What operators did, oldest first, as far as it is on disk; ``JournalReader.controls``."""
        with self._reading:
            return [fact for _, fact in self._reader.controls()]

    def outbox(self, limit: int, after: int = 0) -> list[Unsent]:
        """
        The oldest durable reports not sent yet.

        Args:
            limit: how many at most.
            after: only those with a higher id, so that a sender need not wait for its marks to commit.
        """
        with self._reading:
            return self._reader.outbox(limit, after)

    def unsent(self) -> int:
        """How many durable reports wait to be published."""
        with self._reading:
            return self._reader.unsent()

    # --- end -------------------------------------------------------------------------------------

    def close(self) -> None:
        """
        Commit what is queued and free the lock; closing twice is once.

        Raises:
            JournalError: the journal had failed, so not everything that was appended is kept.
        """
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._queued.notify()
        self._writer.join()
        atexit.unregister(self.close)
        with self._reading:
            self._release.close()
        if self.failure is not None:
            raise JournalError(str(self.failure)) from self.failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self) -> None:
        if self.failure is not None:
            raise JournalError(str(self.failure)) from self.failure
        if self._closing:
            raise self._closed()

    # --- the writer thread -----------------------------------------------------------------------

    def _write(self) -> None:
        try:
            while self._commit_queued():
                pass
        except Exception as error:
            failure = self._explain(error)
            log.critical("%s", failure, exc_info=not isinstance(error, sqlite3.Error))
            self._end(failure)
        else:
            self._end(None)

    def _commit_queued(self) -> bool:
        """Commit what has queued up, as one group; False when nothing will follow."""
        with self._lock:
            self._queued.wait_for(lambda: self._rows or self._sent or self._controls or self._closing)
            rows, self._rows = self._rows, []
            sent, self._sent = self._sent, []
            controls, self._in_work = self._controls, self._controls
            self._controls = []
        if not rows and not sent and not controls:
            return False
        # A statement of its own is a transaction already; BEGIN and COMMIT would only cost turns.
        several = len(rows) > STATEMENT_ROWS or bool(controls) or bool(rows and sent)
        if several:
            self._database.execute("begin immediate")
        for start in range(0, len(rows), STATEMENT_ROWS):
            chunk = rows[start : start + STATEMENT_ROWS]
            places = ",".join(("(?,?,?,?,?,?,?,?)",) * len(chunk))
            insert = f"insert into inbox values {places}"  # noqa: S608 - nothing but placeholders
            self._database.execute(insert, list(chain.from_iterable(chunk)))
        if sent:
            self._database.execute(
                "update reports set sent_at = ? where id in (select value from json_each(?))",
                (datetime.now(UTC).isoformat(), msgspec.json.encode(sent).decode()),
            )
        if controls:
            self._database.executemany(
                "insert into controls (after, type, body) values (?, ?, ?)", [row[:3] for row in controls]
            )
        if several:
            self._database.execute("commit")
        self.commits += 1
        if rows:
            self._announce(rows[-1][0])
        for *_, done in controls:
            done.set_result(None)
        self._in_work = []
        return True

    def _announce(self, seq: int) -> None:
        """Wake who waits for facts up to ``seq``."""
        with self._lock:
            for loop, waiting in self._waiting.items():
                self._resume(loop, [future for wanted, future in waiting if wanted <= seq], None)
                waiting[:] = [(wanted, future) for wanted, future in waiting if wanted > seq]
            self._waiting = {loop: waiting for loop, waiting in self._waiting.items() if waiting}
            self._durable = seq  # after they were called: who finds it so must come behind them
            self._committed.notify_all()

    def _end(self, failure: JournalError | None) -> None:
        """Nothing more will become durable: tell who still waits."""
        with self._lock:
            self.failure = failure
            self._ended = True
            left, self._waiting = self._waiting, {}
            controls = [*self._in_work, *self._controls]
            self._committed.notify_all()
        for *_, done in controls:
            done.set_exception(failure or self._closed())
        for loop, waiting in left.items():
            self._resume(loop, [future for _, future in waiting], failure or self._closed())
        if failure is None:
            return
        for callback in tuple(self.on_failure):
            try:
                callback(failure)
            except Exception:
                log.exception("A listener to the journal's failure failed itself.")

    def _resume(
        self,
        loop: asyncio.AbstractEventLoop,
        futures: list[asyncio.Future[None]],
        error: JournalError | None,
    ) -> None:
        if not futures:
            return
        try:
            loop.call_soon_threadsafe(_resolve, futures, error)
        except RuntimeError:
            # The loop was closed, and with it everything that awaited the journal there.
            log.warning("A closed event loop left %d waits on the journal %s.", len(futures), self.path)

    def _explain(self, error: Exception) -> JournalError:
        if isinstance(error, sqlite3.Error):
            return schema.explain(error, self.path)
        return JournalError(f"The writer of the journal {self.path} stopped ({error!r}); restart.")

    def _closed(self) -> JournalError:
        return JournalError(f"The journal {self.path} is closed; open it again.")


def _resolve(futures: list[asyncio.Future[None]], error: JournalError | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(JournalError(str(error)))
