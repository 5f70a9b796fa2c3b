"""The life of one order where brokers surprise: each hazard provoked at the gateway, over a real socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests import builders
from tests.broker.controlled import Session
from tests.broker.waits import once, order, reports, settled, working
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderStatus

ID = builders.INTENT_ID


# --- codes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [10349, 19999])
def test_h1_a_code_that_only_informs_neither_ends_the_order_nor_sends_it_again(
    code: int, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> list[dict[str, Any]]:
        gateway.faults.add("error", message="placeOrder", code=code, text="By preset.", before=True)
        gateway.faults.add("delay", message="orderStatus", seconds=0.2)
        await client.place_order(builders.raw_intent(limit_price=449))
        await once(client, lambda state: state.status is OrderStatus.SUBMITTED)
        gateway.market.set_quote("SPY", 448.90, 448.95, 500, 500)
        assert (await settled(client)).filled_quantity == 100
        return await reports(client)

    told = trade(work)
    assert len(gateway.ledger.requests) == 1
    assert "Cancelled" not in {report["status"] for report in told}
    assert told[-1]["status"] == "Filled"
    notice = "Notice" if code == 10349 else "Unknown"
    assert notice in {report["event"] for report in told}


@pytest.mark.parametrize("code", [2102, 2109, 2137, 2148, 399, 404, 10197])
def test_h45_a_remark_about_a_live_order_is_reported_and_changes_nothing(
    code: int, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        before = await working(client)
        gateway.faults.add("error", message="orderStatus", order_ref=ID, code=code, text="A remark.")
        client.reconcile_soon("the test wants to hear of the order again")
        state = await once(client, lambda state: state.notice)
        assert (state.status, state.open_quantity) == (before.status, before.open_quantity)
        (told,) = [report for report in await reports(client) if report["event"] == "Notice"]
        assert told["notice"] == {"code": code, "text": "A remark."}

    trade(work)


@pytest.mark.parametrize(("code", "text"), [(105, ""), (434, ""), (460, ""), (200, "")])
def test_h28_h29_a_refusal_of_a_new_order_ends_it_at_once_though_no_status_comes(
    code: int, text: str, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("reject", code=code, text=text or "No.")
        await client.place_order(builders.raw_intent())
        state = await settled(client)
        assert (state.status, state.reason_code) == (OrderStatus.REJECTED, f"IB{code}")

    trade(work)


def test_h28_a_gateway_that_only_reads_closes_the_gate_and_says_what_to_change(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("reject", code=321, text="The API interface is currently in Read-Only mode.")
        await client.place_order(builders.raw_intent())
        assert (await settled(client)).reason_code == "IB321"
        await client.place_order(builders.raw_intent(intent_id="next"))
        state = await settled(client, "next")
        assert state.reason_code == "GATEWAY_READ_ONLY"
        assert "Read-Only API" in state.reason

    trade(work)
    assert len(gateway.ledger.requests) == 1


def test_h29_a_cancel_that_the_broker_makes_by_itself_ends_the_order_with_its_reason(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("error", message="orderStatus", order_ref=ID, code=202, text="Not at the open.")
        client.reconcile_soon("the test wants to hear of the order again")
        state = await settled(client)
        assert (state.status, state.reason) == (OrderStatus.CANCELLED, "Not at the open.")

    trade(work)


@pytest.mark.parametrize("code", [100, 504, 509])
def test_a_link_that_fails_on_an_order_leaves_it_unknown_and_asked_for(
    code: int, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> list[str]:
        gateway.faults.add("error", message="placeOrder", code=code, text="Not now.", before=True)
        await client.place_order(builders.raw_intent(limit_price=440))
        await once(client, lambda state: state.status is OrderStatus.SUBMITTED)
        return [report["event"] for report in await reports(client)]

    assert trade(work) == ["Accepted", "Unknown", "Recovered"]
    assert len(gateway.ledger.requests) == 1


def test_h16_103_leaves_a_healthy_order_alone_and_the_new_one_unknown_and_unsent(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client, "healthy")
        gateway.faults.add("error", message="placeOrder", code=103, text="Duplicate order id", before=True)
        gateway.faults.add("drop", message="placeOrder")
        await client.place_order(builders.raw_intent(limit_price=441))
        state = await once(client, lambda state: state.lost)
        assert state.status is OrderStatus.UNKNOWN
        gateway.faults.add("error", message="orderStatus", order_ref="healthy", code=103, text="Duplicate")
        client.reconcile_soon("the test wants to hear of the orders again")
        await once(client, lambda state: state.notice, "healthy")
        assert order(client, "healthy").status is OrderStatus.SUBMITTED
        await client.place_order(builders.raw_intent(limit_price=441))
        assert order(client).status is OrderStatus.UNKNOWN
        assert client.health()["next_order_id"] > (state.order_id or 0)

    trade(work)
    assert [request.order_ref for request in gateway.ledger.requests] == ["healthy"]


# --- words ---------------------------------------------------------------------------------------------


def test_h10_a_market_order_is_filled_by_its_executions_though_no_status_ever_comes(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        for message in ("orderStatus", "openOrder"):
            gateway.faults.add("drop", message=message, times=0)
        await client.place_order(builders.market_intent())
        assert (await settled(client)).status is OrderStatus.FILLED
        assert (await reports(client))[-1]["final"]

    trade(work)
    assert len(gateway.ledger.requests) == 1


@pytest.mark.parametrize("told", ["error,openOrder,orderStatus", "openOrder,orderStatus,error"])
def test_h27_inactive_and_a_reason_in_either_order_are_one_rejection(
    told: str, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("reject", code=201, text="Margin too low.", inactive=told)
        await client.place_order(builders.raw_intent())
        state = await settled(client)
        assert (state.status, state.reason) == (OrderStatus.REJECTED, "Margin too low.")
        assert [report["event"] for report in await reports(client)].count("Rejected") == 1

    trade(work)


def test_h27_inactive_for_want_of_shares_to_borrow_is_held_and_may_still_fill(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("locate", seconds=0.5)
        gateway.faults.add("mutate", message="orderStatus", set={"status": "Inactive"})
        gateway.faults.add("drop", message="openOrder")
        await client.place_order(builders.raw_intent(limit_price=451))
        state = await once(client, lambda state: state.why_held)
        assert (state.status, state.broker_status) == (OrderStatus.PRE_SUBMITTED, "Inactive")
        assert state.open_quantity == 100
        assert (await settled(client)).status is OrderStatus.FILLED

    trade(work)


def test_h27_inactive_alone_is_unknown_and_after_a_while_an_alarm_and_a_question(
    trade: Session, gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("reject", inactive="openOrder,orderStatus")
        await client.place_order(builders.raw_intent())
        asked = client.health()["reconciliations"]
        state = await once(client, lambda state: state.overdue)
        assert state.status is OrderStatus.UNKNOWN
        assert state.working
        await until(lambda: client.health()["reconciliations"] > asked)

    trade(work)
    assert "Inactive for 2 s without a reason" in caplog.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("tif", "GTC", "time in force DAY became GTC"),
        ("totalQuantity", "200", "quantity 100 became 200"),
        ("lmtPrice", "450.5", "limit price 440 became 450.5"),
        ("action", "SELL", "side BUY became SELL"),
    ],
)
def test_h42_an_order_that_a_preset_rewrote_raises_an_alarm(
    field: str, value: str, said: str, trade: Session, gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("mutate", message="openOrder", set={field: value})
        await client.place_order(builders.raw_intent(limit_price=440))
        state = await once(client, lambda state: state.mismatch)
        assert said in state.mismatch
        assert state.open_quantity == (200 if field == "totalQuantity" else 100)
        (told,) = [report for report in await reports(client) if report["reason_code"] == "MISMATCH"][:1]
        assert said in told["reason"]

    trade(work)
    alarms = [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"]
    assert sum(said in alarm for alarm in alarms) == 1


# --- silence ---------------------------------------------------------------------------------------------


def test_h4_an_order_that_nobody_acknowledges_is_unknown_in_time_and_found_by_asking(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        for message in ("openOrder", "orderStatus"):
            gateway.faults.add("drop", message=message)
        await client.place_order(builders.raw_intent(limit_price=440))
        assert (await once(client, lambda state: state.acked_at)).status is OrderStatus.SUBMITTED
        events = [report["event"] for report in await reports(client)]
        assert events == ["Accepted", "Unknown", "Recovered"]

    trade(work, ack_timeout_s=0.3)
    assert len(gateway.ledger.requests) == 1


def test_h14_a_cancel_that_comes_after_some_fills_keeps_them(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.place_order(builders.raw_intent(quantity=600, limit_price=450.02))
        await once(client, lambda state: state.filled_quantity == 500)
        await client.cancel_intent(ID)
        state = await settled(client)
        assert (state.status, state.filled_quantity) == (OrderStatus.CANCELLED, 500)
        assert (await reports(client))[-1]["remaining_quantity"] == 100

    trade(work)


def test_h14_an_order_may_fill_after_its_cancel_was_confirmed(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("fill_after_cancel", seconds=0.1)
        await client.cancel_intent(ID)
        state = await once(client, lambda state: state.filled_quantity == 100)
        assert state.status is OrderStatus.FILLED
        assert [report["status"] for report in await reports(client) if report["final"]][-1] == "Filled"

    trade(work)


def test_h14_a_cancel_without_an_answer_stays_pending_and_is_asked_about_for_as_long_as_it_takes(
    trade: Session, gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("drop", message="cancelOrder")
        asked = client.health()["reconciliations"]
        await client.cancel_intent(ID)
        state = await once(client, lambda state: "cancel" in state.overdue)
        await until(lambda: client.health()["reconciliations"] > asked)
        assert (state.status, state.open_quantity) == (OrderStatus.PENDING_CANCEL, 100)
        notice = (await reports(client))[-1]
        assert (notice["event"], notice["final"]) == ("Notice", False)
        assert "may still fill" in notice["notice"]["text"]
        await client.cancel_intent(ID)
        assert (await settled(client)).status is OrderStatus.CANCELLED

    trade(work, cancel_timeout_s=0.3)
    assert "did not answer the cancel within 0.3 s" in caplog.text


@pytest.mark.parametrize("code", [161, 10147, 10148])
def test_h15_a_refused_cancel_leaves_the_order_working(
    code: int, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("error", message="cancelOrder", code=code, text="No.", before=True)
        gateway.faults.add("drop", message="cancelOrder")
        await client.cancel_intent(ID)
        state = await once(client, lambda state: state.reason_code == f"IB{code}")
        assert (state.status, state.open_quantity) == (OrderStatus.SUBMITTED, 100)

    trade(work)


# --- the first order ---------------------------------------------------------------------------------


async def place_ten(client: IBKRExecClient) -> None:
    await asyncio.gather(
        *(client.place_order(builders.raw_intent(intent_id=f"a-{n}", limit_price=440 + n)) for n in range(10))
    )


def test_h12_the_first_order_of_a_connection_travels_alone(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("delay", message="placeOrder", seconds=0.3)  # the first one, and only that
        await place_ten(client)
        for n in range(10):
            await once(client, lambda state: state.acked_at, f"a-{n}")
        first, *rest = sorted((order(client, f"a-{n}") for n in range(10)), key=lambda s: s.order_id or 0)
        assert first.acked_at is not None
        assert all(state.sent_at and state.sent_at >= first.acked_at for state in rest)

    trade(work)
    assert len(gateway.ledger.requests) == 10


def test_h12_when_a_dialog_swallows_the_first_order_the_rest_go_on_and_the_log_says_where_to_look(
    trade: Session, gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("dialog")
        await place_ten(client)
        await until(lambda: sum(order(client, f"a-{n}").acked_at is not None for n in range(10)) == 9)
        assert client.health()["orders_unknown"] == 1

    trade(work, ack_timeout_s=0.3)
    assert len(gateway.ledger.requests) == 9
    assert "possible dialog in the gateway" in caplog.text
