"""What orders take in memory, each measured in a process of its own, beside ib_async."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys

from ib_async import IB, LimitOrder, Order, OrderStatus, Stock, Trade

from tests.benchmarks.gateway import ROOT, process
from tests.benchmarks.growth import Forgets, life
from tests.benchmarks.measure import Figure, resident_mb
from tests.benchmarks.sides import ours, quiet, theirs
from toolkit.orders.ledger import OrderLedger

WARM = 500
"""Orders before the first look."""


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds, live, traded = (1, 10_000, 1_000) if quick else (9, 50_000, 10_000)
    return [
        _figure("a live order in the ledger", rounds, "ledger", "trades", live, "<= 1/20", "10a"),
        _figure(
            "each order of a session, filled", rounds, "session", "their_session", traded, "<= 1/8", "10b"
        ),
    ]


def _figure(what: str, rounds: int, subject: str, floor: str, count: int, goal: str, number: str) -> Figure:
    values, ratios = [], []
    for _ in range(rounds):
        base = _child(floor, count)
        values.append(_child(subject, count))
        ratios.append(values[-1] / base)
    return Figure(f"memory of {what}", values, "kB", "ib_async's", ratios, goal, number)


def _child(name: str, count: int) -> float:
    """KB per order in a fresh process."""
    code = f"from tests.benchmarks import memory; print(memory.{name}({count}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def ledger(count: int) -> float:
    """KB that a live order takes in our ledger, its intent included."""
    kept = OrderLedger(Forgets())
    for fact in life(count, fills=0):
        kept.record(fact)
    before = _resident_kb()
    for number in range(count):
        for fact in life(number, fills=0):
            kept.record(fact)
    assert len(kept.working()) == count + 1
    return (_resident_kb() - before) / count


def trades(count: int) -> float:
    """KB that a live order takes in ib_async's book."""
    contract = Stock("SPY", "SMART", "USD")
    kept = IB().wrapper.trades
    before = _resident_kb()
    for number in range(count):
        order: Order = LimitOrder("BUY", 100, 451, orderId=number, orderRef=f"i{number}")
        status = OrderStatus(orderId=number, status="Submitted", permId=number + 1)
        kept[4, number] = Trade(contract, order, status, [], [])
    assert len(kept) == count
    return (_resident_kb() - before) / count


def session(count: int) -> float:
    """KB that each order adds to a process with our client."""
    with quiet():
        return asyncio.run(_ours(count))


def their_session(count: int) -> float:
    """The same with ib_async's IB."""
    with quiet():
        return asyncio.run(_theirs(count))


async def _ours(count: int) -> float:
    with process("gateway") as (_, port):
        async with ours(port) as side:
            await side.trade(WARM)
            before = _resident_kb()
            await side.trade(count)
            return (_resident_kb() - before) / count


async def _theirs(count: int) -> float:
    with process("gateway") as (_, port):
        async with theirs(port) as side:
            await side.trade(WARM)
            before = _resident_kb()
            await side.trade(count)
            return (_resident_kb() - before) / count


def _resident_kb() -> float:
    gc.collect()
    return resident_mb(os.getpid()) * 1e3
