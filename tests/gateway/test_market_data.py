"""Market data as an account with and without a subscription sees it; single ticks of every kind."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from ib_async import Forex, RequestError

from tests.gateway.ib_async_session import apple, connected, until
from tests.gateway.talker import AAPL, NOW, Talker, errors, kinds
from toolkit.errors import ConfigError
from toolkit.gateway import PaperGateway
from toolkit.gateway.api_settings import ApiSettings
from toolkit.gateway.clock import ManualClock
from toolkit.gateway.delay import DELAY
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.floor import Floor
from toolkit.gateway.instruments import Universe

CON_ID = 265598
PRICE, SIZE, TEXT, KIND, SNAPSHOT_END, PARAMETERS, SINGLE = "1", "2", "46", "58", "57", "81", "99"
LATER, CLOSED = NOW + DELAY, datetime(2026, 1, 3, 15, 0, tzinfo=UTC)  # a Saturday


def floor_with(market_data: str, hours: str = "always") -> Floor:
    """AAPL is 150.00 (300) - 150.02 (400) and has traded at 150.01."""
    universe = Universe()
    settings = ApiSettings(market_data=market_data)
    floor = Floor(Exchange(universe, ["DU1"], hours=hours), universe, ["DU1"], NOW, settings)
    floor.quote(CON_ID, 150, "150.02", 300, 400, NOW)
    floor.trade(CON_ID, "150.01", 100, NOW)
    return floor


def client_of(floor: Floor) -> Talker:
    talker = Talker(floor)
    talker.asks("startApi")
    return talker


@pytest.fixture
def live() -> Talker:
    return client_of(floor_with("live"))


@pytest.fixture
def delayed() -> Talker:
    return client_of(floor_with("delayed"))


def watch(client, *, snapshot=False, generic="", contract=AAPL):
    return client.asks("reqMktData", 8, contract, generic, snapshot, False, [])


def told_kind(replies) -> list[str]:
    return [fields[3] for fields in replies if fields[0] == KIND]


def values(replies) -> dict[int, str]:
    """Tick type -> price or size, the newest of each."""
    return {int(fields[3]): fields[4] for fields in replies if fields[0] in (PRICE, SIZE, TEXT)}


def test_without_a_subscription_live_data_is_error_354_and_nothing_else(delayed):
    assert errors(watch(delayed)) == [(8, 354)]
    assert delayed.session.floor.watchers == {}


def test_delayed_data_comes_with_a_warning_its_kind_and_tick_types_of_its_own(delayed):
    assert delayed.asks("reqMarketDataType", 3) == []
    replies = watch(delayed)
    assert errors(replies[:1]) == [(8, 10167)]
    assert kinds(replies[1:3]) == [PARAMETERS, KIND]
    assert told_kind(replies) == ["3"]
    assert values(replies) == {
        66: "150", 69: "300", 67: "150.02", 70: "400", 68: "150.01", 88: str(int(NOW.timestamp())),
    }  # fmt: skip


def test_delayed_data_is_a_quarter_of_an_hour_late(delayed):
    floor = delayed.session.floor
    delayed.asks("reqMarketDataType", 3)
    watch(delayed)
    floor.quote(CON_ID, 151, "151.02", 300, 400, NOW + timedelta(seconds=1))
    floor.refresh(LATER)
    assert 66 not in values(delayed.heard())  # the quote of the beginning is known already
    floor.refresh(LATER + timedelta(seconds=1))
    assert values(delayed.heard()) == {66: "151", 69: "300", 67: "151.02", 70: "400"}


def test_who_asks_later_is_told_what_has_come_out_by_then(delayed):
    floor = delayed.session.floor
    floor.quote(CON_ID, 151, "151.02", 300, 400, NOW + timedelta(seconds=1))
    floor.quote(CON_ID, 152, "152.02", 300, 400, NOW + timedelta(seconds=60))
    floor.refresh(LATER + timedelta(seconds=30))
    delayed.asks("reqMarketDataType", 3)
    assert values(watch(delayed, snapshot=True))[66] == "151"


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_a_subscriber_is_given_live_data_whatever_it_asks_for(live, kind):
    live.asks("reqMarketDataType", kind)
    replies = watch(live)
    assert told_kind(replies) == ["1"]
    assert set(values(replies)) == {0, 1, 2, 3, 4, 45, 8, 14, 6, 7}


@pytest.mark.parametrize(("market_data", "asked", "told"), [
    ("live", 1, "1"), ("live", 2, "2"), ("live", 4, "2"), ("delayed", 3, "3"), ("delayed", 4, "4"),
])  # fmt: skip
def test_while_the_market_is_closed_frozen_data_is_frozen(market_data, asked, told):
    client = client_of(floor_with(market_data, hours="regular"))
    client.now = CLOSED
    client.asks("reqMarketDataType", asked)
    assert told_kind(watch(client)) == [told]


def test_a_kind_of_data_that_does_not_exist_is_refused_and_changes_nothing(live):
    assert errors(live.asks("reqMarketDataType", 5)) == [(-1, 321)]
    assert told_kind(watch(live)) == ["1"]


@pytest.mark.parametrize("kind", ["live", "delayed"])
def test_a_snapshot_has_an_end_and_leaves_no_subscription(kind):
    client = client_of(floor_with(kind))
    client.asks("reqMarketDataType", 3)
    assert kinds(watch(client, snapshot=True))[-1] == SNAPSHOT_END
    assert client.session.floor.watchers == {}


def test_a_gateway_sells_live_or_delayed_data_and_nothing_else():
    with pytest.raises(ConfigError, match="choose live or delayed"):
        ApiSettings(market_data="free")


# ---- the trading day ----------------------------------------------------------------------------

VOLUME, OPEN, HIGH, LOW, CLOSE = 8, 14, 6, 7, 9


def test_the_day_so_far_is_told_at_the_beginning_and_then_what_changes_of_it(live):
    floor = live.session.floor
    floor.trade(CON_ID, "150.02", 200, NOW)
    day = values(watch(live))
    assert (day[VOLUME], day[OPEN], day[HIGH], day[LOW]) == ("300", "150.01", "150.02", "150.01")
    assert CLOSE not in day
    floor.trade(CON_ID, "149.98", 50, NOW)
    assert {tick: price for tick, price in values(live.heard()).items() if tick > 5 and tick != 45} == {
        VOLUME: "350",
        LOW: "149.98",
    }


def test_at_midnight_in_new_york_a_new_day_begins_with_the_close_of_the_old_one(live):
    floor, tomorrow = live.session.floor, datetime(2026, 1, 3, 5, 0, tzinfo=UTC)
    watch(live)
    floor.trade(CON_ID, "150.10", 40, tomorrow - timedelta(seconds=1))
    live.heard()
    floor.trade(CON_ID, "150.05", 70, tomorrow)
    day = values(live.heard())
    assert (day[CLOSE], day[VOLUME], day[OPEN]) == ("150.1", "70", "150.05")
    assert (day[HIGH], day[LOW]) == ("150.05", "150.05")
    late = client_of_another(floor, tomorrow)
    assert values(watch(late))[CLOSE] == "150.1"


def client_of_another(floor: Floor, now: datetime) -> Talker:
    talker = Talker(floor, client_id=2)
    talker.now = now
    talker.asks("startApi")
    return talker


# ---- single ticks -------------------------------------------------------------------------------


def single(client, kind, *, ignore_size=False):
    client.asks("reqTickByTickData", 9, AAPL, kind, 0, ignore_size)


def after_one_second(client) -> list[list[str]]:
    """A quote at other sizes, one at other prices, a print, and one of an odd lot."""
    floor, now = client.session.floor, NOW + timedelta(seconds=1)
    client.heard()
    floor.quote(CON_ID, 150, "150.02", 100, 100, now)
    floor.quote(CON_ID, "150.02", "150.04", 100, 100, now)
    floor.trade(CON_ID, "150.02", 200, now)
    floor.trade(CON_ID, "150.03", 7, now, "I")
    return client.heard()


def test_bid_ask_tells_every_quote(live):
    single(live, "BidAsk")
    assert [fields[4:8] for fields in after_one_second(live)] == [
        ["150", "150.02", "100", "100"],
        ["150.02", "150.04", "100", "100"],
    ]


def test_bid_ask_without_sizes_tells_new_prices_only(live):
    single(live, "BidAsk", ignore_size=True)
    live.session.floor.quote(CON_ID, 150, "150.02", 500, 500, NOW)
    assert [fields[4] for fields in after_one_second(live)] == ["150.02"]


def test_midpoint_tells_the_middle_when_it_moves(live):
    single(live, "MidPoint")
    assert [fields[4] for fields in after_one_second(live)] == ["150.01", "150.03"]


def test_last_leaves_out_odd_lots_and_all_last_does_not(live):
    single(live, "Last")
    assert [fields[4:6] for fields in after_one_second(live)] == [["150.02", "200"]]
    live.asks("cancelTickByTickData", 9)
    single(live, "AllLast")
    rows = [(fields[2], *fields[4:6], fields[8]) for fields in after_one_second(live)]
    assert rows == [("2", "150.02", "200", ""), ("2", "150.03", "7", "I")]


def test_an_odd_lot_is_no_last_price_of_a_stream(live):
    watch(live)
    assert [fields[4] for fields in after_one_second(live) if fields[:1] == [PRICE] and fields[3] == "4"] == [
        "150.02"
    ]


def test_single_ticks_need_a_subscription(delayed):
    assert errors(delayed.asks("reqTickByTickData", 9, AAPL, "Last", 0, False)) == [(9, 10189)]


def test_bars_that_are_kept_up_to_date_need_a_subscription(delayed):
    replies = delayed.asks("reqHistoricalData", 9, AAPL, "", "1 D", "1 min", "BID", 1, 1, True, [])
    assert errors(replies) == [(9, 162)]
    assert delayed.session.streams == {}


# ---- an unmodified client -----------------------------------------------------------------------


def test_ib_async_sees_delayed_ticks_snapshots_and_bars_of_a_quarter_of_an_hour_ago():
    async def main() -> None:
        clock = ManualClock(NOW)
        options = {"quotes": None, "clock": clock, "market_data": "delayed"}
        async with PaperGateway(**options) as gateway, connected(gateway) as ib:
            gateway.market.set_quote("AAPL", 150, 150.02, 300, 400)
            contract, codes = await apple(ib), []
            ib.errorEvent += lambda _, code, *__: codes.append(code)
            with pytest.raises(RequestError, match="not subscribed"):
                await ib.reqTickersAsync(contract)
            ib.reqMarketDataType(3)
            (snapshot,) = await ib.reqTickersAsync(contract)
            assert (snapshot.marketDataType, snapshot.bid, snapshot.askSize) == (3, 150, 400)
            assert 10167 in codes
            ticker = ib.reqMktData(contract)
            await until(lambda: ticker.ask == 150.02)
            gateway.market.set_quote("AAPL", 151, 151.02, 300, 400)
            with pytest.raises(RequestError, match="no data"):
                await ib.reqHistoricalDataAsync(contract, "", "1 D", "1 min", "BID", True)
            clock.set(LATER + timedelta(seconds=1))
            await until(lambda: ticker.bid == 151)
            (bar,) = await ib.reqHistoricalDataAsync(contract, "", "1 D", "1 min", "BID", True)
            assert (bar.open, bar.close) == (150, 151)

    asyncio.run(main())


def lending(replies) -> dict[str, str]:
    """Tick type -> value of what is told about borrowing: how easy it is, and how many shares there are."""
    return {fields[3]: fields[4] for fields in replies if fields[3:4] in (["46"], ["89"])}


def test_generic_tick_236_tells_what_can_be_borrowed_now_and_whenever_it_changes(live):
    assert lending(watch(live, generic="233, 236")) == {"46": "3", "89": "1000000"}
    floor = live.session.floor
    for shares, level in ((999, "2"), (0, "1"), (1000, "3")):
        floor.lend(CON_ID, Decimal(shares))
        assert lending(live.heard()) == {"46": level, "89": str(shares)}


def test_who_does_not_ask_is_told_nothing_of_borrowing(live):
    assert lending(watch(live)) == {}
    live.session.floor.lend(CON_ID, Decimal(5))
    assert lending(live.heard()) == {}


def test_generic_tick_236_is_for_stocks_alone(live):
    assert errors(watch(live, generic="236", contract=Forex("EURUSD"))) == [(8, 321)]
    assert live.session.floor.watchers == {}
