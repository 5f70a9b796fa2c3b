"""An intent's bytes to an order's bytes, every rule and the journal's write included, beside ib_async."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from tests.benchmarks.gateway import process
from tests.benchmarks.measure import Figure
from tests.benchmarks.risk import ALL_LIMITS
from tests.benchmarks.sides import WINDOW, Ours, Theirs, Wire, ours, quiet, theirs
from toolkit.orders.intent import decode

LEFT_OUT = ("min_excess_liquidity", "max_move_bps", "strategies")
"""A question over the socket; a close that a quote set by hand does not have; limits of another strategy."""
EVERY_RULE: dict[str, Any] = {
    **{name: limit for name, limit in ALL_LIMITS.items() if name not in LEFT_OUT},
    "max_order_quantity": 10**6,
    "max_gross_exposure": 10**12,
    "max_net_exposure": 10**12,
    "max_daily_loss": 10**11,
    "max_drawdown": 10**11,
    "max_position": 10**9,
    "max_quote_age_s": 10**6,
    "max_orders_per_second": 10**7,
    "repeat_window_s": "0.000001",
    "max_orders_per_day": 10**7,
    "max_quantity_per_day": 10**10,
    "max_fills_per_minute": 10**7,
    "allow_closed_market": True,
    "allowed_symbols": ["SPY"],
}
"""All the others, with room for what is traded here; the quote does not move, so it may be old."""


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds, count = (5, 200) if quick else (15, 1000)
    with quiet():
        return [
            asyncio.run(_figure(rounds, count, "every rule", EVERY_RULE, "1")),
            asyncio.run(_figure(rounds, count, "the rules in force by default", {}, "")),
        ]


async def _figure(rounds: int, count: int, rules: str, limits: dict[str, Any], number: str) -> Figure:
    with process("gateway") as (_, port), process("gateway") as (_, other):
        async with ours(port, **limits) as we, theirs(other) as they:
            our_wire, their_wire = we.wire(), they.wire()
            values, ratios = [], []
            for _ in range(rounds):
                base = await _their_cost(they, their_wire, count)
                value = await _our_cost(we, our_wire, count)
                values.append(value * 1e6)
                ratios.append(value / base)
    what = f"intent bytes to order bytes, {rules}, CPU of all threads"
    return Figure(what, values, "us", "IB.placeOrder", ratios, "<= 0.10", number)


async def _our_cost(we: Ours, wire: Wire, count: int) -> float:
    """CPU seconds per order; what was written is let go to the gateway afterwards."""
    bodies = [msgspec.json.encode(each) for each in we.intents(count)]
    first = we.charged.count
    wire.hold()
    began = time.process_time()
    for start in range(0, count, WINDOW):
        raws = map(decode, bodies[start : start + WINDOW])
        await asyncio.gather(*map(we.place, raws))
    spent = time.process_time() - began
    assert wire.release() == count
    await we.reach(first + count)
    return spent / count


async def _their_cost(they: Theirs, wire: Wire, count: int) -> float:
    first = they.charged.count
    wire.hold()
    began = time.process_time()
    for _ in range(count):
        they.place()
    spent = time.process_time() - began
    assert wire.release() == count
    await they.charged.reach(first + count)
    return spent / count
