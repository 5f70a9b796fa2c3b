"""Moments, quantities, prices and money as a trader writes them; ``""`` for what is not known."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from toolkit.orders.contract import Instrument

FINEST: Final = 5
"""Decimals of a price beyond which nothing is shown."""


def clock(moment: datetime | None, instrument: Instrument | None) -> str:
    """Date and time to the millisecond at the contract's exchange, with its zone; UTC if unknown."""
    if moment is None:
        return ""
    local = moment.astimezone(_zone("" if instrument is None else instrument.time_zone))
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d} {local.tzname()}"


def milliseconds(moment: datetime | None) -> int:
    """Since 1970; 0 for None."""
    return 0 if moment is None else int(moment.timestamp() * 1000)


def number(value: Decimal | None) -> str:
    """With thousands separators, and only the decimals it has."""
    return "" if value is None else f"{value.normalize():,f}"


def price(value: Decimal | None, instrument: Instrument | None = None, *, finer: int = 0) -> str:
    """
    With the decimals of the contract's increment; more only when the price has them.

    Args:
        value: price units.
        instrument: the contract; None: cents.
        finer: decimals beyond the increment's that an average may show.
    """
    if value is None:
        return ""
    least = 2 if instrument is None else max(2, _decimals(instrument.min_tick))
    most = least + finer if finer else FINEST
    return f"{value:,.{max(least, min(most, _decimals(value)))}f}"


def money(value: Decimal | None, currency: str) -> str:
    """Two decimals and the currency."""
    return "" if value is None else f"{value:,.2f} {currency}".rstrip()


def bps(value: float | None) -> str:
    """Signed, one decimal."""
    return "" if value is None else f"{value:+.1f}"


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


@functools.cache
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
