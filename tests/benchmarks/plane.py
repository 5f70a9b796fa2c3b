"""
The whole way of an order, intent to charged fill, beside other clients on the same paper gateway.

Ours validates, judges, journals with fsync before the socket, and makes four reports per order; the
others only place and listen.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.gateway import Driver, process
from tests.benchmarks.measure import Figure
from tests.benchmarks.sides import WINDOW, Batch, Ours, ours, quiet, theirs
from tests.gateway.clients.environments import CLIENTS
from toolkit.app.metrics import Metrics

Official = Callable[[int], Awaitable[float]]
"""Trades so many orders through the official client; seconds."""


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds, count = (3, 400) if quick else (9, 2000)
    with quiet():
        return asyncio.run(_figures(rounds, count))


async def _figures(rounds: int, count: int) -> list[Figure]:
    # Ours has a gateway of its own: clients on one gateway hear of each other's fills.
    with (
        process("gateway") as (_, port),
        process("gateway") as (_, other),
        _official(other) as official,
    ):
        bare = Driver(other, handshake=True)
        async with ours(port) as we, theirs(other) as they:
            speeds, costs, plain, ratios = [], [], [], {"ib": [], "cpu": [], "official": [], "bare": []}
            for _ in range(rounds):
                base_wall, base_cpu = await _timed(they.trade, count)
                wall, cpu = await _timed(we.trade, count)
                speeds.append(count / wall)
                costs.append(cpu / count * 1e6)
                ratios["ib"].append(base_wall / wall)
                ratios["cpu"].append(cpu / base_cpu)
                plain.append(count / await asyncio.to_thread(bare.orders, count))
                ratios["bare"].append(speeds[-1] / plain[-1])
                if official is not None:
                    ratios["official"].append(await official(count) / wall)
            watched = await _watched(we, rounds, count)
        bare.close()
    what = "orders to filled and charged, fsync on"
    return [
        Figure(what, speeds, "/s", "ib_async's IB", ratios["ib"], ">= 8 x", "6a"),
        *([Figure(what, speeds, "/s", "official ibapi", ratios["official"], ">= 3 x", "6b")]
          if official is not None else []),
        Figure(what, speeds, "/s", "a bare socket, market orders", ratios["bare"]),
        Figure("CPU per order, all threads", costs, "us", "ib_async's IB", ratios["cpu"]),
        watched,
    ]  # fmt: skip


async def _timed(batch: Batch, count: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    await batch(count)
    return time.perf_counter() - wall, time.process_time() - cpu


async def _watched(we: Ours, rounds: int, count: int) -> Figure:
    """What metrics and the log add to the CPU of an order."""
    added, shares = [], []
    for _ in range(rounds):
        _, base = await _timed(we.trade, count)
        with _metrics_and_log(we):
            _, cpu = await _timed(we.trade, count)
        added.append((cpu - base) / count * 1e6)
        shares.append(cpu / base - 1)
    return Figure(
        "CPU per order that metrics and log add", added, "us", "without them", shares, "<= 0.08", "16"
    )


@contextmanager
def _metrics_and_log(we: Ours) -> Iterator[None]:
    """As a service has them, the log into nowhere."""
    listeners, codes = we.client.ledger.listeners, we.client.inbox.code_listeners
    before, before_codes = list(listeners), list(codes)
    logger = logging.getLogger("toolkit")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        handler = logging.StreamHandler(nowhere)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(handler)
        level, propagate = logger.level, logger.propagate
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logging.disable(logging.NOTSET)
        Metrics(we.client)
        try:
            yield
        finally:
            logging.disable(logging.INFO)
            listeners[:], codes[:] = before, before_codes
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


@contextmanager
def _official(port: int) -> Iterator[Official | None]:
    """The official client in a process of its own; None, and why, where it cannot be installed."""
    (client,) = (each for each in CLIENTS if each.name == "ibapi")
    try:
        home = client.installed()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        yield None
        return
    program = Path(__file__).with_name("official_orders.py")
    command = [sys.executable, "-B", str(program), "127.0.0.1", str(port), str(WINDOW)]
    environment = {**os.environ, "PYTHONPATH": str(home)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        ask, answer = run.stdin, run.stdout

        def traded(count: int) -> float:
            ask.write(f"{count}\n")
            ask.flush()
            return float(answer.readline())

        async def trade(count: int) -> float:
            return await asyncio.to_thread(traded, count)

        traded(WINDOW)
        yield trade
        ask.close()
