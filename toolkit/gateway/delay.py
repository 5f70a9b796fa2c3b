"""Market data as exchanges give it away: a quarter of an hour late."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from toolkit.gateway.events import Print, Quote

DELAY = timedelta(minutes=15)
"""How far delayed data is behind the market, in time at the gateway."""


class DelayLine:
    """
    What the market says goes in, and comes out when it is old enough.

    Of the time before anything has come out the first quote and print are told: the market stood
    there when this gateway began, and nobody knows an earlier one.
    """

    def __init__(self) -> None:
        self._waiting: deque[Quote | Print] = deque()
        self._quotes: dict[int, Quote] = {}
        self._prints: dict[int, Print] = {}

    def put(self, tick: Quote | Print) -> None:
        """The market has just said this."""
        self._waiting.append(tick)
        if isinstance(tick, Quote):
            self._quotes.setdefault(tick.con_id, tick)
        elif tick.last:
            self._prints.setdefault(tick.con_id, tick)

    def come_out(self, now: datetime) -> Iterator[Quote | Print]:
        """What has become old enough, in the order in which the market said it."""
        while self._waiting and self._waiting[0].time + DELAY <= now:
            tick = self._waiting.popleft()
            if isinstance(tick, Quote):
                self._quotes[tick.con_id] = tick
            elif tick.last:
                self._prints[tick.con_id] = tick
            yield tick

    def last_quote(self, con_id: int) -> Quote | None:
        """The newest quote that may be told, None before the first."""
        return self._quotes.get(con_id)

    def last_print(self, con_id: int) -> Print | None:
        """The newest print that may be told as the last price, None before the first."""
        return self._prints.get(con_id)
