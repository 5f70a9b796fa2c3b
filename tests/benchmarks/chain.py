"""The whole chain, bus in to bus out, in a process of its own as a service is: here on the embedded bus."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tests.benchmarks.gateway import ROOT, process
from tests.benchmarks.measure import Figure
from tests.benchmarks.service_process import HOP, settings
from tests.benchmarks.sides import intent, quiet, theirs
from toolkit.bus import choose
from toolkit.bus.topics import INTENTS, REPORTS

PACE_S = 0.02
"""Seconds between two messages: as many as Interactive Brokers takes."""
PATIENCE_S = 120.0


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    return figures("", quick=quick)


def figures(bootstrap: str, *, quick: bool) -> list[Figure]:
    """On the embedded bus, or on the Kafka that is named; only that answers to the goals."""
    rounds, count, paced = (3, 300, 25) if quick else (9, 2000, 100)
    # Each side has a gateway of its own: one that hears of the other's fills would have to deal with them.
    with (
        quiet(),
        process("gateway") as (_, port),
        process("gateway") as (_, other),
        tempfile.TemporaryDirectory() as home,
        _Service("plane", port, home, bootstrap) as plane,
        _Service("bare", port, home, bootstrap) as bare,
        closing(choose.producer(settings(port, Path(home), bootstrap))) as producer,
    ):
        idle = _idle(plane, bare, rounds, seconds=1.0)
        chosen = settings(port, Path(home), bootstrap)
        throughput = asyncio.run(_throughput(chosen, producer, other, rounds, count))
        latency = _latency(plane, bare, producer, rounds, paced)
    bus = "Kafka" if bootstrap else "the embedded bus"
    numbers = ("7", "4", "18") if bootstrap else ("", "", "")
    told = (
        (f"orders, {bus} in to {bus} out", "/s", "ib_async's IB, no bus", ">= 2.5 x", throughput),
        (f"{bus} to the socket, 50/s, p50", "us", "bare hop, fdatasync, hand-off", "<= 1.5", latency),
        (f"idle on {bus}", "ms/s", "a bare idle consumer", "<= 1.5", idle),
    )
    return [
        Figure(what, values, unit, floor, ratios, goal, number)
        for (what, unit, floor, goal, (values, ratios)), number in zip(told, numbers, strict=True)
    ]


async def _throughput(
    chosen: Any, producer: Any, port: int, rounds: int, count: int
) -> tuple[list[float], list[float]]:
    """Orders per second from the first intent sent to the last final report read."""
    speeds, ratios = [], []
    with closing(choose.reader(chosen, REPORTS, f"bench-{uuid.uuid4().hex}")) as reports:
        async with theirs(port) as they:
            for turn in range(rounds + 1):
                began = time.perf_counter()
                await they.trade(count)
                base = count / (time.perf_counter() - began)
                speed = count / await asyncio.to_thread(_through, producer, reports, f"t{turn}", count)
                if turn:  # the first one warms up
                    speeds.append(speed)
                    ratios.append(speed / base)
    return speeds, ratios


def _through(producer: Any, reports: Any, prefix: str, count: int) -> float:
    """Seconds that so many intents take to their final reports."""
    began = time.perf_counter()
    for number in range(count):
        producer.send(INTENTS, value=msgspec.json.encode(intent(f"{prefix}-{number}")), key=b"bench")
    producer.flush()
    left = {f"{prefix}-{number}" for number in range(count)}
    while left:
        if time.perf_counter() > began + PATIENCE_S:
            raise TimeoutError(f"{len(left)} of {count} orders had no final report after {PATIENCE_S:.0f} s.")
        for batch in reports.poll(timeout_ms=50).values():
            for record in batch:
                report = msgspec.json.decode(record.value)
                if report["final"]:
                    left.discard(report["intent_id"])
    return time.perf_counter() - began


def _latency(
    plane: _Service, bare: _Service, producer: Any, rounds: int, count: int
) -> tuple[list[float], list[float]]:
    """Microseconds from ``send`` to the socket, and to the end of a bare hop with a flush."""
    values, ratios = [], []
    plane.times(), bare.times()
    for turn in range(rounds):
        base = _hops(bare, producer, HOP, f"h{turn}", count)
        value = _hops(plane, producer, INTENTS, f"l{turn}", count)
        values.append(value * 1e6)
        ratios.append(value / base)
    return values, ratios


def _hops(service: _Service, producer: Any, topic: str, prefix: str, count: int) -> float:
    sent = []
    for number in range(count):
        time.sleep(PACE_S)
        sent.append(time.perf_counter())
        producer.send(topic, value=msgspec.json.encode(intent(f"{prefix}-{number}")), key=b"bench")
    arrived: list[float] = []
    while len(arrived) < count:
        if time.perf_counter() > sent[-1] + PATIENCE_S:
            raise TimeoutError(f"{len(arrived)} of {count} messages on {topic} arrived.")
        time.sleep(PACE_S)
        arrived += service.times()
    return statistics.median(there - left for there, left in zip(arrived, sent, strict=True))


def _idle(plane: _Service, bare: _Service, rounds: int, seconds: float) -> tuple[list[float], list[float]]:
    """CPU milliseconds per second of both while nothing happens, at the same time."""
    values, ratios = [], []
    for _ in range(rounds):
        before = plane.cpu(), bare.cpu()
        time.sleep(seconds)
        values.append((plane.cpu() - before[0]) / seconds * 1e3)
        ratios.append(values[-1] / ((bare.cpu() - before[1]) / seconds * 1e3))
    return values, ratios


class _Service:
    """One ``service_process``."""

    def __init__(self, kind: str, port: int, home: str, bootstrap: str) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.service_process"]
        self._process = subprocess.Popen(
            [*command, kind, str(port), home, bootstrap],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self._line() != "ready":
            raise RuntimeError(f"The {kind} process did not start.")

    def times(self) -> list[float]:
        """When messages reached the wire since the last call."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        times: list[float] = json.loads(self._line())
        return times

    def cpu(self) -> float:
        """CPU seconds of all its threads, to the nanosecond."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def __enter__(self) -> _Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
