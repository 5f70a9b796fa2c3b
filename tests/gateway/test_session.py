"""Conversations without sockets: what each client is told, in which order, and what it is not told."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from ib_async import ExecutionFilter, LimitOrder, MarketOrder, Order, Stock, StopOrder

from tests.gateway.talker import (
    AAPL,
    COMMISSION,
    ERROR,
    FILL,
    NOW,
    OPEN_ORDER,
    POSITION,
    STATUS,
    Talker,
    errors,
    kinds,
    statuses,
)
from toolkit.errors import WireError
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.floor import MAX_CLIENTS, Floor
from toolkit.gateway.instruments import Universe
from toolkit.gateway.wire import frame


@pytest.fixture
def floor() -> Floor:
    universe = Universe()
    floor = Floor(Exchange(universe, ["DU1"]), universe, ["DU1"], NOW)
    floor.quote(265598, 150, "150.02", 300, 400, NOW)
    return floor


@pytest.fixture
def client(floor: Floor) -> Iterator[Talker]:
    talker = Talker(floor)
    talker.asks("startApi")
    yield talker
    floor.leave(talker.session)


def test_a_client_that_names_itself_hears_accounts_next_id_and_farm_notices(floor):
    replies = Talker(floor).asks("startApi")
    assert replies[:2] == [["15", "1", "DU1"], ["9", "1", "1"]]
    assert errors(replies[2:]) == [(-1, 2104), (-1, 2106), (-1, 2158)]


def test_nothing_is_sent_between_the_version_and_the_name(floor):
    assert Talker(floor).heard() == []


@pytest.mark.parametrize(("offered", "told"), [(151, 151), (157, 157), (178, 178)])
def test_a_client_is_told_a_version_that_it_speaks(floor, offered, told):
    assert Talker(floor, version=offered).version == told


def test_a_request_before_the_name_ends_the_conversation(floor):
    with pytest.raises(WireError, match="startApi"):
        Talker(floor).asks("reqOpenOrders")


def test_a_second_client_with_the_same_id_is_told_so_and_ends(floor, client):
    second = Talker(floor)
    assert errors(second.asks("startApi")) == [(-1, 326)]
    assert second.session.ended
    floor.leave(second.session)
    assert floor.sessions == {1: client.session}


def test_a_client_id_is_free_again_once_its_client_has_left(floor, client):
    floor.leave(client.session)
    assert kinds(Talker(floor).asks("startApi"))[:2] == ["15", "9"]


def test_the_floor_holds_no_more_than_its_limit_of_clients(floor):
    for client_id in range(MAX_CLIENTS):
        Talker(floor, client_id).asks("startApi")
    late = Talker(floor, MAX_CLIENTS)
    assert errors(late.asks("startApi")) == [(-1, 502)]
    assert late.session.ended


def test_a_market_order_is_told_as_placed_executed_filled_and_charged(client):
    replies = client.places(5, MarketOrder("BUY", 100, orderRef="intent-1"))
    assert kinds(replies) == [OPEN_ORDER, STATUS, FILL, OPEN_ORDER, STATUS, COMMISSION]
    assert statuses(replies) == ["PreSubmitted", "Filled"]
    executed, charged = replies[2], replies[5]
    assert executed[1] == "-1"
    assert executed[14] == charged[2]
    assert int(replies[1][6]) > 0


def test_a_resting_limit_is_submitted_and_its_cancel_is_told_with_202(client):
    assert statuses(client.places(5, LimitOrder("BUY", 100, 140))) == ["Submitted"]
    replies = client.asks("cancelOrder", 5)
    assert kinds(replies) == [OPEN_ORDER, STATUS, ERROR]
    assert statuses(replies) == ["Cancelled"]
    assert errors(replies) == [(5, 202)]


def test_a_stop_waits_presubmitted_until_it_is_triggered(client):
    replies = client.places(5, StopOrder("SELL", 100, 140))
    assert statuses(replies) == ["PreSubmitted"]
    assert replies[1][10] == "trigger"


def test_a_working_order_can_be_changed(client):
    client.places(5, LimitOrder("BUY", 100, 140))
    replies = client.places(5, LimitOrder("BUY", 100, 141.5))
    assert kinds(replies) == [OPEN_ORDER, STATUS]
    assert "141.5" in replies[0]


@pytest.mark.parametrize(
    "bad", [LimitOrder("BUY", 100, 141.001), LimitOrder("BUY", 100, 141, algoStrategy="Adaptive")]
)
def test_a_refused_change_comes_as_a_warning_and_the_order_lives_on(client, bad):
    client.places(5, LimitOrder("BUY", 100, 140))
    replies = client.places(5, bad)
    assert [code in {105, 110, 329} for _, code in errors(replies)] == [True]
    assert statuses(replies) == ["Submitted"]
    assert statuses(client.asks("cancelOrder", 5)) == ["Cancelled"]


@pytest.mark.parametrize(
    ("order", "contract", "code"),
    [
        (MarketOrder("BUY", 100), Stock("NOSUCH", "SMART", "USD"), 200),
        (MarketOrder("BUY", 0), AAPL, 434),
        (LimitOrder("BUY", 1, 140.001), AAPL, 110),
        (Order(action="BUY", totalQuantity=1, orderType="MIDPRICE"), AAPL, 387),
        (MarketOrder("BUY", 100, account="DU999"), AAPL, 201),
        (MarketOrder("BUY", 10_000_000), AAPL, 201),
        (MarketOrder("HOLD", 1), AAPL, 201),
        (MarketOrder("BUY", 1, parentId=3), AAPL, 10006),
        (LimitOrder("BUY", 1, 1, allOrNone=True), AAPL, 201),
    ],
)
def test_an_order_that_cannot_be_traded_as_asked_is_refused_and_nothing_else(client, order, contract, code):
    replies = client.places(5, order, contract)
    assert kinds(replies) == [ERROR]
    assert errors(replies) == [(5, code)]
    assert client.asks("reqOpenOrders") == [["53", "1"]]


def test_an_order_with_a_malformed_field_is_refused_with_320_and_the_client_stays(client):
    order = LimitOrder("BUY", 100, 1)
    order.lmtPrice = "cheap"  # type: ignore[assignment]
    assert errors(client.places(5, order)) == [(5, 320)]
    assert kinds(client.asks("reqCurrentTime")) == ["49"]


def test_an_order_id_that_was_used_up_is_a_duplicate(client):
    client.places(5, MarketOrder("BUY", 100))
    assert errors(client.places(5, MarketOrder("BUY", 100))) == [(5, 103)]
    assert errors(client.places(4, MarketOrder("BUY", 100))) == [(4, 103)]


@pytest.mark.parametrize(("order_id", "code"), [(5, 10148), (9, 10147)])
def test_a_cancel_of_a_finished_or_unknown_order_is_refused(client, order_id, code):
    client.places(5, MarketOrder("BUY", 100))
    assert errors(client.asks("cancelOrder", order_id)) == [(order_id, code)]


def test_a_what_if_is_answered_with_margins_and_places_nothing(client):
    replies = client.places(5, MarketOrder("BUY", 100, whatIf=True))
    assert kinds(replies) == [OPEN_ORDER]
    assert client.asks("reqAllOpenOrders") == [["53", "1"]]


@pytest.mark.parametrize(
    ("order", "contract", "code"),
    [
        (MarketOrder("BUY", 0, whatIf=True), AAPL, 201),
        (LimitOrder("BUY", 1, 140.001, whatIf=True), AAPL, 110),
        (MarketOrder("BUY", 1, whatIf=True), Stock("NOSUCH", "SMART", "USD"), 200),
    ],
)
def test_a_refused_what_if_comes_with_a_code_that_ends_it(client, order, contract, code):
    assert errors(client.places(5, order, contract)) == [(5, code)]


def test_an_order_survives_its_client_and_is_found_again_under_the_same_id(floor, client):
    client.places(5, LimitOrder("BUY", 100, 140, orderRef="intent-1"))
    floor.leave(client.session)
    floor.quote(265598, 139, "139.90", 300, 400, NOW)
    again = Talker(floor)
    assert again.asks("startApi")[1] == ["9", "1", "6"]
    replies = again.asks("reqExecutions", 7, ExecutionFilter())
    assert kinds(replies) == [FILL, COMMISSION, "55"]
    assert "intent-1" in replies[0]


def test_executions_of_every_client_are_shown_and_the_filter_is_honoured(floor, client):
    client.places(5, MarketOrder("BUY", 100))
    client.places(6, MarketOrder("SELL", 50))
    other = Talker(floor, client_id=2)
    other.asks("startApi")

    def found(**wanted: Any) -> int:
        return kinds(other.asks("reqExecutions", 7, ExecutionFilter(**wanted))).count(FILL)

    assert found() == 2
    assert found(clientId=1) == 2
    assert found(clientId=2) == 0
    assert found(side="SELL") == found(side="SLD") == 1
    assert found(symbol="MSFT") == found(acctCode="DU9") == found(secType="OPT") == 0
    assert found(time="20260102 15:29:00 UTC") == 2
    assert found(time="20260102-15:31:00") == 0
    assert found(time="20260102 10:31:00 US/Eastern") == 0


@pytest.mark.parametrize("time", ["yesterday", "20260102 15:30:00 America", "00010101 00:00:00 Asia/Tokyo"])
def test_an_executions_filter_with_an_unreadable_time_is_refused(client, time):
    replies = client.asks("reqExecutions", 7, ExecutionFilter(time=time))
    assert errors(replies) == [(7, 320)]


def test_completed_orders_hold_the_finished_ones_of_today(client):
    client.places(5, MarketOrder("BUY", 100))
    client.places(6, LimitOrder("BUY", 100, 140))
    assert kinds(client.asks("reqCompletedOrders", False)) == ["101", "102"]
    client.now = NOW + timedelta(days=1)
    assert kinds(client.asks("reqCompletedOrders", False)) == ["102"]
    assert kinds(client.asks("reqExecutions", 7, ExecutionFilter())) == ["55"]


def test_positions_come_at_once_and_then_whenever_they_change(client):
    assert kinds(client.asks("reqPositions")) == ["62"]
    assert client.places(5, MarketOrder("BUY", 100))[-1][:3] == [POSITION, "3", "DU1"]
    client.asks("cancelPositions")
    assert POSITION not in kinds(client.places(6, MarketOrder("BUY", 100)))


def test_the_positions_of_one_account_are_a_stream_under_a_request_id(client):
    assert client.asks("reqPositionsMulti", 8, "DU1", "") == [["72", "1", "8"]]
    assert client.places(5, MarketOrder("BUY", 100))[-1][:4] == ["71", "1", "8", "DU1"]


def test_account_values_come_with_an_end_mark_and_then_only_when_they_change(floor, client):
    replies = client.asks("reqAccountUpdates", True, "DU1")
    assert kinds(replies)[-2:] == ["8", "54"]
    assert ["6", "2", "NetLiquidation", "1000000", "USD", "DU1"] in replies
    client.places(5, MarketOrder("BUY", 100))
    floor.refresh(NOW)
    told = client.heard()
    assert "7" in kinds(told)
    assert ["6", "2", "NetLiquidation", "999998", "USD", "DU1"] in told
    floor.refresh(NOW + timedelta(seconds=5))
    assert client.heard() == []


def test_an_account_summary_holds_the_tags_asked_for(client):
    replies = client.asks("reqAccountSummary", 8, "All", "NetLiquidation,$LEDGER:ALL,NoSuchTag")
    assert [fields[4] for fields in replies[:-1]] == [
        "NetLiquidation",
        "CashBalance",
        "RealizedPnL",
        "UnrealizedPnL",
    ]
    assert replies[-1] == ["64", "1", "8"]


@pytest.mark.parametrize(
    ("call", "args"),
    [
        ("reqAccountUpdatesMulti", ("DU9", "", False)),
        ("reqPositionsMulti", ("DU9", "")),
        ("reqPnL", ("DU9", "")),
        ("reqPnLSingle", ("DU9", "", 265598)),
    ],
)
def test_an_unknown_account_ends_the_request_with_an_error(client, call, args):
    assert errors(client.asks(call, 8, *args)) == [(8, 200)]


def test_profits_follow_the_market(floor, client):
    client.places(5, MarketOrder("BUY", 100))
    assert client.asks("reqPnL", 8, "DU1", "") == [["94", "8", "-2", "-2", "0"]]
    assert client.asks("reqPnLSingle", 9, "DU1", "", 265598)[0][:4] == ["95", "9", "100", "-2"]
    floor.quote(265598, 151, "151.02", 300, 400, NOW)
    floor.refresh(NOW + timedelta(seconds=2))
    assert client.heard()[0][:3] == ["94", "8", "98"]


def test_contract_details_end_with_their_mark_and_an_unknown_contract_with_200(client):
    assert kinds(client.asks("reqContractDetails", 8, AAPL)) == ["10", "52"]
    assert errors(client.asks("reqContractDetails", 8, Stock("NOSUCH", "SMART", "USD"))) == [(8, 200)]


def test_market_data_starts_with_what_is_known_and_then_tells_changes_only(floor, client):
    replies = client.asks("reqMktData", 8, AAPL, "", False, False, [])
    assert kinds(replies) == ["81", "58", "1", "2", "1", "2"]
    assert [fields[3:6] for fields in replies[2::2]] == [["1", "150", "300"], ["2", "150.02", "400"]]
    assert [fields[3:] for fields in replies[3::2]] == [["0", "300"], ["3", "400"]]
    floor.quote(265598, 150, "150.02", 300, 400, NOW)
    assert client.heard() == []
    floor.quote(265598, 150, "150.03", 500, 400, NOW)
    assert [fields[0:5] for fields in client.heard()] == [
        ["2", "6", "8", "0", "500"],
        ["1", "6", "8", "2", "150.03"],
        ["2", "6", "8", "3", "400"],
    ]
    floor.quote(265598, None, "150.03", 0, 400, NOW)
    assert client.heard() == [["1", "6", "8", "1", "-1", "0", "0"], ["2", "6", "8", "0", "0"]]
    client.asks("cancelMktData", 8)
    floor.quote(265598, 149, "149.02", 300, 400, NOW)
    assert client.heard() == []


def test_a_print_is_told_as_last_price_and_size(floor, client):
    client.asks("reqMktData", 8, AAPL, "", False, False, [])
    floor.trade(265598, "150.01", 100, NOW)
    assert [fields[3:6] for fields in client.heard()[:2]] == [["45", "1767367800"], ["4", "150.01", "100"]]


@pytest.mark.parametrize(("version", "told"), [(157, "0"), (178, "0.5")])
def test_a_fraction_of_a_share_is_told_only_to_clients_that_can_read_it(floor, version, told):
    client = Talker(floor, 2, version)
    client.asks("startApi")
    client.asks("reqMktData", 8, AAPL, "", False, False, [])
    client.asks("reqTickByTickData", 9, AAPL, "BidAsk", 0, False)
    client.asks("reqTickByTickData", 10, AAPL, "Last", 0, False)
    floor.quote(265598, 150, "150.02", "0.5", 400, NOW)
    floor.trade(265598, "150.01", "0.5", NOW)
    size, both, _, last, volume, *_, print_ = client.heard()
    assert (size[4], both[6], last[5], volume[4], print_[5]) == (told, told, told, told, told)


def test_a_snapshot_ends_and_no_stream_follows(floor, client):
    replies = client.asks("reqMktData", 8, AAPL, "", True, False, [])
    assert kinds(replies) == ["81", "58", "1", "2", "1", "2", "57"]
    floor.quote(265598, 149, "149.02", 300, 400, NOW)
    assert client.heard() == []


def test_tick_by_tick_tells_each_quote_or_each_print(floor, client):
    client.asks("reqTickByTickData", 8, AAPL, "BidAsk", 0, False)
    client.asks("reqTickByTickData", 9, AAPL, "Last", 0, False)
    floor.quote(265598, 149, "149.02", 300, 400, NOW)
    floor.trade(265598, "149.01", 100, NOW)
    assert [fields[:3] for fields in client.heard()] == [["99", "8", "3"], ["99", "9", "1"]]


def test_a_running_ticker_id_cannot_be_used_twice(client):
    client.asks("reqMktData", 8, AAPL, "", False, False, [])
    assert errors(client.asks("reqMktData", 8, AAPL, "", False, False, [])) == [(8, 322)]


def test_the_end_of_an_unknown_subscription_is_an_error(client):
    assert errors(client.asks("cancelMktData", 8)) == [(8, 300)]


def test_a_client_that_leaves_leaves_no_subscription_behind(floor, client):
    client.asks("reqMktData", 8, AAPL, "", False, False, [])
    floor.leave(client.session)
    assert floor.watchers == {}


def test_a_request_that_is_not_served_is_answered_with_an_error_that_names_it(client):
    replies = client.asks("reqHistoricalTicks", 8, AAPL, "", "", 10, "TRADES", 1, False, [])
    assert errors(replies) == [(8, 162)]
    assert "reqHistoricalTicks" in replies[0][4]
    client.session.receive(frame(["999", "1"]), NOW)
    assert errors(client.heard()) == [(-1, 505)]


def test_a_burst_is_never_a_multiple_of_the_block_that_official_clients_read(client):
    client.session.send(b"x" * 8192)
    assert len(client.session.take_output()) % 4096


def test_the_ledger_knows_every_order_and_every_fill(floor, client):
    client.places(5, MarketOrder("BUY", 100, orderRef="intent-1"))
    client.places(6, LimitOrder("BUY", 100, 140, orderRef="intent-2"))
    client.places(6, LimitOrder("BUY", 100, 141, orderRef="intent-2"))
    client.places(7, MarketOrder("BUY", 0, orderRef="intent-3"))
    client.asks("cancelOrder", 6)
    ledger = floor.ledger
    assert {ref: len(orders) for ref, orders in ledger.orders.items()} == {
        "intent-1": 1,
        "intent-2": 1,
        "intent-3": 1,
    }
    assert [request.modification for request in ledger.requests] == [False, False, True, False]
    assert ledger.orders["intent-3"][0].refused == 434
    assert ledger.cancels == [(1, 6)]
    (fill,) = ledger.fills_of("intent-1")
    assert (fill.shares, fill.price, fill.side, fill.commission) == (100, Decimal("150.02"), "BOT", 1)
    assert ledger.position("AAPL") == 100
