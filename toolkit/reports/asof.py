"""Which quote held at a moment: a stream of rows in time order per symbol, and the last one as of a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER: Final = np.iinfo(np.int64).min
"""NaT as an integer: before everything."""


class Stream:
    """
    Rows of a stream by symbol and time; rows of equal time stay in the order given.

    Args:
        symbols: code of each row's symbol: 0, 1, ...
        times: nanoseconds since 1970, UTC.
        count: how many symbols there are.

    Attributes:
        order: the rows given, sorted; positions below are positions in this order.
        times: of the sorted rows.
    """

    def __init__(self, symbols: Ints, times: Ints, count: int) -> None:
        ordered = count <= 1 and bool(np.all(times[1:] >= times[:-1]))
        self.order: Ints = np.arange(len(times)) if ordered else np.lexsort((times, symbols))
        self.times: Ints = times if ordered else times[self.order]
        self._offsets = np.searchsorted(symbols[self.order], np.arange(count + 1))

    def sorted(self, values: NDArray[Any]) -> NDArray[Any]:
        """A column of the rows given, in the order of the stream."""
        return values[self.order]

    def until(self, symbols: Ints, times: Ints, *, strictly: bool = False) -> Ints:
        """
        Position after the last row at or before each time (``strictly``: before it), of its symbol.

        Equal to ``first`` of the symbol when there is none.
        """
        side: Any = "left" if strictly else "right"
        found = np.empty(len(times), np.int64)
        for start, stop, here in self._by_symbol(symbols):
            found[here] = start + np.searchsorted(self.times[start:stop], times[here], side)
        return found

    def last(self, symbols: Ints, times: Ints, *, strictly: bool = False) -> Ints:
        """Position of the last row at or before each time (``strictly``: before it); -1 where none is."""
        found = self.until(symbols, times, strictly=strictly) - 1
        return np.where(found >= self.first(symbols), found, -1)

    def first(self, symbols: Ints) -> Ints:
        """Position of each symbol's first row."""
        found: Ints = self._offsets[symbols]
        return found

    def end(self, symbols: Ints) -> Ints:
        """Time of each symbol's last row; NEVER where it has none."""
        stop = self._offsets[symbols + 1]
        if not len(self.times):
            return np.full(len(symbols), NEVER)
        return np.where(stop > self.first(symbols), self.times[stop - 1], NEVER)

    def anchors(self, values: Floats) -> Floats:
        """For each row the first known value of its symbol, 0 where none is known."""
        starts, stops = self._offsets[:-1], self._offsets[1:]
        found = np.zeros(len(starts))
        for code, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            known = np.flatnonzero(np.isfinite(values[start:stop]))
            found[code] = values[start + known[0]] if len(known) else 0.0
        return np.repeat(found, stops - starts)

    def _by_symbol(self, symbols: Ints) -> list[tuple[int, int, Any]]:
        """(start, stop, which lookups) of every symbol that is asked for."""
        if len(self._offsets) == 2:
            return [(0, len(self.times), slice(None))]
        order = np.argsort(symbols, kind="stable")
        asked, places = np.unique(symbols[order], return_index=True)
        groups = np.split(order, places)[1:]
        return [
            (int(self._offsets[code]), int(self._offsets[code + 1]), group)
            for code, group in zip(asked, groups, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Quotes:
    """
    Quotes of some symbols, to be asked for as of a time.

    Attributes:
        stream: their times.
        bid, ask, mid: price units, in the order of the stream; NaN where a side is missing.
    """

    stream: Stream
    bid: Floats
    ask: Floats
    mid: Floats

    @classmethod
    def of(cls, symbols: Ints, times: Ints, bid: Floats, ask: Floats, count: int) -> Quotes:
        """Quotes in any order; a price of zero or below is a missing side."""
        stream = Stream(symbols, times, count)
        bid, ask = (np.where(side > 0, side, np.nan) for side in (stream.sorted(bid), stream.sorted(ask)))
        return cls(stream, bid, ask, (bid + ask) / 2)

    def mid_at(self, symbols: Ints, times: Ints) -> Floats:
        """Mid of the last quote at or before each time."""
        return taken(self.mid, self.stream.last(symbols, times))

    def mid_after(self, symbols: Ints, times: Ints) -> Floats:
        """As ``mid_at``, but missing when no quote is as late as that: nobody knows what came next."""
        mid = self.mid_at(symbols, times)
        mid[times > self.stream.end(symbols)] = np.nan
        return mid


def taken(values: Floats, positions: Ints) -> Floats:
    """The values at these positions, NaN at -1."""
    if not len(values):
        return np.full(len(positions), np.nan)
    return np.where(positions >= 0, values[positions], np.nan)
