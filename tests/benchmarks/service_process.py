"""
An order plane on a bus, or a bare consumer of it, as a process of its own.

Usage: service_process.py plane|bare GATEWAY_PORT HOME BOOTSTRAP. It says ``ready``; for every line that
comes in it tells when (``time.perf_counter``, one clock for all processes) messages reached the wire.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.sides import WIDE
from toolkit.app.engine import Engine
from toolkit.app.intake import BATCH, POLL_MS
from toolkit.bus import choose, kafka
from toolkit.settings import Settings

HOP = "bench_hop"
"""What the bare consumer reads."""
ROW = b"x" * 320


def settings(port: int, home: Path, bootstrap: str) -> Settings:
    """Of a lane on this gateway and this bus; no bootstrap: the embedded one."""
    return Settings(
        ibkr_port=port, toolkit_home=home, kafka_bootstrap_servers=bootstrap, prometheus_port=0, **WIDE
    )


@contextmanager
def _plane(chosen: Settings, times: list[float]) -> Iterator[None]:
    engine = Engine(chosen, bus=choose.consumer_and_producer, max_messages_per_second=10**7)
    engine.start()
    session: Any = engine.client._session
    connection = session._api.conn
    write = connection.sendMsg

    def stamped(message: bytes) -> None:
        write(message)
        times.append(time.perf_counter())

    connection.sendMsg = stamped
    try:
        yield
    finally:
        engine.stop()


@contextmanager
def _bare(chosen: Settings, times: list[float]) -> Iterator[None]:
    """One hop of the bus, one flush of the disk, one hand-off to an event loop."""
    if chosen.kafka_bootstrap_servers:
        kafka.ensure_topics(chosen.kafka_bootstrap_servers, [HOP])
    loop, stopping = asyncio.new_event_loop(), threading.Event()

    def consume() -> None:
        with (
            closing(choose.reader(chosen, HOP, "bench")) as consumer,
            tempfile.TemporaryFile(buffering=0) as file,
        ):
            while not stopping.is_set():
                for batch in consumer.poll(timeout_ms=POLL_MS, max_records=BATCH).values():
                    for _ in batch:
                        os.write(file.fileno(), ROW)
                        os.fdatasync(file.fileno())
                        loop.call_soon_threadsafe(lambda: times.append(time.perf_counter()))

    threads = [threading.Thread(target=consume), threading.Thread(target=loop.run_forever)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        threads[0].join()
        loop.call_soon_threadsafe(loop.stop)
        threads[1].join()
        loop.close()


def main(kind: str, port: str, home: str, bootstrap: str) -> None:
    """Run until the input ends."""
    times: list[float] = []
    with {"plane": _plane, "bare": _bare}[kind](settings(int(port), Path(home), bootstrap), times):
        print("ready", flush=True)
        for _ in sys.stdin:
            told, times[:] = list(times), []
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
