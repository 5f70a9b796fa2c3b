"""
The orchestrator as a service: one process, health and metrics on a port, SIGINT and SIGTERM drain it.

One process at a time has a lane, that is a journal and a client id at the gateway (hazard H17). A
second one waits as a standby and takes the lane over when the first is gone, however it went.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from datetime import UTC, datetime
from typing import Any, Final

from toolkit.app import logs
from toolkit.app.engine import Engine
from toolkit.app.health import readiness
from toolkit.app.health_server import HealthServer
from toolkit.broker.control_files import ControlFiles, new_command
from toolkit.bus import choose
from toolkit.errors import ClientIdTakenError, JournalLockedError
from toolkit.settings import Settings

log = logging.getLogger(__name__)

STANDBY_S: Final = 1.0
"""Seconds between a standby's attempts to take the lane."""
NOT_SERVING: Final = b"# TYPE toolkit_ready gauge\ntoolkit_ready 0.0\n"


def serve(settings: Settings) -> None:
    """
    Run until interrupted: what was taken from the bus is journaled, what is reported is published.

    Raises:
        ToolkitError: it cannot start, or had to stop.
    """
    logs.configure(settings.log_level, settings.log_format, mask=settings.log_mask_accounts)
    asyncio.run(Service(settings).run())


class Service:
    """One process: a standby until the lane is free, then its owner."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._engine = self._new_engine()
        self._waiting_for = ""
        """Why we are a standby, "" when we are none."""

    async def run(self) -> None:
        """
        Own the lane, as soon as it is free, until a signal comes.

        Raises:
            ToolkitError: it cannot start, or had to stop.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        loop.add_signal_handler(signal.SIGUSR1, self._press_kill_switch)
        with contextlib.ExitStack() as stack:
            if self._settings.prometheus_port:
                server = HealthServer(self._settings.prometheus_port, self._readiness, self._metrics)
                stack.callback(server.close)
            while not self._stop.is_set():
                try:
                    await self._own_lane()
                except (JournalLockedError, ClientIdTakenError) as error:
                    await self._stand_by(str(error))
                else:
                    return

    async def _own_lane(self) -> None:
        self._engine = self._new_engine()
        announcing = asyncio.get_running_loop().create_task(self._announce(self._engine))
        try:
            await self._engine.run(self._stop)
        finally:
            announcing.cancel()
            await asyncio.wait({announcing})

    async def _stand_by(self, reason: str) -> None:
        """Wait a moment before the next attempt; say so once for every reason."""
        if reason != self._waiting_for:
            self._waiting_for = reason
            log.warning("Standing by to take over: %s", reason)
            self._print(f"standing by: {reason}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), STANDBY_S)

    async def _announce(self, engine: Engine) -> None:
        """Say so once orders may be placed: the line that scripts wait for."""
        await engine.wait_started()
        self._waiting_for = ""
        settings, client = self._settings, engine.client
        account = f"{client.market.account} ({'paper' if client.paper else 'LIVE'})"
        bus = settings.kafka_bootstrap_servers or f"embedded bus {settings.bus_path}"
        self._print(f"serving account {account} on {settings.ibkr_host}:{settings.ibkr_port}, {bus}")

    def _print(self, line: str) -> None:
        print(logs.masked(line) if self._settings.log_mask_accounts else line, flush=True)

    def _new_engine(self) -> Engine:
        return Engine(
            self._settings,
            bus=choose.consumer_and_producer,
            renew_consumer=choose.consumer,
            renew_producer=choose.producer,
        )

    def _readiness(self) -> dict[str, Any]:
        return readiness(self._engine, self._waiting_for)

    def _metrics(self) -> bytes:
        return self._engine.metrics.exposition() if self._engine.serving else NOT_SERVING

    def _press_kill_switch(self) -> None:
        """SIGUSR1, for when nothing else answers: the same as a file named KILL."""
        now = datetime.now(UTC)
        ControlFiles(self._settings.toolkit_home).leave(new_command("kill", "SIGUSR1", "", now))
