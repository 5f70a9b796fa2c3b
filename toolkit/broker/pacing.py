"""
Our own message budget, in front of the library's: cancels first, then orders, then everything else.

The broker closes a connection above 50 messages a second, and the library's own queue is first in
first out, so that a cancel would wait behind a burst of orders (hazards H11, H43).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from enum import IntEnum


class Lane(IntEnum):
    """Who goes first when the budget is short."""

    CANCEL = 0
    ORDER = 1
    DATA = 2


class Pacer:
    """
    A token bucket with lanes.

    Args:
        rate: messages per second, on average and as the largest burst.
        clock: seconds, monotonic.
    """

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._tokens = rate
        self._filled_at = clock()
        self._waiting: list[tuple[Lane, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, lane: Lane) -> None:
        """Return when one message may be sent; cancels overtake orders, orders overtake data."""
        self._fill()
        if self._tokens >= 1 and not self._waiting:
            self._tokens -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (lane, next(self._order), turn))
        self._release()
        await turn

    @property
    def waiting(self) -> int:
        """Messages that wait for their turn."""
        return len(self._waiting)

    def _release(self) -> None:
        self._timer = None
        self._fill()
        while self._waiting and self._tokens >= 1:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._tokens -= 1
                turn.set_result(None)
        if self._waiting and self._timer is None:
            delay = (1 - self._tokens) / self._rate
            self._timer = asyncio.get_running_loop().call_later(delay, self._release)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
