"""
Flow 7/7, and where to start reading: intents from a topic become orders, facts become reports.

One intent passes: decode → gate (received, judged by risk, both journaled) → order id reserved and
durable → socket; what the broker answers comes back through the ledger and leaves as reports.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from toolkit.app import dead_letters
from toolkit.app.intake import Intake
from toolkit.app.publisher import RETRY_AFTER, SEND_TIMEOUT, Publisher
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.bus.topics import DEAD_LETTERS
from toolkit.errors import BusError, IntentError
from toolkit.orders.events import AnyEvent
from toolkit.orders.intent import decode
from toolkit.orders.ledger import Report
from toolkit.orders.report import execution_report, readable
from toolkit.orders.state import OrderState
from toolkit.risk.checker import SimpleRiskChecker

__all__ = ["OrderOrchestrator", "SimpleRiskChecker"]

log = logging.getLogger(__name__)

SLOW_POLL_S: Final = 10.0
"""Seconds inside one poll after which the consumer does not count as well."""


class OrderOrchestrator:
    """
    Consumes order intents, places what risk lets pass, and publishes execution reports.

    Args:
        kafka_consumer: of the topic ``order_intents``; kafka-python's KafkaConsumer without
            deserializers, or the embedded bus's twin; None: intents come by method calls alone.
        kafka_producer: for reports and dead letters; None: reports stay in the journal's outbox.
        ibkr_client: connected before ``start``.
        risk_checker: judges every intent.
        renew_consumer, renew_producer: make another one like the first, for when that falls silent or
            fails (hazard H46).

    Attributes:
        failure: why intake stopped by itself, None while all is well.
    """

    def __init__(
        self,
        kafka_consumer: Any,
        kafka_producer: Any,
        ibkr_client: IBKRExecClient,
        risk_checker: SimpleRiskChecker,
        *,
        renew_consumer: Callable[[], Any] | None = None,
        renew_producer: Callable[[], Any] | None = None,
    ) -> None:
        self.client = ibkr_client
        self.risk_checker = risk_checker
        self._consumer = kafka_consumer
        self._producer = kafka_producer
        self._intake: Intake | None = None
        self._publisher: Publisher | None = None
        self._renew_consumer = renew_consumer
        self._renew_producer = renew_producer
        self._stopped = asyncio.Event()
        self._reporting = asyncio.Event()
        """Set while the bus takes reports: what nobody can be told of is not begun (hazard H47)."""
        self._reporting.set()
        self.failure: BaseException | None = None

    async def start(self) -> None:
        """
        Take up what an earlier run left undone, then start to consume and publish; returns at once.

        Raises:
            NotConnectedError: the client is not connected.
        """
        ledger = self.client.ledger
        await self.client.controls.use_limits(self.risk_checker, "start")
        if self._producer is not None:
            loop = asyncio.get_running_loop()
            self._publisher = Publisher(
                self.client.journal,
                self._producer,
                self._renew_producer,
                lambda: loop.call_soon_threadsafe(self._open_or_close_intake),
            )
            ledger.listeners.append(self._wake_publisher)
            self._publisher.start()
        for state in [state for state in ledger if state.undecided]:
            await self.process_order_intent(state.raw, source=state.source)
        if self._consumer is not None:
            self._intake = Intake(self._consumer, self._on_record, self.fail, self._renew_consumer)
            self._consumer = None  # it belongs to the intake from here on
            self._intake.start()

    async def stop(self) -> None:
        """Stop consuming, publish what is left, and close consumer and producer."""
        if self._intake is not None:
            await self._intake.stop()
            self._intake = None
        if self._consumer is not None:
            await asyncio.to_thread(self._consumer.close)
            self._consumer = None
        if self._publisher is not None:
            self.client.ledger.listeners.remove(self._wake_publisher)
            await asyncio.to_thread(self._publisher.stop)
            self._producer = self._publisher.producer
            self._publisher = None
        if self._producer is not None:
            await asyncio.to_thread(self._producer.close)
            self._producer = None
        self._stopped.set()

    async def wait_stopped(self) -> None:
        """Return when ``stop`` has finished, or intake stopped by itself (see ``failure``)."""
        await self._stopped.wait()

    async def process_order_intent(self, order_intent: Mapping[str, Any], source: str = "python") -> bool:
        """
        Take one intent all the way to the broker's socket.

        Returns:
            True when an order for this intent was placed and is tracked (also when it was placed
            before); False when it was denied, and the report says why.

        Raises:
            IntentError: the intent has no usable ``intent_id``, so no report could name it.
        """
        return await self.client.process(order_intent, self.risk_checker, source) is not None

    def get_active_orders_count(self) -> int:
        """Orders that may still trade."""
        return len(self.client.ledger.working())

    def get_order_status(self, intent_id: str) -> dict[str, Any] | None:
        """The order of an intent as a report-like dict with everything so far, or None."""
        state = self.client.get_order_state(intent_id)
        return None if state is None else readable(execution_report(state, "Status", state.reports))

    def health(self) -> dict[str, dict[str, Any]]:
        """How intake (``bus``) and publishing (``outbox``) are, each with ``ok``, as plain values."""
        intake, publisher = self._intake, self._publisher
        parts: dict[str, dict[str, Any]] = {}
        if intake is not None:
            parts["bus"] = {
                "ok": intake.lag is not None and intake.polling_s < SLOW_POLL_S and self._reporting.is_set(),
                "lag": intake.lag,
                "partitions": intake.partitions,
                "polling_s": round(intake.polling_s, 3),
                "renewals": intake.renewals,
            }
        if publisher is not None:
            parts["outbox"] = {
                "ok": not publisher.trouble,
                "waiting": self.client.journal.unsent(),
                "reason": publisher.trouble,
            }
        return parts

    # --- one record of the topic -------------------------------------------------------------------

    async def _on_record(self, record: Any) -> None:
        source = f"{record.topic}/{record.partition}@{record.offset}"
        # While the gateway or the reports' topic is away intents wait here; too old ones are then denied.
        await self._reporting.wait()
        await self.client.wait_ready()
        try:
            raw = decode(record.value)
            await self.process_order_intent(raw, source=source)
        except IntentError as error:
            await self.bury(record, source, error)
            return
        state = self.client.get_order_state(raw["intent_id"])
        if state is not None and state.denied is not None and state.denied.code == "SCHEMA_FROM_FUTURE":
            await self.bury(record, source, IntentError(state.denied.reason, code=state.denied.code))
        await self.client.journal.durable(self.client.journal.last_seq)

    async def bury(self, record: Any, source: str, error: IntentError) -> None:
        """Send a message that cannot be used to the dead letters; return when they have it."""
        log.error("A message at %s cannot be used: %s It goes to %s.", source, error, DEAD_LETTERS)
        if self._producer is None:
            raise BusError(f"There is no producer for the dead letter of {source}.")
        letters = dead_letters.letters_of(record, error)
        while True:
            # The whole one first; the bus may refuse it for its size, and takes what says so instead.
            for letter in letters:
                try:
                    await asyncio.to_thread(self._deliver, letter)
                except Exception as refusal:  # noqa: BLE001 - whatever the bus raises, the record waits
                    log.warning("The dead letter of %s was not taken: %s", source, refusal)
                else:
                    return
            await asyncio.sleep(RETRY_AFTER)

    def _deliver(self, letter: dead_letters.Letter) -> None:
        producer = self._producer if self._publisher is None else self._publisher.producer
        sent = producer.send(DEAD_LETTERS, value=letter.value, key=letter.key, headers=letter.headers)
        producer.flush(timeout=SEND_TIMEOUT)
        sent.get(timeout=SEND_TIMEOUT)

    def _open_or_close_intake(self) -> None:
        """Follow whether the bus takes reports."""
        if self._publisher is None or not self._publisher.trouble:
            if not self._reporting.is_set():
                log.warning("The bus takes reports again; intake is open.")
            self._reporting.set()
        else:
            log.error(
                "The bus takes no reports (%s); intake is closed until it does.", self._publisher.trouble
            )
            self._reporting.clear()

    def _wake_publisher(self, _event: AnyEvent, _state: OrderState, report: Report | None) -> None:
        if report is not None and self._publisher is not None:
            self._publisher.wake()

    def fail(self, error: BaseException) -> None:
        """Stop for a reason that is not ours to mend; ``wait_stopped`` returns."""
        self.failure = error
        self._stopped.set()
