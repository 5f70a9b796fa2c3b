"""What the gateway says of the past, by name: values -> one frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from toolkit.gateway.bars import Bar, BarSize
from toolkit.gateway.calendar import NEW_YORK
from toolkit.gateway.fields import number
from toolkit.gateway.ticks import price
from toolkit.gateway.wire import frame

ZONES_SINCE = 176
"""Clients of older versions expect times without a zone, two blanks before the clock."""

_NOTHING = "-1"  # volume, average and count of bars that are made of quotes


def historical_data(
    version: int, req_id: int, span: tuple[datetime, datetime], size: BarSize, bars: Sequence[Bar],
    *, seconds: bool
) -> bytes:  # fmt: skip
    """All bars of a request, which it ends."""
    fields = ["17", str(req_id), *(clock(version, moment) for moment in span), str(len(bars))]
    for bar in bars:
        opened, high, low, close = _prices(bar)
        volume, average, prints = _traded(bar)
        fields += [_name(version, bar, size, seconds=seconds), opened, high, low, close]
        fields += [volume, average, prints]
    return frame(fields)


def historical_data_update(version: int, req_id: int, size: BarSize, bar: Bar, *, seconds: bool) -> bytes:
    """The last bar as it is now, or a new one; it has an order of fields of its own."""
    opened, high, low, close = _prices(bar)
    volume, average, prints = _traded(bar)
    name = _name(version, bar, size, seconds=seconds)
    return frame(("90", str(req_id), prints, name, opened, close, high, low, average, volume))


def head_timestamp(version: int, req_id: int, moment: datetime, *, seconds: bool) -> bytes:
    """When the oldest data begins; in UTC when it is written in words, as the broker does."""
    text = str(int(moment.timestamp())) if seconds else f"{moment.astimezone(UTC):%Y%m%d-%H:%M:%S}"
    return frame(("88", str(req_id), text))


def clock(version: int, moment: datetime) -> str:
    """
    A moment in New York time.

    The zone's modern name: not every system still knows US/Eastern.
    """
    local = moment.astimezone(NEW_YORK)
    if version >= ZONES_SINCE:
        return f"{local:%Y%m%d %H:%M:%S} {NEW_YORK.key}"
    return f"{local:%Y%m%d  %H:%M:%S}"


def _name(version: int, bar: Bar, size: BarSize, *, seconds: bool) -> str:
    """When the bar begins; a day, week or month is always called by a date."""
    moment = datetime.fromtimestamp(bar.time, UTC)
    if not size.intraday:
        return f"{moment.astimezone(NEW_YORK):%Y%m%d}"
    return str(int(bar.time)) if seconds else clock(version, moment)


def _prices(bar: Bar) -> list[str]:
    return [number(price(int(units))) for units in bar[1:5]]


def _traded(bar: Bar) -> tuple[str, str, str]:
    if not bar.volume:
        return _NOTHING, _NOTHING, _NOTHING
    return str(int(bar.volume)), number(price(round(bar.turnover / bar.volume))), str(int(bar.prints))
