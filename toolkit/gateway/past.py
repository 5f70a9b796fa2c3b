"""
A synthetic market before it began: what its instruments would have done, drawn backwards from their opening.

Pure and deterministic in the seed, the contract id and the opening. Half hours are drawn first and
minutes inside them, touching the same high, low and close, so bars of every size fit together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple

from toolkit.gateway.bars import DAY_S, Bar, day_edges
from toolkit.gateway.calendar import NEW_YORK, AlwaysOpen, Hours, session
from toolkit.gateway.record import ASK, BID, MIDPOINT, TRADES
from toolkit.gateway.ticks import Rule, increment_at

DAYS = 370
"""How far back it goes: a year and some days."""

HALF_HOUR_S, MINUTE_S = 1800, 60
_MINUTES = HALF_HOUR_S // MINUTE_S
_MEAN_SIZE = 180  # shares of a synthetic print that sets the last price
_SHARE_OF_LAST = 0.55  # of prints; the others are odd lots


class Stage(NamedTuple):
    """
    What the market of one instrument is like.

    Attributes:
        volatility: of the logarithm of the price, per square root of a second.
        prints: per second on average.
        activity: how much more or less at a time of day.
        spread: usual one, in increments.
        rule: price increments in units of 1e-8.
    """

    volatility: float
    prints: float
    activity: Callable[[datetime], float]
    spread: int
    rule: Rule


class _Span(NamedTuple):
    """A stretch of the path; levels are logarithms of the price, relative to the opening of the market."""

    time: float
    open: float
    high: float
    low: float
    close: float
    volume: int
    prints: int


class Past:
    """
    One instrument until ``start``.

    Args:
        name: of its random streams.
        stage: what its market is like.
        start: when the market began, aware.
        opening: its price then, in units of 1e-8.
        hours: when it trades.
    """

    def __init__(self, name: str, stage: Stage, start: datetime, opening: float, hours: Hours) -> None:
        self._name = name
        self._stage = stage
        self._start = start.timestamp()
        self._today = start.astimezone(NEW_YORK).date()
        self._opening = opening
        self._hours = hours
        self._days: dict[date, _Span] = {}
        self._opens: dict[date, float] = {}
        self._oldest = self._today
        travelled = 0.0
        for span in self._drawn(self._today):
            if span.time + HALF_HOUR_S <= self._start:
                travelled = span.close
            elif span.time <= self._start:
                done = [m.close for m in self._minutes(span) if m.time + MINUTE_S <= self._start]
                travelled = done[-1] if done else span.open
        self._opens[self._today] = -travelled

    def first(self, what: str) -> float | None:
        """When it begins, in seconds since 1970; None: there is none of that."""
        if what == TRADES and not self._stage.prints:
            return None
        return day_edges(self._today - timedelta(days=DAYS))[0]

    def rows(self, what: str, begin: float, end: float, step: int) -> Iterator[Bar]:
        """
        Rows of which bars of ``step`` seconds can be made, each wholly in [begin, end).

        None of parts of a minute, and no TRADES where nothing is printed, as in forex.
        """
        if begin >= self._start or step % MINUTE_S or (what == TRADES and not self._stage.prints):
            return
        end = min(end, self._start)
        day = max(datetime.fromtimestamp(begin, NEW_YORK).date(), self._today - timedelta(days=DAYS))
        while day <= self._today and day_edges(day)[0] < end:
            level = self._open(day)
            for part in self._parts(day, begin, end, step):
                if part.volume or what != TRADES:
                    yield self._bar(part, level, what)
            day += timedelta(days=1)

    def _parts(self, day: date, begin: float, end: float, step: int) -> Iterator[_Span]:
        """The day itself, its half hours, or minutes: the longest that fit the bars and [begin, end)."""
        midnight, next_midnight = day_edges(day)
        always = isinstance(self._hours, AlwaysOpen)
        if always and step % DAY_S == 0 and begin <= midnight and next_midnight <= end:
            yield self._whole(day)
            return
        for span in self._drawn(day):
            if span.time >= end or span.time + HALF_HOUR_S <= begin:
                continue
            if step % HALF_HOUR_S == 0 and begin <= span.time and span.time + HALF_HOUR_S <= end:
                yield span
            else:
                for minute in self._minutes(span):
                    if begin <= minute.time and minute.time + MINUTE_S <= end:
                        yield minute

    def _open(self, day: date) -> float:
        """The level at which a day begins."""
        while self._oldest > day:
            later = self._opens[self._oldest]
            self._oldest -= timedelta(days=1)
            self._opens[self._oldest] = later - self._whole(self._oldest).close
        return self._opens[day]

    def _whole(self, day: date) -> _Span:
        """A day as one span, from a level of 0 on; remembered, because a year is long to draw."""
        if day not in self._days:
            spans = self._drawn(day) or [_Span(day_edges(day)[0], 0.0, 0.0, 0.0, 0.0, 0, 0)]
            self._days[day] = _Span(
                spans[0].time,
                0.0,
                max(span.high for span in spans),
                min(span.low for span in spans),
                spans[-1].close,
                sum(span.volume for span in spans),
                sum(span.prints for span in spans),
            )
        return self._days[day]

    def _drawn(self, day: date) -> Sequence[_Span]:
        """The half hours of a day, from a level of 0 on; none when there is no trading."""
        first, last = self._edges(day)
        draw = Random(f"{self._name}/{day}")  # noqa: S311 - not for secrets
        shock = self._stage.volatility * math.sqrt(HALF_HOUR_S)
        level = 0.0
        spans = []
        for index in range(round((last - first) / HALF_HOUR_S)):
            at = first + index * HALF_HOUR_S
            close = level + draw.gauss(0.0, shock)
            high = max(level, close) + 0.3 * shock * draw.expovariate(1.0)
            low = min(level, close) - 0.3 * shock * draw.expovariate(1.0)
            busy = self._stage.activity(datetime.fromtimestamp(at, NEW_YORK))
            mean = self._stage.prints * busy * _SHARE_OF_LAST * HALF_HOUR_S
            count = round(mean * draw.lognormvariate(-0.045, 0.3))
            volume = round(count * _MEAN_SIZE * draw.lognormvariate(-0.02, 0.2))
            spans.append(_Span(at, level, high, low, close, volume, count))
            level = close
        return spans

    def _edges(self, day: date) -> tuple[float, float]:
        if isinstance(self._hours, AlwaysOpen):
            return day_edges(day)
        edges = session(day)
        return (edges[0].timestamp(), edges[3].timestamp()) if edges else (0.0, 0.0)

    def _minutes(self, span: _Span) -> Iterator[_Span]:
        """The minutes of a half hour: a bridge from its open to its close between its high and its low."""
        draw = Random(f"{self._name}/{span.time}")  # noqa: S311 - not for secrets
        shock = self._stage.volatility * math.sqrt(MINUTE_S)
        walk = [0.0]
        for _ in range(_MINUTES):
            walk.append(walk[-1] + draw.gauss(0.0, shock))
        drift = (span.close - span.open - walk[-1]) / _MINUTES
        path = [min(max(span.open + w + n * drift, span.low), span.high) for n, w in enumerate(walk)]
        path[-1] = span.close
        peak, trough = draw.randrange(_MINUTES), draw.randrange(_MINUTES)
        volume, count = span.volume, span.prints
        for n in range(_MINUTES):
            ends = path[n], path[n + 1]
            reach = 0.3 * shock * draw.expovariate(1.0)
            high = span.high if n == peak else min(max(ends) + reach, span.high)
            low = span.low if n == trough else max(min(ends) - reach, span.low)
            left = _MINUTES - n
            share = 1.0 if left == 1 else min(1.0, draw.uniform(0.5, 1.5) / left)
            traded, prints = round(volume * share), round(count * share)
            volume, count = volume - traded, count - prints
            yield _Span(span.time + n * MINUTE_S, ends[0], high, low, ends[1], traded, prints)

    def _bar(self, span: _Span, level: float, what: str) -> Bar:
        opened, high, low, close = (self._price(level + at, what) for at in span[1:5])
        if what != TRADES:
            return Bar(span.time, opened, high, low, close)
        turnover = span.volume * (opened + high + low + close) / 4
        return Bar(span.time, opened, high, low, close, span.volume, turnover, max(span.prints, 1))

    def _price(self, level: float, what: str) -> float:
        fair = self._opening * math.exp(level)
        tick = increment_at(int(fair), self._stage.rule)
        if what == TRADES:
            return max(tick, round(fair / tick) * tick)
        spread = self._stage.spread * tick
        bid = max(tick, math.floor((fair - spread / 2) / tick + 0.5) * tick)
        return {BID: bid, ASK: bid + spread, MIDPOINT: bid + spread / 2}[what]
