"""An exchange and what it remembers over its own end, without sockets and with time in the test's hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from toolkit.gateway.day import Day
from toolkit.gateway.events import Event, Order
from toolkit.gateway.instruments import Universe
from toolkit.gateway.interference import PracticeExchange
from toolkit.gateway.ledger import Ledger
from toolkit.gateway.order_form import ClientOrder
from toolkit.gateway.state import State

NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)
"""12:00 in New York on a Monday."""

UNIVERSE = Universe()
(APPLE,) = UNIVERSE.find(symbol="AAPL")


@dataclass
class Desk:
    """An exchange and its memory, as a gateway keeps them."""

    state: State
    exchange: PracticeExchange
    ledger: Ledger
    day: Day

    def do(self, events: list[Event], now: datetime = NOON) -> list[Event]:
        self.state.note(events)
        self.state.save(self.exchange, self.ledger, self.day.start, now)
        return events

    def quote(self, bid: float, ask: float, size: int = 100, now: datetime = NOON) -> list[Event]:
        return self.do(self.exchange.quote(APPLE.con_id, bid, ask, size, size, now), now)

    def place(self, order_id: int, quantity: int, now: datetime = NOON, **terms: object) -> list[Event]:
        return self.do(self.exchange.place(self.order(order_id, quantity, **terms), now), now)

    def order(self, order_id: int, quantity: int, **terms: object) -> Order:
        return Order(
            client_id=1,
            order_id=order_id,
            account="DU1",
            instrument=terms.pop("instrument", APPLE),  # type: ignore[arg-type]
            action=str(terms.pop("action", "BUY")),
            quantity=Decimal(quantity),
            order_type=str(terms.pop("order_type", "LMT")),
            raw=ClientOrder("3\0fields", 178),
            **terms,  # type: ignore[arg-type]
        )

    def picture(self) -> object:
        """Everything that a client could ask for."""
        orders = [*self.exchange.open_orders(), *self.exchange.completed_orders()]
        facts = [
            (o.perm_id, o.order_id, o.status, o.filled, o.remaining, o.avg_fill_price, o.why_held)
            for o in orders
        ]
        fills = [
            (fill.exec_id, fill.perm_id, fill.shares, fill.price, fill.time, fill.cum_qty, charge)
            for fill, charge in self.exchange.executions()
        ]
        return sorted(facts), fills, self.exchange.positions(), self.exchange.account_values("DU1")


def started(path: Path, universe: Universe = UNIVERSE) -> Desk:
    state, exchange, ledger = State(path), PracticeExchange(universe, ["DU1"]), Ledger()
    state.begin(exchange, ledger, run=7, now=NOON)
    return Desk(state, exchange, ledger, Day(exchange, ["DU1"], NOON, state.day))
