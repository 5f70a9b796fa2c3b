"""One instrument as the exchange keeps it: its book, its newest quote, and who holds it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from toolkit.gateway.account import Account
from toolkit.gateway.events import Print, Quote
from toolkit.gateway.halts import HaltableBook
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.outcomes import Outcome
from toolkit.gateway.record import Record
from toolkit.gateway.ticks import Rule, Size, price, price_units, quantity


def rule_of(instrument: Instrument) -> Rule:
    """An instrument's market rule in units of 1e-8, as (from price, increment) pairs."""
    return tuple((price_units(edge), price_units(step)) for edge, step in instrument.increments)


class Line:
    """
    One instrument's market.

    Attributes:
        rule: market rule in units of 1e-8, as (from price, increment) pairs.
        holders: accounts that hold, or held, it; they are valued at its quotes.
        record: what its prices have done.
        scheduled: the instant for which it stands in the exchange's timetable.
    """

    __slots__ = (
        "_last", "ask", "ask_size", "bid", "bid_size", "book", "holders", "instrument", "record", "rule",
        "scheduled", "time",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, book: HaltableBook) -> None:
        self.instrument = instrument
        self.book = book
        self.rule = rule_of(instrument)
        self.holders: dict[str, Account] = {}
        self.record = Record()
        self._last: tuple[tuple[int, Size, datetime, str], Print] | None = None
        self.bid = self.ask = 0
        self.bid_size: Size = 0
        self.ask_size: Size = 0
        self.time: datetime | None = None
        self.scheduled: datetime | None = None

    def see(self, bid: int, ask: int, bid_size: Size, ask_size: Size, now: datetime) -> None:
        """Keep a quote, in units of 1e-8, and value the holders' positions by it."""
        if bid <= 0 or bid_size <= 0:
            bid, bid_size = 0, 0
        if ask <= 0 or ask_size <= 0:
            ask, ask_size = 0, 0
        moved = bid != self.bid or ask != self.ask
        self.bid, self.ask, self.bid_size, self.ask_size = bid, ask, bid_size, ask_size
        self.time = now
        if moved:
            self.record.quote(now.timestamp(), bid, ask)
            if self.holders:
                self.revalue()

    def trade(self, at: int, size: Size, now: datetime, cond: str, aggressor: str) -> list[Outcome]:
        """Let a print happen to the book, and keep it if it set the last price."""
        before = self.book.last_print
        outcomes = self.book.trade(at, size, now, cond, aggressor)
        if self.book.last_print is not before:
            self.record.trade(now.timestamp(), at, float(size))
        if self.holders and not (self.bid and self.ask):
            self.revalue()
        return outcomes

    def revalue(self) -> None:
        """Mark every holder's position at the midpoint, or the last price without one."""
        mark = self.mark
        if mark is not None:
            for account in self.holders.values():
                account.mark(self.instrument.con_id, mark * self.instrument.units)

    @property
    def mark(self) -> Decimal | None:
        """Midpoint of a two-sided quote, else the last price, else None."""
        if self.bid and self.ask:
            return price((self.bid + self.ask) // 2)
        last = self.book.last_print
        return price(last[0]) if last else None

    def taking_price(self, side: int) -> Decimal:
        """What a market order would pay now: opposite quote, last price, or reference price."""
        opposite = self.ask if side > 0 else self.bid
        if opposite:
            return price(opposite)
        return self.mark or self.instrument.reference_price

    def quote(self) -> Quote | None:
        """The newest quote."""
        if self.time is None:
            return None
        return Quote(
            self.instrument.con_id,
            price(self.bid) if self.bid else None,
            price(self.ask) if self.ask else None,
            quantity(self.bid_size),
            quantity(self.ask_size),
            self.time,
        )

    def last(self) -> Print | None:
        """The newest print that may set the last price; the same object until there is a newer one."""
        last = self.book.last_print
        if last is None:
            return None
        if self._last is None or self._last[0] is not last:
            shown = Print(self.instrument.con_id, price(last[0]), quantity(last[1]), last[2], last[3])
            self._last = last, shown
        return self._last[1]
