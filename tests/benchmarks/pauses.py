"""How long everything stands still with 100,000 orders live: garbage collection, and a scrape."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from typing import Any

from tests.benchmarks.gateway import ROOT, process
from tests.benchmarks.growth import life
from tests.benchmarks.measure import Figure
from tests.benchmarks.sides import ours, quiet
from toolkit.app.metrics import Metrics
from toolkit.app.pulse import Pulse


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file, in a process that holds nothing else."""
    rounds, live = (3, 10_000) if quick else (9, 100_000)
    code = f"from tests.benchmarks import pauses; print(pauses.measured({rounds}, {live}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    collections, scrapes = json.loads(done.stdout)
    what = f"with {live:,} orders live"
    return [
        Figure(f"longest pause of gc {what}", collections, "ms", goal="<= 5 ms", number="11a"),
        Figure(f"a scrape {what}", scrapes, "ms", goal="<= 5 ms", number="11b"),
    ]


def measured(rounds: int, live: int) -> str:
    """Milliseconds of the longest collection and of a scrape, round by round, as JSON."""
    with quiet():
        return json.dumps(asyncio.run(_measured(rounds, live)))


async def _measured(rounds: int, live: int) -> tuple[list[float], list[float]]:
    with process("gateway") as (_, port):
        async with ours(port) as we:
            client = we.client
            # Straight into the book: a hundred thousand orders over the socket take minutes.
            book: Any = client.ledger
            for number in range(live):
                for fact in life(number + 10**6, fills=0):
                    book.record(fact)
                if number % 1000 == 0:
                    await client.journal.durable(client.journal.last_seq)
            metrics = Metrics(client)
            metrics.follow(Pulse(client, dict, client.risk_checker, None))
            collections, scrapes = [], []
            for _ in range(rounds):
                collections.append(1e3 * await _longest_collection(we.trade, live // 20))
                began = time.perf_counter()
                metrics.exposition()
                scrapes.append((time.perf_counter() - began) * 1e3)
    return collections, scrapes


async def _longest_collection(trade: Any, count: int) -> float:
    """Seconds of the longest collection while so many orders are traded; the full one is among them."""
    began, longest = 0.0, 0.0

    def hear(phase: str, _info: dict[str, int]) -> None:
        nonlocal began, longest
        if phase == "start":
            began = time.perf_counter()
        else:
            longest = max(longest, time.perf_counter() - began)

    gc.callbacks.append(hear)
    try:
        await trade(count)
        gc.collect()
    finally:
        gc.callbacks.remove(hear)
    return longest
