"""What a gateway knows of a contract's past, and how its trading day has gone so far."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from toolkit.gateway.bars import Bar, bar_size, day_edges, gathered, span_start
from toolkit.gateway.calendar import NEW_YORK
from toolkit.gateway.record import TRADES
from toolkit.gateway.ticks import price

if TYPE_CHECKING:
    from toolkit.gateway.floor import Floor

FOR_EVER = float("inf")
_DAY = bar_size("1 day")


def known_rows(floor: Floor, con_id: int, what: str, begin: float, end: float, step: int) -> Iterator[Bar]:
    """
    Rows in [begin, end), seconds since 1970, of which bars of ``step`` seconds can be made.

    First those from before the market began, then those of the record.
    """
    past = floor.past(con_id, floor.exchange.hours)
    if past is not None:
        yield from past.rows(what, begin, end, step)
    for row in floor.exchange.record(con_id).series[what].rows(step, begin):
        if row.time < end:
            yield row


class Day(NamedTuple):
    """
    A trading day until now, in the currency of the contract and in shares; None where there is nothing yet.

    Attributes:
        close: last price of the day before.
        ends: midnight in New York at its end, seconds since 1970.
    """

    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal
    ends: float

    def after(self, paid: Decimal, size: Decimal, at: float, before: Decimal | None) -> Day:
        """The day after one more print; ``before`` is the last price until then, a new day's close."""
        if at >= self.ends:
            ends = day_edges(datetime.fromtimestamp(at, NEW_YORK).date())[1]
            return Day(paid, paid, paid, before, size, ends)
        return self._replace(
            open=self.open or paid,
            high=max(self.high or paid, paid),
            low=min(self.low or paid, paid),
            volume=self.volume + size,
        )


def day_until(floor: Floor, con_id: int, now: datetime) -> Day:
    """The trading day of a contract until ``now``."""
    assert _DAY is not None
    hours = floor.exchange.hours
    begin = span_start("2 D", now, hours, regular=False) or now
    midnight, ends = day_edges(now.astimezone(NEW_YORK).date())
    rows = known_rows(floor, con_id, TRADES, begin.timestamp(), now.timestamp() + 1e-6, _DAY.seconds)
    today = close = None
    for bar in gathered(rows, _DAY, hours, regular=False):
        if bar.time == midnight:
            today = bar
        else:
            close = price(int(bar.close))
    if today is None:
        return Day(None, None, None, close, Decimal(0), ends)
    first, high, low = (price(int(units)) for units in today[1:4])
    return Day(first, high, low, close, Decimal(int(today.volume)), ends)
