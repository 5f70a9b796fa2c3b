"""
Requests and replies, checked against an independent reading of the protocol: ib_async's.

What its client writes must be understood here, and what is written here its decoder must read, at
every server version where a layout changes.
"""

from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

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
from ib_async.client import Client
from ib_async.decoder import Decoder
from ib_async.util import UNSET_DOUBLE

from toolkit.errors import WireError
from toolkit.gateway import account_replies, lookups, order_replies, replies, requests
from toolkit.gateway.events import (
    CommissionCharged,
    Executed,
    MarginPreview,
    OrderUpdated,
    PortfolioRow,
    PositionChanged,
)
from toolkit.gateway.events import Order as ExchangeOrder
from toolkit.gateway.instruments import Universe
from toolkit.gateway.order_form import read_place_order
from toolkit.gateway.request_reader import read_request, request_id

VERSIONS = [157, 158, 163, 164, 166, 169, 170, 176, 177, 178]
NOW = datetime(2026, 1, 2, 15, 30, 5, tzinfo=UTC)
(AAPL,) = Universe().find(symbol="AAPL")


class Wrapper:
    """Collects what the decoder calls."""

    defaultTimezone = UTC  # noqa: N815

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, args))


def decoded(reply: bytes, version: int) -> tuple[Any, ...]:
    """The one call that ib_async's decoder makes of a reply: its name, then its arguments."""
    assert int.from_bytes(reply[:4], "big") == len(reply) - 4
    wrapper = Wrapper()
    decoder = Decoder(wrapper, version)  # type: ignore[arg-type]
    decoder.logger.propagate = False
    decoder.interpret(reply[4:].decode("ascii").split("\0")[:-1])
    assert len(wrapper.calls) == 1, "the reply could not be decoded"
    name, args = wrapper.calls[0]
    return name, *args


def written(version: int, call: str, *args: Any) -> list[str]:
    """The fields that ib_async's client sends for one of its calls."""
    sent: list[str] = []
    client = Client(Wrapper())
    client._serverVersion = version
    client.connState = Client.CONNECTED
    client.sendMsg = sent.append  # type: ignore[method-assign]
    getattr(client, call)(*args)
    return sent[0].split("\0")[:-1]


def asked(version: int, call: str, *args: Any) -> requests.Request:
    return read_request(written(version, call, *args), version)


def exchange_order(request: requests.PlaceOrder, **known: Any) -> ExchangeOrder:
    return ExchangeOrder(
        client_id=7,
        order_id=request.order_id,
        account="DU1",
        instrument=AAPL,
        action=request.form.values["action"],
        quantity=Decimal(request.form.values["totalQuantity"]),
        order_type=request.form.values["orderType"],
        order_ref=request.form.values["orderRef"],
        perm_id=4711,
        raw=request.received,
        **known,
    )


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


FILL = Executed(
    exec_id="0000e0d5.1.1.01",
    order=exchange_order(
        asked(178, "placeOrder", 3, Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 9, orderRef="x"))
    ),
    instrument=AAPL,
    time=NOW,
    account="DU1",
    exchange="NASDAQ",
    side="BOT",
    shares=Decimal(9),
    price=Decimal("150.02"),
    perm_id=4711,
    client_id=7,
    order_id=3,
    cum_qty=Decimal(9),
    avg_price=Decimal("150.02"),
    order_ref="x",
    liquidity=2,
)  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_an_execution_is_read_with_its_values(version):
    name, req_id, contract, execution = decoded(order_replies.execution(version, -1, FILL), version)
    assert (name, req_id, contract.symbol, contract.exchange) == ("execDetails", -1, "AAPL", "SMART")
    assert (execution.execId, execution.orderRef, execution.time) == ("0000e0d5.1.1.01", "x", NOW)
    assert (execution.shares, execution.price, execution.side) == (9, 150.02, "BOT")
    assert (execution.permId, execution.clientId, execution.orderId) == (4711, 7, 3)
    assert (execution.exchange, execution.lastLiquidity, execution.acctNumber) == ("NASDAQ", 2, "DU1")


@pytest.mark.parametrize(("version", "count"), [(157, 31), (177, 31), (178, 32)])
def test_an_execution_has_exactly_the_fields_of_its_version(version, count):
    assert order_replies.execution(version, -1, FILL).count(b"\0", 4) == count


@pytest.mark.parametrize(("version", "count"), [(157, 5), (165, 5), (166, 6), (178, 6)])
def test_an_error_has_exactly_the_fields_of_its_version(version, count):
    reply = replies.error(version, 4, 202, "Order Canceled - reason:")
    assert reply.count(b"\0", 4) == count
    assert decoded(reply, version) == ("error", 4, 202, "Order Canceled - reason:", "")


def test_an_error_text_holds_no_backslash():
    assert decoded(replies.error(178, 4, 201, "C:\\x"), 178)[3] == "C:/x"


@pytest.mark.parametrize("version", VERSIONS)
def test_contract_details_are_read_with_their_values(version):
    name, req_id, details = decoded(replies.contract_details(version, 4, AAPL), version)
    assert (name, req_id, details.contract.conId, details.contract.symbol) == (
        "contractDetails",
        4,
        265598,
        "AAPL",
    )
    assert (details.minTick, details.longName, details.timeZoneId) == (0.01, AAPL.long_name, "US/Eastern")
    assert details.marketRuleIds.split(",")[0] == str(AAPL.market_rule_id)
    assert details.validExchanges == AAPL.valid_exchanges
    if version >= 164:
        assert (details.minSize, details.sizeIncrement) == (1, 1)


@pytest.mark.parametrize("version", [157, 176])
def test_symbol_samples_are_read_with_their_values(version):
    name, req_id, found = decoded(replies.symbol_samples(version, 4, [AAPL, AAPL]), version)
    assert (name, req_id) == ("symbolSamples", 4)
    assert [description.contract.conId for description in found] == [265598, 265598]


def test_an_order_status_is_read_with_its_values():
    update = OrderUpdated(
        FILL.order, "Submitted", Decimal(3), Decimal(6), Decimal("150.015"), Decimal("150.02"), "trigger"
    )
    assert decoded(order_replies.order_status(update), 178) == (
        "orderStatus", 3, "Submitted", 3.0, 6.0, 150.015, 4711, 0, 150.02, 7, "trigger", 0.0,
    )  # fmt: skip


def test_a_commission_without_a_realized_profit_says_so():
    *_, report = decoded(order_replies.commission(CommissionCharged("x", Decimal("1.05"), "USD", None)), 178)
    assert (report.execId, report.commission, report.currency, report.realizedPNL) == (
        "x",
        1.05,
        "USD",
        UNSET_DOUBLE,
    )


def test_a_what_if_answer_carries_margins_as_numbers():
    request = asked(178, "placeOrder", 3, Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 9, whatIf=True))
    preview = MarginPreview(*map(Decimal, ("1", "3.5", "2", "4", "10", "9", "1.25")))
    *_, order, state = decoded(order_replies.what_if(178, exchange_order(request), preview), 178)
    assert order.whatIf
    assert (state.initMarginBefore, state.initMarginChange, state.initMarginAfter) == ("1", "2.5", "3.5")
    assert (state.equityWithLoanChange, state.commission) == ("-1", 1.25)


def test_account_and_position_replies_are_read_with_their_values():
    row = PortfolioRow("DU1", AAPL, *map(Decimal, ("5", "10.5", "52.5", "10", "2.5", "0")))
    held = PositionChanged("DU1", AAPL, Decimal(-5), Decimal("10.25"))
    name, contract, *values = decoded(account_replies.portfolio_value(row), 178)
    assert (name, contract.conId, values) == ("updatePortfolio", 265598, [5, 10.5, 52.5, 10, 2.5, 0, "DU1"])
    name, account, contract, *values = decoded(account_replies.position(held), 178)
    assert (name, account, contract.symbol, values) == ("position", "DU1", "AAPL", [-5, 10.25])
    name, req_id, account, model, contract, *values = decoded(
        account_replies.position_multi(4, held, "m"), 178
    )
    assert (name, req_id, account, model, values) == ("positionMulti", 4, "DU1", "m", [-5, 10.25])
    assert decoded(account_replies.account_value("Cash", Decimal("1.50"), "USD", "DU1"), 178) == (
        "updateAccountValue", "Cash", "1.5", "USD", "DU1",
    )  # fmt: skip
    assert decoded(account_replies.pnl_single(4, row, Decimal(1)), 178) == (
        "pnlSingle",
        4,
        5,
        1,
        2.5,
        0,
        52.5,
    )
    assert decoded(account_replies.pnl(4, Decimal(1), Decimal(2), Decimal(3)), 178) == ("pnl", 4, 1, 2, 3)
    assert decoded(account_replies.account_update_time(NOW), 178) == ("updateAccountTime", "15:30")


def test_market_replies_are_read_with_their_values():
    assert decoded(replies.tick_price(4, 1, Decimal("1.50"), Decimal(300), 1), 178) == (
        "priceSizeTick",
        4,
        1,
        1.5,
        300,
    )
    assert decoded(replies.tick_size(4, 0, Decimal(300)), 178) == ("tickSize", 4, 0, 300)
    assert decoded(replies.tick_req_params(4, AAPL), 178) == ("tickReqParams", 4, 0.01, "", 0)
    assert decoded(replies.market_data_type(4, 1), 178) == ("marketDataType", 4, 1)
    _, rule, steps = decoded(replies.market_rule(26, AAPL.increments), 178)
    assert (rule, [(step.lowEdge, step.increment) for step in steps]) == (26, [(0, 0.0001), (1, 0.01)])
    name, req_id, time, *quote, _ = decoded(
        replies.tick_by_tick_bid_ask(4, NOW, Decimal(1), Decimal(2), Decimal(3), Decimal(4)), 178
    )
    assert (name, req_id, time, quote) == ("tickByTickBidAsk", 4, NOW.timestamp(), [1, 2, 3, 4])
    name, req_id, kind, time, price, size, *_ = decoded(
        replies.tick_by_tick_last(4, 2, NOW, Decimal(1), Decimal(2), "I"), 178
    )
    assert (name, kind, time, price, size) == ("tickByTickAllLast", 2, NOW.timestamp(), 1, 2)
    assert decoded(replies.tick_by_tick_mid_point(4, NOW, Decimal("1.5")), 178)[3] == 1.5


def test_sizes_are_written_whole():
    assert replies.tick_size(4, 0, Decimal("300.0"))[4:] == b"2\x006\x004\x000\x00300\0"


@pytest.mark.parametrize(
    ("topic", "called"),
    [
        (requests.Topic.NEWS_PROVIDERS, ("newsProviders", [])),
        (requests.Topic.FAMILY_CODES, ("familyCodes", [])),
        (requests.Topic.DEPTH_EXCHANGES, ("mktDepthExchanges", [])),
        (requests.Topic.SOFT_DOLLAR_TIERS, ("softDollarTiers", 2, [])),
        (requests.Topic.USER_INFO, ("userInfo", 2, "")),
        (
            requests.Topic.ADVISOR_DATA,
            ("receiveFA", 2, "<ListOfAllocationProfiles></ListOfAllocationProfiles>"),
        ),
    ],
)
def test_an_empty_list_is_read_as_one(topic, called):
    assert decoded(lookups.none_of(topic, 2), 178) == called
