"""What a gateway's settings forbid and allow: read-only mode, pacing, the master client, client 0."""

from datetime import timedelta
from typing import Any

import pytest
from ib_async import LimitOrder, MarketOrder

from tests.gateway.talker import COMMISSION, FILL, NOW, OPEN_ORDER, STATUS, Talker, errors, kinds, statuses
from toolkit.gateway.api_settings import MAX_MESSAGES_PER_SECOND, ApiSettings
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.floor import Floor
from toolkit.gateway.instruments import Universe

SECOND = timedelta(seconds=1)


def floor_with(**settings: Any) -> Floor:
    universe = Universe()
    floor = Floor(Exchange(universe, ["DU1"]), universe, ["DU1"], NOW, ApiSettings(**settings))
    floor.quote(265598, 150, "150.02", 300, 400, NOW)
    return floor


def entered(floor: Floor, client_id: int = 1, options: str = "") -> Talker:
    talker = Talker(floor, client_id, options=options)
    talker.asks("startApi")
    return talker


def test_a_read_only_gateway_refuses_orders_with_321_and_trades_nothing():
    floor = floor_with(read_only=True)
    client = entered(floor)
    assert errors(client.places(5, MarketOrder("BUY", 100, orderRef="intent-1"))) == [(5, 321)]
    assert errors(client.asks("cancelOrder", 5)) == [(5, 321)]
    assert errors(client.asks("reqGlobalCancel")) == [(-1, 321)]
    assert floor.ledger.fills == {}
    assert [request.refused for request in floor.ledger.requests] == [321]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [("reqOpenOrders", ()), ("reqCompletedOrders", (False,)), ("reqAutoOpenOrders", (True,))],
)
def test_a_read_only_gateway_refuses_questions_about_ones_own_orders(call, arguments):
    assert errors(entered(floor_with(read_only=True), 0).asks(call, *arguments)) == [(-1, 321)]


@pytest.mark.parametrize(
    ("call", "end"), [("reqAllOpenOrders", "53"), ("reqPositions", "62"), ("reqCurrentTime", "49")]
)
def test_a_read_only_gateway_answers_everything_else(call, end):
    assert kinds(entered(floor_with(read_only=True)).asks(call)) == [end]


def test_the_message_above_the_rate_is_error_100_and_the_end():
    client = entered(floor_with(pace=SECOND))
    for _ in range(MAX_MESSAGES_PER_SECOND - 1):  # the name was the first one
        assert kinds(client.asks("reqCurrentTime")) == ["49"]
    assert errors(client.asks("reqCurrentTime")) == [(-1, 100)]
    assert client.session.ended
    assert client.asks("reqCurrentTime") == []


def test_a_client_that_stays_below_the_rate_is_served_for_ever():
    client = entered(floor_with(pace=SECOND))
    for _ in range(4 * MAX_MESSAGES_PER_SECOND):
        client.now += 1.01 * SECOND / MAX_MESSAGES_PER_SECOND
        assert kinds(client.asks("reqCurrentTime")) == ["49"]


def test_bursts_below_the_rate_may_come_a_little_less_than_a_second_apart():
    client = entered(floor_with(pace=SECOND))
    for _ in range(4):
        client.now += 0.97 * SECOND
        for _ in range(45):
            assert kinds(client.asks("reqCurrentTime")) == ["49"]


def test_a_client_that_asks_to_be_slowed_down_is_not_cut_off():
    client = entered(floor_with(pace=SECOND), options=" +PACEAPI")
    for _ in range(4 * MAX_MESSAGES_PER_SECOND):
        assert kinds(client.asks("reqCurrentTime")) == ["49"]


def test_without_pacing_a_client_may_send_as_fast_as_it_likes():
    client = entered(floor_with())
    for _ in range(4 * MAX_MESSAGES_PER_SECOND):
        assert kinds(client.asks("reqCurrentTime")) == ["49"]


def test_the_master_client_hears_of_the_orders_and_fills_of_all():
    floor = floor_with(master_client_id=9)
    master, trader, other = entered(floor, 9), entered(floor, 1), entered(floor, 2)
    own = trader.places(5, MarketOrder("BUY", 100))
    heard = master.heard()
    assert kinds(heard) == kinds(own) == [OPEN_ORDER, STATUS, FILL, OPEN_ORDER, STATUS, COMMISSION]
    assert {fields[9] for fields in heard if fields[0] == STATUS} == {"1"}
    assert other.heard() == []


def test_the_master_client_hears_of_its_own_orders_once():
    assert statuses(entered(floor_with(master_client_id=9), 9).places(5, LimitOrder("BUY", 1, 140))) == [
        "Submitted"
    ]


def test_errors_are_told_to_their_client_alone():
    floor = floor_with(master_client_id=9)
    master, trader = entered(floor, 9), entered(floor, 1)
    assert errors(trader.places(5, MarketOrder("BUY", 0))) == [(5, 434)]
    assert master.heard() == []


@pytest.mark.parametrize(("client_id", "told"), [(0, []), (1, [(-1, 321)])])
def test_only_client_0_may_bind_orders_made_by_hand(client_id, told):
    assert errors(entered(floor_with(), client_id).asks("reqAutoOpenOrders", True)) == told
