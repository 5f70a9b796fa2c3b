"""
Everything put together, in a thread and an event loop of its own, so that a busy caller never makes it deaf.

Built in the order journal → connection → orchestrator → metrics and closed in the reverse one. While
it runs, a lost connection is made again on the same client id.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
import random
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from toolkit.app.control_intake import ControlIntake
from toolkit.app.metrics import Metrics
from toolkit.app.order_orchestrator import OrderOrchestrator
from toolkit.app.pulse import Pulse
from toolkit.app.webhook import Webhook
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.broker.link import reconnect_delay
from toolkit.bus import choose
from toolkit.errors import JournalError, NotConnectedError, ToolkitError
from toolkit.journal.sqlite import SqliteJournal
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")


class Engine:
    """
    A connected client and a running orchestrator.

    Args:
        settings: where the gateway is, the limits, and where to keep the journal.
        bus: builds the consumer and producer when the engine starts; None: no bus.
        renew_consumer, renew_producer: build another one, for when that falls silent or fails.
        risk_checker: judges every intent; None: the limits of ``settings``.
        options: more of ``ClientConfig`` (``max_messages_per_second``, ...).

    Raises:
        ConfigError: ``ALERT_WEBHOOK_URL`` is no address.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        bus: Callable[[Settings], tuple[Any, Any]] | None = None,
        renew_consumer: Callable[[Settings], Any] | None = None,
        renew_producer: Callable[[Settings], Any] | None = None,
        risk_checker: SimpleRiskChecker | None = None,
        **options: Any,
    ) -> None:
        self.settings = settings
        self._bus = bus
        self._renew_consumer = None if renew_consumer is None else functools.partial(renew_consumer, settings)
        self._renew_producer = None if renew_producer is None else functools.partial(renew_producer, settings)
        self._risk_checker = risk_checker
        self._options = options
        url = settings.alert_webhook_url.get_secret_value()
        self._webhook = Webhook(url) if url else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = asyncio.Event()
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.client: IBKRExecClient
        self.orchestrator: OrderOrchestrator
        self.metrics: Metrics

    def start(self, timeout: float = 60.0) -> None:
        """
        Connect and start; returns when orders may be placed.

        Args:
            timeout: seconds.

        Raises:
            NotConnectedError: the gateway cannot be reached.
            JournalError: the journal cannot be opened, or another process owns it.
            BusError: the bus cannot be reached.
        """
        self._thread = threading.Thread(target=self._run_thread, name="toolkit-engine", daemon=True)
        self._thread.start()
        try:
            self._started.result(timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop and close everything; orders at the broker stay as they are."""
        if self._thread is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None

    async def wait_started(self) -> None:
        """Return, in the engine's own loop, when orders may be placed."""
        await asyncio.wrap_future(self._started)

    @property
    def serving(self) -> bool:
        """Whether it has started: client, orchestrator and metrics are there."""
        started = self._started
        return started.done() and not started.cancelled() and started.exception() is None

    @property
    def running(self) -> bool:
        """Whether the engine's thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def call(self, work: Coroutine[Any, Any, T], timeout: float | None = 30.0) -> T:
        """
        Run a coroutine in the engine's loop and wait for its result, from any other thread.

        Raises:
            NotConnectedError: the engine is not running.
            TimeoutError: the result did not come in time; the work goes on.
        """
        return self.submit(work).result(timeout)

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """As ``call``, without waiting."""
        if self._loop is None or not self.running:
            work.close()
            raise NotConnectedError("The engine has stopped; connect again.")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """
        Connect, run until ``stop`` is set or intake or journal fail, and close everything.

        Raises:
            JournalLockedError, ClientIdTakenError: another process has this lane (hazard H17).
            ToolkitError: why it could not start, or why it stopped.
        """
        self._stop = stop or self._stop
        self._loop = asyncio.get_running_loop()
        settings = self.settings
        self.client = IBKRExecClient(
            {
                "host": settings.ibkr_host,
                "port": settings.ibkr_port,
                "client_id": settings.ibkr_client_id,
                "account": settings.ibkr_account,
                "read_only": settings.ibkr_read_only,
                "home": settings.toolkit_home,
                "intent_ttl_s": settings.intent_ttl_s,
                "restart_at": settings.ibkr_restart_at,
                "restart_window_s": settings.ibkr_restart_window_s,
                "sweep_s": settings.ibkr_sweep_s,
                "fast_codec": settings.ibkr_fast_codec,
                **settings.limits,
                **self._options,
            }
        )
        checker = self._risk_checker or SimpleRiskChecker(self.client.config.limits)
        try:
            if not await self.client.open():
                raise NotConnectedError(self.client.last_error)
            checker.bind(self.client.market)
            await self._serve(checker)
        finally:
            await self.client.disconnect_async()

    async def _serve(self, checker: SimpleRiskChecker) -> None:
        consumer, producer = (
            (None, None) if self._bus is None else await asyncio.to_thread(self._bus, self.settings)
        )
        self.orchestrator = OrderOrchestrator(
            consumer,
            producer,
            self.client,
            checker,
            renew_consumer=self._renew_consumer,
            renew_producer=self._renew_producer,
        )
        if self._webhook is not None:
            self._webhook.start()
        pulse = Pulse(self.client, self.orchestrator.health, checker, self._webhook)
        self.metrics = Metrics(self.client)
        self.metrics.follow(pulse)
        beating = asyncio.create_task(pulse.run())
        beating.add_done_callback(_tell_failure)
        keeper = asyncio.create_task(self._stay_connected())
        commands = await self._hear_commands()
        try:
            await self._until_stopped(keeper)
        except Exception as error:
            pulse.tell_stopped(str(error))
            raise
        finally:
            keeper.cancel()
            beating.cancel()
            await asyncio.gather(keeper, beating, return_exceptions=True)
            if commands is not None:
                await commands.stop()
            await self.orchestrator.stop()
            if self._webhook is not None:
                await asyncio.to_thread(self._webhook.close)

    async def _until_stopped(self, keeper: asyncio.Task[None]) -> None:
        """Run until told to stop; raise why when intake, journal or connection end it."""
        journal = self.client.journal
        await self.orchestrator.start()
        if not self._started.done():
            self._started.set_result(None)
        stopping = asyncio.create_task(self._stop.wait())
        failing = asyncio.create_task(self.orchestrator.wait_stopped())
        forgetting = asyncio.create_task(_failed(journal))
        await asyncio.wait({stopping, failing, forgetting, keeper}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        failing.cancel()
        forgetting.cancel()
        if failure := self.orchestrator.failure or journal.failure:
            raise failure
        if keeper.done():
            keeper.result()

    async def _hear_commands(self) -> ControlIntake | None:
        """Listen to operators before the first intent is taken; None without a bus."""
        if self._bus is None:
            return None
        consumer = await asyncio.to_thread(choose.control_consumer, self.settings)
        commands = ControlIntake(consumer, self.client, self.orchestrator.bury, self.orchestrator.fail)
        commands.start()
        return commands

    async def _stay_connected(self) -> None:
        """Connect again, on the same client id and ever more rarely, whenever the connection is lost."""
        timing, failed = self.client.config.timing, 0
        while True:
            await self.client.wait_disconnected()
            draw = random.random()  # noqa: S311 - spreads attempts, guards nothing
            await asyncio.sleep(
                reconnect_delay(failed, draw, first=timing.reconnect_first_s, last=timing.reconnect_last_s)
            )
            if self.client.connected or await self.client.connect_async() or self.client.connected:
                log.warning("Connected again to %s:%s.", self.settings.ibkr_host, self.client.port)
                failed = 0
            else:
                failed += 1

    def _run_thread(self) -> None:
        try:
            asyncio.run(self.run())
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            elif isinstance(error, ToolkitError):
                log.critical("The engine stopped: %s", error)
            else:
                log.critical("The engine stopped.", exc_info=True)


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("Nobody looks any more, so metrics stand still and alerts are silent.", exc_info=error)


async def _failed(journal: SqliteJournal) -> None:
    """Return when the journal can remember nothing more, even if nobody is about to write to it."""
    loop, failed = asyncio.get_running_loop(), asyncio.Event()

    def tell(_: JournalError) -> None:
        loop.call_soon_threadsafe(failed.set)

    journal.on_failure.append(tell)
    if journal.failure is None:
        await failed.wait()
