"""How long one order takes to the socket, at a calm pace and behind a queue, and what durability adds."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.benchmarks.gateway import process
from tests.benchmarks.measure import Figure
from tests.benchmarks.sides import Ours, Theirs, Wire, ours, quiet, theirs

GAP_S = 0.002
"""Seconds between two orders."""
RATE = 40.0
"""Messages a second, the client's default."""
ROW = b"x" * 320
"""As much as a fact takes in the journal."""
CANCEL = b"4\0"
"""How a cancel's message begins, behind the four bytes of its length."""


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    with quiet():
        return [
            *asyncio.run(_paced(*((5, 30) if quick else (15, 100)))),
            asyncio.run(_cancels(*((5, 200) if quick else (9, 1000)))),
        ]


async def _paced(rounds: int, count: int) -> list[Figure]:
    """One order every two milliseconds: ours with and without fsync, theirs, and a bare fdatasync."""
    with (
        process("gateway") as (_, port),
        process("gateway") as (_, other),
        tempfile.TemporaryFile(buffering=0) as file,
    ):
        async with ours(port) as we, theirs(other) as they:
            our_wire, their_wire = we.wire(), they.wire()
            durable, ratios, added, prices = [], [], [], []
            for _ in range(rounds):
                base = await _median(count, lambda: _their_time(they, their_wire))
                flush = await _median(count, lambda: _flush_time(file.fileno()))
                safe = await _median(count, lambda: _our_time(we, our_wire))
                with_flush(we, on=False)
                unsafe = await _median(count, lambda: _our_time(we, our_wire))
                with_flush(we, on=True)
                durable.append(safe * 1e6)
                ratios.append(safe / base)
                added.append((safe - unsafe) * 1e6)
                prices.append((safe - unsafe) / flush)
    what = "durable intent to the socket, one every 2 ms, p50"
    price = "what durability adds to that, p50"
    return [
        Figure(what, durable, "us", "ib_async's IB, no journal", ratios, "<= 1.0", "2"),
        Figure(price, added, "us", "bare fdatasync, same gap", prices, "<= 1.5", "3"),
    ]


async def _median(count: int, once: Callable[[], Awaitable[float]]) -> float:
    times = []
    for _ in range(count):
        await asyncio.sleep(GAP_S)
        times.append(await once())
    return statistics.median(times)


async def _our_time(we: Ours, wire: Wire) -> float:
    (raw,) = we.intents(1)
    began = time.perf_counter()
    await we.place(raw)
    return wire.at - began


async def _their_time(they: Theirs, wire: Wire) -> float:
    began = time.perf_counter()
    they.place()
    return wire.at - began


async def _flush_time(file: int) -> float:
    began = time.perf_counter()
    os.write(file, ROW)
    os.fdatasync(file)
    return time.perf_counter() - began


def with_flush(we: Ours, *, on: bool) -> None:
    """Have the journal wait for the disk, or not."""
    journal: Any = we.client.journal
    journal.flush()
    journal._database.execute(f"pragma synchronous = {'full' if on else 'off'}")


async def _cancels(rounds: int, queued: int) -> Figure:
    """Cancels of resting orders while many new ones wait for their turn; in slots of the pace."""
    with process("gateway") as (_, port):
        async with ours(port, max_messages_per_second=RATE) as we:
            resting = we.intents(rounds, limit_price=400)
            for raw in resting:
                await we.place(raw)
            orders = [asyncio.ensure_future(we.place(raw)) for raw in we.intents(queued)]
            session: Any = we.client._session
            pacer, wire = session._pacer, we.wire()
            while pacer.waiting < queued - RATE * 2:  # noqa: ASYNC110 - it has no event for that
                await asyncio.sleep(0.01)
            times = []
            for raw in resting:
                began = time.perf_counter()
                assert await we.client.cancel_intent(raw["intent_id"])
                assert wire.message[4:].startswith(CANCEL), wire.message
                times.append(wire.at - began)
                await asyncio.sleep(1.7 / RATE)  # meet the slots at another moment every time
            assert pacer.waiting > 0
            pacer._rate = 10**6  # nobody has to wait for the rest
            await asyncio.gather(*orders)
    what = f"a cancel behind {queued:,} orders at {RATE:g} messages a second"
    slots = [each * RATE for each in times]
    return Figure(what, [1e3 * each for each in times], "ms", "one slot", slots, "<= 1 slot", "5")
