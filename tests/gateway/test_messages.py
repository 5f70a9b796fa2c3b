"""
Requests and orders, checked against an independent reading of the protocol: ib_async's.

What its client writes must be understood here, and what is written here its decoder must read, at
every server version where a layout changes.
"""

from dataclasses import fields as dataclass_fields
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import (
    ComboLeg,
    Contract,
    DeltaNeutralContract,
    ExecutionFilter,
    LimitOrder,
    MarketOrder,
    Order,
    OrderComboLeg,
    PriceCondition,
    Stock,
    TagValue,
    TimeCondition,
)

from tests.gateway.decoding import AAPL, NOW, VERSIONS, asked, decoded, exchange_order, written
from toolkit.errors import WireError
from toolkit.gateway import order_replies, requests
from toolkit.gateway.order_form import read_place_order
from toolkit.gateway.request_reader import read_request, request_id


def rich_order() -> tuple[Contract, Order]:
    """An order that uses every group of fields that comes and goes."""
    contract = Contract(
        conId=AAPL.con_id,
        symbol="AAPL",
        secType="BAG",
        exchange="SMART",
        currency="USD",
        comboLegs=[
            ComboLeg(conId=1, ratio=2, action="BUY", exchange="SMART", openClose=1, exemptCode=-1),
            ComboLeg(
                conId=3, ratio=4, action="SELL", exchange="ARCA", shortSaleSlot=2, designatedLocation="x"
            ),
        ],
        deltaNeutralContract=DeltaNeutralContract(9, 0.5, 12.25),
    )
    order = LimitOrder(
        "SELL",
        250,
        12.345,
        orderRef="intent-1",
        tif="GTC",
        outsideRth=True,
        displaySize=100,
        ocaGroup="oca",
        ocaType=2,
        parentId=3,
        faGroup="group",
        modelCode="model",
        goodAfterTime="20260102 15:30:00 UTC",
        scalePriceIncrement=0.05,
        scaleInitLevelSize=10,
        scaleAutoReset=True,
        scaleRandomPercent=True,
        hedgeType="D",
        hedgeParam="beta",
        deltaNeutralOrderType="LMT",
        deltaNeutralAuxPrice=1.5,
        deltaNeutralConId=55,
        deltaNeutralShortSale=True,
        algoStrategy="Adaptive",
        algoParams=[TagValue("adaptivePriority", "Normal")],
        smartComboRoutingParams=[TagValue("NonGuaranteed", "1")],
        orderComboLegs=[OrderComboLeg(1.25), OrderComboLeg(2.5)],
        conditions=[
            PriceCondition(price=150.5, conId=AAPL.con_id, exch="SMART"),
            TimeCondition(conjunction="o", time="20260102 16:00:00 UTC"),
        ],
        conditionsIgnoreRth=True,
        cashQty=1000.5,
        usePriceMgmtAlgo=True,
        solicited=True,
    )
    return contract, order


# Set by the broker, or not part of what is echoed.
NOT_ECHOED = {"orderId", "clientId", "permId", "account", "transmit", "softDollarTier"}
# Only one of the two long messages carries these; openOrder comes back complete apart from them.
SENT_ONE_WAY = {
    "overridePercentageConstraints", "scaleTable", "activeStartTime", "activeStopTime", "algoId",
    "orderMiscOptions", "extOperator", "mifid2DecisionMaker", "mifid2DecisionAlgo",
    "mifid2ExecutionTrader", "mifid2ExecutionAlgo", "advancedErrorOverride", "manualOrderTime",
    "volatility",
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "make", [rich_order, lambda: (Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 100))]
)
def test_an_open_order_echoes_every_field_that_its_client_sent(version, make):
    contract, order = make()
    request = asked(version, "placeOrder", 12, contract, order)
    reply = order_replies.open_order(version, exchange_order(request), "Submitted")
    name, order_id, got_contract, got, state = decoded(reply, version)
    assert (name, order_id, state.status) == ("openOrder", 12, "Submitted")
    assert (got.orderId, got.clientId, got.permId, got.account) == (12, 7, 4711, "DU1")
    for field in dataclass_fields(Order):
        if field.name not in NOT_ECHOED | SENT_ONE_WAY:
            assert getattr(got, field.name) == getattr(order, field.name), field.name
    assert got_contract.conId == AAPL.con_id
    assert got_contract.comboLegs == contract.comboLegs
    assert got_contract.deltaNeutralContract == contract.deltaNeutralContract


@pytest.mark.parametrize("version", VERSIONS)
def test_a_completed_order_tells_how_it_ended_and_what_was_asked(version):
    contract, order = rich_order()
    request = asked(version, "placeOrder", 12, contract, order)
    ended = exchange_order(
        request,
        status="Cancelled",
        filled=Decimal(50),
        completed_at=NOW,
        completed_status="Cancelled by client",
    )
    name, got_contract, got, state = decoded(order_replies.completed_order(version, ended), version)
    assert name == "completedOrder"
    assert (got.permId, got.orderRef, got.filledQuantity, got.lmtPrice) == (4711, "intent-1", 50, 12.345)
    assert (got.algoParams, got.conditions, got.hedgeParam) == (order.algoParams, order.conditions, "beta")
    assert (state.status, state.completedStatus) == ("Cancelled", "Cancelled by client")
    assert state.completedTime == "20260102 15:30:05 UTC"
    assert got_contract.comboLegs == contract.comboLegs


@pytest.mark.parametrize(
    ("version", "sent", "open_", "completed"),
    [
        (157, 110, 120, 92),
        (163, 113, 123, 92),
        (164, 113, 123, 92),
        (176, 115, 128, 97),
        (177, 114, 127, 96),
        (178, 114, 127, 96),
    ],
)
def test_the_long_messages_have_exactly_the_fields_of_their_version(version, sent, open_, completed):
    fields = written(version, "placeOrder", 1, Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 1))
    request = read_request(fields, version)
    order = exchange_order(request)
    assert len(fields) == sent
    assert order_replies.open_order(version, order, "Submitted").count(b"\0", 4) == open_
    assert order_replies.completed_order(version, order).count(b"\0", 4) == completed


@pytest.mark.parametrize("asking", VERSIONS)
@pytest.mark.parametrize("placing", [157, 163, 178])
def test_an_order_placed_at_one_version_can_be_shown_at_another(placing, asking):
    request = asked(placing, "placeOrder", 3, *rich_order())
    name, *_, order, _ = decoded(
        order_replies.open_order(asking, exchange_order(request), "Submitted"), asking
    )
    assert (name, order.algoStrategy, order.usePriceMgmtAlgo) == ("openOrder", "Adaptive", True)


@pytest.mark.parametrize("order_type", ["PEG BEST", "PEG MID", "PEG BENCH"])
def test_pegged_orders_bring_their_own_fields(order_type):
    order = Order(
        action="BUY", totalQuantity=1, orderType=order_type, competeAgainstBestOffset=float("inf"),
        midOffsetAtWhole=0.01, midOffsetAtHalf=0.02, minCompeteSize=5, referenceContractId=8,
        referenceExchangeId="ARCA",
    )  # fmt: skip
    request = asked(178, "placeOrder", 3, Stock("AAPL", "SMART", "USD"), order)
    *_, got, _ = decoded(order_replies.open_order(178, exchange_order(request), "Submitted"), 178)
    wanted = {
        "PEG BEST": ("competeAgainstBestOffset", "midOffsetAtWhole", "minCompeteSize"),
        "PEG MID": ("midOffsetAtWhole", "midOffsetAtHalf"),
        "PEG BENCH": ("referenceContractId", "referenceExchangeId"),
    }
    for name in wanted[order_type]:
        assert getattr(got, name) == getattr(order, name)


def test_empty_fields_mean_what_other_clients_spell_out():
    fields = written(178, "placeOrder", 1, Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 100))
    blanked = ["" if text in {"0", "0.0", "1", "-1"} else text for text in fields]
    spelled = read_place_order("\0".join(fields), 178).values
    empty = read_place_order("\0".join(blanked), 178).values
    assert empty["transmit"] == spelled["transmit"] == "1"
    assert empty["exemptCode"] == spelled["exemptCode"] == "-1"
    assert (empty["whatIf"], empty["strike"], empty["parentId"]) == ("0", "0", "0")


@pytest.mark.parametrize("length", [1, 2, 20, 60, 109])
def test_an_order_that_ends_early_is_refused(length):
    fields = written(157, "placeOrder", 1, Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 100))
    with pytest.raises(WireError, match="ends"):
        read_place_order("\0".join(fields[:length]), 157)


@pytest.mark.parametrize("bad", [{"lmtPrice": "abc"}, {"parentId": "1.5"}, {"orderRef": "caf\u00e9"}])
def test_an_order_with_a_malformed_field_is_refused_by_name(bad):
    order = LimitOrder("BUY", 100, 1.5, **{k: v for k, v in bad.items() if k != "lmtPrice"})
    order.lmtPrice = bad.get("lmtPrice", 1.5)  # type: ignore[assignment]
    with pytest.raises(WireError, match=next(iter(bad))):
        asked(178, "placeOrder", 1, Stock("AAPL", "SMART", "USD"), order)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=130), st.sampled_from(VERSIONS))
def test_any_fields_are_read_or_refused(fields, version):
    try:
        request = read_request(["3", *fields], version)
    except WireError:
        return
    assert isinstance(request, requests.PlaceOrder)


@pytest.mark.parametrize("version", [157, 178])
@pytest.mark.parametrize(
    ("call", "args", "expected"),
    [
        ("cancelOrder", (5,), requests.CancelOrder(5)),
        ("reqGlobalCancel", (), requests.GlobalCancel()),
        ("reqOpenOrders", (), requests.OpenOrders(everyone=False)),
        ("reqAllOpenOrders", (), requests.OpenOrders(everyone=True)),
        ("reqAutoOpenOrders", (True,), requests.AutoOpenOrders(bind=True)),
        ("reqCompletedOrders", (False,), requests.CompletedOrders(api_only=False)),
        (
            "reqExecutions",
            (4, ExecutionFilter(clientId=2, symbol="AAPL", side="BUY")),
            requests.Executions(4, 2, "", "", "AAPL", "", "", "BUY"),
        ),
        ("reqAccountUpdates", (True, "DU1"), requests.AccountUpdates(subscribe=True, account="DU1")),
        (
            "reqAccountUpdatesMulti",
            (4, "DU1", "", False),
            requests.AccountUpdatesMulti(4, "DU1", "", ledger_and_nlv=False),
        ),
        ("reqAccountSummary", (4, "All", "A,B"), requests.AccountSummary(4, "All", "A,B")),
        ("cancelAccountSummary", (4,), requests.Unsubscribe(requests.Feed.ACCOUNT_SUMMARY, 4)),
        ("reqPositions", (), requests.Positions(subscribe=True)),
        ("cancelPositions", (), requests.Positions(subscribe=False)),
        ("reqPositionsMulti", (4, "DU1", ""), requests.PositionsMulti(4, "DU1", "")),
        ("reqPnL", (4, "DU1", ""), requests.Pnl(4, "DU1", "")),
        ("reqPnLSingle", (4, "DU1", "", 9), requests.PnlSingle(4, "DU1", "", 9)),
        ("reqMatchingSymbols", (4, "app"), requests.MatchingSymbols(4, "app")),
        ("reqMarketRule", (26,), requests.MarketRule(26)),
        ("reqMarketDataType", (3,), requests.MarketDataType(3)),
        ("cancelMktData", (4,), requests.Unsubscribe(requests.Feed.MARKET_DATA, 4)),
        ("cancelTickByTickData", (4,), requests.Unsubscribe(requests.Feed.TICK_BY_TICK, 4)),
        ("reqIds", (1,), requests.NextId()),
        ("reqManagedAccts", (), requests.ManagedAccounts()),
        ("reqCurrentTime", (), requests.CurrentTime()),
        ("setServerLogLevel", (5,), requests.ServerLogLevel(5)),
    ],
)
def test_a_request_of_a_client_is_understood(version, call, args, expected):
    assert asked(version, call, *args) == expected


@pytest.mark.parametrize("version", [157, 178])
def test_the_contract_of_a_request_is_understood(version):
    contract = Stock("AAPL", "SMART", "USD", primaryExchange="NASDAQ", conId=265598)
    details = asked(version, "reqContractDetails", 4, contract)
    data = asked(version, "reqMktData", 4, contract, "233", True, False, [])
    ticks = asked(version, "reqTickByTickData", 4, contract, "BidAsk", 0, False)
    assert isinstance(details, requests.ContractDetails)
    assert isinstance(data, requests.MarketData)
    assert isinstance(ticks, requests.TickByTick)
    assert details.contract == data.contract == ticks.contract
    assert (details.contract.con_id, details.contract.primary_exchange) == (265598, "NASDAQ")
    assert (data.generic_ticks, data.snapshot, ticks.kind) == ("233", True, "BidAsk")


def test_a_request_that_is_not_served_is_named_with_its_id():
    depth = asked(178, "reqMktDepth", 4, Stock("AAPL"), 5, False, [])
    assert depth == requests.Unsupported("reqMktDepth", 4, 354)
    assert read_request(["999", "1", "7"], 178) == requests.Unsupported("with message id 999", -1, 505)


def test_the_id_of_an_unreadable_request_is_still_found():
    assert request_id(["7", "3", "42", "not a number"]) == 42
    assert request_id(["3", "42"]) == 42
    assert request_id(["61", "1"]) == -1
