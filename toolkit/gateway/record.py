"""
What one instrument's market has done, in little space: ticks, later minutes, in the end half hours.

Pure; ``bars`` makes of it what clients ask for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator

from toolkit.gateway.bars import Bar, merged

TICKS = 1024  # most single ticks kept of one series
MINUTES = 2 * 1440
HALF_HOURS = 48 * 365
_MINUTE_S, _HALF_HOUR_S = 60, 1800
_TICK, _ROW = 3, len(Bar._fields)

BID, ASK, MIDPOINT, TRADES = "BID", "ASK", "MIDPOINT", "TRADES"
"""What bars can be made of."""


class Series:
    """One price over time."""

    __slots__ = ("_half_hours", "_minutes", "_ticks")

    def __init__(self) -> None:
        self._ticks = array("d")
        self._minutes = array("d")
        self._half_hours = array("d")

    def add(self, time: float, price: float, size: float = 0.0) -> None:
        """A tick: seconds since 1970, units of 1e-8, shares."""
        ticks = self._ticks
        ticks.extend((time, price, size))
        if len(ticks) >= TICKS * _TICK:
            self._fold()

    def rows(self, step: int, begin: float = 0.0) -> Iterator[Bar]:
        """Rows from ``begin`` on of which a bar of ``step`` seconds can be made, in time order."""
        if step % _HALF_HOUR_S == 0:
            yield from _bars(_since(self._half_hours, begin, _ROW))
        if step % _MINUTE_S == 0:
            yield from _bars(_since(self._minutes, begin, _ROW))
        yield from _single(_since(self._ticks, begin, _TICK))

    @property
    def first(self) -> float | None:
        """When the oldest row begins; None: there is none."""
        for rows in (self._half_hours, self._minutes, self._ticks):
            if rows:
                return rows[0]
        return None

    @property
    def last(self) -> float | None:
        """When the newest tick came; None: there is none."""
        return self._ticks[-_TICK] if self._ticks else None

    def _fold(self) -> None:
        """The older half of the ticks becomes minutes; minutes become half hours when they are many."""
        half = TICKS // 2 * _TICK
        _append(self._minutes, _single(self._ticks[:half]), _MINUTE_S)
        del self._ticks[:half]
        if len(self._minutes) >= MINUTES * _ROW:
            half = MINUTES // 2 * _ROW
            _append(self._half_hours, _bars(self._minutes[:half]), _HALF_HOUR_S)
            del self._minutes[:half]
            del self._half_hours[: -HALF_HOURS * _ROW]


class Record:
    """The four series of one instrument."""

    __slots__ = ("_ask", "_bid", "series")

    def __init__(self) -> None:
        self.series = {what: Series() for what in (BID, ASK, MIDPOINT, TRADES)}
        self._bid = self._ask = 0

    def quote(self, time: float, bid: int, ask: int) -> None:
        """A quote whose prices have changed, in units of 1e-8; a missing side is 0."""
        series = self.series
        if bid and bid != self._bid:
            series[BID].add(time, bid)
        if ask and ask != self._ask:
            series[ASK].add(time, ask)
        if bid and ask:
            series[MIDPOINT].add(time, (bid + ask) // 2)
        self._bid, self._ask = bid, ask

    def trade(self, time: float, price: int, size: float) -> None:
        """A print that set the last price, in units of 1e-8 and shares."""
        self.series[TRADES].add(time, price, size)


def _since(rows: array[float], begin: float, width: int) -> array[float]:
    """The rows that do not begin before ``begin``; their times ascend."""
    first = bisect_left(range(len(rows) // width), begin, key=lambda row: rows[row * width])
    return rows[first * width :]


def _single(ticks: array[float]) -> Iterator[Bar]:
    for at in range(0, len(ticks), _TICK):
        time, price, size = ticks[at : at + _TICK]
        yield Bar(time, price, price, price, price, size, price * size, 1.0)


def _bars(rows: array[float]) -> Iterator[Bar]:
    for at in range(0, len(rows), _ROW):
        yield Bar(*rows[at : at + _ROW])


def _append(rows: array[float], more: Iterator[Bar], step: int) -> None:
    """Add bars to rows of that many seconds; what belongs to the last row is merged into it."""
    for bar in more:
        start = bar.time // step * step
        if rows and rows[-_ROW] == start:
            rows[-_ROW:] = array("d", merged(Bar(*rows[-_ROW:]), bar))
        else:
            rows.extend(bar._replace(time=start))
