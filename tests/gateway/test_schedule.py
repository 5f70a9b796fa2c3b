"""Trading hours in words: what contract details say about the days to come."""

from datetime import UTC, datetime

from ib_async import ContractDetails

from toolkit.gateway.calendar import AlwaysOpen, RegularHours
from toolkit.gateway.schedule import DAYS, trading_hours

FRIDAY = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)


def test_a_weekday_has_its_sessions_and_a_weekend_is_closed():
    trading, liquid = trading_hours(RegularHours(), FRIDAY, "US/Eastern")
    assert trading.split(";")[:3] == [
        "20260102:0400-20260102:2000",
        "20260103:CLOSED",
        "20260104:CLOSED",
    ]
    assert liquid.split(";")[0] == "20260102:0930-20260102:1600"
    assert len(liquid.split(";")) == DAYS


def test_today_is_new_yorks_today():
    late_evening = datetime(2026, 1, 3, 3, 0, tzinfo=UTC)
    assert trading_hours(RegularHours(), late_evening, "US/Eastern")[0].startswith("20260102:")


def test_hours_are_told_in_the_time_zone_of_the_instrument():
    assert trading_hours(RegularHours(), FRIDAY, "US/Central")[1].startswith("20260102:0830-20260102:1500")


def test_a_market_that_never_closes_says_so():
    trading, liquid = trading_hours(AlwaysOpen(), FRIDAY, "US/Eastern")
    assert trading == liquid
    assert trading.startswith("20260102:0000-20260103:0000;20260103:0000-")


def test_ib_async_reads_the_sessions():
    trading, liquid = trading_hours(RegularHours(), FRIDAY, "US/Eastern")
    details = ContractDetails(timeZoneId="US/Eastern", tradingHours=trading, liquidHours=liquid)
    first = details.liquidSessions()[0]
    assert first.start.astimezone(UTC) == datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
    assert first.end.astimezone(UTC) == datetime(2026, 1, 2, 21, 0, tzinfo=UTC)
    assert len(details.tradingSessions()) == 4
