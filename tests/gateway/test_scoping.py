"""Who sees an order, and who may touch it: its client, other clients, client 0, and nobody (H25)."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from ib_async import ExecutionFilter, LimitOrder

from tests.gateway.ib_async_session import connected, until, with_gateway
from tests.gateway.talker import COMMISSION, FILL, NOW, OPEN_ORDER, STATUS, Talker, errors, kinds, statuses
from toolkit.gateway import PaperGateway
from toolkit.gateway.api_settings import ApiSettings
from toolkit.gateway.events import Order
from toolkit.gateway.floor import Floor
from toolkit.gateway.instruments import Universe
from toolkit.gateway.interference import PracticeExchange
from toolkit.gateway.order_form import ClientOrder, place_order_fields

UNIVERSE = Universe()
(APPLE,) = UNIVERSE.find(symbol="AAPL")
ID, CLIENT, PERM_ID = 1, 9, 6
"""Places of the order id, the client id and the permanent id in an orderStatus."""


class Hall(Floor):
    """A floor with a hand that can make orders in the broker's own window."""

    exchange: PracticeExchange

    def by_hand(self, limit: int | None = None) -> None:
        kind = "MKT" if limit is None else "LMT"
        values = {"symbol": "AAPL", "action": "BUY", "totalQuantity": "10", "orderType": kind}
        order = Order(
            client_id=0,
            order_id=0,
            account="DU1",
            instrument=APPLE,
            action="BUY",
            quantity=Decimal(10),
            order_type=kind,
            limit_price=None if limit is None else Decimal(limit),
            raw=ClientOrder("\0".join(place_order_fields(values)), 178),
        )
        client_0 = self.sessions.get(0)
        bound = client_0 is not None and client_0.binds
        self.publish(self.exchange.place_by_hand(order, NOW, bound=bound))

    def client(self, client_id: int) -> Talker:
        talker = Talker(self, client_id)
        talker.asks("startApi")
        return talker


@pytest.fixture
def hall() -> Hall:
    return open_hall()


def open_hall(master: int | None = None) -> Hall:
    exchange = PracticeExchange(UNIVERSE, ["DU1"])
    hall = Hall(exchange, UNIVERSE, ["DU1"], NOW, ApiSettings(master_client_id=master))
    hall.quote(APPLE.con_id, 150, "150.02", 300, 400, NOW)
    return hall


def ids(replies: list[list[str]]) -> list[tuple[str, str]]:
    """(client id, order id) of each orderStatus."""
    return [(fields[CLIENT], fields[ID]) for fields in replies if fields[0] == STATUS]


def test_h25_an_order_is_told_to_its_client_alone_and_shown_to_whoever_asks_for_all(hall):
    first, other = hall.client(1), hall.client(2)
    first.places(5, LimitOrder("BUY", 100, 140))
    assert other.heard() == []
    assert kinds(other.asks("reqOpenOrders")) == ["53"]
    replies = other.asks("reqAllOpenOrders")
    assert kinds(replies) == [OPEN_ORDER, STATUS, "53"]
    assert ids(replies) == [("1", "5")]


def test_h25_another_client_cannot_cancel_an_order(hall):
    hall.client(1).places(5, LimitOrder("BUY", 100, 140))
    for other in hall.client(2), hall.client(0):
        assert errors(other.asks("cancelOrder", 5)) == [(5, 10147)]
    assert len(hall.exchange.open_orders()) == 1


def test_h25_the_same_id_of_another_client_is_another_order_and_changes_nothing(hall):
    hall.client(1).places(5, LimitOrder("BUY", 100, 140))
    hall.client(2).places(5, LimitOrder("BUY", 100, 141))
    assert [(o.client_id, o.limit_price) for o in hall.exchange.open_orders()] == [(1, 140), (2, 141)]


def test_the_master_client_sees_all_and_may_touch_nothing():
    hall = open_hall(master=9)
    master, trader = hall.client(9), hall.client(1)
    trader.places(5, LimitOrder("BUY", 100, 140))
    hall.by_hand(139)
    assert ids(master.heard()) == [("1", "5"), ("0", "0")]
    assert errors(master.asks("cancelOrder", 5)) == [(5, 10147)]


def test_h44_a_global_cancel_ends_the_orders_of_every_client_and_those_made_by_hand(hall):
    first, other = hall.client(1), hall.client(2)
    first.places(5, LimitOrder("BUY", 100, 140))
    hall.by_hand(139)
    other.asks("reqGlobalCancel")
    assert statuses(first.heard()) == ["Cancelled"]
    assert hall.exchange.open_orders() == []


def test_h25_orders_made_by_hand_have_id_0_and_are_told_apart_by_their_permanent_ids(hall):
    trader, client_0 = hall.client(1), hall.client(0)
    hall.by_hand(140)
    hall.by_hand(139)
    assert trader.heard() == client_0.heard() == []
    replies = trader.asks("reqAllOpenOrders")
    assert ids(replies) == [("0", "0"), ("0", "0")]
    assert len({fields[PERM_ID] for fields in replies if fields[0] == STATUS}) == 2
    assert errors(client_0.asks("cancelOrder", 0)) == [(0, 10147)]


def test_h25_client_0_that_asks_for_its_open_orders_binds_those_made_by_hand(hall):
    client_0 = hall.client(0)
    hall.by_hand(140)
    assert ids(client_0.asks("reqAllOpenOrders")) == [("0", "0")]
    assert ids(client_0.asks("reqOpenOrders")) == [("0", "-1")]
    hall.by_hand(139)
    assert client_0.heard() == [], "those that come later are not bound by that"


def test_h25_a_fill_made_by_hand_is_found_among_the_executions_and_told_to_nobody(hall):
    trader, client_0 = hall.client(1), hall.client(0)
    hall.by_hand()
    assert trader.heard() == client_0.heard() == []
    replies = trader.asks("reqExecutions", 7, ExecutionFilter())
    assert kinds(replies) == [FILL, COMMISSION, "55"]
    assert replies[0][2] == "0"


def test_h25_binding_gives_client_0_the_orders_made_by_hand_under_negative_ids(hall):
    client_0 = hall.client(0)
    hall.by_hand(140)
    hall.by_hand(139)
    assert ids(client_0.asks("reqAutoOpenOrders", True)) == [("0", "-1"), ("0", "-2")]
    hall.by_hand(138)
    assert ids(client_0.heard()) == [("0", "-3")]
    assert statuses(client_0.asks("cancelOrder", -2)) == ["Cancelled"]
    assert ids(client_0.places(-1, LimitOrder("BUY", 20, 141))) == [("0", "-1")]
    assert [(o.order_id, o.quantity) for o in hall.exchange.open_orders()] == [(-1, 20), (-3, 10)]


def test_client_0_that_binds_no_longer_hears_of_no_further_ones(hall):
    client_0 = hall.client(0)
    client_0.asks("reqAutoOpenOrders", True)
    client_0.asks("reqAutoOpenOrders", False)
    hall.by_hand(140)
    assert client_0.heard() == []


def test_an_order_made_by_hand_does_not_use_up_ids_of_client_0(hall):
    client_0 = hall.client(0)
    client_0.asks("reqAutoOpenOrders", True)
    hall.by_hand(140)
    assert client_0.asks("reqIds", 1) == [["9", "1", "1"]]
    client_0.heard()
    assert statuses(client_0.places(1, LimitOrder("BUY", 1, 139))) == ["Submitted"]


def test_h25_ib_async_as_client_0_cancels_an_order_made_by_hand():
    async def test(gateway: PaperGateway) -> None:
        async with connected(gateway, client_id=0) as ib:
            gateway.faults.add("foreign", symbol="AAPL", limit=100.0, owner=0)
            await until(ib.openTrades)
            (trade,) = ib.openTrades()
            assert (trade.order.clientId, trade.order.orderId) == (0, -1)
            ib.cancelOrder(trade.order)
            await until(trade.isDone)
            assert gateway.exchange.open_orders() == []

    with_gateway(test)


def test_h25_a_bound_id_outlives_the_gateway(tmp_path):
    async def main() -> None:
        for _ in range(2):  # the second time it comes from the file
            async with PaperGateway(quotes=None, state=tmp_path / "state") as gateway:
                if not gateway.exchange.open_orders():
                    gateway.faults.add("foreign", symbol="AAPL", limit=100.0, owner=0)
                    async with connected(gateway, client_id=0) as ib:
                        assert [trade.order.orderId for trade in ib.openTrades()] == [-1]
                assert [order.order_id for order in gateway.exchange.open_orders()] == [-1]

    asyncio.run(main())
