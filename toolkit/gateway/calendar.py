"""
New York trading sessions of US stocks, as UTC instants. Weekends close; holidays are not kept.

Source: sessions 04:00-09:30, 09:30-16:00, 16:00-20:00 New York on weekdays.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
_EDGES = (time(4), time(9, 30), time(16), time(20))


class Phase(IntEnum):
    """What the market does at an instant."""

    CLOSED = 0
    EXTENDED = 1
    REGULAR = 2


@lru_cache(maxsize=64)
def session(day: date) -> tuple[datetime, datetime, datetime, datetime] | None:
    """Pre-market open, open, close and post-market close of a New York day; None on weekends."""
    if day.weekday() >= 5:
        return None
    pre, start, end, post = (datetime.combine(day, edge, NEW_YORK).astimezone(UTC) for edge in _EDGES)
    return pre, start, end, post


@lru_cache(maxsize=64)  # a batch has one moment
def midnight_after(now: datetime) -> datetime:
    """When the broker's day is over: the next midnight in New York, as a UTC instant."""
    tomorrow = now.astimezone(NEW_YORK).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(0), NEW_YORK).astimezone(UTC)


class RegularHours:
    """Exchange sessions (rule R6)."""

    has_opening = True

    def phase(self, now: datetime) -> tuple[Phase, datetime]:
        """The phase at ``now``, and the first instant at which it is over."""
        day = now.astimezone(NEW_YORK).date()
        while True:
            edges = session(day)
            if edges is not None:
                pre, start, end, post = edges
                if now < pre:
                    return Phase.CLOSED, pre
                if now < start:
                    return Phase.EXTENDED, start
                if now < end:
                    return Phase.REGULAR, end
                if now < post:
                    return Phase.EXTENDED, post
            day += timedelta(days=1)

    def day_end(self, now: datetime, *, extended: bool) -> datetime:
        """When a DAY order that is live from ``now`` on ends: the next 16:00, or 20:00."""
        day = now.astimezone(NEW_YORK).date()
        while True:
            edges = session(day)
            if edges is not None and now < edges[3 if extended else 2]:
                return edges[3 if extended else 2]
            day += timedelta(days=1)

    def next_open(self, now: datetime, *, extended: bool) -> datetime:
        """When an order that has to wait at ``now`` may trade: the next 09:30, or 04:00."""
        day = now.astimezone(NEW_YORK).date()
        while True:
            edges = session(day)
            if edges is not None and now < edges[0 if extended else 1]:
                return edges[0 if extended else 1]
            day += timedelta(days=1)


class AlwaysOpen:
    """A market that never closes, for practice at any hour; its days end at midnight New York."""

    has_opening = False

    def phase(self, now: datetime) -> tuple[Phase, datetime]:
        """Always regular; asked again at midnight."""
        return Phase.REGULAR, self.day_end(now, extended=False)

    def day_end(self, now: datetime, *, extended: bool) -> datetime:
        """The next midnight in New York."""
        return midnight_after(now)

    def next_open(self, now: datetime, *, extended: bool) -> datetime:
        """It is open now."""
        return now


Hours = RegularHours | AlwaysOpen
