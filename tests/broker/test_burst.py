"""A burst of orders, a cancel in the middle of it, and a connection that breaks (hazard H11)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.broker.controlled import Session
from tests.broker.waits import order, working
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway

BURST = [f"burst-{n}" for n in range(200)]
RATE = 40
"""Messages per second of the default budget."""


def burst(client: IBKRExecClient, names: list[str]) -> list[asyncio.Task[Any]]:
    return [
        asyncio.create_task(client.place_order(builders.raw_intent(intent_id=name, limit_price=440)))
        for name in names
    ]


def test_h11_what_is_marked_sent_is_what_left_and_a_cancel_does_not_wait_behind_it(
    trade: Session, gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await working(client, "early")
        orders = burst(client, BURST)
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


def test_h43_a_burst_never_meets_the_gateways_own_limit_of_messages(home: Path, loop_run: Any) -> None:
    """A gateway that breaks the connection at more than 50 messages in a second."""

    async def work() -> None:
        with PaperGateway(port=0, quotes=None, pacing=True) as strict:
            strict.market.set_quote("SPY", 450.00, 450.02, 500, 500)
            limits = {"max_gross_exposure": 1e9, "max_open_orders_per_side": 1000}
            client = IBKRExecClient({"port": strict.port, "client_id": 2, **limits})
            assert await client.connect_async(), client.last_error
            heard: list[int] = []
            client.inbox.code_listeners.append(heard.append)
            await asyncio.gather(*burst(client, BURST[: 2 * RATE]))
            await until(lambda: len(strict.ledger.requests) == 2 * RATE)
            assert client.health()["epoch"] == 1
            assert 100 not in heard
            await client.disconnect_async()

    loop_run(work())


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
