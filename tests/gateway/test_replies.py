"""Replies, checked against an independent reading of the protocol at every version where a layout changes."""

from decimal import Decimal

import pytest
from ib_async import (
    MarketOrder,
    Stock,
)
from ib_async.util import UNSET_DOUBLE

from tests.gateway.decoding import AAPL, NOW, VERSIONS, asked, decoded, exchange_order
from toolkit.gateway import account_replies, lookups, order_replies, replies, requests
from toolkit.gateway.events import (
    CommissionCharged,
    Executed,
    MarginPreview,
    OrderUpdated,
    PortfolioRow,
    PositionChanged,
)

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
