"""The execution client against the paper gateway, over a real socket."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.broker.controlled import Session
from tests.broker.waits import once, settled
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import IntentError
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderState, OrderStatus

# --- orders ----------------------------------------------------------------------------------------


def test_a_market_order_fills_at_the_quote_with_its_commission(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        order_id = await client.place_order(builders.market_intent(quantity=100))
        state = await settled(client)
        assert state.status is OrderStatus.FILLED
        assert (state.filled_quantity, state.avg_fill_price) == (100, Decimal("450.02"))
        assert state.commission == Decimal("1.00")
        assert state.order_id == order_id
        assert state.perm_id

    trade(work)
    (fill,) = gateway.ledger.fills.values()
    assert fill.order_ref == builders.INTENT_ID


def test_every_field_that_a_preset_could_rewrite_is_sent_explicitly(
    trade: Session, gateway: PaperGateway
) -> None:
    trade(lambda client: client.place_order(builders.raw_intent(limit_price=440.05)))
    (request,) = gateway.ledger.requests
    assert (request.order_ref, request.account, request.tif) == (builders.INTENT_ID, "DU123456", "DAY")
    assert (request.action, request.order_type) == ("BUY", "LMT")
    assert (request.quantity, request.limit_price, request.stop_price) == (100, Decimal("440.05"), None)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"limit_price": 440}, OrderStatus.SUBMITTED),
        ({"order_type": "STOP", "limit_price": None, "stop_price": 460}, OrderStatus.PRE_SUBMITTED),
        ({"order_type": "STOP_LIMIT", "limit_price": 461, "stop_price": 460}, OrderStatus.PRE_SUBMITTED),
    ],
)
def test_an_order_away_from_the_market_rests_and_can_be_cancelled(
    changes: dict[str, Any], word: OrderStatus, trade: Session
) -> None:
    async def work(client: IBKRExecClient) -> None:
        order_id = await client.place_order(builders.raw_intent(**changes))
        assert order_id is not None
        assert (await once(client, lambda state: state.acked_at)).status is word
        assert await client.cancel_order(order_id)
        state = await settled(client)
        assert state.status is OrderStatus.CANCELLED
        assert state.filled_quantity == 0

    trade(work)


def test_a_stop_fires_when_the_market_trades_through_it(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.place_order(builders.raw_intent(order_type="STOP", limit_price=None, stop_price=455))
        await once(client, lambda state: state.acked_at)
        gateway.market.set_quote("SPY", 455.00, 455.02, 500, 500)
        gateway.market.trade("SPY", 455.02, 100)
        assert (await settled(client)).avg_fill_price == Decimal("455.02")

    trade(work)


def test_a_large_order_fills_in_parts_and_the_parts_add_up(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> list[dict[str, Any]]:
        await client.place_order(builders.market_intent(quantity=700))
        await until(lambda: client.ledger.get(builders.INTENT_ID).filled_quantity == 500)  # type: ignore[union-attr]
        assert client.ledger.get(builders.INTENT_ID).status is OrderStatus.PARTIALLY_FILLED  # type: ignore[union-attr]
        gateway.market.set_quote("SPY", 450.01, 450.03, 500, 500)
        state = await settled(client)
        assert state.filled_value == 500 * Decimal("450.02") + 200 * Decimal("450.03")
        return await client.get_execution_reports()

    reports = trade(work)
    assert [report["report_seq"] for report in reports] == list(range(1, len(reports) + 1))
    assert [r["filled_quantity"] for r in reports if r["event"] in ("PartialFill", "Fill")] == [500, 700]
    assert reports[-1]["final"]
    assert [fill["shares"] for fill in reports[-1]["executions"]] == [500, 200]


def test_reports_are_handed_over_once(trade: Session) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.place_order(builders.market_intent())
        await settled(client)
        assert await client.get_execution_reports()
        assert await client.get_execution_reports() == []

    trade(work)


def test_a_bad_price_increment_is_the_brokers_rejection_with_its_code(trade: Session) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.place_order(builders.raw_intent(limit_price=440.005))
        state = await settled(client)
        assert state.status is OrderStatus.REJECTED
        assert state.reason_code == "IB110"

    trade(work)


def test_cancelling_what_is_not_ours_says_so_and_sends_nothing(
    trade: Session, caplog: pytest.LogCaptureFixture
) -> None:
    assert trade(lambda client: client.cancel_order(4711)) is False
    assert "4711 is not one of ours" in caplog.text


# --- identity --------------------------------------------------------------------------------------


def test_the_same_intent_again_returns_the_first_order_and_sends_nothing(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        first = await client.place_order(builders.market_intent())
        assert await client.place_order(builders.market_intent()) == first
        await settled(client)

    trade(work)
    assert len(gateway.ledger.requests) == 1


def test_the_same_intent_ten_times_at_once_is_one_order(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> list[int | None]:
        order_ids = await asyncio.gather(*(client.place_order(builders.market_intent()) for _ in range(10)))
        await settled(client)
        return order_ids

    assert len(set(trade(work))) == 1
    assert len(gateway.ledger.requests) == 1


def test_another_order_under_a_taken_id_is_denied_and_the_first_goes_on(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> list[dict[str, Any]]:
        await client.place_order(builders.market_intent(quantity=100))
        assert await client.place_order(builders.market_intent(quantity=200)) is None
        await settled(client)
        return await client.get_execution_reports()

    reports = trade(work)
    (refusal,) = [report for report in reports if report["report_seq"] == 0]
    assert refusal["reason_code"] == "DUPLICATE_INTENT"
    assert len(gateway.ledger.requests) == 1


def test_a_second_run_knows_the_first_ones_orders_and_sends_nothing_again(
    trade: Session, gateway: PaperGateway
) -> None:
    first = trade(lambda client: client.place_order(builders.raw_intent(limit_price=440)))

    async def again(client: IBKRExecClient) -> None:
        assert await client.place_order(builders.raw_intent(limit_price=440)) == first
        assert client.ledger.get(builders.INTENT_ID).status is OrderStatus.SUBMITTED  # type: ignore[union-attr]
        assert client.health()["next_order_id"] > first

    trade(again)
    assert len(gateway.ledger.requests) == 1


def test_h7_h8_a_fill_that_came_while_we_were_away_is_found_at_the_next_connection(
    trade: Session, gateway: PaperGateway
) -> None:
    async def leave(client: IBKRExecClient) -> None:
        await client.place_order(builders.raw_intent(limit_price=449))
        await once(client, lambda state: state.acked_at)

    trade(leave)
    gateway.market.set_quote("SPY", 448.90, 448.95, 500, 500)

    async def come_back(client: IBKRExecClient) -> list[dict[str, Any]]:
        state = await settled(client)
        assert (state.status, state.avg_fill_price) == (OrderStatus.FILLED, Decimal("449"))
        return await client.get_execution_reports()

    (fill,) = [report for report in trade(come_back) if report["event"] == "Fill"]
    assert fill["recovered"]


def test_h2_h4_an_order_that_the_broker_never_heard_of_is_unknown_and_not_sent_again(
    trade: Session, gateway: PaperGateway, home: Path
) -> None:
    trade(lambda client: client.place_order(builders.raw_intent(limit_price=440)))
    with PaperGateway(port=0, quotes=None) as forgetful:

        async def work(client: IBKRExecClient) -> None:
            state = client.ledger.get(builders.INTENT_ID)
            assert state is not None
            assert state.status is OrderStatus.UNKNOWN
            assert "not sent again" in state.reason
            await client.place_order(builders.raw_intent(limit_price=440))

        trade(work, port=forgetful.port)
        assert forgetful.ledger.requests == []


# --- what is refused before it reaches the socket ----------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "sentence"),
    [
        ({"symbol": "NOSUCH"}, "UNKNOWN_CONTRACT", "NOSUCH"),
        ({"quantity": -1}, "BAD_QUANTITY", "quantity is -1"),
        ({"quantity": float("nan")}, "BAD_QUANTITY", "quantity"),
        ({"quantity": True}, "BAD_QUANTITY", "truth value"),
        ({"quantity": 1001}, "MAX_ORDER_QUANTITY", "1001"),
        ({"limit_price": None}, "MISSING_LIMIT_PRICE", "limit_price is missing"),
        ({"limit_price": None, "limitprice": 450}, "MISSING_LIMIT_PRICE", "'limitprice'"),
        ({"order_type": "MARKET"}, "UNEXPECTED_LIMIT_PRICE", "takes none"),
        ({"order_type": "LMT"}, "BAD_ORDER_TYPE", "LIMIT"),
        ({"direction": "buy"}, "BAD_DIRECTION", "BUY"),
        ({"account": "DU999"}, "IB201", "account"),
    ],
)
def test_a_bad_intent_is_denied_with_a_code_and_one_clear_sentence(
    changes: dict[str, Any], code: str, sentence: str, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> dict[str, Any]:
        await client.place_order(builders.raw_intent(**changes))
        await settled(client)
        return (await client.get_execution_reports())[-1]

    report = trade(work)
    assert report["status"] == "Rejected"
    assert report["reason_code"] == code
    assert sentence.lower() in report["rejection_reason"].lower()
    assert not gateway.ledger.fills


def test_an_intent_without_an_id_raises_because_no_report_could_name_it(trade: Session) -> None:
    with pytest.raises(IntentError, match="intent_id"):
        trade(lambda client: client.place_order({"symbol": "SPY"}))


def test_a_symbol_without_any_quote_is_denied_for_want_of_a_price(trade: Session) -> None:
    async def work(client: IBKRExecClient) -> OrderState:
        await client.place_order(builders.market_intent(symbol="QQQ"))
        return await settled(client)

    assert trade(work).reason_code == "NO_PRICE"


def test_exposure_counts_what_earlier_orders_may_still_do(trade: Session) -> None:
    async def work(client: IBKRExecClient) -> OrderState:
        await client.place_order(builders.raw_intent(intent_id="one", limit_price=440))
        await client.place_order(builders.raw_intent(intent_id="two", limit_price=440))
        return await settled(client, "two")

    state = trade(work, max_gross_exposure=60_000)
    assert state.reason_code == "MAX_GROSS_EXPOSURE"


def test_a_sale_of_more_than_the_broker_says_we_hold_is_denied_where_short_sales_are_not_allowed(
    trade: Session,
) -> None:
    async def work(client: IBKRExecClient) -> list[str]:
        await client.place_order(builders.market_intent(intent_id="buy", quantity=10))
        await settled(client, "buy")
        await until(lambda: sum(held.quantity for held in client.market.held()) == 10)
        codes = []
        for quantity in (11, 10):
            name = f"sell-{quantity}"
            sale = {"intent_id": name, "direction": "SELL", "quantity": quantity}
            await client.place_order(builders.market_intent(**sale))
            codes.append((await settled(client, name)).reason_code)
        return codes

    assert trade(work, allow_short=False) == ["SHORT_SALE", ""]


def test_a_quote_carries_the_time_of_its_last_tick_and_grows_stale(trade: Session) -> None:
    async def work(client: IBKRExecClient) -> None:
        before = client.market.now()
        quote = await client.quote(builders.intent())
        assert quote.at is not None
        assert before <= quote.at <= client.market.now()
        assert not quote.delayed
        await until(lambda: client.market.now() - quote.at > timedelta(seconds=0.2))
        await client.place_order(builders.market_intent())
        assert (await settled(client)).reason_code == "STALE_QUOTE"

    trade(work, max_quote_age_s=0.2)


def test_the_same_order_under_another_id_is_denied_within_the_window_also_after_a_restart(
    trade: Session,
) -> None:
    async def work(client: IBKRExecClient, name: str) -> str:
        await client.place_order(builders.raw_intent(intent_id=name, limit_price=440))
        await until(lambda: (state := client.ledger.get(name)) and (state.denied or state.acked_at))
        return client.ledger.get(name).reason_code  # type: ignore[union-attr]

    assert trade(lambda client: work(client, "one"), repeat_window_s=60) == ""
    assert trade(lambda client: work(client, "two"), repeat_window_s=60) == "DUPLICATE_ECONOMICS"


def test_quotes_of_an_earlier_connection_are_forgotten(trade: Session) -> None:
    async def work(client: IBKRExecClient) -> None:
        assert (await client.quote(builders.intent())).mid is not None
        instrument = client.market.find(builders.intent())
        assert instrument is not None
        assert await client.connect_async(timeout=5)
        assert client.market.quote(instrument.con_id).mid is None

    trade(work)


def test_a_read_only_client_places_nothing(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> OrderState:
        assert await client.place_order(builders.market_intent()) is None
        return await settled(client)

    assert trade(work, read_only=True).reason_code == "READ_ONLY"
    assert gateway.ledger.requests == []


def test_a_live_account_receives_nothing_while_live_trading_is_not_armed(home: Path, loop_run: Any) -> None:
    with PaperGateway(port=0, account="U1234567", quotes=None) as live:

        async def work() -> OrderState:
            client = IBKRExecClient({"port": live.port})
            assert await client.connect_async()
            await client.place_order(builders.market_intent())
            state = await settled(client)
            assert not client.health()["paper"]
            await client.disconnect_async()
            return state

        assert loop_run(work()).reason_code == "NOT_ARMED"
        assert live.ledger.requests == []
