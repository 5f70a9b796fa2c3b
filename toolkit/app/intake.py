"""
Intents off a topic: a thread that never waits for the broker, and commits only what is journaled.

The thread keeps polling while a batch is worked on, its partitions paused, so that the consumer
group never takes the partition away in the middle of an order (hazard H17).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

log = logging.getLogger(__name__)

POLL_MS: Final = 200
BATCH: Final = 200
"""Most records per batch: what is worked on between two commits."""


class Intake:
    """
    Reads one consumer and hands each record to ``handle`` in the event loop, one after the other.

    Args:
        consumer: kafka-python's KafkaConsumer, or the embedded bus's twin; this thread owns it.
        handle: works on one record; when it returns, the record's outcome is durable.
        on_failure: called in the loop when intake had to stop; nothing is committed past the failure.
    """

    def __init__(
        self,
        consumer: Any,
        handle: Callable[[Any], Awaitable[None]],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._consumer = consumer
        self._handle = handle
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start to read, from the event loop that ``handle`` belongs to."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="toolkit-intake", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Stop after the record in work; what was not committed comes again and is recognised."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        assert self._loop is not None
        waiting: list[Any] = []
        try:
            while not self._stopping.is_set():
                records = waiting or _flat(self._consumer.poll(timeout_ms=POLL_MS, max_records=BATCH))
                waiting = []
                if records:
                    waiting = self._work_on(records, self._loop)
        except Exception as error:
            log.exception("Intake stopped.")
            self._loop.call_soon_threadsafe(self._on_failure, error)

    def _work_on(self, records: list[Any], loop: asyncio.AbstractEventLoop) -> list[Any]:
        """One batch from the first record to the commit; returns records that came meanwhile."""
        consumer = self._consumer
        consumer.pause(*consumer.assignment())
        batch = asyncio.run_coroutine_threadsafe(self._handle_all(records), loop)
        late: list[Any] = []
        while not batch.done():
            # A rebalance may have brought new partitions, which are not paused.
            late += _flat(consumer.poll(timeout_ms=POLL_MS // 4, max_records=BATCH))
        if batch.result() and not late:
            consumer.commit()
        consumer.resume(*consumer.assignment())
        return late

    async def _handle_all(self, records: list[Any]) -> bool:
        """Whether every record was handled; False when we were asked to stop in between."""
        for record in records:
            if self._stopping.is_set():
                return False
            await self._handle(record)
        return True


def _flat(batches: dict[Any, list[Any]]) -> list[Any]:
    return [record for records in batches.values() for record in records]
