"""Bars: which sizes and durations there are, and how ticks become bars. All times in New York."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.gateway.bars import Bar, bar_size, gathered, span_start
from toolkit.gateway.calendar import AlwaysOpen, RegularHours
from toolkit.gateway.record import MINUTES, TICKS, Series

NEW_YORK = ZoneInfo("America/New_York")
ALWAYS, REGULAR = AlwaysOpen(), RegularHours()


def at(clock: str, day: str = "2026-01-07") -> datetime:
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=NEW_YORK)


def tick(moment: datetime, price: float, size: float = 1) -> Bar:
    return Bar(moment.timestamp(), price, price, price, price, size, price * size, 1)


def bars(rows, size, hours=ALWAYS, *, regular=True):
    return list(gathered(rows, bar_size(size), hours, regular=regular))


def names(found) -> list[str]:
    return [f"{datetime.fromtimestamp(bar.time, NEW_YORK):%m-%d %H:%M}" for bar in found]


@pytest.mark.parametrize(("text", "seconds"), [
    ("1 secs", 1), ("5 secs", 5), ("30 secs", 30), ("1 min", 60), ("5 mins", 300), ("20 mins", 1200),
    ("1 hour", 3600), ("8 hours", 28800),
    ("1 day", 86400), ("1W", 604800), ("1 week", 604800), ("1M", 2678400),
])  # fmt: skip
def test_the_brokers_bar_sizes_are_known_as_clients_spell_them(text, seconds):
    assert bar_size(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "7 mins", "2 days", "0 min", "min", "1 year", "5", "-1 min", "1 min 2"])
def test_any_other_bar_size_is_none(text):
    assert bar_size(text) is None


@pytest.mark.parametrize(("text", "begins"), [
    ("3600 S", at("11:30")), ("1 D", at("00:00")), ("2 D", at("00:00", "2026-01-06")),
    ("4 D", at("00:00", "2026-01-02")), ("1 W", at("00:00", "2026-01-01")),
    ("1 M", at("00:00", "2025-12-08")), ("1 Y", at("00:00", "2025-01-08")),
])  # fmt: skip
def test_a_duration_is_counted_back_in_trading_days_and_calendar_months(text, begins):
    assert span_start(text, at("12:30"), REGULAR, regular=True) == begins


def test_a_day_that_has_not_begun_is_not_counted():
    assert span_start("1 D", at("08:00"), REGULAR, regular=True) == at("00:00", "2026-01-06")
    assert span_start("1 D", at("08:00"), REGULAR, regular=False) == at("00:00")


def test_a_month_before_a_day_that_it_does_not_have_ends_with_its_last_day():
    assert span_start("1 M", at("12:00", "2026-03-31"), ALWAYS, regular=True) == at("00:00", "2026-03-01")


@pytest.mark.parametrize("text", ["", "D", "0 D", "1", "1 H", "one day", "1 DD"])
def test_what_is_no_duration_is_none(text):
    assert span_start(text, at("12:30"), ALWAYS, regular=True) is None


def test_a_bar_holds_the_first_the_highest_the_lowest_and_the_last_price_and_the_sums():
    rows = [tick(at("10:00:05"), 100, 10), tick(at("10:00:30"), 103, 20), tick(at("10:00:59"), 99, 30)]
    (bar,) = bars(rows, "1 min")
    assert bar[1:5] == (100, 103, 99, 99)
    assert (bar.volume, bar.turnover, bar.prints) == (60, 100 * 10 + 103 * 20 + 99 * 30, 3)
    assert names([bar]) == ["01-07 10:00"]


def test_a_tick_at_the_edge_belongs_to_the_later_bar_and_quiet_times_have_none():
    rows = [tick(at("10:00:59"), 1), tick(at("10:01:00"), 2), tick(at("10:05:00"), 3)]
    assert names(bars(rows, "1 min")) == ["01-07 10:00", "01-07 10:01", "01-07 10:05"]


def test_regular_hours_leave_out_what_happened_outside_them():
    rows = [
        tick(at("09:29:59"), 1),
        tick(at("09:30:00"), 2),
        tick(at("15:59:59"), 3),
        tick(at("16:00:00"), 4),
    ]
    assert [bar.close for bar in bars(rows, "1 min", REGULAR)] == [2, 3]
    assert len(bars(rows, "1 min", REGULAR, regular=False)) == 4


def test_a_bar_that_the_opening_cuts_is_called_by_the_opening():
    rows = [tick(at("09:45:00"), 1), tick(at("10:15:00"), 2)]
    assert names(bars(rows, "1 hour", REGULAR)) == ["01-07 09:30", "01-07 10:00"]


def test_days_weeks_and_months_are_called_by_their_last_day():
    rows = [tick(at("12:00", day), 1) for day in ("2026-01-29", "2026-01-30", "2026-02-02", "2026-02-03")]
    assert names(bars(rows, "1 day")) == ["01-29 00:00", "01-30 00:00", "02-02 00:00", "02-03 00:00"]
    assert names(bars(rows, "1 week")) == ["01-30 00:00", "02-03 00:00"]
    assert names(bars(rows, "1 month")) == ["01-30 00:00", "02-03 00:00"]


def test_a_day_of_25_hours_is_one_day_and_its_hours_stay_hours():
    start = at("00:00", "2025-11-02").astimezone(UTC)
    rows = [tick(start + timedelta(hours=n), n) for n in range(25)]
    assert len(bars(rows, "1 day")) == 1
    assert len(bars(rows, "1 hour")) == 25


@settings(max_examples=12, deadline=None)
@given(st.integers(TICKS, 3 * TICKS), st.integers(1, 90))
def test_folding_old_ticks_changes_no_bar_of_a_minute_or_more(count, pause):
    rows = [tick(at("00:00") + timedelta(seconds=n * pause), 100 + n * 7 % 13, n % 5) for n in range(count)]
    series = Series()
    for row in rows:
        series.add(row.time, row.close, row.volume)
    for size in ("1 min", "5 mins", "1 hour", "1 day"):
        assert bars(series.rows(bar_size(size).seconds), size) == bars(rows, size)


def test_bars_of_seconds_are_made_of_the_ticks_that_are_still_kept():
    series = Series()
    for n in range(2 * TICKS):
        series.add(at("10:00").timestamp() + n, 100.0)
    assert TICKS // 2 <= len(bars(series.rows(1), "1 secs")) <= TICKS
    assert series.first == at("10:00").timestamp()


def test_a_record_of_days_stays_small_and_keeps_every_half_hour():
    series = Series()
    minutes = 3 * MINUTES
    for n in range(minutes):
        series.add(at("00:00").timestamp() + 60 * n, 100.0, 1.0)
    assert len(list(series.rows(60))) < MINUTES + TICKS
    halves = bars(series.rows(1800), "30 mins")
    assert sum(bar.volume for bar in halves) == minutes
    assert len(halves) == minutes // 30


@given(
    st.sampled_from("SDWMY"),
    st.integers(1, 999_999),
    st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001 - made aware below
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_every_duration_begins_before_it_ends_however_long_it_is(unit, count, end, regular):
    moment = end.replace(tzinfo=UTC)
    for hours in (ALWAYS, REGULAR):
        assert span_start(f"{count} {unit}", moment, hours, regular=regular) < moment


@given(st.integers(0, 4 * TICKS))
@settings(max_examples=20, deadline=None)
def test_rows_from_a_time_on_are_those_that_begin_no_earlier(since):
    series = Series()
    begin = at("10:00").timestamp()
    for n in range(3 * TICKS):
        series.add(begin + n, 100.0)
    rows = list(series.rows(60))
    assert list(series.rows(60, begin + since)) == [row for row in rows if row.time >= begin + since]
