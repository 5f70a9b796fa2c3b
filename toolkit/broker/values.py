"""Numbers, money and times off the wire, exactly as the broker wrote them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UNSET: Final = 1.7976931348623157e308
"""How the broker writes "no number"."""


def decimal(value: float) -> Decimal:
    """A number off the wire, exactly as it was written there; "no number" becomes 0."""
    if value == UNSET:
        return Decimal(0)
    whole = int(value)
    return Decimal(whole) if whole == value else Decimal(repr(value))


def money(value: float) -> Decimal | None:
    """A sum of money, None when the broker has none to tell."""
    return None if value == UNSET else decimal(value)


def commission_of(commission: float) -> Decimal | None:
    """A commission, None while pending; -1 says so too, a rebate is any other negative (hazard H39)."""
    return None if commission == -1 else money(commission)


_TIME_FORMS: Final = re.compile(r"(\d{8})[ -]+(\d\d:\d\d:\d\d)(?: +(\S.*))?")


def parse_time(text: str) -> datetime | None:
    """
    An execution's time in UTC, None when it cannot be read (hazard H9).

    Known forms: ``yyyymmdd HH:MM:SS zone``, the same without a zone or with two blanks, and
    ``yyyymmdd-HH:MM:SS``. Without a zone the time is taken as UTC.
    """
    found = _TIME_FORMS.fullmatch(text.strip())
    if found is None:
        return None
    day, clock, zone = found.groups()
    try:
        moment = datetime(
            int(day[:4]),
            int(day[4:6]),
            int(day[6:]),
            int(clock[:2]),
            int(clock[3:5]),
            int(clock[6:]),
            tzinfo=ZoneInfo(zone) if zone and zone != "UTC" else UTC,
        )
        return moment.astimezone(UTC)
    except (ValueError, ZoneInfoNotFoundError):
        return None
