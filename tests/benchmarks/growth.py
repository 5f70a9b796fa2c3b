"""Whether an order stays as cheap when there are many, and a fill when its order has many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.benchmarks.measure import Figure
from tests.benchmarks.sides import intent
from toolkit.orders import events
from toolkit.orders.intent import parse
from toolkit.orders.ledger import OrderLedger

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds = 3 if quick else 9
    return [*_growth(rounds, 2_000 if quick else 80_000), *_fills(rounds)]


def _growth(rounds: int, many: int) -> list[Figure]:
    """The ledger alone, after few and after many orders of the day."""
    few, ledger = 1_000, OrderLedger(Forgets())
    early = [_cost(ledger, number, fills=1) for number in range(few)]
    for number in range(few, many):
        _cost(ledger, number, fills=1)
    late, ratios = [], []
    base = sorted(early)[len(early) // 2]
    for turn in range(rounds):
        costs = sorted(_cost(ledger, many + turn * 200 + number, fills=1) for number in range(200))
        late.append(costs[100] * 1e6)
        ratios.append(costs[100] / base)
    what = f"ledger, CPU per order after {many:,} orders"
    return [Figure(what, late, "us", "after 1,000", ratios, "<= 1.1", "8")]


def _fills(rounds: int) -> list[Figure]:
    """What one more fill costs an order that has many."""
    values, ratios = [], []
    for turn in range(rounds):
        ledger = OrderLedger(Forgets())
        base = sum(_cost(ledger, 1000 * turn + number, fills=5) for number in range(50)) / 250
        value = _cost(ledger, 1000 * turn + 999, fills=1000) / 1000
        values.append(value * 1e6)
        ratios.append(value / base)
    what = "ledger, CPU per fill of an order with 1,000"
    return [Figure(what, values, "us", "with 5", ratios, "<= 1.2", "9")]


def _cost(ledger: OrderLedger, number: int, *, fills: int) -> float:
    """CPU seconds of one order's life."""
    facts = life(number, fills=fills)
    began = time.process_time()
    for fact in facts:
        ledger.record(fact)
    return time.process_time() - began


def life(number: int, *, fills: int) -> list[events.AnyEvent]:
    """One order's facts, from its intent to its last fill and commission; live when it has no fills."""
    name, shares = f"i{number}", Decimal(100)
    raw = intent(name, quantity=100 * (fills or 1))
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
    return facts


class Forgets:
    """A journal that keeps nothing."""

    def append(self, _event: events.AnyEvent, _report: dict[str, Any] | None) -> int:
        return 0

    def events(self) -> Iterator[events.AnyEvent]:
        return iter(())
