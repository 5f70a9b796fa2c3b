"""Four eyes over a real socket: what the gateway received is the judge (control 25)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.broker.controlled import Session, acknowledged, facts, place
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import ControlError
from toolkit.gateway import PaperGateway
from toolkit.orders.approvals import LASTS
from toolkit.orders.controls import Approved

LARGE = {"quantity": 500, "limit_price": 400, "submitted_by": "bob"}
"""200,000 USD, where more than 100,000 needs two people."""
LIMITS = {"approve_above": 100_000}


async def approve(client: IBKRExecClient, intent_id: str, by: str = "ann") -> None:
    await client.controls.order("approve", by, "hedged elsewhere", intent_id=intent_id)


def test_a_large_order_goes_once_after_another_person_approved_it_and_never_before(
    trade: Session, gateway: PaperGateway, home: Path
) -> None:
    async def work(client: IBKRExecClient) -> None:
        assert await place(client, "small", quantity=250, limit_price=400) == ""
        await acknowledged(client, "small")
        assert await place(client, "a", **LARGE) == "NEEDS_APPROVAL"
        assert await place(client, "b", approval="a", **LARGE) == "NEEDS_APPROVAL"
        assert set(gateway.ledger.orders) == {"small"}
        await approve(client, "a")
        assert await place(client, "other", approval="a", **{**LARGE, "limit_price": 401}) == "NEEDS_APPROVAL"
        assert await place(client, "c", approval="a", **LARGE) == ""
        assert await place(client, "d", approval="a", **LARGE) == "NEEDS_APPROVAL"
        with pytest.raises(ControlError, match="was released already, as c"):
            await approve(client, "a")

    trade(work, **LIMITS)
    assert set(gateway.ledger.orders) == {"small", "c"}
    (fact,) = facts(home, Approved)
    assert (fact.by, fact.reason, fact.intent.intent_id) == ("ann", "hedged elsewhere", "a")
    assert fact.until - fact.at == LASTS


def test_whoever_wanted_an_order_cannot_approve_it(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        assert await place(client, "a", **LARGE) == "NEEDS_APPROVAL"
        with pytest.raises(ControlError, match="another person has to approve it"):
            await approve(client, "a", by="bob")
        assert await place(client, "b", approval="a", **LARGE) == "NEEDS_APPROVAL"

    trade(work, **LIMITS)
    assert gateway.ledger.requests == []


def test_an_approval_ends_after_a_while(gateway: PaperGateway, home: Path, loop_run: Any) -> None:
    now = [datetime.now(UTC)]

    async def work() -> None:
        client = IBKRExecClient({"port": gateway.port, **LIMITS}, clock=lambda: now[0])
        assert await client.connect_async()
        assert await place(client, "a", **LARGE) == "NEEDS_APPROVAL"
        await approve(client, "a")
        now[0] += LASTS + timedelta(seconds=1)
        assert await place(client, "b", approval="a", **LARGE) == "NEEDS_APPROVAL"
        await client.disconnect_async()

    loop_run(work())
    assert gateway.ledger.requests == []


def test_an_approval_and_its_use_are_known_after_a_restart(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        assert await place(client, "a", **LARGE) == "NEEDS_APPROVAL"
        await approve(client, "a")

    async def send(client: IBKRExecClient) -> None:
        assert await place(client, "b", approval="a", **LARGE) == ""

    async def again(client: IBKRExecClient) -> None:
        assert await place(client, "c", approval="a", **LARGE) == "NEEDS_APPROVAL"

    for each in (work, send, again):
        trade(each, **LIMITS)
    assert set(gateway.ledger.orders) == {"b"}


def test_an_order_cannot_be_changed_into_a_large_one(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        assert await place(client, "a", quantity=250, limit_price=400) == ""
        order = client.get_order_state("a")
        assert order is not None
        assert order.order_id is not None
        assert not await client.replace_order(order.order_id, quantity=251)

    trade(work, **LIMITS)
    assert len(gateway.ledger.requests) == 1
