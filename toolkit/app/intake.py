"""
Intents off a topic: a thread that never waits for the broker, and commits only what is journaled.

The thread keeps polling while a batch is worked on, its partitions paused, so that the consumer
group never takes the partition away in the middle of an order (hazard H17).
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from toolkit.errors import BusError, ToolkitError

log = logging.getLogger(__name__)

POLL_MS: Final = 200
BATCH: Final = 200
"""Most records per batch: what is worked on between two commits."""
GRACE: Final = 5.0
"""Seconds that the record in work has to end when we stop; it may wait for a gateway that is away."""


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
        self._deadline = math.inf
        """When, on the monotonic clock, the record in work is given up."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start to read, from the event loop that ``handle`` belongs to."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="toolkit-intake", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Stop after the record in work or ``GRACE``; what was not committed comes again, recognised."""
        self._deadline = time.monotonic() + GRACE
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        assert self._loop is not None
        waiting: list[Any] = []
        try:
            while not self._stopping.is_set():
                records = waiting or self._poll(POLL_MS)
                waiting = []
                if records:
                    waiting = self._work_on(records, self._loop)
        except Exception as error:
            log.critical("Intake stopped: %s", error, exc_info=not isinstance(error, ToolkitError))
            self._loop.call_soon_threadsafe(self._on_failure, error)

    def _work_on(self, records: list[Any], loop: asyncio.AbstractEventLoop) -> list[Any]:
        """One batch from the first record to the commit; returns records that came meanwhile."""
        consumer = self._consumer
        consumer.pause(*consumer.assignment())
        batch = asyncio.run_coroutine_threadsafe(self._handle_all(records), loop)
        late: list[Any] = []
        while not batch.done():
            # A rebalance may have brought new partitions, which are not paused.
            late += self._poll(POLL_MS // 4)
            if time.monotonic() > self._deadline:
                # It waits for a gateway that is away; as after a crash, the journal says how far it came.
                batch.cancel()
                return []
        if batch.result() and not late:
            self._commit()
        consumer.resume(*consumer.assignment())
        return late

    def _poll(self, timeout_ms: int) -> list[Any]:
        try:
            batches = self._consumer.poll(timeout_ms=timeout_ms, max_records=BATCH)
        except ToolkitError:
            raise
        except Exception as error:
            raise BusError(
                f"Intents cannot be read from the bus any more ({type(error).__name__}: {error}); "
                "check it and start again."
            ) from error
        return [record for records in batches.values() for record in records]

    def _commit(self) -> None:
        try:
            self._consumer.commit()
        except Exception as error:  # noqa: BLE001 - whatever the bus raises, the journal knows what was done
            log.warning("What is done could not be committed (%s); it may come again, recognised.", error)

    async def _handle_all(self, records: list[Any]) -> bool:
        """Whether every record was handled; False when we were asked to stop in between."""
        for record in records:
            if self._stopping.is_set():
                return False
            await self._handle(record)
        return True
