"""A gateway that is killed without warning and started again, as its clients see it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from ib_async import IB, LimitOrder, MarketOrder

from tests import builders
from tests.gateway.ib_async_session import apple, connected, until
from tests.gateway.processes import GatewayProcess, free_port, gateway_process
from tests.gateway.remembering import started
from tests.waiting import until as until_true
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.gateway.control_command import ask
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


def test_our_client_finds_a_fill_that_came_before_the_gateway_was_killed(tmp_path: Path, home: Path):
    port = free_port()
    options = "--state", str(tmp_path / "state"), "--control-port", str(port)

    async def session(gateway: GatewayProcess, work: Any) -> Any:
        client = IBKRExecClient({"host": gateway.host, "port": gateway.port, "client_id": 2})
        assert await client.connect_async(timeout=5), client.last_error
        try:
            return await work(client)
        finally:
            await client.disconnect_async()

    async def leave(client: IBKRExecClient) -> None:
        await client.place_order(builders.raw_intent(limit_price=449))
        await until_true(lambda: client.ledger.get(builders.INTENT_ID).acked_at)  # type: ignore[union-attr]

    async def come_back(client: IBKRExecClient) -> list[dict[str, Any]]:
        await until_true(lambda: client.ledger.get(builders.INTENT_ID).final)  # type: ignore[union-attr]
        order = client.ledger.get(builders.INTENT_ID)
        assert order is not None
        assert (order.status, order.avg_fill_price) == (OrderStatus.FILLED, Decimal(449))
        return await client.get_execution_reports()

    with gateway_process(*options) as gateway:
        list(ask(port, "freeze"))
        list(ask(port, "quote", symbol="SPY", bid=450.00, ask=450.02, bid_size=500, ask_size=500))
        asyncio.run(session(gateway, leave))
        list(ask(port, "quote", symbol="SPY", bid=448.90, ask=448.95, bid_size=500, ask_size=500))
        gateway.kill()
    with gateway_process(*options) as gateway:
        reports = asyncio.run(session(gateway, come_back))
        rows = list(ask(port, "ledger"))
    (fill,) = [report for report in reports if report["event"] == "Fill"]
    assert fill["recovered"]
    assert [row["row"] for row in rows if row] == ["order", "fill"]


def test_a_new_day_forgets_what_requests_tell_and_keeps_the_positions_and_the_ledger(tmp_path: Path):
    desk = started(tmp_path / "state")
    desk.quote(150, 150.02)
    desk.place(1, 100, order_type="MKT")
    desk.place(2, 10, limit_price=Decimal(1), tif="DAY")
    desk.state.close()

    async def look() -> None:
        async with PaperGateway(quotes=None, account="DU1", state=tmp_path / "state") as gateway:
            async with connected(gateway) as ib:
                assert ib.fills() == ib.trades() == []
                assert [position.position for position in ib.positions()] == [100]
                assert await ib.reqAllOpenOrdersAsync() == []
            assert gateway.ledger.position("AAPL") == 100
            assert [order.order_id for order in gateway.exchange.completed_orders()] == [1, 2]

    asyncio.run(look())


def test_a_bracket_that_was_half_entered_when_the_gateway_was_killed_still_protects(tmp_path: Path):
    control = free_port()
    symbols = tmp_path / "symbols.csv"  # its market begins between the two exits of the bracket
    symbols.write_text(
        "con_id,symbol,long_name,primary_exchange,reference_price\n265598,AAPL,Apple,NASDAQ,150\n"
    )
    options = "--state", str(tmp_path / "state"), "--control-port", str(control), "--symbols", str(symbols)

    def offer(bid: float, offered: float, size: int) -> None:
        list(ask(control, "quote", symbol="AAPL", bid=bid, ask=offered, bid_size=size, ask_size=size))

    def working(ib: IB) -> dict[str, tuple[str, float]]:
        """Order reference -> status and what remains, of the orders that are not done."""
        return {t.order.orderRef: (t.orderStatus.status, t.orderStatus.remaining) for t in ib.openTrades()}

    async def session(gateway: GatewayProcess, work: Any) -> None:
        async with connected(gateway) as ib:  # type: ignore[arg-type]
            await work(ib)

    async def half_enter(ib: IB) -> None:
        contract = await apple(ib)
        bracket = ib.bracketOrder("BUY", 100, 149, 155, 140)
        for order, name in zip(bracket, ("entry", "profit", "loss"), strict=True):
            order.orderRef, order.tif = name, "GTC"
            ib.placeOrder(contract, order)
        await until(lambda: working(ib)["loss"] == ("PreSubmitted", 100))
        offer(148.90, 149.00, 60)
        await until(lambda: working(ib)["entry"] == ("Submitted", 40))

    async def enter_the_rest_and_half_leave(ib: IB) -> None:
        assert working(ib) == {
            "entry": ("Submitted", 40), "profit": ("PreSubmitted", 100), "loss": ("PreSubmitted", 100)
        }  # fmt: skip
        offer(155.10, 155.20, 60)
        offer(148.90, 149.00, 40)
        await until(lambda: working(ib).get("profit") == ("Submitted", 100))
        offer(155.00, 155.10, 60)
        await until(lambda: working(ib) == {"profit": ("Submitted", 40), "loss": ("PreSubmitted", 40)})

    async def leave(ib: IB) -> None:
        assert working(ib) == {"profit": ("Submitted", 40), "loss": ("PreSubmitted", 40)}
        offer(155.10, 155.20, 40)
        await until(lambda: working(ib) == {})
        assert sum(fill.execution.shares for fill in ib.fills() if fill.execution.side == "SLD") == 100
        await until(lambda: not [position for position in ib.positions() if position.position])

    for work in (half_enter, enter_the_rest_and_half_leave, leave):
        with gateway_process(*options) as gateway:
            list(ask(control, "freeze"))
            asyncio.run(session(gateway, work))
            gateway.kill()
