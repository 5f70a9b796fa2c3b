"""
The whole way of an order, intent to charged fill, beside ib_async's ``IB`` on the same paper gateway.

Ours validates, judges, journals with fsync before the socket, and makes four reports per order; the
other only places and listens.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ib_async import IB, LimitOrder, Stock

from tests.benchmarks.gateway import process
from tests.benchmarks.measure import Figure
from toolkit import IBKRExecClient
from toolkit.orders import events
from toolkit.orders.intent import parse
from toolkit.orders.ledger import OrderLedger

WINDOW = 200
"""Orders under way at once."""
LIMITS = {"max_order_quantity": 10**6, "max_gross_exposure": 10**12, "max_open_orders_per_side": 10**6}
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)

Batch = Callable[[int], Awaitable[None]]
"""Places so many orders and returns when all of them are filled and charged."""


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds, count = (3, 400) if quick else (9, 2000)
    with _quiet():
        return [
            *asyncio.run(_beside_ib(rounds, count)),
            *_growth(rounds, 2_000 if quick else 80_000),
            *_fills(rounds),
        ]


async def _beside_ib(rounds: int, count: int) -> list[Figure]:
    with process("gateway") as (_, port), tempfile.TemporaryDirectory() as home:
        ib, client = IB(), IBKRExecClient(
            {"host": "127.0.0.1", "port": port, "client_id": 3, "home": home, "read_only": False,
             "max_messages_per_second": 10**7, **LIMITS}
        )  # fmt: skip
        ib.client.MaxRequests = 0
        await ib.connectAsync("127.0.0.1", port, clientId=4)
        assert await client.connect_async(), client.last_error
        theirs, ours = await _theirs(ib), _ours(client)
        await theirs(WINDOW)
        await ours(WINDOW)
        speeds, speed_ratios, costs, cost_ratios = [], [], [], []
        for _ in range(rounds):
            base_wall, base_cpu = await _timed(theirs, count)
            wall, cpu = await _timed(ours, count)
            speeds.append(count / wall)
            speed_ratios.append(base_wall / wall)
            costs.append(cpu / count * 1e6)
            cost_ratios.append(cpu / base_cpu)
        await client.disconnect_async()
        ib.disconnect()
    return [
        Figure(
            "orders to filled and charged, fsync on",
            speeds,
            "/s",
            "ib_async's IB",
            speed_ratios,
            ">= 2 x, then 8 x",
        ),
        Figure("CPU per order, all threads", costs, "us", "ib_async's IB", cost_ratios),
    ]


async def _timed(batch: Batch, count: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    await batch(count)
    return time.perf_counter() - wall, time.process_time() - cpu


async def _theirs(ib: IB) -> Batch:
    (contract,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
    charged = _Counter()
    ib.commissionReportEvent += charged.one

    async def place(count: int) -> None:
        first = charged.count
        for number in range(count):
            ib.placeOrder(contract, LimitOrder("BUY", 100, 451))
            if number % WINDOW == WINDOW - 1:
                await charged.reach(first + number + 1 - WINDOW)
        await charged.reach(first + count)

    return place


def _ours(client: IBKRExecClient) -> Batch:
    charged = _Counter()
    client.ledger.listeners.append(
        lambda event, _state, _report: charged.one() if isinstance(event, events.CommissionCharged) else None
    )

    async def place(count: int) -> None:
        first = charged.count
        intents = [_raw(f"o{first + number}") for number in range(count)]
        for start in range(0, count, WINDOW):
            await asyncio.gather(*map(client.place_order, intents[start : start + WINDOW]))
            await charged.reach(first + start)
        await charged.reach(first + count)

    return place


class _Counter:
    """Counts, and wakes who waits for a number."""

    def __init__(self) -> None:
        self.count = 0
        self._wanted = 0
        self._reached = asyncio.Event()

    def one(self, *_: object) -> None:
        self.count += 1
        if self.count >= self._wanted:
            self._reached.set()

    async def reach(self, number: int) -> None:
        self._wanted = number
        if self.count < number:
            self._reached.clear()
            await asyncio.wait_for(self._reached.wait(), 120)


def _growth(rounds: int, many: int) -> list[Figure]:
    """The ledger alone, after few and after many orders of the day."""
    few, ledger = 1_000, OrderLedger(_Forgets())
    early = [_life(ledger, number, fills=1) for number in range(few)]
    for number in range(few, many):
        _life(ledger, number, fills=1)
    late, ratios = [], []
    base = sorted(early)[len(early) // 2]
    for turn in range(rounds):
        costs = sorted(_life(ledger, many + turn * 200 + number, fills=1) for number in range(200))
        late.append(costs[100] * 1e6)
        ratios.append(costs[100] / base)
    return [
        Figure(f"ledger, CPU per order after {many:,} orders", late, "us", "after 1,000", ratios, "<= 1.1")
    ]


def _fills(rounds: int) -> list[Figure]:
    """What one more fill costs an order that has many."""
    values, ratios = [], []
    for turn in range(rounds):
        ledger = OrderLedger(_Forgets())
        base = sum(_life(ledger, 1000 * turn + number, fills=5) for number in range(50)) / 250
        value = _life(ledger, 1000 * turn + 999, fills=1000) / 1000
        values.append(value * 1e6)
        ratios.append(value / base)
    return [Figure("ledger, CPU per fill of an order with 1,000", values, "us", "with 5", ratios, "<= 1.2")]


def _life(ledger: OrderLedger, number: int, *, fills: int) -> float:
    """One order's facts, from its intent to its last fill and commission; CPU seconds."""
    name, shares = f"i{number}", Decimal(100)
    raw = _raw(name, quantity=100 * fills)
    facts: list[events.AnyEvent] = [
        events.Received(intent_id=name, at=NOW, raw=raw, intent=parse(raw, now=NOW)),
        events.Accepted(intent_id=name, at=NOW, con_id=1),
        events.Reserved(intent_id=name, at=NOW, order_id=number + 1, client_id=3),
        events.Sent(intent_id=name, at=NOW, journaled_at=NOW),
        events.StatusReported(intent_id=name, at=NOW, word="Submitted", perm_id=number + 1),
    ]
    for fill in range(fills):
        exec_id = f"{number:08x}.{fill:08x}.01"
        facts += [
            events.Executed(
                intent_id=name, at=NOW, exec_id=exec_id, shares=shares, price=Decimal("450.02"), side="BOT",
                exchange="ARCA", time=NOW, time_text="", perm_id=number + 1, liquidity="remove",
            ),
            events.CommissionCharged(
                intent_id=name, at=NOW, exec_id=exec_id, commission=Decimal(1), currency="USD",
                realized_pnl=None,
            ),
        ]  # fmt: skip
    began = time.process_time()
    for fact in facts:
        ledger.record(fact)
    return time.process_time() - began


class _Forgets:
    """A journal that keeps nothing."""

    def append(self, _event: events.AnyEvent, _report: dict[str, Any] | None) -> int:
        return 0

    def events(self) -> Iterator[events.AnyEvent]:
        return iter(())


def _raw(intent_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "intent_id": intent_id,
        "symbol": "SPY",
        "direction": "BUY",
        "quantity": 100,
        "order_type": "LIMIT",
        "limit_price": 451,
        "strategy_id": "bench",
        **changes,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the log of either side: whether anybody prints it is not what is measured."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
