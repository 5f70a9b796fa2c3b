"""Which days an exchange trades, and when it opens and closes: what schedules ask before they act."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from toolkit.errors import ConfigError


class TradingDay(NamedTuple):
    """
    One session of an exchange.

    Attributes:
        opens, closes: UTC.
        early: whether it closes before its usual time.
    """

    exchange: str
    day: date
    opens: datetime
    closes: datetime
    early: bool

    @property
    def told(self) -> str:
        """The session in a sentence."""
        early = ", an early close" if self.early else ""
        hours = f"{self.opens:%H:%M} to {self.closes:%H:%M} UTC"
        return f"{self.exchange} has a session on {self.day} from {hours}{early}."


class NoSession(NamedTuple):
    """A day on which an exchange stays closed, and the next one on which it opens."""

    exchange: str
    day: date
    next_day: date

    @property
    def told(self) -> str:
        """That in a sentence."""
        return f"{self.exchange} has no session on {self.day}; the next is on {self.next_day}."


def trading_day(exchange: str, day: date | None, now: datetime) -> TradingDay | NoSession:
    """
    What an exchange does on a day.

    Args:
        exchange: its market identifier code (``XNYS``, ``XNAS``, ``CMES``, ...).
        day: in the exchange's own zone; None: today there.
        now: the time, zoned.

    Raises:
        ConfigError: there is no calendar of that exchange, or none for that day.
    """
    import exchange_calendars

    if exchange not in exchange_calendars.get_calendar_names():
        raise ConfigError(
            f"There is no calendar of the exchange {exchange!r}; use its market identifier code, as XNYS."
        )
    near = now.date() if day is None else day
    try:
        calendar = exchange_calendars.get_calendar(
            exchange, start=near - timedelta(days=15), end=near + timedelta(days=15)
        )
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"The calendar of {exchange} does not reach {near}: {error}") from error
    if day is None:
        day = now.astimezone(calendar.tz).date()
    if not calendar.is_session(str(day)):
        return NoSession(exchange, day, calendar.date_to_session(str(day), "next").date())
    closes: Any = calendar.session_close(str(day))
    return TradingDay(
        exchange,
        day,
        _utc(calendar.session_open(str(day))),
        _utc(closes),
        calendar.sessions_in_range(str(day), str(day))[0] in calendar.early_closes,
    )


def _utc(moment: Any) -> datetime:
    plain: datetime = moment.to_pydatetime()
    return plain.astimezone(UTC)
