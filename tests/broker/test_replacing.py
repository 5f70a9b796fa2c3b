"""Changing an order that works: over a real socket, from a REPLACE intent to the broker's echo."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests import builders
from tests.broker.controlled import Session
from tests.broker.waits import once, order, reports, settled, working
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderStatus
from toolkit.runbooks.reconcile import reconcile


def replace_intent(intent_id: str = "change-1", **terms: Any) -> dict[str, Any]:
    return {"intent_id": intent_id, "action": "REPLACE", "target_intent_id": builders.INTENT_ID, **terms}


async def denied(client: IBKRExecClient, **fields: Any) -> str:
    """The code with which a REPLACE intent is denied."""
    intent = replace_intent(**fields)
    assert await client.place_order(intent) is None
    return (await settled(client, intent["intent_id"])).reason_code


def test_a_changed_price_goes_out_under_the_same_order_id_with_every_field_explicit(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> list[dict[str, Any]]:
        first = await working(client)
        assert await client.place_order(replace_intent(limit_price=441.05)) == first.order_id
        state = await once(client, lambda state: state.change is None)
        assert (state.quantity, state.intent.limit_price) == (100, Decimal("441.05"))  # type: ignore[union-attr]
        assert order(client, "change-1").final
        return await reports(client)

    told = trade(work)
    new, change = gateway.ledger.requests
    assert (change.order_id, change.modification) == (new.order_id, True)
    assert (change.order_ref, change.account, change.tif) == (builders.INTENT_ID, "DU123456", "DAY")
    assert (change.action, change.quantity, change.limit_price) == ("BUY", 100, Decimal("441.05"))
    (replaced,) = [report for report in told if report["event"] == "Replaced"]
    assert (replaced["quantity"], replaced["limit_price"], replaced["final"]) == (100, 441.05, False)


def test_what_was_filled_before_a_change_stays_filled_after_it(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.place_order(builders.raw_intent(quantity=700, limit_price=450.02))
        await once(client, lambda state: state.filled_quantity == 500)
        await client.place_order(replace_intent(quantity=600))
        state = await once(client, lambda state: state.change is None)
        assert (state.quantity, state.remaining_quantity) == (600, 100)
        gateway.market.set_quote("SPY", 450.00, 450.01, 500, 500)
        state = await settled(client)
        assert (state.status, state.filled_quantity) == (OrderStatus.FILLED, 600)
        assert (await reports(client))[-1]["quantity"] == 600

    trade(work)


def test_the_client_changes_an_order_by_its_broker_id(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        state = await working(client)
        assert state.order_id is not None
        assert await client.replace_order(state.order_id, quantity=50, limit_price=441)
        state = await once(client, lambda state: state.quantity == 50)
        assert not await client.replace_order(4711, quantity=50)
        assert not await client.replace_order(state.order_id, quantity=0)

    trade(work)
    assert [request.quantity for request in gateway.ledger.requests] == [100, 50]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"quantity": 2000}, "MAX_ORDER_QUANTITY"),
        ({"limit_price": 460, "quantity": 900}, "MAX_GROSS_EXPOSURE"),
        ({"limit_price": 440}, "NOTHING_TO_REPLACE"),
        ({"stop_price": 440}, "UNEXPECTED_STOP_PRICE"),
        ({"quantity": 50, "direction": "SELL"}, "TARGET_DIFFERS"),
        ({"quantity": 50, "symbol": "QQQ"}, "TARGET_DIFFERS"),
        ({"quantity": 1.5}, "BAD_QUANTITY"),
        ({}, "MISSING_QUANTITY"),
        ({"quantity": 50, "target_intent_id": "never-sent"}, "UNKNOWN_TARGET"),
    ],
)
def test_a_change_that_may_not_be_is_denied_and_nothing_is_sent(
    fields: dict[str, Any], code: str, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        before = await working(client)
        assert await denied(client, **fields) == code
        assert order(client) == before

    trade(work, max_gross_exposure=400_000)
    assert len(gateway.ledger.requests) == 1


def test_only_what_a_change_adds_is_new_exposure(trade: Session) -> None:
    """100 and 130 shares at 440 are above the limit together, but they are the same order."""

    async def work(client: IBKRExecClient) -> None:
        await working(client)
        await client.place_order(replace_intent(quantity=130))
        assert (await once(client, lambda state: state.change is None)).quantity == 130
        assert client.risk_checker.current_exposure == pytest.approx(130 * 450.01)

    trade(work, max_gross_exposure=60_000)


def test_a_finished_order_and_one_on_its_way_out_are_not_changed(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("drop", message="cancelOrder")
        await client.cancel_intent(builders.INTENT_ID)
        assert await denied(client, quantity=50) == "CANCEL_PENDING"
        await client.cancel_intent(builders.INTENT_ID)
        await settled(client)
        assert await denied(client, intent_id="change-2", quantity=50) == "TARGET_FINISHED"

    trade(work)
    assert len(gateway.ledger.requests) == 1


def test_an_order_that_the_broker_calls_filled_is_not_changed_though_its_executions_are_late(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("delay", message="execDetails", seconds=0.5)
        await client.place_order(builders.market_intent())
        await once(client, lambda state: state.broker_status == "Filled")
        assert await denied(client, quantity=200) == "TARGET_FINISHED"
        assert (await settled(client)).filled_quantity == 100

    trade(work)
    assert len(gateway.ledger.requests) == 1


@pytest.mark.parametrize("code", [110, 201, 2102, 329])
def test_h15_a_refused_change_leaves_the_order_alive_on_its_old_terms(
    code: int, trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        before = await working(client)
        gateway.faults.add("error", message="placeOrder", code=code, text="No such change.", before=True)
        gateway.faults.add("drop", message="placeOrder")
        await client.place_order(replace_intent(quantity=200))
        state = await once(client, lambda state: state.reason_code == f"IB{code}")
        assert (state.status, state.change) == (OrderStatus.SUBMITTED, None)
        assert (state.intent, state.open_quantity) == (before.intent, 100)
        (told,) = [r for r in await reports(client) if r["reason_code"] == f"IB{code}"]
        assert (told["event"], told["status"], told["quantity"]) == ("Notice", "Submitted", 100)

    trade(work)


def test_h15_a_change_that_was_called_refused_is_in_force_when_the_broker_shows_it(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("error", message="placeOrder", code=110, text="No such change.", before=True)
        await client.place_order(replace_intent(quantity=200))
        state = await once(client, lambda state: state.quantity == 200)
        assert (state.change, state.mismatch, state.open_quantity) == (None, "", 200)

    trade(work)


def test_h15_the_gateways_own_refusal_of_a_bad_price_does_not_hurt_the_order(trade: Session) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        await client.place_order(replace_intent(limit_price=440.005))
        state = await once(client, lambda state: state.reason_code == "IB110")
        assert (state.status, state.change) == (OrderStatus.SUBMITTED, None)
        await client.place_order(replace_intent("change-2", limit_price=440.05))
        assert (await once(client, lambda state: state.original)).intent.limit_price == Decimal("440.05")  # type: ignore[union-attr]

    trade(work)


def test_while_a_change_is_unanswered_exposure_counts_the_larger_order_and_a_snapshot_is_asked_for(
    trade: Session, gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("drop", message="placeOrder")
        await client.place_order(replace_intent(quantity=200))
        assert order(client).open_quantity == 200
        assert client.risk_checker.current_exposure == pytest.approx(200 * 450.01)
        await once(client, lambda state: "replace" in state.overdue)
        # The snapshot shows the old terms, long after the change: it never arrived.
        state = await once(client, lambda state: state.change is None)
        assert (state.reason_code, state.open_quantity) == ("REPLACE_REFUSED", 100)
        assert state.status is OrderStatus.SUBMITTED

    trade(work, cancel_timeout_s=0.3)
    assert "did not answer the change within 0.3 s" in caplog.text


def test_h43_changes_of_one_order_are_a_second_apart_and_only_the_latest_waits(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        changes = [
            asyncio.create_task(client.place_order(replace_intent(f"change-{n}", limit_price=440 + n)))
            for n in (1, 2, 3, 4)
        ]
        await asyncio.gather(*changes)
        await once(client, lambda state: state.change is None)
        codes = [order(client, f"change-{n}").reason_code for n in (1, 2, 3, 4)]
        assert codes[-1] == ""
        assert set(codes[:-1]) <= {"", "SUPERSEDED"}
        assert "SUPERSEDED" in codes

    trade(work)
    changes = [request for request in gateway.ledger.requests if request.modification]
    assert changes[-1].limit_price == 444
    apart = [(b.received_at - a.received_at).total_seconds() for a, b in pairwise(changes)]
    assert all(seconds > 0.9 for seconds in apart)


def test_the_same_intents_again_after_a_change_send_nothing(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        first = await working(client)
        await client.place_order(replace_intent(quantity=50))
        await once(client, lambda state: state.quantity == 50)
        assert await client.place_order(builders.raw_intent(limit_price=440)) == first.order_id
        assert await client.place_order(replace_intent(quantity=50)) is None
        assert order(client).quantity == 50

    trade(work)
    assert len(gateway.ledger.requests) == 2


def test_after_a_restart_the_order_stands_on_its_new_terms_and_the_books_agree(
    trade: Session, gateway: PaperGateway
) -> None:
    async def change(client: IBKRExecClient) -> None:
        await working(client)
        await client.place_order(replace_intent(quantity=50))
        await once(client, lambda state: state.quantity == 50)

    async def come_back(client: IBKRExecClient) -> None:
        assert (order(client).quantity, order(client).status) == (50, OrderStatus.SUBMITTED)
        gateway.market.set_quote("SPY", 439.00, 439.50, 500, 500)
        assert (await settled(client)).filled_quantity == 50
        await client.journal.durable(client.journal.last_seq)
        live = {state.intent_id: state for state in client.ledger}
        assert reconcile(client.journal.path, gateway.ledger, live=live) == []

    trade(change)
    trade(come_back)
    assert len(gateway.ledger.requests) == 2


def test_a_change_that_left_before_a_cut_is_found_done_at_the_next_connection(
    trade: Session, gateway: PaperGateway
) -> None:
    async def cut(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("reset", message="placeOrder", served=True)
        await client.place_order(replace_intent(quantity=50))
        await until(lambda: not client.ready)
        assert order(client).open_quantity == 100

    async def come_back(client: IBKRExecClient) -> None:
        state = order(client)
        assert (state.quantity, state.change, state.status) == (50, None, OrderStatus.SUBMITTED)

    trade(cut)
    trade(come_back)
    assert [request.quantity for request in gateway.ledger.requests] == [100, 50]


def test_h6_nothing_is_changed_while_the_broker_is_out_of_the_gateways_reach(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client)
        gateway.faults.add("notice", code=1100)
        await until(lambda: not client.ready)
        assert await denied(client, quantity=50) == "UPSTREAM_DOWN"
        gateway.faults.add("notice", code=1102)
        await until(lambda: client.ready)
        await client.place_order(replace_intent("change-2", quantity=50))
        assert (await once(client, lambda state: state.change is None)).quantity == 50

    trade(work, settle_s=0.05)
    assert len(gateway.ledger.requests) == 2
