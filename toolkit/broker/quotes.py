"""Quotes on demand: one subscription per contract that was asked about, within the broker's allowance."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from decimal import Decimal
from typing import Final

from toolkit.broker import contracts
from toolkit.broker.market import SHORTABLE_SHARES, MarketBook
from toolkit.broker.session import Session
from toolkit.orders.contract import Instrument, Quote

log = logging.getLogger(__name__)

FIRST_QUOTE_TIMEOUT: Final = 1.0
"""Seconds to wait for a contract's first quote; after that the caller decides without one."""
MAX_LINES: Final = 90
"""Subscriptions at a time; the broker's usual allowance is 100."""


class QuoteLines:
    """
    Market data subscriptions of one connection, least recently used dropped first.

    Args:
        session: where to subscribe.
        market: where the ticks go.
        delayed: take delayed quotes where live ones are not subscribed (paper accounts).
    """

    def __init__(self, session: Session, market: MarketBook, *, delayed: bool) -> None:
        self._session = session
        self._market = market
        self._delayed = delayed
        self._lines: OrderedDict[int, int] = OrderedDict()
        """contract number -> request id, least recently used first"""
        self._contract_of: dict[int, int] = {}
        """request id -> contract number"""
        self._first: dict[int, asyncio.Future[None]] = {}
        """contract number -> resolved at its first complete quote, or when there will be none"""
        self._lent: dict[int, asyncio.Future[None]] = {}
        """contract number -> resolved when the broker first told what it has to lend, or will not"""

    async def quote(self, instrument: Instrument) -> Quote:
        """
        The latest quote, waiting a moment for the first one of a contract.

        Raises:
            NotConnectedError: the connection is gone.
        """
        con_id = instrument.con_id
        if con_id in self._lines:
            self._lines.move_to_end(con_id)
        else:
            await self._subscribe(instrument)
        if not self._first[con_id].done():
            await asyncio.wait({self._first[con_id]}, timeout=FIRST_QUOTE_TIMEOUT)
        return self._market.quote(con_id)

    async def shortable(self, instrument: Instrument) -> None:
        """Wait a moment until the broker has told how many shares of a quoted stock it has to lend."""
        told = self._lent.get(instrument.con_id)
        if told is not None and not told.done():
            await asyncio.wait({told}, timeout=FIRST_QUOTE_TIMEOUT)

    def on_tick(self, request_id: int, tick_type: int, price: Decimal | None, size: Decimal) -> None:
        """Take one tick of a subscription."""
        con_id = self._contract_of.get(request_id)
        if con_id is None:
            return
        self._market.tick(con_id, tick_type, price, size)
        first, lent = self._first[con_id], self._lent[con_id]
        if not first.done() and self._market.quote(con_id).mid is not None:
            first.set_result(None)
        if tick_type == SHORTABLE_SHARES and not lent.done():
            lent.set_result(None)

    def on_refused(self, request_id: int, code: int, text: str) -> bool:
        """Take an error about a subscription; returns whether it was one of ours."""
        con_id = self._contract_of.get(request_id)
        if con_id is None:
            return False
        log.warning("No market data for contract %s: %s (code %s).", con_id, text, code)
        for awaited in (self._first[con_id], self._lent[con_id]):
            if not awaited.done():
                awaited.set_result(None)
        return True

    def forget(self) -> None:
        """The broker dropped every subscription: who asks next subscribes anew."""
        for con_id in tuple(self._lines):
            self._drop(con_id)

    async def _subscribe(self, instrument: Instrument) -> None:
        con_id = instrument.con_id
        # Two orders of one contract may ask at once; the second waits for the first's subscription.
        self._first[con_id] = asyncio.get_running_loop().create_future()
        self._lent[con_id] = asyncio.get_running_loop().create_future()
        self._lines[con_id] = request_id = self._session.requests.new_id()
        self._contract_of[request_id] = con_id
        try:
            await self._session.watch(
                request_id, contracts.contract(instrument, instrument.exchange), self._delayed
            )
        except BaseException:
            self._drop(con_id)
            raise
        if len(self._lines) > MAX_LINES:
            await self._session.unwatch(self._drop(next(iter(self._lines))))

    def _drop(self, con_id: int) -> int:
        request_id = self._lines.pop(con_id)
        del self._contract_of[request_id]
        for awaited in (self._first.pop(con_id), self._lent.pop(con_id)):
            if not awaited.done():
                awaited.set_result(None)
        self._market.forget_quote(con_id)
        return request_id
