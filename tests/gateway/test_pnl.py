"""Profit and loss streams: what they say is what the account says, to the cent."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ib_async import MarketOrder

from tests.gateway.ib_async_session import apple, connected, until
from tests.gateway.talker import AAPL, NOW, Talker, errors
from toolkit.gateway import PaperGateway
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.fields import UNSET_DOUBLE
from toolkit.gateway.floor import Floor
from toolkit.gateway.instruments import Universe

AAPL_ID, SPY_ID = 265598, 756733
SECOND = timedelta(seconds=1)
OPENING = Decimal(1_000_000)
CENT = Decimal("0.01")


@pytest.fixture
def floor() -> Floor:
    return fresh_floor()


def fresh_floor() -> Floor:
    universe = Universe()
    floor = Floor(Exchange(universe, ["DU1"]), universe, ["DU1"], NOW)
    floor.quote(AAPL_ID, 150, "150.02", 5_000, 5_000, NOW)
    floor.quote(SPY_ID, 450, "450.02", 5_000, 5_000, NOW)
    return floor


@pytest.fixture
def client(floor: Floor) -> Talker:
    return client_of(floor)


def client_of(floor: Floor) -> Talker:
    talker = Talker(floor)
    talker.asks("startApi")
    return talker


def amounts(fields: list[str]) -> list[Decimal]:
    return [Decimal(field) for field in fields[2:]]


def test_a_position_that_does_not_exist_has_no_profit_and_says_so_at_once(client, floor):
    assert client.asks("reqPnLSingle", 8, "DU1", "", AAPL_ID) == [
        ["95", "8", "0", UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE, "0"]
    ]
    client.places(1, MarketOrder("BUY", 100))
    floor.refresh(NOW + SECOND)
    assert client.heard() == [["95", "8", "100", "-2", "-2", "0", "15001"]]


def test_an_unknown_contract_is_error_200(client):
    assert errors(client.asks("reqPnLSingle", 8, "DU1", "", 4711)) == [(8, 200)]


def test_a_profit_is_told_once_a_second_and_only_when_it_has_changed(client, floor):
    client.places(1, MarketOrder("BUY", 100))
    floor.refresh(NOW)
    client.asks("reqPnL", 8, "DU1", "")
    floor.quote(AAPL_ID, 151, "151.02", 5_000, 5_000, NOW)
    floor.refresh(NOW + SECOND / 2)
    assert client.heard() == []
    floor.refresh(NOW + SECOND)
    assert client.heard() == [["94", "8", "98", "98", "0"]]
    floor.refresh(NOW + 2 * SECOND)
    assert client.heard() == []


@pytest.mark.parametrize(("start", "end"), [
    (("reqPnL", 8, "DU1", ""), ("cancelPnL", 8)),
    (("reqPnLSingle", 8, "DU1", "", AAPL_ID), ("cancelPnLSingle", 8)),
])  # fmt: skip
def test_a_cancelled_stream_is_silent(client, floor, start, end):
    client.asks(*start)
    assert client.asks(*end) == []
    client.places(1, MarketOrder("BUY", 100))
    floor.refresh(NOW + SECOND)
    assert not {"94", "95"} & {fields[0] for fields in client.heard()}
    assert errors(client.asks(*end)) == [(8, 300)]


def test_what_was_earned_yesterday_is_not_of_today(client, floor):
    client.places(1, MarketOrder("BUY", 100))
    floor.quote(AAPL_ID, 151, "151.02", 5_000, 5_000, NOW)
    tomorrow = NOW + timedelta(days=1)
    floor.advance(tomorrow)
    floor.refresh(tomorrow)
    client.asks("reqPnL", 8, "DU1", "")
    client.asks("reqPnLSingle", 9, "DU1", "", AAPL_ID)
    floor.quote(AAPL_ID, 150, "150.02", 5_000, 5_000, tomorrow)
    floor.refresh(tomorrow + SECOND)
    of_account, of_position = client.heard()
    assert amounts(of_account)[:2] == [-100, -2]
    assert amounts(of_position)[:3] == [100, -100, -2]


trades = st.lists(
    st.tuples(
        st.sampled_from([AAPL_ID, SPY_ID]),
        st.integers(-900, 900).filter(bool),
        st.integers(-500, 500),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(trades)
def test_after_any_trades_the_streams_and_the_account_agree_to_the_cent(steps):
    floor = fresh_floor()
    client = client_of(floor)
    contracts = {AAPL_ID: AAPL, SPY_ID: type(AAPL)("SPY", "SMART", "USD")}
    middles = {AAPL_ID: Decimal(150), SPY_ID: Decimal(450)}
    for number, (con_id, shares, cents) in enumerate(steps, start=1):
        side = "BUY" if shares > 0 else "SELL"
        client.places(number, MarketOrder(side, abs(shares)), contracts[con_id])
        bid = middles[con_id] = max(middles[con_id] + cents * CENT, Decimal(50))
        floor.quote(con_id, bid, bid + 2 * CENT, 5_000, 5_000, NOW)
    (whole,) = client.asks("reqPnL", 900, "DU1", "")
    daily, unrealized, realized = amounts(whole)
    values = {key: value for key, (value, _) in floor.exchange.account_values("DU1").items()}
    assert (unrealized, realized) == (values["UnrealizedPnL"], values["RealizedPnL"])
    assert daily == values["NetLiquidation"] - OPENING
    held = sorted({con_id for con_id, *_ in steps})
    singles = [client.asks("reqPnLSingle", con_id, "DU1", "", con_id)[0] for con_id in held]
    rows = {row.instrument.con_id: row for row in floor.exchange.portfolio("DU1")}
    for con_id, single in zip(held, singles, strict=True):
        position, _, mine, closed, value = amounts(single)
        row = rows[con_id]
        assert (position, mine, closed, value) == (
            row.position, row.unrealized_pnl, row.realized_pnl, row.market_value,
        )  # fmt: skip
    assert abs(sum(amounts(single)[1] for single in singles) - daily) <= 2 * CENT  # each is rounded


def test_ib_async_follows_the_profit_of_its_account_and_of_a_position():
    async def main() -> None:
        async with PaperGateway(quotes=None) as gateway, connected(gateway) as ib:
            gateway.market.set_quote("AAPL", 150, 150.02, 300, 400)
            trade = ib.placeOrder(await apple(ib), MarketOrder("BUY", 100, tif="DAY"))
            await until(trade.isDone)
            whole, single = ib.reqPnL("DU123456"), ib.reqPnLSingle("DU123456", "", AAPL_ID)
            await until(lambda: (whole.unrealizedPnL, single.position) == (-2, 100))
            gateway.market.set_quote("AAPL", 160, 160.02, 300, 400)
            await until(lambda: (whole.dailyPnL, single.value) == (998, 16001))
            ib.cancelPnL("DU123456")
            ib.cancelPnLSingle("DU123456", "", AAPL_ID)
            await until(lambda: len(gateway.floor.sessions[1].streams) == 2)  # those of the account

    asyncio.run(main())
