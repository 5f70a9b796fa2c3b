"""Trading hours as the broker writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from toolkit.orders.hours import sessions


def utc(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_sessions_are_instants_in_utc_and_closed_days_have_none() -> None:
    text = "20260105:0930-20260105:1600;20260106:CLOSED;20260107:0930-20260107:1300"
    assert sessions(text, "US/Eastern") == (
        (utc(5, 14, 30), utc(5, 21)),
        (utc(7, 14, 30), utc(7, 18)),
    )


def test_a_session_may_begin_the_evening_before() -> None:
    (session,) = sessions("20260104:1800-20260105:1700", "America/New_York") or ()
    assert session == (utc(4, 23), utc(5, 22))


def test_summer_time_is_the_exchanges_own() -> None:
    (session,) = sessions("20260706:0930-20260706:1600", "America/New_York") or ()
    assert session == (utc(6, 13, 30, month=7), utc(6, 20, month=7))


@pytest.mark.parametrize(
    ("text", "zone"),
    [("", "UTC"), ("nonsense", "UTC"), ("20260105:0930-1600", "UTC"), ("20260105:CLOSED-", "UTC")],
)
def test_what_cannot_be_read_is_unknown_not_closed(text: str, zone: str) -> None:
    assert sessions(text, zone) is None


def test_an_unknown_zone_makes_hours_unknown() -> None:
    assert sessions("20260105:0930-20260105:1600", "Nowhere/Zone") is None


def test_only_closed_days_are_known_to_have_no_session() -> None:
    assert sessions("20260106:CLOSED", "UTC") == ()
