"""A hand-written book for the tests of risk: what is held, open, quoted and known, as each test says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests import builders
from toolkit.orders.apply import apply
from toolkit.orders.approvals import Approvals
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import Accepted, AnyEvent, Sent
from toolkit.orders.ledger import fold
from toolkit.orders.state import OrderState
from toolkit.risk.exposure import Exposure
from toolkit.risk.history import History
from toolkit.risk.margin import Margin
from toolkit.risk.profit import Profit

SPY = Instrument(con_id=1, symbol="SPY", sec_type="STK", currency="USD")
QQQ = Instrument(con_id=2, symbol="QQQ", sec_type="STK", currency="USD")
SAP = Instrument(con_id=3, symbol="SAP", sec_type="STK", currency="EUR")
ES = Instrument(con_id=4, symbol="ES", sec_type="FUT", currency="USD", multiplier=Decimal(50))
BY_SYMBOL = {instrument.symbol: instrument for instrument in (SPY, QQQ, SAP, ES)}
BY_NUMBER = {instrument.con_id: instrument for instrument in BY_SYMBOL.values()}


@dataclass
class Desk:
    """Positions, marks and quotes by symbol; open and earlier orders as states; the time in seconds."""

    held: dict[str, int] | None = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)
    earlier: list[OrderState] = field(default_factory=list)
    unresolved: bool = False
    seconds: float = 10.0
    marks: dict[str, float] = field(default_factory=lambda: {"SPY": 500.0})
    open_orders: list[OrderState] = field(default_factory=list)
    profit: Profit = field(default_factory=Profit)
    currency: str = "USD"
    account: str = "DU1"
    rates: dict[str, str] = field(default_factory=dict)
    margins: dict[str, Margin] = field(default_factory=dict)
    approvals: Approvals = field(default_factory=Approvals)
    facts: list[AnyEvent] = field(default_factory=list)
    """what the journal holds from earlier"""
    described: dict[str, Instrument] = field(default_factory=dict)
    """contracts of which the broker told more than the constants here"""

    def now(self) -> datetime:
        return builders.at(self.seconds)

    @property
    def history(self) -> History:
        found, states = History(), dict[str, OrderState]()
        for fact in self.facts:
            states[fact.intent_id], _ = fold(states.get(fact.intent_id), fact)
            found.observe(fact, states[fact.intent_id])
        for state in sorted((*self.open_orders, *self.earlier), key=_accepted_at):
            found.observe(Accepted(intent_id=state.intent_id, at=_accepted_at(state)), state)
        return found

    @property
    def exposure(self) -> Exposure:
        found = Exposure(self)
        found.known = self.held is not None
        for symbol, quantity in (self.held or {}).items():
            found.hold(BY_SYMBOL[symbol].con_id, Decimal(quantity))
        for state in self.open_orders:
            found.observe(builders.noticed(), state)
        return found

    def instrument(self, intent: Mapping[str, Any]) -> Instrument | None:
        if self.unresolved:
            return None
        if intent.get("con_id"):
            return BY_NUMBER.get(intent["con_id"])
        return self.described.get(intent["symbol"]) or BY_SYMBOL.get(intent["symbol"])

    def by_number(self, con_id: int) -> Instrument | None:
        return BY_NUMBER.get(con_id)

    def quote(self, con_id: int) -> Quote:
        return self.quotes.get(BY_NUMBER[con_id].symbol, Quote())

    def mark(self, con_id: int) -> Decimal | None:
        mark = self.marks.get(BY_NUMBER[con_id].symbol)
        return None if mark is None else Decimal(repr(mark))

    def margin(self, intent_id: str) -> Margin | None:
        return self.margins.get(intent_id)

    def rate(self, currency: str) -> Decimal | None:
        if currency == self.currency:
            return Decimal(1)
        return Decimal(self.rates[currency]) if currency in self.rates else None


def quote(
    bid: object, ask: object, seconds: float = 10.0, *, delayed: bool = False, close: object = None
) -> Quote:
    """A quote whose last tick came ``seconds`` after the open; a side of None is not there."""
    sides = (None if side is None else Decimal(str(side)) for side in (bid, ask))
    before = None if close is None else Decimal(str(close))
    return Quote(*sides, at=builders.at(seconds), delayed=delayed, close=before)


def working(intent_id: str, symbol: str = "SPY", seconds: float = 0.0, **changes: Any) -> OrderState:
    """An own order that may still trade, accepted ``seconds`` after the open."""
    instrument = BY_SYMBOL[symbol]
    accepted = Accepted(
        intent_id=intent_id,
        at=builders.at(seconds),
        con_id=instrument.con_id,
        multiplier=instrument.multiplier,
    )
    return builders.state_of(builders.received(intent_id, symbol=symbol, **changes), accepted)


def done(intent_id: str, symbol: str = "SPY", seconds: float = 0.0, **changes: Any) -> OrderState:
    """As ``working``, but cancelled since."""
    state = working(intent_id, symbol, seconds, **changes)
    return apply(state, builders.cancelled(intent_id=intent_id))


def _accepted_at(state: OrderState) -> datetime:
    assert state.accepted_at is not None
    return state.accepted_at


def ordered(intent_id: str, seconds: float = 0.0, **changes: Any) -> tuple[AnyEvent, ...]:
    """The facts of an order in SPY that was sent ``seconds`` after the open."""
    return (
        builders.received(intent_id, **changes),
        Accepted(intent_id=intent_id, at=builders.at(seconds), con_id=SPY.con_id),
        builders.reserved(intent_id=intent_id),
        Sent(intent_id=intent_id, at=builders.at(seconds), journaled_at=builders.at(seconds)),
    )
