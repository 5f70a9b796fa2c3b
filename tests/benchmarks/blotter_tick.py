"""What one message to the blotter costs the kernel: 5,000 orders live, 200 of them changed."""

from __future__ import annotations

import time
from decimal import Decimal

from tests.benchmarks.growth import NOW, Forgets, life
from tests.benchmarks.measure import Figure
from toolkit.desk import rows
from toolkit.desk.feed import Feed
from toolkit.desk.tally import Tally
from toolkit.orders import events
from toolkit.orders.contract import Instrument
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState

LIVE, CHANGED, QUANTITY = 5_000, 200, 100_000
SPY = Instrument(con_id=1, symbol="SPY", sec_type="STK", currency="USD", time_zone="US/Eastern")


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds, finished = (3, 5_000) if quick else (15, 100_000)
    young, old = _Board(0), _Board(finished)
    ticks, shares, late, growth = [], [], [], []
    for turn in range(rounds):
        base = young.rebuild()
        ticks.append(young.tick(turn))
        shares.append(ticks[-1] / base)
        late.append(old.tick(turn))
        growth.append(late[-1] / ticks[-1])
    what = f"blotter tick, {LIVE:,} live, {CHANGED} changed"
    return [
        Figure(what, [1e3 * each for each in ticks], "ms", "all rows anew", shares, "<= 0.02", "15a"),
        Figure(f"the same, {finished:,} finished orders more", [1e3 * each for each in late], "ms",
               "without them", growth, "no more", "15b"),
    ]  # fmt: skip


class _Board:
    """The blotter's half in the kernel, without the engine and the browser."""

    def __init__(self, finished: int) -> None:
        self._ledger = OrderLedger(Forgets())
        for number in range(LIVE + finished):
            live = number < LIVE
            for fact in life(number, fills=int(not live)):
                self._ledger.record(fact)
        self._feed, self._tally = Feed(), Tally()
        self._tell(list(self._ledger))

    def rebuild(self) -> float:
        """CPU seconds that the rows of all live orders take, made anew."""
        working = self._ledger.working()
        began = time.process_time()
        rows.tables(working, self._ledger.get, _contract)
        return time.process_time() - began

    def tick(self, turn: int) -> float:
        """CPU seconds of one message, after the status of some orders changed."""
        changed = [f"i{number}" for number in range(CHANGED)]
        word = ("PreSubmitted", "Submitted")[turn % 2]
        for name in changed:
            self._ledger.record(
                events.StatusReported(
                    intent_id=name, at=NOW, word=word, filled=Decimal(0), perm_id=int(name[1:]) + 1
                )
            )
        began = time.process_time()
        orders = [order for one in changed if (order := self._ledger.get(one))]
        self._tell(orders)
        return time.process_time() - began

    def _tell(self, orders: list[OrderState]) -> None:
        self._tally.take(orders)
        assert self._feed.message({}, rows.tables(orders, self._ledger.get, _contract)) is not None


def _contract(_order: OrderState) -> Instrument:
    return SPY
