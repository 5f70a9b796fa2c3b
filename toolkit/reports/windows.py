"""What the market did while an order traded: volume-weighted and time-weighted averages of a window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.reports.asof import NEVER, Floats, Ints, Quotes, Stream, taken
from toolkit.reports.inputs import Names, moments, numbers

Extended = NDArray[np.longdouble]


def market_vwap(
    trades: pd.DataFrame, names: Names, symbols: Ints, start: Ints, end: Ints
) -> tuple[Floats, Floats]:
    """
    Volume-weighted average price, and volume, of the eligible prints of each window, both ends included.

    Missing where no volume traded, or the window has no end.
    """
    codes = names.codes(trades, "trades")
    counts = (codes >= 0) & trades["eligible"].to_numpy(bool)
    stream = Stream(codes[counts], moments(trades, "ts", "trades")[counts], names.count)
    size = stream.sorted(numbers(trades, "size")[counts])
    price = stream.sorted(numbers(trades, "price")[counts])
    base = stream.anchors(price)
    volumes, values = _running(size), _running((price - base) * size)
    first = stream.until(symbols, start, strictly=True)
    after = np.maximum(first, stream.until(symbols, end))
    known = (start != NEVER) & (end != NEVER)
    volume = np.where(known, (volumes[after] - volumes[first]).astype(float), np.nan)
    traded = volume > 0
    above = (values[after] - values[first]).astype(float) / np.where(traded, volume, 1.0)
    return np.where(traded, taken(base, np.where(traded, first, -1)) + above, np.nan), volume


def twap(quotes: Quotes, symbols: Ints, start: Ints, end: Ints) -> Floats:
    """
    Time-weighted average mid of each window; at a single moment the mid of that moment.

    Missing when the window begins before the first quote, or a side was missing at any time in it.
    """
    stream, mid = quotes.stream, quotes.mid
    base, known = stream.anchors(mid), np.isfinite(mid)
    above, blank = np.where(known, mid - base, 0.0), np.where(known, 0.0, 1.0)
    # Where the next symbol begins, time runs backwards.
    lasting = np.maximum(np.diff(stream.times, append=stream.times[-1:]), 0)
    first, last = stream.last(symbols, start), stream.last(symbols, end)
    there = (first >= 0) & (last >= 0) & (start != NEVER) & (end >= start)
    first, last = np.where(there, first, -1), np.where(there, last, -1)
    first_time, last_time = (_integers(stream.times, place) for place in (first, last))

    def over(level: Floats) -> Extended:
        """Integral of a level over the windows, times ns."""
        sums = _running(level.astype(np.longdouble) * lasting)
        until_end = sums[last] + taken(level, last) * (end - last_time).astype(np.longdouble)
        until_start = sums[first] + taken(level, first) * (start - first_time).astype(np.longdouble)
        return until_end - until_start

    span = np.where(there, end - np.where(there, start, end), 0)
    average = taken(base, first) + (over(above) / np.where(span > 0, span, 1)).astype(float)
    average = np.where(span > 0, average, taken(mid, last))
    return np.where(there & ~(over(blank) > 0), average, np.nan)


def _integers(values: Ints, places: Ints) -> Ints:
    return values[places] if len(values) else np.zeros(len(places), np.int64)


def _running(values: NDArray[Any]) -> Extended:
    """
    Sums of the first 0, 1, 2, ... values.

    A window is the difference of two of them: in extended precision, and taken of values relative to
    the first one, a short window late in a long day loses nothing.
    """
    sums: Extended = np.concatenate([np.zeros(1, np.longdouble), np.cumsum(values, dtype=np.longdouble)])
    return sums
