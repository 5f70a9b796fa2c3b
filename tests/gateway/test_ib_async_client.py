"""An unmodified ib_async against the gateway, over real sockets."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest
from ib_async import (
    IB,
    ExecutionFilter,
    Forex,
    LimitOrder,
    MarketOrder,
    Order,
    RequestError,
    Stock,
    StopOrder,
    Trade,
)

from tests.gateway.ib_async_session import DEADLINE, apple, connected, until, with_gateway
from toolkit.gateway import PaperGateway


def words(trade: Trade) -> list[str]:
    return [entry.status for entry in trade.log]


def test_connecting_gets_every_answer_that_it_waits_for():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            assert ib.client.serverVersion() == 178
            assert ib.managedAccounts() == ["DU123456"]
            assert ib.positions() == ib.trades() == ib.fills() == []
            assert {value.tag: value.value for value in ib.accountValues()}["NetLiquidation"] == "1000000"

    with_gateway(test)


def test_client_zero_connects_with_several_accounts():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway, client_id=0) as ib:
            assert ib.managedAccounts() == ["DU1", "DU2"]
            trade = ib.placeOrder(await apple(ib), MarketOrder("BUY", 10, account="DU2", tif="DAY"))
            await until(trade.isDone)
            assert [position.account for position in ib.positions()] == ["DU2"]

    with_gateway(test, account="DU1,DU2")


def test_contracts_are_qualified_and_unknown_ones_are_not():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            assert (await apple(ib)).conId == 265598
            (euro,) = await ib.qualifyContractsAsync(Forex("EURUSD"))
            assert euro is not None
            assert euro.conId == 12087792
            ib.RaiseRequestErrors = False
            assert await ib.qualifyContractsAsync(Stock("NOSUCH", "SMART", "USD")) == [None]

    with_gateway(test)


def test_a_market_order_is_filled_with_an_execution_and_a_commission():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            order = MarketOrder("BUY", 100, orderRef="intent-1", tif="DAY")
            trade = ib.placeOrder(await apple(ib), order)
            await until(lambda: trade.fills and trade.fills[0].commissionReport.execId)
            assert (trade.orderStatus.status, trade.remaining()) == ("Filled", 0)
            (fill,) = trade.fills
            assert (fill.execution.shares, fill.execution.price, fill.execution.side) == (100, 150.02, "BOT")
            assert (fill.execution.orderRef, fill.execution.permId) == ("intent-1", trade.orderStatus.permId)
            assert abs(fill.execution.time - trade.log[0].time) < timedelta(seconds=DEADLINE)
            assert fill.commissionReport.commission == 1.0
            await until(lambda: ib.positions() and ib.portfolio())
            assert (ib.positions()[0].position, ib.portfolio()[0].marketPrice) == (100, 150.01)
            (issued,) = gateway.ledger.fills_of("intent-1")
            assert issued.exec_id == fill.execution.execId

    with_gateway(test)


def test_a_large_order_is_filled_in_parts_as_the_market_offers_more():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 1000, 150.02, tif="DAY"))
            await until(lambda: trade.filled() > 0)
            assert 0 < trade.filled() < 1000
            for size in (600, 700, 800):
                gateway.market.set_quote("AAPL", 150, 150.02, 300, size)
            await until(trade.isDone)
            assert sum(fill.execution.shares for fill in trade.fills) == trade.filled() == 1000

    with_gateway(test)


def test_a_limit_rests_is_changed_and_is_cancelled_with_202():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            codes: list[int] = []
            ib.errorEvent += lambda req_id, code, *_: codes.append(code) if req_id >= 0 else None
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 100, 140, tif="GTC"))
            await until(lambda: trade.orderStatus.status == "Submitted")
            trade.order.lmtPrice = 141
            ib.placeOrder(trade.contract, trade.order)
            await until(lambda: gateway.floor.exchange.open_orders()[0].limit_price == 141)
            ib.cancelOrder(trade.order)
            await until(trade.isDone)
            assert words(trade)[-1] == "Cancelled"
            await until(lambda: codes == [202])

    with_gateway(test)


def test_a_stop_rests_presubmitted_and_fires():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            trade = ib.placeOrder(contract, StopOrder("SELL", 100, 149, tif="DAY"))
            await until(lambda: trade.orderStatus.status == "PreSubmitted")
            gateway.market.set_quote("AAPL", 148.90, 148.92)
            gateway.market.trade("AAPL", 148.91, 100)
            gateway.market.set_quote("AAPL", 148.89, 148.91)
            await until(trade.isDone)
            assert words(trade)[-1] == "Filled"

    with_gateway(test)


@pytest.mark.parametrize(("order_id", "code"), [(0, 103), (None, 201)])
def test_a_refused_order_ends_cancelled_with_its_code(order_id, code):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            codes: list[tuple[int, int]] = []
            ib.errorEvent += lambda req_id, number, *_: codes.append((req_id, number))
            contract = await apple(ib)
            first = ib.placeOrder(contract, MarketOrder("BUY", 1, tif="DAY"))
            await until(first.isDone)
            if order_id is None:
                ib.placeOrder(contract, MarketOrder("BUY", 1, account="DU9", tif="DAY"))
                number = first.order.orderId + 1
            else:
                number = first.order.orderId
                ib.client.placeOrder(number, contract, MarketOrder("BUY", 1, tif="DAY"))
            await until(lambda: (number, code) in codes)
            assert len(gateway.ledger.fills) == 1

    with_gateway(test)


def test_a_client_id_in_use_is_refused_with_326():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway):
            second, codes = IB(), []
            second.errorEvent += lambda _, code, *__: codes.append(code)
            with pytest.raises((ConnectionError, TimeoutError)):
                await second.connectAsync(gateway.host, gateway.port, 1, timeout=0.5)
            assert 326 in codes

    with_gateway(test)


def test_orders_of_all_clients_are_seen_by_another_one():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway, 1) as one, connected(gateway, 2) as two:
            trade = one.placeOrder(
                await apple(one), LimitOrder("BUY", 7, 140, orderRef="intent-1", tif="DAY")
            )
            await until(lambda: trade.orderStatus.status == "Submitted")
            assert two.openTrades() == []
            (seen,) = await two.reqAllOpenOrdersAsync()
            assert (seen.order.orderRef, seen.order.clientId, seen.order.totalQuantity) == ("intent-1", 1, 7)

    with_gateway(test)


def test_a_client_that_comes_back_finds_its_orders_and_what_it_missed():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            gone = ib.placeOrder(contract, LimitOrder("BUY", 10, 149, orderRef="filled-meanwhile", tif="GTC"))
            kept = ib.placeOrder(contract, LimitOrder("BUY", 10, 140, orderRef="still-working", tif="GTC"))
            await until(lambda: gone.orderStatus.status == kept.orderStatus.status == "Submitted")
        await until(lambda: not gateway.floor.sessions)
        gateway.market.set_quote("AAPL", 148, 148.5)
        async with connected(gateway) as ib:
            assert [trade.order.orderRef for trade in ib.openTrades()] == ["still-working"]
            assert [fill.execution.orderRef for fill in ib.fills()] == ["filled-meanwhile"]
            assert ib.fills()[0].commissionReport.commission > 0
            completed = [trade for trade in ib.trades() if trade.isDone()]
            assert [trade.order.orderRef for trade in completed] == ["filled-meanwhile"]
            ib.cancelOrder(ib.openTrades()[0].order)
            await until(lambda: not ib.openTrades())

    with_gateway(test)


def test_account_summary_what_if_and_look_ups_are_answered():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            requests: list[Awaitable[Any]] = [
                ib.accountSummaryAsync(),
                ib.whatIfOrderAsync(contract, MarketOrder("BUY", 100, tif="DAY")),
                ib.reqMatchingSymbolsAsync("AAPL"),
                ib.reqMarketRuleAsync(26),
                ib.reqCurrentTimeAsync(),
                ib.reqTickersAsync(contract),
                ib.reqCompletedOrdersAsync(False),
                ib.reqExecutionsAsync(ExecutionFilter()),
            ]
            summary, preview, samples, rule, now, (ticker,), *_ = await asyncio.wait_for(
                asyncio.gather(*requests), DEADLINE
            )
            assert {row.tag: row.value for row in summary}["NetLiquidation"] == "1000000"
            assert float(preview.initMarginChange) > 0
            assert samples[0].contract.symbol == "AAPL"
            assert [step.increment for step in rule] == [0.0001, 0.01]
            assert now.tzinfo is not None
            assert (ticker.bid, ticker.bidSize, ticker.ask, ticker.askSize) == (150, 300, 150.02, 400)

    with_gateway(test)


def test_market_data_streams_until_it_is_cancelled():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            ticker = ib.reqMktData(contract)
            await until(lambda: ticker.ask == 150.02)
            gateway.market.set_quote("AAPL", 150.10, 150.11, 500, 600)
            gateway.market.trade("AAPL", 150.11, 200)
            await until(lambda: ticker.last == 150.11)
            assert (ticker.bid, ticker.bidSize, ticker.askSize, ticker.lastSize) == (150.10, 500, 600, 200)
            ib.cancelMktData(contract)
            await until(lambda: not gateway.floor.watchers)

    with_gateway(test)


def test_tick_by_tick_and_profit_streams_arrive():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            quotes: list[tuple[float, float]] = []
            ticker = ib.reqTickByTickData(contract, "BidAsk")
            ticker.updateEvent += lambda t: quotes.extend((x.bidPrice, x.askPrice) for x in t.tickByTicks)
            profit = ib.reqPnL("DU123456")
            await until(lambda: gateway.floor.watchers)
            gateway.market.set_quote("AAPL", 151, 151.02)
            await until(lambda: quotes == [(151, 151.02)])
            await until(lambda: profit.unrealizedPnL == 0)

    with_gateway(test)


def test_what_is_not_served_ends_with_an_error_and_not_in_silence():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            with pytest.raises(RequestError, match="reqHistoricalTicks"):
                await asyncio.wait_for(
                    ib.reqHistoricalTicksAsync(contract, "", "", 10, "TRADES", True), DEADLINE
                )
            with pytest.raises(RequestError, match="reqSecDefOptParams"):
                await asyncio.wait_for(ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598), DEADLINE)

    with_gateway(test)


def test_what_the_gateway_has_none_of_is_an_empty_answer_and_not_a_wait():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            ib.RaiseRequestErrors = False
            requests: list[Awaitable[Any]] = [
                ib.reqNewsProvidersAsync(),
                ib.reqMktDepthExchangesAsync(),
                ib.reqMarketRuleAsync(9999),
                ib.reqSmartComponentsAsync(""),
                ib.reqUserInfoAsync(),
                ib.reqScannerParametersAsync(),
                ib.requestFAAsync(1),
            ]
            # Those that the client gives up by itself would be None.
            *empty, scanners, groups = await asyncio.wait_for(asyncio.gather(*requests), DEADLINE)
            assert empty == [[], [], [], [], []]
            assert (scanners, groups) == (
                "<ScanParameterResponse></ScanParameterResponse>",
                "<ListOfGroups></ListOfGroups>",
            )

    with_gateway(test)


def test_a_read_only_gateway_serves_a_read_only_client_and_refuses_its_orders():
    async def test(gateway: PaperGateway) -> None:
        ib, codes = IB(), []
        ib.errorEvent += lambda _, code, *__: codes.append(code)
        await ib.connectAsync(gateway.host, gateway.port, 1, readonly=True, raiseSyncErrors=True)
        trade = ib.placeOrder(await apple(ib), MarketOrder("BUY", 1, tif="DAY"))
        await until(lambda: 321 in codes)
        assert trade.orderStatus.status == "ValidationError"
        ib.disconnect()

    with_gateway(test, read_only=True)


def test_a_client_that_sends_too_fast_is_told_100_and_cut_off():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            codes: list[int] = []
            ib.errorEvent += lambda _, code, *__: codes.append(code)
            for _ in range(60):
                ib.client.reqCurrentTime()
            await until(lambda: not ib.isConnected())
            assert 100 in codes

    with_gateway(test, pacing=True)


def test_the_throttle_of_ib_async_keeps_it_below_the_rate():
    async def test(gateway: PaperGateway) -> None:
        ib = IB()
        await ib.connectAsync(gateway.host, gateway.port, 1)
        for _ in range(60):
            ib.client.reqIds(1)
        await asyncio.wait_for(ib.reqCurrentTimeAsync(), DEADLINE)
        assert ib.isConnected()
        ib.disconnect()

    with_gateway(test, pacing=True)


def test_the_master_client_follows_the_trades_of_another_client():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway, 9) as master, connected(gateway, 1) as trader:
            trader.placeOrder(await apple(trader), MarketOrder("BUY", 100, tif="DAY"))
            await until(lambda: master.fills() and master.fills()[0].commissionReport.commission)
            (trade,) = master.trades()
            assert (trade.order.clientId, trade.orderStatus.status) == (1, "Filled")

    with_gateway(test, master_client_id=9)


def test_two_hundred_orders_at_once_are_all_filled_exactly_once():
    async def test(gateway: PaperGateway) -> None:
        gateway.market.set_quote("AAPL", 150, 150.02, 100_000, 100_000)
        async with connected(gateway) as ib:
            contract = await apple(ib)
            trades = [
                ib.placeOrder(contract, MarketOrder("BUY", 1, orderRef=f"intent-{n}", tif="DAY"))
                for n in range(200)
            ]
            await until(lambda: all(trade.isDone() for trade in trades))
            assert len(ib.fills()) == len(gateway.ledger.fills) == len(gateway.ledger.orders) == 200
            await until(lambda: ib.positions()[0].position == gateway.ledger.position("AAPL") == 200)

    with_gateway(test)


def test_a_bracket_of_ib_async_enters_and_its_profit_cancels_its_stop():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            stock = await apple(ib)
            entry, profit, loss = (
                ib.placeOrder(stock, order)
                for order in ib.bracketOrder("BUY", 100, 150.02, 151, 149, tif="DAY")
            )
            await until(lambda: loss.orderStatus.whyHeld == "trigger")
            assert (entry.orderStatus.status, profit.orderStatus.status) == ("Filled", "Submitted")
            assert (loss.orderStatus.status, loss.orderStatus.parentId) == (
                "PreSubmitted",
                entry.order.orderId,
            )
            gateway.market.set_quote("AAPL", 151, 151.02, 40, 400)
            await until(lambda: profit.filled() == 40 and loss.remaining() == 60)
            gateway.market.set_quote("AAPL", 151.01, 151.03, 400, 400)
            await until(lambda: profit.isDone() and loss.isDone())
            assert (profit.orderStatus.status, loss.orderStatus.status) == ("Filled", "Cancelled")

    with_gateway(test)


def test_a_trailing_stop_fires_when_the_price_falls_back():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.market.trade("AAPL", 150, 100)
            order = Order(action="SELL", totalQuantity=10, orderType="TRAIL", auxPrice=0.25, tif="DAY")
            trade = ib.placeOrder(await apple(ib), order)
            await until(lambda: trade.orderStatus.whyHeld == "trigger")
            gateway.market.trade("AAPL", "150.20", 100)
            gateway.market.trade("AAPL", "149.95", 100)
            await until(trade.isDone)
            assert trade.fills[0].execution.price == 150

    with_gateway(test)
