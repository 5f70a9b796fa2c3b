"""
Trading halts: a book in which nothing trades until it is resumed.

To the book a halt is a market of which both sides are missing (R9), and in which nothing is printed:
nothing fills and nothing triggers. Orders are accepted and wait, those that cannot wait end, cancels
and changes work. A limit that comes meanwhile has met no quote: it rests, and fills at its own price.
Quotes go on; the newest is the market when trading resumes. The auction with which exchanges resume
is not simulated, and a halt does not outlive the gateway.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from toolkit.gateway.book import Book
from toolkit.gateway.calendar import Hours
from toolkit.gateway.outcomes import Outcome
from toolkit.gateway.ticks import Size
from toolkit.gateway.triggers import Triggers


class HaltableBook(Book):
    """
    A book that can be halted; arguments as of :class:`~toolkit.gateway.book.Book`.

    Attributes:
        halted: it is.
    """

    __slots__ = ("_kept", "halted")

    def __init__(
        self,
        hours: Hours,
        *,
        queue: bool = False,
        latency: timedelta = timedelta(0),
        triggers: Triggers | None = None,
    ) -> None:
        super().__init__(hours, queue=queue, latency=latency, triggers=triggers)
        self.halted = False
        self._kept: tuple[int, int, Size, Size] = (0, 0, 0, 0)

    def quote(self, bid: int, ask: int, bid_size: Size, ask_size: Size, now: datetime) -> list[Outcome]:
        """A new top of the book, which counts once trading resumes."""
        if self.halted:
            self._kept = bid, ask, bid_size, ask_size
            return self.advance(now)
        return super().quote(bid, ask, bid_size, ask_size, now)

    def trade(
        self, price: int, size: Size, now: datetime, cond: str = "", aggressor: str = ""
    ) -> list[Outcome]:
        """A print; in a halt there is none."""
        if self.halted:
            return self.advance(now)
        return super().trade(price, size, now, cond, aggressor)

    def halt(self, now: datetime) -> list[Outcome]:
        """Stop trading, if it has not been stopped."""
        if self.halted:
            return []
        buy, sell = self._buy, self._sell
        kept = sell.price, buy.price, sell.size, buy.size
        outcomes = super().quote(0, 0, 0, 0, now)
        self.halted, self._kept = True, kept
        return outcomes

    def resume(self, now: datetime) -> list[Outcome]:
        """Trade again, if that was stopped."""
        if not self.halted:
            return []
        self.halted = False
        return super().quote(*self._kept, now)
