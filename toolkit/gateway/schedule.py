"""The trading calendar of the next days in words, as contract details carry it."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from toolkit.gateway.calendar import NEW_YORK, AlwaysOpen, Hours, session

DAYS = 6
"""How many days are told, today included."""


def trading_hours(hours: Hours, now: datetime, zone: str) -> tuple[str, str]:
    """
    All sessions, and the regular ones, of today and the days after, in the time of ``zone``.

    A day reads ``20260105:0400-20260105:2000`` or ``20260110:CLOSED``; days are parted by ``;``.
    Source: the fields tradingHours and liquidHours of the TWS API since version 970.
    """
    today = now.astimezone(NEW_YORK).date()
    extended, regular = [], []
    for day in (today + timedelta(days=n) for n in range(DAYS)):
        if isinstance(hours, AlwaysOpen):
            start = datetime.combine(day, datetime.min.time(), NEW_YORK)
            edges = (start, start, start + timedelta(days=1), start + timedelta(days=1))
        elif (found := session(day)) is None:
            extended.append(f"{day:%Y%m%d}:CLOSED")
            regular.append(f"{day:%Y%m%d}:CLOSED")
            continue
        else:
            edges = found
        pre, opening, close, post = (edge.astimezone(ZoneInfo(zone)) for edge in edges)
        extended.append(f"{pre:%Y%m%d:%H%M}-{post:%Y%m%d:%H%M}")
        regular.append(f"{opening:%Y%m%d:%H%M}-{close:%Y%m%d:%H%M}")
    return ";".join(extended), ";".join(regular)
