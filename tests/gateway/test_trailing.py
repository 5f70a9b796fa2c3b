"""Trailing stops as their clients see them: where the stop is now, not where it began."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from ib_async import Order

from tests.gateway.ib_async_session import apple, connected, until, with_gateway
from tests.gateway.talker import AAPL, OPEN_ORDER, STATUS, kinds
from tests.gateway.test_session import client, floor
from toolkit.gateway import PaperGateway

__all__ = ["client", "floor"]  # fixtures
CON_ID = 265598


def trail_limit(**terms: object) -> Order:
    return Order(action="SELL", totalQuantity=10, orderType="TRAIL LIMIT", auxPrice=0.25, tif="GTC", **terms)


def test_every_step_of_a_trailing_stop_is_told_with_its_stop_and_its_limit():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.market.trade("AAPL", 150, 100)
            trade = ib.placeOrder(await apple(ib), trail_limit(lmtPriceOffset=0.05))
            await until(lambda: trade.orderStatus.whyHeld == "trigger")
            gateway.market.trade("AAPL", "150.20", 100)
            async with connected(gateway, 2) as other:
                (seen,) = await other.reqAllOpenOrdersAsync()
                assert (seen.order.trailStopPrice, seen.order.lmtPrice) == (149.95, 149.90)
                assert (seen.order.auxPrice, seen.order.lmtPriceOffset) == (0.25, 0.05)
            gateway.market.trade("AAPL", "149.95", 100)
            await until(trade.isDone)
            assert trade.fills[0].execution.price == 150

    with_gateway(test)


def test_a_step_towards_the_market_is_pushed_and_one_away_from_it_is_none(client, floor):
    floor.trade(CON_ID, 150, 100, client.now)
    client.places(1, trail_limit(lmtPriceOffset=0.05), AAPL)
    floor.trade(CON_ID, "150.10", 100, client.now)
    assert kinds(client.heard()) == [OPEN_ORDER, STATUS]
    floor.trade(CON_ID, "150.05", 100, client.now)
    assert client.heard() == []


def test_a_killed_gateway_takes_a_trailing_stop_up_where_it_was(tmp_path: Path):
    options = {"quotes": None, "state": tmp_path / "state"}

    async def follow() -> None:
        async with PaperGateway(**options) as gateway, connected(gateway) as ib:
            gateway.market.set_quote("AAPL", 150, 150.02)
            gateway.market.trade("AAPL", 150, 100)
            trade = ib.placeOrder(await apple(ib), trail_limit(lmtPriceOffset=0.05))
            await until(lambda: trade.orderStatus.whyHeld == "trigger")
            gateway.market.trade("AAPL", "150.30", 100)

    async def come_back() -> None:
        async with PaperGateway(**options) as gateway, connected(gateway) as ib:
            (trade,) = ib.openTrades()
            assert (trade.order.trailStopPrice, trade.order.lmtPrice) == (150.05, 150.0)
            gateway.market.set_quote("AAPL", 150, 150.02)
            gateway.market.trade("AAPL", "150.06", 100)
            assert trade.orderStatus.status == "PreSubmitted"
            gateway.market.trade("AAPL", "150.05", 100)
            await until(trade.isDone)
            assert gateway.ledger.position("AAPL") == Decimal(-10)

    asyncio.run(follow())
    asyncio.run(come_back())
