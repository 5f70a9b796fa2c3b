"""A gateway that is killed without warning and started again, as its clients see it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from ib_async import IB, LimitOrder, MarketOrder

from tests import builders
from tests.gateway.processes import GatewayProcess, gateway_process
from tests.gateway.test_ib_async_client import apple, connected, until
from tests.waiting import until as until_true
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.orders.state import OrderStatus


async def seen(ib: IB) -> dict[str, Any]:
    """What a client that has just connected can learn."""
    orders = await ib.reqAllOpenOrdersAsync()
    cash = {value.tag: value.value for value in ib.accountValues()}["TotalCashValue"]
    return {
        "open": [(t.order.permId, t.order.orderId, t.orderStatus.status, t.order.lmtPrice) for t in orders],
        "fills": [
            (f.execution.execId, f.execution.permId, f.execution.price, f.commissionReport.commission)
            for f in ib.fills()
        ],
        "positions": [(p.contract.conId, p.position, p.avgCost) for p in ib.positions()],
        "cash": cash,
    }


def test_a_killed_gateway_comes_back_with_everything_that_its_clients_knew(tmp_path: Path):
    state = "--state", str(tmp_path / "state")

    async def trade(gateway: GatewayProcess) -> dict[str, Any]:
        async with connected(gateway) as ib:  # type: ignore[arg-type]
            contract = await apple(ib)
            filled = ib.placeOrder(contract, MarketOrder("BUY", 100, tif="DAY"))
            resting = ib.placeOrder(contract, LimitOrder("BUY", 10, 1.0, tif="GTC"))
            await until(lambda: filled.isDone() and filled.fills[-1].commissionReport.execId)
            await until(lambda: resting.orderStatus.status == "Submitted")
        async with connected(gateway) as ib:  # type: ignore[arg-type]
            return await seen(ib)

    async def look(gateway: GatewayProcess) -> dict[str, Any]:
        async with connected(gateway) as ib:  # type: ignore[arg-type]
            found = await seen(ib)
            after = ib.client.getReqId()
            assert after > found["open"][0][1], "order ids go on where they were"
            return found

    with gateway_process(*state) as gateway:
        before = asyncio.run(trade(gateway))
        gateway.kill()
    with gateway_process(*state) as gateway:
        assert asyncio.run(look(gateway)) == before
    assert len(before["open"]) == 1
    assert sum(Decimal(str(position)) for _, position, _ in before["positions"]) == 100


def test_our_client_finds_its_fill_at_a_gateway_that_was_killed_meanwhile(tmp_path: Path, home: Path):
    state = "--state", str(tmp_path / "state")

    async def session(gateway: GatewayProcess, work: Any) -> Any:
        client = IBKRExecClient({"host": gateway.host, "port": gateway.port, "client_id": 2})
        assert await client.connect_async(timeout=5), client.last_error
        try:
            return await work(client)
        finally:
            await client.disconnect_async()

    async def send(client: IBKRExecClient) -> None:
        await client.place_order(builders.raw_intent(limit_price=1))
        await until_true(lambda: client.ledger.get(builders.INTENT_ID).acked_at)  # type: ignore[union-attr]

    async def find(client: IBKRExecClient) -> None:
        order = client.ledger.get(builders.INTENT_ID)
        assert order is not None
        assert order.status is OrderStatus.SUBMITTED
        market = await client.place_order(builders.market_intent(intent_id="after", quantity=5))
        assert market > order.order_id
        await until_true(lambda: client.ledger.get("after").final)  # type: ignore[union-attr]

    async def settle(client: IBKRExecClient) -> None:
        after = client.ledger.get("after")
        assert after is not None
        assert after.status is OrderStatus.FILLED

    with gateway_process(*state) as gateway:
        asyncio.run(session(gateway, send))
        gateway.kill()
    with gateway_process(*state) as gateway:
        asyncio.run(session(gateway, find))
        gateway.kill()
    with gateway_process(*state) as gateway:
        asyncio.run(session(gateway, settle))
