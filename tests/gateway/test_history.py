"""Bars of the past, as clients ask for them and hear of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from ib_async import Forex, RequestError, Stock

from tests.gateway.decoding import decoded
from tests.gateway.ib_async_session import apple, connected, until
from tests.gateway.talker import AAPL, NOW, Talker, errors
from toolkit.gateway import PaperGateway
from toolkit.gateway.bars import Bar
from toolkit.gateway.clock import ManualClock
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.floor import Floor
from toolkit.gateway.instruments import Universe
from toolkit.gateway.wire import frame

CON_ID = 265598
NEW_YORK = ZoneInfo("America/New_York")
HISTORY, UPDATE, HEAD = "17", "90", "88"


@pytest.fixture
def floor() -> Floor:
    """A market that has traded AAPL at 150.00 at 10:30:00, then at 150.10 and 149.90, in New York."""
    universe = Universe()
    floor = Floor(Exchange(universe, ["DU1"]), universe, ["DU1"], NOW)
    floor.quote(CON_ID, 150, "150.02", 300, 400, NOW)
    for seconds, price, size in ((0, 150, 100), (61, "150.10", 200), (90, "149.90", 300)):
        floor.trade(CON_ID, price, size, NOW + timedelta(seconds=seconds))
    return floor


def talker(floor: Floor, version: int = 178) -> Talker:
    found = Talker(floor, version=version)
    found.asks("startApi")
    found.now = NOW + timedelta(minutes=5)
    return found


@pytest.fixture
def client(floor: Floor) -> Iterator[Talker]:
    found = talker(floor)
    yield found
    floor.leave(found.session)


def history(client, size="1 min", duration="1 D", what="TRADES", end="", words=1, contract=AAPL, keep=False):
    return client.asks("reqHistoricalData", 8, contract, end, duration, size, what, 1, words, keep, [])


def test_bars_are_built_from_the_prints_of_the_market(client):
    ((_, req_id, start, end, count, *bars),) = history(client)
    assert (req_id, count, len(bars)) == ("8", "2", 16)
    assert (start, end) == ("20260102 00:00:00 America/New_York", "20260102 10:35:00 America/New_York")
    assert bars[:8] == ["20260102 10:30:00 America/New_York", "150", "150", "150", "150", "100", "150", "1"]
    assert bars[8:] == [
        "20260102 10:31:00 America/New_York", "150.1", "150.1", "149.9", "149.9", "500", "149.98", "2",
    ]  # fmt: skip


@pytest.mark.parametrize(("what", "price"), [("BID", "150"), ("ASK", "150.02"), ("MIDPOINT", "150.01")])
def test_bars_of_quotes_have_no_volume(client, what, price):
    ((*_, count, _, opened, _, _, close, volume, average, prints),) = history(client, what=what)
    assert (count, opened, close) == ("1", price, price)
    assert (volume, average, prints) == ("-1", "-1", "-1")


def test_seconds_since_1970_are_told_when_they_are_asked_for_and_days_are_dates_always(client):
    assert history(client, words=2)[0][5] == str(int(NOW.timestamp()))
    assert history(client, size="1 day", words=2)[0][5] == "20260102"


def test_an_old_client_hears_times_as_it_reads_them(floor):
    old = talker(floor, version=157)
    assert history(old)[0][5] == "20260102  10:30:00"
    floor.leave(old.session)


@pytest.mark.parametrize("version", [151, 157, 163, 176, 178])
def test_the_same_bars_reach_clients_of_every_version(floor, version):
    asking = talker(floor, version=version)
    (reply,) = history(asking, words=2)
    assert reply[:2] == [HISTORY, "8"]
    assert reply[4] == "2"
    floor.leave(asking.session)


def test_what_came_after_the_end_is_left_out(client):
    (reply,) = history(client, end="20260102 15:31:00 UTC")
    assert reply[4] == "1"


def test_prints_that_set_no_last_price_make_no_bar(client, floor):
    floor.trade(CON_ID, 151, 7, NOW + timedelta(minutes=3), "I")
    assert history(client)[0][4] == "2"


@pytest.mark.parametrize(("wrong", "named"), [
    ({"size": "7 mins"}, "7 mins"), ({"duration": "1 H"}, "1 H"),
    ({"what": "OPTION_IMPLIED_VOLATILITY"}, "MIDPOINT"),
    ({"end": "20250101 00:00:00 UTC"}, "no data: AAPL@SMART TRADES"),
    ({"keep": True, "end": "20260102 15:31:00 UTC"}, "end date"),
])  # fmt: skip
def test_what_cannot_be_answered_ends_with_162_and_the_reason(client, wrong, named):
    (reply,) = history(client, **wrong)
    assert errors([reply]) == [(8, 162)]
    assert named in reply[4]


def test_an_unknown_contract_is_error_200_and_an_unreadable_end_320(client):
    assert errors(history(client, contract=Stock("NOSUCH", "SMART", "USD"))) == [(8, 200)]
    for end in ("yesterday", "00010101 00:00:00 UTC", "99991231 23:59:59 UTC"):
        assert errors(history(client, end=end)) == [(8, 320)]


def test_changes_of_the_last_bar_follow_until_they_are_cancelled(client, floor):
    later = client.now
    assert [reply[0] for reply in history(client, keep=True)] == [HISTORY]
    floor.refresh(later)
    client.heard()
    floor.trade(CON_ID, "150.50", 100, later + timedelta(seconds=1))
    floor.refresh(later + timedelta(seconds=2))
    ((_, _, prints, name, opened, close, high, low, average, volume),) = client.heard()
    assert (prints, name) == ("1", "20260102 10:35:00 America/New_York")
    assert {opened, close, high, low, average} == {"150.5"}
    assert volume == "100"
    assert client.asks("cancelHistoricalData", 8) == []
    floor.trade(CON_ID, "150.60", 100, later + timedelta(seconds=3))
    floor.refresh(later + timedelta(seconds=4))
    assert client.heard() == []


def test_an_update_is_what_ib_async_reads(client, floor):
    history(client, keep=True)
    floor.refresh(client.now)
    *_, reply = client.heard()
    name, req_id, bar = decoded(frame(reply), 178)
    assert (name, req_id) == ("historicalDataUpdate", 8)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (150.1, 150.1, 149.9, 149.9, 500)


def test_the_end_of_an_unknown_history_is_error_366(client):
    assert errors(client.asks("cancelHistoricalData", 9)) == [(9, 366)]


def test_the_head_timestamp_is_that_of_the_oldest_record(client):
    assert client.asks("reqHeadTimeStamp", 8, AAPL, "TRADES", 1, 1) == [[HEAD, "8", "20260102-15:30:00"]]
    assert client.asks("reqHeadTimeStamp", 8, AAPL, "BID", 1, 2) == [[HEAD, "8", str(int(NOW.timestamp()))]]
    assert client.asks("cancelHeadTimeStamp", 8) == []
    spy = Stock("SPY", "SMART", "USD")
    assert errors(client.asks("reqHeadTimeStamp", 8, spy, "TRADES", 1, 1)) == [(8, 162)]


def test_a_request_for_too_many_bars_is_refused_and_not_cut(floor):
    asking = talker(floor)
    floor.past = Endless
    for duration in ("1 M", "1 Y"):
        (reply,) = history(asking, duration=duration)
        assert errors([reply]) == [(8, 162)]
        assert "exceed" in reply[4]
    floor.leave(asking.session)


class Endless:
    """A past with a print in every minute there ever was."""

    def __init__(self, *_: object) -> None:
        pass

    def rows(self, what, begin, end, step):
        at = begin
        while True:
            yield Bar(at, 1e8, 1e8, 1e8, 1e8, 1.0, 1e8, 1.0)
            at += 60


def test_an_unmodified_ib_async_gets_frames_of_the_past_and_follows_the_present():
    """Synthetic quotes: a year of days, a day of minutes, and the bars of today as they grow."""

    async def main() -> None:
        clock = ManualClock(NOW)
        async with PaperGateway(quotes="synthetic", clock=clock) as gateway, connected(gateway) as ib:
            contract = await apple(ib)
            days = await ib.reqHistoricalDataAsync(contract, "", "1 Y", "1 day", "TRADES", True)
            assert (days[0].date, days[-1].date, len(days)) == (date(2025, 1, 3), date(2026, 1, 2), 365)
            minutes = await ib.reqHistoricalDataAsync(contract, "", "1 D", "1 min", "MIDPOINT", True)
            assert minutes[0].date == datetime(2026, 1, 2, 0, 0, tzinfo=NEW_YORK)
            assert len(minutes) == 631  # to 10:30, and the one that has just begun
            head = await ib.reqHeadTimeStampAsync(contract, "TRADES", True, 1)
            assert head < datetime(2025, 1, 3)  # noqa: DTZ001 - so ib_async tells it
            growing = await ib.reqHistoricalDataAsync(
                contract, "", "1 D", "1 min", "MIDPOINT", True, keepUpToDate=True
            )
            count = len(growing)
            clock.set(NOW + timedelta(minutes=2))
            await until(lambda: len(growing) > count)
            assert growing[-1].date == datetime(2026, 1, 2, 10, 32, tzinfo=NEW_YORK)
            ib.cancelHistoricalData(growing)
            await until(lambda: not gateway.floor.sessions[1].streams.get(("historical data", growing.reqId)))
            (euro,) = await ib.qualifyContractsAsync(Forex("EURUSD"))
            with pytest.raises(RequestError, match="no data"):
                await ib.reqHistoricalDataAsync(euro, "", "1 D", "1 hour", "TRADES", True)
            assert await ib.reqHistoricalDataAsync(euro, "", "1 D", "1 hour", "MIDPOINT", True)

    asyncio.run(main())
