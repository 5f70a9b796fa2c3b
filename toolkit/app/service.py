"""The orchestrator as a service: one process, metrics on a port, SIGINT and SIGTERM drain it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from datetime import UTC, datetime

from toolkit.app.engine import Engine
from toolkit.broker.control_files import ControlFiles, new_command
from toolkit.bus import choose
from toolkit.errors import ConfigError
from toolkit.settings import Settings

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """
    Run until interrupted: what was taken from the bus is journaled, what is reported is published.

    Raises:
        ToolkitError: it cannot start, or had to stop.
    """
    logging.basicConfig(
        level=settings.log_level,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if settings.log_level == "INFO":
        # The Kafka client tells of every connection that it makes and closes.
        logging.getLogger("kafka").setLevel(logging.WARNING)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, _press_kill_switch, settings)
    engine = Engine(settings, bus=choose.consumer_and_producer)
    announcing = loop.create_task(_announce(engine, settings, stop))
    try:
        await engine.run(stop)
    finally:
        announcing.cancel()
        await asyncio.wait({announcing})
    if not announcing.cancelled():
        announcing.result()


async def _announce(engine: Engine, settings: Settings, stop: asyncio.Event) -> None:
    """Serve metrics and say so once orders may be placed; a service that cannot be watched ends."""
    await engine.wait_started()
    if settings.prometheus_port:
        try:
            engine.metrics.serve(settings.prometheus_port)
        except ConfigError:
            stop.set()
            raise
    client = engine.client
    account = f"{client.market.account} ({'paper' if client.paper else 'LIVE, not armed'})"
    bus = settings.kafka_bootstrap_servers or f"embedded bus {settings.bus_path}"
    # The one line that scripts wait for.
    print(f"serving account {account} on {settings.ibkr_host}:{settings.ibkr_port}, {bus}", flush=True)


def _press_kill_switch(settings: Settings) -> None:
    """SIGUSR1, for when nothing else answers: the same as a file named KILL."""
    now = datetime.now(UTC)
    ControlFiles(settings.toolkit_home).leave(new_command("kill", "SIGUSR1", "", now))
