"""What we read and write ourselves of the messages about orders is what ib_async reads and writes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import ComboLeg, Contract, DeltaNeutralContract, Order, OrderComboLeg, TagValue
from ib_async.client import Client

from toolkit.broker import contracts, order_messages
from toolkit.broker.decoder import OrderDecoder
from toolkit.broker.order_messages import Fill, OpenOrder
from toolkit.broker.order_template import OrderTemplates
from toolkit.gateway import order_replies, requests
from toolkit.gateway.events import Executed
from toolkit.gateway.events import Order as ExchangeOrder
from toolkit.gateway.instruments import Universe
from toolkit.gateway.request_reader import read_request
from toolkit.orders.contract import Instrument
from toolkit.orders.intent import OrderIntent, parse

VERSIONS = range(157, 179)
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
(AAPL,) = Universe().find(symbol="AAPL")

prices = st.decimals(min_value="0.0001", max_value="99999", places=4)
words = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=8)


class Recorder:
    """Keeps what a decoder calls, in our words."""

    defaultTimezone = UTC  # noqa: N815

    def __init__(self) -> None:
        self.told: list[OpenOrder | Fill] = []
        self.failed = False

    def openOrder(self, order_id: int, contract: Any, order: Any, state: Any) -> None:
        self.told.append(OpenOrder.of(order_id, contract, order, state))

    def execDetails(self, request_id: int, contract: Any, execution: Any) -> None:
        self.told.append(Fill.of(request_id, contract, execution))

    on_open_order = on_fill = lambda self, told: self.told.append(told)

    def on_decode_failure(self, error: BaseException | None, message: str) -> None:
        self.failed = True

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def told(fields: list[str], version: int, *, fast: bool) -> Recorder:
    recorder = Recorder()
    OrderDecoder(recorder, version, recorder, fast=fast).interpret(list(fields))  # type: ignore[arg-type]
    return recorder


def library(version: int) -> tuple[Client, list[str]]:
    client, sent = Client(None), []
    client._serverVersion, client.connState = version, Client.CONNECTED
    client.sendMsg = sent.append
    return client, sent


# --- writing


@st.composite
def intents(draw: st.DrawFn) -> OrderIntent:
    order_type = draw(st.sampled_from(["MARKET", "LIMIT", "STOP", "STOP_LIMIT"]))
    raw: dict[str, Any] = {
        "intent_id": draw(st.text("abcXYZ019._-", min_size=1, max_size=40)),
        "symbol": draw(st.sampled_from(["SPY", "BRK B", "EUR.USD"])),
        "direction": draw(st.sampled_from(["BUY", "SELL"])),
        "quantity": draw(st.one_of(st.integers(1, 10**6), st.just("1e3"), st.just("100.0"))),
        "order_type": order_type,
        "tif": draw(st.sampled_from(["DAY", "GTC"])),
        "exchange": draw(st.sampled_from(["SMART", "ARCA", "IBKRATS"])),
        "outside_rth": order_type != "MARKET" and draw(st.booleans()),
    }
    if "LIMIT" in order_type:
        raw["limit_price"] = draw(prices)
    if "STOP" in order_type:
        raw["stop_price"] = draw(prices)
    return parse(raw, now=NOW)


@given(
    st.lists(intents(), min_size=1, max_size=6),
    st.sampled_from(VERSIONS),
    st.integers(1, 2**31 - 1),
    st.sampled_from(["DU1", "U1234567"]),
)
def test_an_order_is_written_byte_for_byte_as_the_library_writes_it(
    several: list[OrderIntent], version: int, order_id: int, account: str
) -> None:
    templates = OrderTemplates(version, 7)
    client, sent = library(version)
    for number, intent in enumerate(several):
        instrument = Instrument(
            con_id=len(intent.symbol), symbol=intent.symbol, sec_type="STK", currency="USD", exchange="SMART",
            primary_exchange="ARCA", local_symbol="L", trading_class="T", multiplier=Decimal(1),
            min_tick=Decimal("0.01"),
        )  # fmt: skip
        number += order_id
        client.placeOrder(
            number,
            contracts.contract(instrument, intent.exchange),
            contracts.order(intent, number, 7, account),
        )
        body = sent.pop().encode()
        ours = templates.message(intent, instrument, number, account)
        assert ours == len(body).to_bytes(4, "big") + body


def test_an_order_whose_fields_are_not_where_they_should_be_is_left_to_the_library() -> None:
    intent = parse(
        {"intent_id": "a", "symbol": "SPY", "direction": "BUY", "quantity": 1, "order_type": "MARKET"},
        now=NOW,
    )
    moved = Instrument(
        con_id=1, symbol="S\0PY", sec_type="STK", currency="USD", exchange="SMART", primary_exchange="",
        local_symbol="", trading_class="", multiplier=Decimal(1), min_tick=Decimal("0.01"),
    )  # fmt: skip
    assert OrderTemplates(178, 7).message(intent, moved, 1, "DU1") is None


# --- reading


@st.composite
def orders(draw: st.DrawFn) -> tuple[Contract, Order]:
    """Any order, with and without each of the groups of fields that come and go."""
    contract = Contract(
        conId=AAPL.con_id, symbol="AAPL", secType="STK", exchange="SMART", currency="USD",
        multiplier=draw(st.sampled_from(["", "100"])),
    )  # fmt: skip
    order = Order(
        action=draw(st.sampled_from(["BUY", "SELL"])),
        totalQuantity=draw(st.sampled_from([1, 100, 0.5, 1e6])),
        orderType=draw(st.sampled_from(["MKT", "LMT", "STP", "STP LMT", "TRAIL", "PEG BENCH"])),
        lmtPrice=draw(st.one_of(prices.map(float), st.just(1.7976931348623157e308))),
        auxPrice=draw(st.one_of(prices.map(float), st.just(1.7976931348623157e308))),
        tif=draw(st.sampled_from(["DAY", "GTC", "IOC"])),
        account="DU1",
        orderRef=draw(words),
    )
    if draw(st.booleans()):
        contract.secType = "BAG"
        contract.comboLegs = [ComboLeg(conId=n, ratio=1, action="BUY", exchange="SMART") for n in (1, 2)]
        order.orderComboLegs = [OrderComboLeg(1.5), OrderComboLeg(2.5)]
        order.smartComboRoutingParams = [TagValue("NonGuaranteed", "1")]
    if draw(st.booleans()):
        order.algoStrategy = "Adaptive"
        order.algoParams = [TagValue("adaptivePriority", "Normal")] * draw(st.integers(0, 2))
    if draw(st.booleans()):
        order.hedgeType, order.hedgeParam = "B", "0.5"
    if draw(st.booleans()):
        order.deltaNeutralOrderType = draw(st.sampled_from(["MKT", "None"]))
    if draw(st.booleans()):
        order.scalePriceIncrement = 0.05
    if draw(st.booleans()):
        contract.deltaNeutralContract = DeltaNeutralContract(3, 0.5, 1.25)
    return contract, order


def shown(contract: Contract, order: Order, version: int, status: str = "Submitted") -> list[str]:
    """The openOrder message that a server of this version sends of an order."""
    client, sent = library(version)
    client.placeOrder(11, contract, order)
    request = read_request(sent[0].split("\0")[:-1], version)
    assert isinstance(request, requests.PlaceOrder)
    kept = exchange_order(request)
    return order_replies.open_order(version, kept, status)[4:].decode().split("\0")[:-1]


def exchange_order(request: requests.PlaceOrder) -> ExchangeOrder:
    values = request.form.values
    return ExchangeOrder(
        client_id=7, order_id=11, account="DU1", instrument=AAPL, action=values["action"],
        quantity=Decimal(values["totalQuantity"]), order_type=values["orderType"],
        order_ref=values["orderRef"], perm_id=4711, raw=request.received,
    )  # fmt: skip


@given(orders(), st.sampled_from(VERSIONS), st.sampled_from(["Submitted", "Inactive", "Filled"]))
def test_an_open_order_is_read_as_the_library_reads_it(
    order: tuple[Contract, Order], version: int, status: str
) -> None:
    fields = shown(*order, version, status)
    slow, fast = told(fields, version, fast=False), told(fields, version, fast=True)
    assert fast.told == slow.told
    assert [each.status for each in fast.told] == [status]  # type: ignore[union-attr]
    assert not fast.failed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_plain_open_order_is_not_left_to_the_library(version: int) -> None:
    order = Order(action="BUY", totalQuantity=100, orderType="LMT", lmtPrice=450.25, tif="DAY", orderRef="a")
    fields = shown(Contract(conId=1, symbol="SPY", secType="STK", currency="USD"), order, version)
    assert order_messages.open_order(fields, version) is not None


@pytest.mark.parametrize("version", VERSIONS)
def test_an_execution_is_read_as_the_library_reads_it(version: int) -> None:
    order = Order(action="BUY", totalQuantity=100, orderType="LMT", lmtPrice=450.25, tif="DAY", orderRef="a")
    client, sent = library(version)
    client.placeOrder(11, Contract(conId=1, symbol="SPY", secType="STK", currency="USD"), order)
    request = read_request(sent[0].split("\0")[:-1], version)
    assert isinstance(request, requests.PlaceOrder)
    fill = Executed(
        exec_id="0001.01.01", order=exchange_order(request), instrument=AAPL, time=NOW, account="DU1",
        exchange="ARCA", side="BOT", shares=Decimal("0.5"), price=Decimal("450.255"), perm_id=4711,
        client_id=7, order_id=11, order_ref="a", cum_qty=Decimal("0.5"), avg_price=Decimal("450.255"),
        liquidity=2,
    )  # fmt: skip
    fields = order_replies.execution(version, -1, fill)[4:].decode().split("\0")[:-1]
    slow, fast = told(fields, version, fast=False), told(fields, version, fast=True)
    assert order_messages.execution(fields, version) is not None
    assert fast.told == slow.told != []


@given(st.data(), st.sampled_from(VERSIONS))
def test_a_damaged_message_is_never_read_otherwise_than_by_the_library(
    data: st.DataObject, version: int
) -> None:
    """What the library cannot read may still be read here, where the damage is in a field nobody needs."""
    fields = shown(*data.draw(orders()), version)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(1, len(fields) - 1))
        damage = data.draw(st.sampled_from(["drop", "x", "", "0", "1", "2", "-1", "1e5", "nan"]))
        if damage == "drop":
            del fields[place]
        else:
            fields[place] = damage
    slow, fast = told(fields, version, fast=False), told(fields, version, fast=True)
    assert fast.failed or fast.told or slow.told == fast.told
    if slow.told and not slow.failed:
        assert repr(fast.told) == repr(slow.told)
