"""Faults of the broker itself, as an unmodified ib_async meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from ib_async import LimitOrder, MarketOrder

from tests.gateway.ib_async_session import apple, connected, until, with_gateway
from tests.gateway.test_faults_messages import Heard, bought, settled
from tests.gateway.test_server import Peer
from toolkit.errors import GatewayError
from toolkit.gateway import PaperGateway


@pytest.fixture
def peer_of() -> Iterator[Callable[[PaperGateway], Peer]]:
    """Connects bare sockets, past the notices that come first."""
    peers: list[Peer] = []

    def connect(gateway: PaperGateway) -> Peer:
        peers.append(Peer(gateway).enter())
        for _ in range(3):
            peers[-1].hear("4")
        return peers[-1]

    yield connect
    for peer in peers:
        peer.socket.close()


@pytest.mark.parametrize("code", [201, 203, 321, 10289])
def test_an_order_is_rejected_with_any_code(code):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("reject", code=code, text="No such luck")
            trade = await bought(ib)
            await until(lambda: heard.of("error"))
            assert heard.of("error")[0][:3] == (trade.order.orderId, code, "No such luck")
            (request,) = gateway.ledger.requests
            assert request.refused == code
            assert gateway.exchange.open_orders() == []

    with_gateway(test)


@pytest.mark.parametrize(
    "told", ["openOrder,orderStatus,error", "error,orderStatus", "orderStatus,error,openOrder"]
)
def test_an_order_becomes_inactive_in_any_order_of_messages(told):
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("reject", inactive=told)
            await bought(ib)
            await settled(ib)
            assert heard.names() == told.split(",")
            status = heard.of("orderStatus")[0]
            assert status[1] == "Inactive"
            assert status[5] > 0

    with_gateway(test)


def test_a_short_sale_is_held_until_shares_are_located_and_keeps_its_permanent_id():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            gateway.faults.add("locate", seconds=0.05)
            trade = ib.placeOrder(await apple(ib), MarketOrder("SELL", 10, tif="DAY"))
            await until(lambda: heard.of("error"))
            assert heard.of("error")[0][1] == 404
            held = heard.of("orderStatus")[0]
            assert (held[1], held[9]) == ("PreSubmitted", "locate")
            await until(lambda: trade.orderStatus.status == "Filled")
            assert {status[5] for status in heard.of("orderStatus")} == {held[5]}

    with_gateway(test)


def test_too_many_orders_on_one_side_are_refused():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            contract = await apple(ib)
            gateway.faults.add("side_limit", limit=2)
            buys = [ib.placeOrder(contract, LimitOrder("BUY", 1, 100 + n, tif="DAY")) for n in range(3)]
            sell = ib.placeOrder(contract, LimitOrder("SELL", 1, 200, tif="DAY"))
            await until(lambda: sell.orderStatus.status == "Submitted")
            assert [trade.orderStatus.status for trade in buys] == ["Submitted", "Submitted", "Cancelled"]
            assert "same side" in buys[2].log[-1].message

    with_gateway(test)


def test_an_order_fills_after_it_was_told_cancelled():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            heard = Heard(ib)
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 10, 149.0, tif="DAY"))
            await until(lambda: trade.orderStatus.status == "Submitted")
            gateway.faults.add("fill_after_cancel", seconds=0.05)
            ib.cancelOrder(trade.order)
            await until(lambda: any(code == 202 for _, code, *_ in heard.of("error")))
            assert trade.orderStatus.status == "Cancelled"
            await until(lambda: trade.fills and trade.orderStatus.status == "Filled")
            assert trade.fills[0].execution.price == 149.0
            assert gateway.ledger.position("AAPL") == 10

    with_gateway(test)


def test_a_change_during_an_outage_makes_a_second_live_order():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            trade = ib.placeOrder(await apple(ib), LimitOrder("BUY", 10, 149.0, orderRef="mine", tif="DAY"))
            await until(lambda: trade.orderStatus.status == "Submitted")
            gateway.faults.add("notice", code=1100)
            gateway.faults.add("twin")
            trade.order.lmtPrice = 148.0
            ib.placeOrder(trade.contract, trade.order)
            gateway.faults.add("notice", code=1102)
            await settled(ib)
            first, second = gateway.exchange.open_orders()
            assert (first.order_id, first.order_ref) == (second.order_id, second.order_ref)
            assert (first.limit_price, second.limit_price) == (149, 148)
            assert first.perm_id != second.perm_id
            ib.cancelOrder(trade.order)
            await until(lambda: trade.orderStatus.status == "Cancelled")
            gateway.market.set_quote("AAPL", 148.5, 149)
            await until(lambda: trade.fills)
            assert trade.fills[0].execution.permId == first.perm_id

    with_gateway(test)


def test_orders_of_others_appear_among_all_open_orders():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            gateway.faults.add("foreign", symbol="AAPL", quantity=7, limit=100.0)
            gateway.faults.add("foreign", symbol="AAPL", action="SELL", limit=200.0, owner=0)
            trades = await ib.reqAllOpenOrdersAsync()
            found = [
                (t.order.clientId, t.order.action, t.order.totalQuantity, t.order.lmtPrice) for t in trades
            ]
            assert found == [(999, "BUY", 7, 100.0), (0, "SELL", 100, 200.0)]
            assert all(trade.contract.symbol == "AAPL" and trade.order.permId for trade in trades)

    with_gateway(test)


def test_a_position_is_liquidated_by_the_broker():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            trade = await bought(ib)
            await until(trade.isDone)
            gateway.faults.add("liquidate", symbol="AAPL")
            await until(lambda: ib.positions() == [])
            fills = await ib.reqExecutionsAsync()
            assert [(fill.execution.clientId, fill.execution.side) for fill in fills] == [
                (1, "BOT"),
                (0, "SLD"),
            ]

    with_gateway(test)


def test_an_execution_is_corrected_and_the_money_follows():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway) as ib:
            trade = await bought(ib)
            await until(lambda: trade.fills and trade.fills[0].commissionReport.execId)
            first = trade.fills[0].execution
            gateway.faults.add("correct", order_ref="mine", price=149.5)
            await until(lambda: len(trade.fills) == 2)
            second = trade.fills[1].execution
            assert (first.execId[-2:], second.execId[-2:], second.price) == ("01", "02", 149.5)
            assert first.execId[:-2] == second.execId[:-2]
            (issued,) = gateway.ledger.fills_of("mine")
            assert issued.price == Decimal("149.5")
            cash = gateway.exchange.account_values("DU123456")["TotalCashValue"][0]
            assert cash == 1_000_000 - Decimal("149.5") * 100 - 1
            assert ib.positions()[0].position == 100

    with_gateway(test)


def test_what_is_not_there_cannot_be_corrected_or_ordered():
    with PaperGateway(quotes=None) as gateway:
        with pytest.raises(GatewayError, match="no execution"):
            gateway.faults.add("correct", price=1.0)
        with pytest.raises(GatewayError, match="no single instrument called 'NOSUCH'"):
            gateway.faults.add("foreign", symbol="NOSUCH")


def test_an_order_that_cannot_be_read_is_refused_as_ever(peer_of):
    with PaperGateway(quotes=None) as gateway:
        gateway.faults.add("reject", times=0)
        peer = peer_of(gateway)
        for fields in (["3", "9" * 5000], ["3", "7", "nonsense"], ["4", "1", "\u00b2"]):
            peer.say(*fields)
            assert peer.hear("4")[3] != "201"
        peer.say("49", "1")
        peer.hear("49")
