"""
Reports from the journal's outbox to the topic: at least once, in order, and never in trading's way.

A report row is written in the same transaction as the fact it tells of; this thread sends the rows
and marks them when the broker of the bus has taken them (hazard H47).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from toolkit.bus.topics import REPORTS
from toolkit.errors import JournalError
from toolkit.journal.sqlite import SqliteJournal

log = logging.getLogger(__name__)

BATCH: Final = 500
SEND_TIMEOUT: Final = 15.0
"""Seconds for one batch to be acknowledged; the producer gives up sooner: no batch overtakes another."""
RETRY_AFTER: Final = 1.0
"""Seconds between attempts while the bus is not reachable."""


class Publisher:
    """
    Sends unsent reports.

    Args:
        journal: whose outbox is sent.
        producer: kafka-python's KafkaProducer, or the embedded bus's twin.
        renew: makes another producer like the first, because one that failed may never work again (hazard
            H46); None: the first one is tried for ever.
        on_change: called in the sending thread when the bus stops taking reports, or takes them again.

    Attributes:
        producer: the one in use; whoever stops us closes it.
        trouble: why the bus takes no reports at present, ``""`` while it does.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        producer: Any,
        renew: Callable[[], Any] | None = None,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self._journal = journal
        self.producer = producer
        self._renew = renew
        self._on_change = on_change
        self.trouble = ""
        self._taken_up_to = 0
        """Outbox id up to which the bus has taken everything; marks on disk may lag behind."""
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="toolkit-publisher", daemon=True)

    def start(self) -> None:
        """Start to send, beginning with what an earlier run left."""
        self._due.set()
        self._thread.start()

    def wake(self) -> None:
        """There is a new report."""
        self._due.set()

    def stop(self) -> None:
        """Send what is left, as far as the bus takes it, and stop; blocks."""
        self._stopping.set()
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            stopping = self._stopping.is_set()
            try:
                while self._send_batch():
                    self._say("")
                self._say("")
            except JournalError as error:
                log.critical("Reports cannot be sent any more: %s", error)
                self._say(str(error))
                return
            except Exception as error:  # noqa: BLE001 - whatever the bus raises, the rows stay and are tried again
                log.warning("Reports could not be sent (%s); trying again in %g s.", error, RETRY_AFTER)
                self._say(f"{type(error).__name__}: {error}")
                if self._stopping.is_set():
                    return
                self._replace_producer()
                self._stopping.wait(RETRY_AFTER)
                self._due.set()
            if stopping:
                return

    def _replace_producer(self) -> None:
        """Make the producer anew, unless the bus is away altogether."""
        if self._renew is None:
            return
        try:
            renewed = self._renew()
            self.producer, failed = renewed, self.producer
            failed.close(timeout=1.0)
        except Exception as error:  # noqa: BLE001 - whatever the bus raises, there will be another attempt
            log.warning("The producer could not be made anew: %s", error)

    def _say(self, trouble: str) -> None:
        changed = bool(trouble) != bool(self.trouble)
        self.trouble = trouble
        if changed:
            self._on_change()

    def _send_batch(self) -> bool:
        """Send one batch; whether there may be more. Raises what the producer raises."""
        self._journal.wait(self._journal.last_seq, SEND_TIMEOUT)
        rows = self._journal.outbox(BATCH, after=self._taken_up_to)
        if not rows:
            return False
        futures = [self.producer.send(REPORTS, value=row.body, key=row.key.encode()) for row in rows]
        self.producer.flush(timeout=SEND_TIMEOUT)
        taken: list[int] = []
        try:
            for row, future in zip(rows, futures, strict=True):
                future.get(timeout=SEND_TIMEOUT)
                taken.append(row.id)
        finally:
            if taken:
                self._taken_up_to = taken[-1]
                self._journal.mark_sent(taken)
        return len(rows) == BATCH
