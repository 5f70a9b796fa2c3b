"""
Price bars: which sizes there are, what time a request spans, and how rows become larger bars.

Pure. Times are seconds since 1970 (UTC); days, weeks and months are New York's. Prices are whole
numbers of 1e-8 kept as float: exact below 90 million USD, and compact in arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from toolkit.gateway.calendar import NEW_YORK, AlwaysOpen, Hours, session

DAY_S = 86_400
_LEGAL = {
    "sec": (1, (1, 5, 10, 15, 30)),
    "min": (60, (1, 2, 3, 5, 10, 15, 20, 30)),
    "hour": (3600, (1, 2, 3, 4, 8)),
    "day": (DAY_S, (1,)),
    "week": (7 * DAY_S, (1,)),
    "month": (31 * DAY_S, (1,)),
}
_SHORT = {"d": "day", "w": "week", "m": "month"}
_TEXT = re.compile(r"(\d{1,6}) ?([A-Za-z]+?)s?")


class Bar(NamedTuple):
    """One bar, or one tick as the smallest bar there is; prices in units of 1e-8."""

    time: float
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    turnover: float = 0.0
    prints: float = 0.0


class BarSize(NamedTuple):
    """How long a bar lasts; ``unit`` is one of sec, min, hour, day, week and month."""

    seconds: int
    unit: str

    @property
    def intraday(self) -> bool:
        """True when it is shorter than a day, and so has a time of day."""
        return self.seconds < DAY_S


def bar_size(text: str) -> BarSize | None:
    """The bar size that a client names (``5 mins``, ``1 day``, ``1W``); None when there is none such."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None
    unit = found[2].lower()
    unit = _SHORT.get(unit, unit)
    seconds, counts = _LEGAL.get(unit, (0, ()))
    count = int(found[1])
    return BarSize(count * seconds, unit) if count in counts else None


def span_start(text: str, end: datetime, hours: Hours, *, regular: bool) -> datetime | None:
    """
    Where a duration (``3600 S``, ``2 D``, ``1 W``, ``1 M``, ``1 Y``) that lasts until ``end`` begins.

    Seconds are counted back as they are; days are trading days, that of ``end`` included once it has
    begun; weeks, months and years are those of the calendar. None when it is no duration.
    """
    found = _TEXT.fullmatch(text.strip())
    count = int(found[1]) if found else 0
    if found is None or count == 0:
        return None
    today = end.astimezone(NEW_YORK).date()
    match found[2].upper():
        case "S":
            return end - timedelta(seconds=count)
        case "D":
            day = _last_day(end, hours, regular=regular)
            for _ in range(min(count, 10_000) - 1):
                day = _trading_day(day - timedelta(days=1), hours)
        case "W":
            day = today - timedelta(days=7 * min(count, 1_000) - 1)
        case "M" | "Y" as unit:
            day = _months_before(today, count * (12 if unit == "Y" else 1)) + timedelta(days=1)
        case _:
            return None
    return datetime.combine(day, time(0), NEW_YORK).astimezone(UTC)


def gathered(rows: Iterable[Bar], size: BarSize, hours: Hours, *, regular: bool) -> Iterator[Bar]:
    """
    Larger bars from rows in time order; there is none where there are no rows.

    An intraday bar is called by its beginning, one that the session's start cuts by that; a longer
    one by its last day. ``regular`` leaves out what happened outside regular hours.
    """
    label = _labels(size)
    always = isinstance(hours, AlwaysOpen)
    current: Bar | None = None
    before: Group | None = None
    day_start = day_end = 0.0
    first = last = 0.0
    for row in rows:
        at = row.time
        if not day_start <= at < day_end:
            day_start, day_end = _day_edges(at)
            first, last = (day_start, day_end) if always else _session_edges(at, regular=regular)
        if not first <= at < last:
            continue
        group = label(at, day_start)
        name = max(group, first) if size.intraday and isinstance(group, float) else day_start
        if current is None or group != before:
            if current is not None:
                yield current
            current = row._replace(time=name)
        else:
            current = merged(current, row)._replace(time=current.time if size.intraday else name)
        before = group
    if current is not None:
        yield current


def merged(one: Bar, other: Bar) -> Bar:
    """Two neighbours as one bar, called by the earlier one."""
    return Bar(
        one.time,
        one.open,
        max(one.high, other.high),
        min(one.low, other.low),
        other.close,
        one.volume + other.volume,
        one.turnover + other.turnover,
        one.prints + other.prints,
    )


Group = float | date | tuple[int, int]


def _labels(size: BarSize) -> Callable[[float, float], Group]:
    """From a time, and the midnight before it, to what tells its bar from others."""
    if size.intraday:
        step = size.seconds
        return lambda at, midnight: midnight + (at - midnight) // step * step
    if size.unit == "day":
        return lambda _, midnight: midnight
    if size.unit == "week":
        return lambda at, _: _local_day(at).isocalendar()[:2]
    return lambda at, _: _local_day(at).replace(day=1)


def _local_day(at: float) -> date:
    return datetime.fromtimestamp(at, NEW_YORK).date()


def _day_edges(at: float) -> tuple[float, float]:
    return day_edges(_local_day(at))


@lru_cache(maxsize=1024)
def day_edges(day: date) -> tuple[float, float]:
    """Midnight in New York at the beginning and at the end of a day."""
    start, end = (datetime.combine(day + timedelta(days=n), time(0), NEW_YORK) for n in (0, 1))
    return start.timestamp(), end.timestamp()


def _session_edges(at: float, *, regular: bool) -> tuple[float, float]:
    edges = session(_local_day(at))
    if edges is None:
        return 0.0, 0.0
    pre, start, end, post = (edge.timestamp() for edge in edges)
    return (start, end) if regular else (pre, post)


def _last_day(end: datetime, hours: Hours, *, regular: bool) -> date:
    """The last trading day that has begun before ``end``."""
    day = _trading_day(end.astimezone(NEW_YORK).date(), hours)
    edges = None if isinstance(hours, AlwaysOpen) else session(day)
    if edges is not None and end <= edges[1 if regular else 0]:
        return _trading_day(day - timedelta(days=1), hours)
    return day


def _trading_day(day: date, hours: Hours) -> date:
    """That day, or the last one before it on which there is trading."""
    while not isinstance(hours, AlwaysOpen) and session(day) is None:
        day -= timedelta(days=1)
    return day


def _months_before(day: date, months: int) -> date:
    index = max(day.year * 12 + day.month - 1 - months, 1900 * 12)
    for last in (day.day, 30, 29, 28):
        if last <= day.day:
            try:
                return date(index // 12, index % 12 + 1, last)
            except ValueError:
                continue
    return date(index // 12, index % 12 + 1, 28)
