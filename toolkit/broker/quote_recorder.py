"""
Records the quotes of contracts that we trade, so that what an order cost can be measured afterwards.

A contract is followed from its first order on, while one is at work and for five minutes after the
last fact about one: the longest horizon of a markout. At most ten rows a second for each, the latest
state each time, whatever the market does; never in the way of an order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from toolkit.broker.market import MarketBook
from toolkit.errors import JournalError
from toolkit.journal.quotes import QuoteWriter, RecordedQuote
from toolkit.orders.contract import Quote
from toolkit.orders.events import AnyEvent, Executed
from toolkit.orders.ledger import Report
from toolkit.orders.state import OrderState

EVERY: Final = 0.1
"""Seconds between two looks at the quotes."""
CALM: Final = timedelta(seconds=1)
"""Between two rows of a contract whose orders only rest."""
AFTER: Final = timedelta(seconds=310)
"""How long a contract is followed after the last fact about its orders: the longest horizon and a little."""
WRITE: Final = timedelta(seconds=1)
"""Between two writes to the file."""
AGAIN: Final = timedelta(seconds=5)
"""An unchanged quote is recorded again after this, so that silence is told from not having listened."""


@dataclass(slots=True)
class _Followed:
    """A contract that is followed."""

    symbol: str
    lively_until: datetime
    working: set[str] = field(default_factory=set)
    """intents whose order may still trade"""
    due: datetime | None = None
    told: Quote | None = None
    """the quote that was recorded last"""
    told_at: datetime | None = None


class QuoteRecorder:
    """
    Follows the quotes of one connection's orders.

    Args:
        writer: where the quotes go.
        market: where the quotes are.
        clock: gives the time, UTC.
    """

    def __init__(self, writer: QuoteWriter, market: MarketBook, clock: Callable[[], datetime]) -> None:
        self._writer = writer
        self._market = market
        self._clock = clock
        self._followed: dict[int, _Followed] = {}
        """contract number -> how it is followed"""
        self._rows: list[RecordedQuote] = []
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def failure(self) -> JournalError | None:
        """Why nothing is recorded any more, None while all is well."""
        return self._writer.failure

    def hear(self, event: AnyEvent, state: OrderState, _: Report | None = None) -> None:
        """Take one fact about our orders; a fill is met with the quote of its moment."""
        if not state.con_id or self.failure is not None:
            return
        followed = self._followed.get(state.con_id)
        if followed is None:
            followed = self._followed[state.con_id] = _Followed(state.symbol, event.at)
            self._work.set()
        followed.lively_until = self._clock() + AFTER
        if state.working:
            followed.working.add(state.intent_id)
        else:
            followed.working.discard(state.intent_id)
        if isinstance(event, Executed):
            self._look(state.con_id, followed)

    def start(self) -> None:
        """Begin; in the loop that runs the connection."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def flush(self) -> None:
        """Return when what was seen so far is in the file, or cannot be."""
        self._hand_over()
        await asyncio.wrap_future(self._writer.settled())

    async def close(self) -> None:
        """Stop, and write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._hand_over()
        self._writer.close()

    async def _run(self) -> None:
        """Look at what is followed every ``EVERY`` seconds; sleep soundly while nothing is."""
        written = self._clock()
        while self.failure is None:
            await self._work.wait()
            now = self._clock()
            for con_id, followed in tuple(self._followed.items()):
                if followed.due is None or now >= followed.due:
                    lively = now < followed.lively_until
                    followed.due = None if lively else now + CALM
                    self._look(con_id, followed)
                    if not lively and not followed.working:
                        del self._followed[con_id]
            if not self._followed:
                self._work.clear()
            if now - written >= WRITE or not self._followed:
                self._hand_over()
                written = now
            await asyncio.sleep(EVERY)

    def _hand_over(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            self._writer.write(rows)

    def _look(self, con_id: int, followed: _Followed) -> None:
        """Record the quote unless it is the one that was recorded a moment ago."""
        quote, told, now = self._market.quote(con_id), followed.told, self._clock()
        if quote.delayed:
            return  # of a quarter of an hour ago, so no benchmark of now
        known = (quote.bid, quote.ask, quote.bid_size, quote.ask_size)
        before = None if told is None else (told.bid, told.ask, told.bid_size, told.ask_size)
        if known == before and followed.told_at is not None and now - followed.told_at < AGAIN:
            return
        # News is of its tick's time; what is told again, or gone, of now.
        at = quote.at if known != before and quote.at is not None else now
        followed.told, followed.told_at = quote, now
        self._rows.append(RecordedQuote(con_id, followed.symbol, at, *known))
