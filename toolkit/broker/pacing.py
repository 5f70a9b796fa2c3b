"""
Our own message budget, in front of the library's: cancels first, then what reduces, then the rest.

The broker closes a connection that sends more than 50 messages in a second, and the library's own queue
is first in first out, so that a cancel would wait behind a burst of orders (hazards H11, H43).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Final

SAFE: Final = 45
"""Messages in any one second that the broker certainly takes; it names 50, and how it counts is not known."""


class Lane(IntEnum):
    """Who goes first when the budget is short."""

    CANCEL = 0
    REDUCE = 1
    REPLACE = 2
    ORDER = 3
    DATA = 4


class Pacer:
    """
    A token bucket with lanes, and a ceiling over any one second.

    Orders and questions take tokens, which come back evenly; cancels need none, so that they find the
    rest of the second free. Together they never exceed ``SAFE`` in a second, or ``rate`` where that is
    more.

    Args:
        rate: messages per second on average, cancels left out.
        clock: seconds, monotonic.
    """

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._ceiling = max(SAFE, int(rate))
        self._burst = self._ceiling - rate if rate < SAFE else rate
        self._tokens = self._burst
        self._filled_at = clock()
        self._sent: deque[float] = deque()
        """when the messages of the last second went"""
        self._waiting: list[tuple[Lane, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, lane: Lane) -> None:
        """Return when one message may be sent; each lane overtakes those after it."""
        if (not self._waiting or lane < self._waiting[0][0]) and self._wait(lane) <= 0:
            self._take(lane)
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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            lane, _, turn = self._waiting[0]
            if not turn.done():
                wait = self._wait(lane)
                if wait > 0:
                    self._timer = asyncio.get_running_loop().call_later(wait, self._release)
                    return
                self._take(lane)
                turn.set_result(None)
            heapq.heappop(self._waiting)

    def _wait(self, lane: Lane) -> float:
        """Seconds until a message of a lane may go."""
        now = self._clock()
        while self._sent and now - self._sent[0] >= 1:
            self._sent.popleft()
        wait = 0.0 if len(self._sent) < self._ceiling else self._sent[0] + 1 - now
        if lane is not Lane.CANCEL:
            self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
            self._filled_at = now
            wait = max(wait, (1 - self._tokens) / self._rate)
        return wait

    def _take(self, lane: Lane) -> None:
        self._sent.append(self._clock())
        if lane is not Lane.CANCEL:
            self._tokens -= 1
