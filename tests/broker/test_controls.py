"""Halts, reduce-only and limits on record, over a real socket."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests import builders
from tests.broker.controlled import Session, acknowledged, facts, place
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.controls import LimitsSet
from toolkit.orders.state import OrderState
from toolkit.risk.checker import SimpleRiskChecker

# --- halt and reduce only ------------------------------------------------------------------------------


def test_a_halt_sends_nothing_but_cancels_and_leaves_what_works(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a")
        await acknowledged(client, "a")
        await client.controls.order("halt", "ann", "news")
        assert await place(client, "b") == "HALTED"
        assert gateway.ledger.cancels == []
        assert await client.cancel_intent("a")
        await until(lambda: client.ledger.get("a").final)  # type: ignore[union-attr]

    trade(work)
    assert set(gateway.ledger.orders) == {"a"}


def test_reduce_only_lets_a_position_be_closed_and_not_turned(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a", quantity=100, limit_price=460)
        await until(lambda: sum(p.quantity for p in client.market.held()) == 100)
        await client.controls.order("reduce-only", "ann", "news")
        assert await place(client, "more", quantity=1) == "REDUCE_ONLY"
        assert await place(client, "turn", quantity=101, direction="SELL") == "REDUCE_ONLY"
        assert await place(client, "close", quantity=100, direction="SELL", limit_price=500) == ""
        assert await place(client, "again", quantity=1, direction="SELL") == "REDUCE_ONLY"

    trade(work)
    assert set(gateway.ledger.orders) == {"a", "close"}


def test_h25_reduce_only_leaves_room_for_what_another_program_has_open(
    trade_among_others: Session, gateway: PaperGateway, tmp_path: Path
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a", quantity=100, limit_price=460)
        await until(lambda: sum(p.quantity for p in client.market.held()) == 100)
        other = IBKRExecClient({"port": gateway.port, "client_id": 9, "home": tmp_path / "other"})
        assert await other.connect_async()
        assert await place(other, "theirs", quantity=60, direction="SELL", limit_price=500) == ""
        await acknowledged(other, "theirs")
        client.reconcile_soon("another program may have orders")
        await until(lambda: len(client.market.foreign_orders) == 1)
        await client.controls.order("reduce-only", "ann", "news")
        assert await place(client, "turn", quantity=41, direction="SELL", limit_price=500) == "REDUCE_ONLY"
        assert await place(client, "close", quantity=40, direction="SELL", limit_price=500) == ""
        await other.disconnect_async()

    trade_among_others(work)
    assert set(gateway.ledger.orders) == {"a", "theirs", "close"}


@pytest.mark.parametrize(("quantity", "code"), [(100, ""), (101, "REDUCE_ONLY")])
def test_a_change_is_judged_as_the_order_that_it_would_make(trade: Session, quantity: int, code: str) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a", quantity=100, limit_price=460)
        await until(lambda: sum(p.quantity for p in client.market.held()) == 100)
        await place(client, "close", quantity=50, direction="SELL", limit_price=500)
        await client.controls.order("reduce-only", "ann", "news")
        target = client.ledger.get("close")
        assert target is not None
        assert target.intent is not None
        change = replace(
            target.intent,
            intent_id="more",
            action="REPLACE",
            target_intent_id="close",
            quantity=Decimal(quantity),
        )
        refusal = client.controls.permission.refusal(OrderState(intent_id="more", intent=change))
        assert (refusal.code if refusal else "") == code

    trade(work)


class Lenient(SimpleRiskChecker):
    def validate(self, intent: dict[str, Any]) -> bool:
        return True


def test_no_checker_can_overrule_the_switch(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("reduce-only", "ann", "news")
        assert await client.process(builders.raw_intent(), Lenient()) is None

    trade(work)
    assert gateway.ledger.requests == []


# --- limits on record ----------------------------------------------------------------------------------


def test_limits_are_journaled_when_they_come_into_force_with_what_they_were(
    trade: Session, home: Path
) -> None:
    async def nothing(client: IBKRExecClient) -> None:
        pass

    trade(nothing, max_order_quantity=500)
    trade(nothing, max_order_quantity=500)
    trade(nothing, max_order_quantity=200)
    first, second = facts(home, LimitsSet)
    assert (first.limits["max_order_quantity"], first.changed) == ("500", {})
    assert (second.limits["max_order_quantity"], second.changed) == ("200", {"max_order_quantity": "500"})
    assert second.limits_hash != first.limits_hash
    assert second.by


def test_limits_of_another_checker_are_journaled_before_it_judges(trade: Session, home: Path) -> None:
    async def work(client: IBKRExecClient) -> str:
        await client.process(builders.raw_intent(), SimpleRiskChecker({"max_order_quantity": 7}))
        state = client.get_order_state(builders.INTENT_ID)
        assert state is not None
        return state.reason_code

    assert trade(work) == "MAX_ORDER_QUANTITY"
    assert [fact.limits["max_order_quantity"] for fact in facts(home, LimitsSet)] == ["1000", "7"]
