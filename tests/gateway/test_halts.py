"""A trading halt, as clients see it; what fills and what does not stands in the table of cases."""

from __future__ import annotations

import math

from ib_async import LimitOrder, MarketOrder

from tests.gateway.ib_async_session import apple, connected, until, with_gateway
from toolkit.gateway import PaperGateway


def test_a_client_hears_of_a_halt_and_its_orders_wait_until_it_is_over():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            ticker = ib.reqMktData(contract)
            await until(lambda: ticker.ask == 150.02)
            assert math.isnan(ticker.halted)
            gateway.market.halt("AAPL")
            await until(lambda: ticker.halted == 1)
            held = ib.placeOrder(contract, MarketOrder("BUY", 100, tif="DAY"))
            resting = ib.placeOrder(contract, LimitOrder("BUY", 100, 149, tif="DAY"))
            gateway.market.set_quote("AAPL", 148, 148.02, 300, 400)
            gateway.market.trade("AAPL", 148, 100)
            await until(lambda: ticker.ask == 148.02)
            await until(lambda: resting.orderStatus.status == "Submitted")
            assert (held.orderStatus.status, ib.fills()) == ("PreSubmitted", [])
            assert math.isnan(ticker.last), "nothing is printed in a halt"
            gateway.market.resume("AAPL")
            await until(lambda: held.isDone() and resting.isDone())
            assert ticker.halted == 0
            assert sorted(fill.execution.price for fill in ib.fills()) == [148.02, 149]

    with_gateway(test)


def test_who_asks_for_a_halted_market_is_told_so():
    async def test(gateway: PaperGateway) -> None:
        gateway.market.halt("AAPL")
        async with connected(gateway) as ib:
            ticker = ib.reqMktData(await apple(ib))
            await until(lambda: ticker.halted == 1)

    with_gateway(test)
