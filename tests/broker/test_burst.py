"""A burst of orders, a cancel in the middle of it, and a connection that breaks (hazard H11)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests import builders
from tests.broker.conftest import Session
from tests.broker.waits import order, working
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway

BURST = [f"burst-{n}" for n in range(200)]
RATE = 40
"""Messages per second of the default budget."""


def burst(client: IBKRExecClient) -> list[asyncio.Task[Any]]:
    return [
        asyncio.create_task(client.place_order(builders.raw_intent(intent_id=name, limit_price=440)))
        for name in BURST
    ]


def test_h11_what_is_marked_sent_is_what_left_and_a_cancel_does_not_wait_behind_it(
    trade: Session, gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client, "early")
        orders = burst(client)
        await until(lambda: len(gateway.ledger.requests) > RATE)  # from here on the budget is short
        before = len(gateway.ledger.requests)
        await client.cancel_intent("early")
        await until(lambda: gateway.ledger.cancels)
        # In 200 ms the budget lets eight orders pass; the other hundred and more wait behind the cancel.
        assert len(gateway.ledger.requests) - before <= RATE // 5
        gateway.faults.add("reset", message="placeOrder", served=True)
        await asyncio.gather(*orders)
        assert not client.ready
        sent = {name for name in BURST if order(client, name).sent_at is not None}
        denied = {name for name in BURST if order(client, name).denied is not None}
        assert sent | denied == set(BURST)
        assert not sent & denied

    trade(work, max_gross_exposure=100_000_000, max_open_orders_per_side=1000)
    assert "holds messages back" not in caplog.text
    seen = {request.order_ref for request in gateway.ledger.requests} - {"early"}

    async def come_back(client: IBKRExecClient) -> None:
        sent = {name for name in BURST if order(client, name).sent_at is not None}
        # What was on its way when the connection broke is not lost from sight: it is unknown.
        unknown = {name for name in BURST if order(client, name).lost}
        assert seen | unknown == sent
        assert not seen & unknown
        assert len(unknown) < RATE

    trade(come_back)
    assert len(gateway.ledger.requests) == len(seen) + 1


def test_orders_of_one_contract_that_come_at_once_ask_for_it_once(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        gateway.faults.add("drop", message="reqContractDetails", skip=1, times=0)
        orders = [
            client.place_order(builders.raw_intent(intent_id=name, limit_price=440)) for name in BURST[:10]
        ]
        assert None not in await asyncio.gather(*orders)

    trade(work)
