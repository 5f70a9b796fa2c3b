"""Futures, options and currencies: what is listed, how it is found, and what a contract is worth."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from ib_async import Forex, Future, LimitOrder, MarketOrder, Option, RequestError, Stock

from tests.gateway.ib_async_session import connected, until
from toolkit.gateway import PaperGateway
from toolkit.gateway.account import commission
from toolkit.gateway.clock import ManualClock
from toolkit.gateway.derivatives import third_friday, universe_of
from toolkit.gateway.events import Order, Refused
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.instruments import Universe
from toolkit.gateway.interference import PracticeExchange

DAY = date(2026, 1, 2)
NOW = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)
UNIVERSE = universe_of(DAY)
D = Decimal


class TestListing:
    def test_the_nearest_contracts_of_each_future_are_listed(self):
        listed = {i.local_symbol: i.expiry for i in UNIVERSE if i.sec_type == "FUT"}
        assert (listed["ESH6"], listed["ESM6"]) == ("20260320", "20260619")
        assert sorted(name[:2] for name in listed) == ["CL"] * 3 + ["ES"] * 2 + ["GC"] * 3 + ["NQ"] * 2

    def test_a_contract_keeps_its_id_and_leaves_when_it_has_expired(self):
        later = universe_of(date(2026, 3, 21))
        assert later.find(local_symbol="ESM6")[0].con_id == UNIVERSE.find(local_symbol="ESM6")[0].con_id
        assert later.find(local_symbol="ESH6") == []

    def test_options_have_two_expiries_and_strikes_around_the_reference_price(self):
        options = UNIVERSE.find(symbol="AAPL", sec_type="OPT")
        spot = UNIVERSE.find(symbol="AAPL", sec_type="STK")[0].reference_price
        assert {i.expiry for i in options} == {"20260116", "20260220"}
        assert min(i.strike for i in options) < spot < max(i.strike for i in options)
        assert {i.right for i in options} == {"C", "P"}

    @pytest.mark.parametrize("days", [0, 100, 365, 700])
    def test_every_day_has_distinct_ids_and_prices_on_their_grid(self, days):
        for instrument in universe_of(DAY + timedelta(days=days)):
            assert instrument.reference_price > 0
            assert instrument.reference_price % instrument.increment == 0

    def test_option_increments_follow_their_market_rules(self):
        assert UNIVERSE.market_rule(109) == ((D(0), D("0.01")),)
        assert UNIVERSE.market_rule(110) == ((D(0), D("0.01")), (D(3), D("0.05")))

    def test_the_third_friday(self):
        assert third_friday(2026, 5) == date(2026, 5, 15)

    def test_a_search_finds_underlyings_and_not_their_options(self):
        assert [i.sec_type for i in UNIVERSE.search("AAPL")] == ["STK"]


class TestFinding:
    def test_a_future_without_expiry_has_several_contracts_and_with_a_month_one(self):
        assert len(UNIVERSE.find(symbol="ES", sec_type="FUT", exchange="CME")) == 2
        assert [i.local_symbol for i in UNIVERSE.find(symbol="ES", expiry="202603")] == ["ESH6"]
        assert [i.local_symbol for i in UNIVERSE.find(symbol="ES", expiry="20260619")] == ["ESM6"]

    def test_an_option_is_found_by_strike_right_and_expiry(self):
        (call,) = UNIVERSE.find(
            symbol="AAPL", sec_type="OPT", expiry="20260116", strike=D(190), right="CALL", multiplier="100"
        )
        assert call.local_symbol == "AAPL  260116C00190000"

    def test_a_stock_listed_twice_is_ambiguous_without_its_currency(self):
        assert {i.currency for i in UNIVERSE.find(symbol="T", sec_type="STK")} == {"USD", "CAD"}
        assert len(UNIVERSE.find(symbol="T", sec_type="STK", currency="USD")) == 1

    @pytest.mark.parametrize(
        ("name", "kind"), [("T", "STK"), ("ESH6", "FUT"), ("GBP.USD", "CASH"), ("GBP", "CASH")]
    )
    def test_a_name_means_one_instrument(self, name, kind):
        found = UNIVERSE.named(name)
        assert found is not None
        assert (found.sec_type, found.currency) == (kind, "USD")

    def test_a_name_that_could_mean_several_means_none(self):
        assert UNIVERSE.named("ES") is None


@pytest.mark.parametrize(("name", "price", "fits"), [
    ("ESH6", "5000.25", True), ("ESH6", "5000.10", False), ("CLG6", "70.01", True), ("CLG6", "70.005", False),
    ("EUR.USD", "1.10005", True), ("EUR.USD", "1.10003", False),
    ("AAPL  260116C00190000", "2.95", True), ("AAPL  260116C00190000", "2.951", False),
    ("AAPL  260116C00190000", "3.05", True), ("AAPL  260116C00190000", "3.01", False),
    ("SPY", "0.9999", True), ("SPY", "1.0001", False),
])  # fmt: skip
def test_h41_a_limit_must_fit_the_market_rule_of_its_instrument_at_its_price(name, price, fits):
    instrument = UNIVERSE.named(name)
    assert instrument is not None
    exchange = Exchange(UNIVERSE, ["DU1"], cash=D(10) ** 9)
    order = Order(
        client_id=1, order_id=1, account="DU1", instrument=instrument, action="BUY", quantity=D(1),
        order_type="LMT", limit_price=D(price),
    )  # fmt: skip
    codes = [event.code for event in exchange.check(order) if isinstance(event, Refused)]
    assert codes == ([] if fits else [110])


@pytest.mark.parametrize(("plan", "contracts", "fee"), [
    ("futures", 2, "1.70"), ("options", 1, "1.00"), ("options", 10, "6.50"),
])  # fmt: skip
def test_futures_and_options_are_charged_by_the_contract(plan, contracts, fee):
    assert commission(contracts, 5000, plan) == D(fee)


def test_a_corrected_price_of_a_future_counts_with_its_multiplier():
    future = UNIVERSE.named("ESH6")
    assert future is not None
    exchange = PracticeExchange(UNIVERSE, ["DU1"])
    exchange.quote(future.con_id, 5000, 5001, 10, 10, NOW)
    order = Order(
        client_id=1, order_id=1, account="DU1", instrument=future, action="BUY", quantity=D(1),
        order_type="MKT",
    )  # fmt: skip
    exchange.place(order, NOW)
    before = exchange.account_values("DU1")["TotalCashValue"][0]
    ((fill, _),) = exchange.executions()
    exchange.correct(fill.exec_id, D(5000))
    assert exchange.account_values("DU1")["TotalCashValue"][0] == before + 50


def over_the_socket(test):
    async def main():
        async with PaperGateway(quotes=None, clock=ManualClock(NOW)) as gateway, connected(gateway) as ib:
            await test(gateway, ib)

    asyncio.run(main())


def test_clients_see_expiries_strikes_and_multipliers():
    async def test(gateway, ib):
        details = await ib.reqContractDetailsAsync(Future("ES", exchange="CME"))
        assert [d.contract.lastTradeDateOrContractMonth for d in details] == ["20260320", "20260619"]
        assert {(d.contract.multiplier, d.minTick) for d in details} == {("50", 0.25)}
        (put,) = await ib.qualifyContractsAsync(Option("SPY", "20260116", 540, "P", "SMART"))
        assert (put.conId > 0, put.multiplier, put.right) == (True, "100", "P")
        (pound,) = await ib.qualifyContractsAsync(Forex("GBPUSD"))
        assert pound.localSymbol == "GBP.USD"
        assert len(await ib.reqContractDetailsAsync(Stock("T", "SMART"))) == 2

    over_the_socket(test)


def test_an_ambiguous_order_and_one_in_another_currency_are_refused():
    async def test(gateway, ib):
        codes = []
        ib.errorEvent += lambda req_id, code, *_: codes.append(code) if req_id > 0 else None
        ib.placeOrder(Stock("T", "SMART", ""), MarketOrder("BUY", 1, tif="DAY"))
        ib.placeOrder(Stock("T", "SMART", "CAD"), MarketOrder("BUY", 1, tif="DAY"))
        await until(lambda: len(codes) == 2)
        assert codes == [200, 201]

    over_the_socket(test)


def test_the_multiplier_counts_in_positions_profits_and_margin():
    async def test(gateway, ib):
        gateway.market.set_quote("ESH6", 5400, "5400.25", 10, 10)
        (future,) = await ib.qualifyContractsAsync(Future("ES", "202603", "CME"))
        trade = ib.placeOrder(future, LimitOrder("BUY", 2, 5400.25, tif="DAY"))
        await until(lambda: trade.fills and trade.fills[0].commissionReport.execId)
        assert trade.fills[0].commissionReport.commission == 1.7
        gateway.market.set_quote("ESH6", 5410, "5410.50", 10, 10)
        account = gateway.floor.exchange.account_values("DU123456")
        (row,) = gateway.floor.exchange.portfolio("DU123456")
        assert (row.market_price, row.market_value) == (D("5410.25"), D("541025.00"))
        assert row.average_cost == D("270013.35")  # 50 times the price and the commission
        assert row.unrealized_pnl == D("998.30")
        assert account["NetLiquidation"][0] == D("1000998.30")
        assert account["InitMarginReq"][0] == D("32461.50")

    over_the_socket(test)


def test_a_preview_says_what_the_order_then_does():
    async def test(gateway, ib):
        gateway.market.set_quote("AAPL", 150, "150.02", 500, 500)
        (apple,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
        preview = await ib.whatIfOrderAsync(apple, MarketOrder("BUY", 100, tif="DAY"))
        gateway.market.set_quote("AAPL", "150.02", "150.02", 500, 500)  # no spread: marked where it is bought
        trade = ib.placeOrder(apple, MarketOrder("BUY", 100, tif="DAY"))
        await until(lambda: trade.fills and trade.fills[0].commissionReport.execId)
        values = gateway.floor.exchange.account_values("DU123456")
        assert D(preview.initMarginAfter) == values["InitMarginReq"][0]
        assert D(preview.maintMarginAfter) == values["MaintMarginReq"][0]
        assert D(preview.equityWithLoanAfter) == values["EquityWithLoanValue"][0]
        assert preview.commission == trade.fills[0].commissionReport.commission

    over_the_socket(test)


def test_the_tiered_plan_is_charged_when_it_is_chosen():
    async def main():
        async with PaperGateway(quotes=None, commission_plan="tiered") as gateway, connected(gateway) as ib:
            gateway.market.set_quote("AAPL", 150, "150.02", 500, 500)
            (apple,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
            trade = ib.placeOrder(apple, MarketOrder("BUY", 200, tif="DAY"))
            await until(lambda: trade.fills and trade.fills[0].commissionReport.execId)
            assert trade.fills[0].commissionReport.commission == 0.70

    asyncio.run(main())


def test_instruments_from_a_file_replace_the_shipped_ones(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("con_id,symbol,long_name,primary_exchange,reference_price\n7,XYZ,Xyz Corp,NYSE,12.5\n")

    async def main():
        async with PaperGateway(quotes=None, symbols=path) as gateway, connected(gateway) as ib:
            (found,) = await ib.qualifyContractsAsync(Stock("XYZ", "SMART", "USD"))
            assert found.conId == 7
            with pytest.raises(RequestError):
                await ib.reqContractDetailsAsync(Stock("AAPL", "SMART", "USD"))

    asyncio.run(main())


def test_the_universe_without_a_day_has_no_contract_that_expires():
    assert all(not instrument.expiry for instrument in Universe())
