"""When a contract trades, as the broker writes it: sessions in the exchange's own time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Session = tuple[datetime, datetime]
"""Opening and closing time, UTC."""

_WRITTEN = "%Y%m%d:%H%M"


def sessions(text: str, zone: str) -> tuple[Session, ...] | None:
    """
    The sessions in ``tradingHours`` or ``liquidHours`` of contract details.

    Args:
        text: ``20260105:0930-20260105:1600;20260106:CLOSED``.
        zone: name of the exchange's time zone.

    Returns:
        Oldest first; None when it cannot be read, which is not the same as never open.
    """
    if not text.strip():
        return None
    try:
        clock = ZoneInfo(zone)
        found = []
        for part in filter(None, (part.strip() for part in text.split(";"))):
            if part.endswith(":CLOSED"):
                continue
            opening, closing = part.split("-")
            found.append((_utc(opening, clock), _utc(closing, clock)))
    except (ValueError, ZoneInfoNotFoundError):
        return None
    return tuple(sorted(found))


def _utc(text: str, zone: ZoneInfo) -> datetime:
    return datetime.strptime(text, _WRITTEN).replace(tzinfo=zone).astimezone(UTC)
