"""
Intents off a topic: a thread that never waits for the broker, and commits only what is journaled.

The thread keeps polling while a batch is worked on, its partitions paused, so that the consumer
group never takes the partition away in the middle of an order (hazard H17). When nothing comes it
looks whether there is something to come, and makes a consumer that fell silent anew (hazard H46).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
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
LOOK_S: Final = 5.0
"""Seconds between two looks at how far behind we are."""
RETRY_LOOK_S: Final = 0.5
"""The same, while the bus does not say."""
LOOK_MS: Final = 1000
"""How long one such look may take; it has the bus's own answer or none."""
SILENCE_S: Final = 30.0
"""Seconds without a record, although there are some, after which the consumer is made anew."""
STUCK_S: Final = 60.0
"""Seconds inside one call of ``poll`` after which it counts as never coming back (hazard H20)."""


class Intake:
    """
    Reads one consumer and hands each record to ``handle`` in the event loop, one after the other.

    Args:
        consumer: kafka-python's KafkaConsumer, or the embedded bus's twin; ours until we stop.
        handle: works on one record; when it returns, the record's outcome is durable.
        on_failure: called in the loop when intake had to stop; nothing is committed past the failure.
        renew: makes another consumer like the first; None: a consumer that falls silent ends intake.

    Attributes:
        lag: records that the bus has and we were not given, None while the bus does not say.
        partitions: how many partitions of the topic are ours.
        renewals: how often the consumer was made anew.
    """

    def __init__(
        self,
        consumer: Any,
        handle: Callable[[Any], Awaitable[None]],
        on_failure: Callable[[BaseException], None],
        renew: Callable[[], Any] | None = None,
    ) -> None:
        self._consumer = consumer
        self._handle = handle
        self._on_failure = on_failure
        self._renew = renew
        self._stopping = threading.Event()
        self._deadline = math.inf
        """When, on the monotonic clock, the record in work is given up."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching: asyncio.Task[None] | None = None
        self._polling_since = math.inf
        self._heard_at = time.monotonic()
        """When the last record came, or there was none to come."""
        self._look_at = self._heard_at
        self.lag: int | None = None
        self.partitions = 0
        self.renewals = 0

    @property
    def polling_s(self) -> float:
        """Seconds that the present call of ``poll`` has taken so far, 0 when there is none."""
        return max(0.0, time.monotonic() - self._polling_since)

    def start(self) -> None:
        """Start to read, from the event loop that ``handle`` belongs to."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="toolkit-intake", daemon=True)
        self._thread.start()
        self._watching = self._loop.create_task(self._watch())

    async def stop(self) -> None:
        """
        Stop after the record in work or ``GRACE``, and close the consumer.

        What was not committed comes again, and is recognised.
        """
        self._deadline = time.monotonic() + GRACE
        self._stopping.set()
        if self._watching is not None:
            self._watching.cancel()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, None if self.polling_s < STUCK_S else 0.0)
        if self._thread is None or not self._thread.is_alive():
            await asyncio.to_thread(self._consumer.close)

    async def _watch(self) -> None:
        """Give up on a consumer that does not come back from ``poll``: its thread cannot be saved."""
        while True:
            await asyncio.sleep(min(1.0, STUCK_S / 4))
            stuck = self.polling_s
            if stuck > STUCK_S:
                error = BusError(
                    f"The bus's consumer has not come back from poll() for {stuck:.0f} s; restart."
                )
                log.critical("Intake stopped: %s", error)
                self._on_failure(error)
                return

    # --- the intake thread -------------------------------------------------------------------------

    def _run(self) -> None:
        assert self._loop is not None
        waiting: list[Any] = []
        try:
            while not self._stopping.is_set():
                records = waiting or self._poll(POLL_MS)
                waiting = []
                if records:
                    self._heard_at = time.monotonic()
                    waiting = self._work_on(records, self._loop)
                self._look()
        except Exception as error:
            log.critical("Intake stopped: %s", error, exc_info=not isinstance(error, ToolkitError))
            self._loop.call_soon_threadsafe(self._on_failure, error)

    def _work_on(self, records: list[Any], loop: asyncio.AbstractEventLoop) -> list[Any]:
        """One batch from the first record to the commit; returns records that came meanwhile."""
        consumer = self._consumer
        consumer.pause(*consumer.assignment())
        batch = asyncio.run_coroutine_threadsafe(self._handle_all(records), loop)
        late: list[Any] = []
        while not concurrent.futures.wait([batch], POLL_MS / 4000).done:
            # It keeps our place in the group; a rebalance may have brought partitions that are not paused.
            late += self._poll(0)
            if time.monotonic() > self._deadline:
                # It waits for a gateway that is away; as after a crash, the journal says how far it came.
                batch.cancel()
                return []
        if batch.result() and not late:
            self._commit()
        consumer.resume(*consumer.assignment())
        self._heard_at = time.monotonic()
        return late

    def _poll(self, timeout_ms: int) -> list[Any]:
        self._polling_since = time.monotonic()
        try:
            batches = self._consumer.poll(timeout_ms=timeout_ms, max_records=BATCH)
        except ToolkitError:
            raise
        except Exception as error:
            raise BusError(
                f"Intents cannot be read from the bus any more ({type(error).__name__}: {error}); "
                "check it and start again."
            ) from error
        finally:
            self._polling_since = math.inf
        return [record for records in batches.values() for record in records]

    def _commit(self) -> None:
        try:
            self._consumer.commit()
        except Exception as error:  # noqa: BLE001 - whatever the bus raises, the journal knows what was done
            log.warning("What is done could not be committed (%s); it may come again, recognised.", error)

    def _look(self) -> None:
        """See, now and then, how far behind we are; make a consumer anew that hears nothing of it."""
        now = time.monotonic()
        if now < self._look_at:
            return
        before = self.lag
        self.lag = self._behind()
        self._look_at = now + (LOOK_S if self.lag is not None else RETRY_LOOK_S)
        if before is not None and self.lag is None:
            log.warning("The bus does not say how many intents there are; nothing can be read until it does.")
        if self.lag == 0:
            self._heard_at = now
        elif now - self._heard_at > SILENCE_S:
            self._replace_consumer(now - self._heard_at)

    def _behind(self) -> int | None:
        partitions = self._consumer.assignment()
        self.partitions = len(partitions)
        if not partitions:
            return None
        try:
            ends = self._consumer.end_offsets(list(partitions), timeout_ms=LOOK_MS)
            return sum(max(0, int(ends[each] - self._consumer.position(each))) for each in partitions)
        except Exception as error:  # noqa: BLE001 - a bus that is away raises many things
            log.debug("How far behind we are is not known: %s", error)
            return None

    def _replace_consumer(self, silent_s: float) -> None:
        what = (
            "how many intents there are" if self.lag is None else f"any of the {self.lag} intents there are"
        )
        sentence = f"The bus's consumer has not given {what} for {silent_s:.0f} s"
        self._heard_at = time.monotonic()
        if self._renew is None:
            if self.lag is None:
                return  # the bus itself may be away, and come back
            raise BusError(f"{sentence}; start again.")
        log.critical("%s; it is made anew.", sentence)
        try:
            renewed = self._renew()
        except BusError as error:
            log.warning("%s", error)
            return
        self._consumer.close()
        self._consumer = renewed
        self.renewals += 1

    # --- in the event loop -------------------------------------------------------------------------

    async def _handle_all(self, records: list[Any]) -> bool:
        """Whether every record was handled; False when we were asked to stop in between."""
        for record in records:
            if self._stopping.is_set():
                return False
            await self._handle(record)
        return True
