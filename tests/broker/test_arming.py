"""Arming over a real socket: a live account receives nothing that was not allowed it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.broker.controlled import acknowledged, place, trader
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import GatewayError
from toolkit.gateway import PaperGateway


@pytest.fixture
def live() -> Iterator[PaperGateway]:
    with PaperGateway(port=0, account="U1234567,U7654321", quotes=None) as started:
        started.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        yield started


def arming(live: PaperGateway, **changes: Any) -> dict[str, Any]:
    end = datetime.now(UTC) + timedelta(hours=1)
    terms = {"account": "U1234567", "port": live.port, "until": end, "max_notional": Decimal(50_000)}
    return {**terms, **changes}


LIVE = {"account": "U1234567", "read_only": False}


def test_a_live_account_receives_orders_while_armed_and_none_before_or_after(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def work(client: IBKRExecClient) -> None:
        assert await place(client, "before") == "NOT_ARMED"
        await client.controls.order("arm", "ann", "go", **arming(live))
        assert await place(client, "armed") == ""
        await client.controls.order("disarm", "ann", "lunch")
        assert await place(client, "disarmed") == "NOT_ARMED"

    trader(live, loop_run)(work, **LIVE)
    assert set(live.ledger.orders) == {"armed"}


def test_arming_ends_at_its_time_and_is_asked_at_the_send(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    now = [datetime.now(UTC)]

    async def work() -> None:
        client = IBKRExecClient({"port": live.port, **LIVE}, clock=lambda: now[0])
        assert await client.connect_async()
        await client.controls.order("arm", "ann", "go", **arming(live, until=now[0] + timedelta(hours=1)))
        assert await place(client, "in-time") == ""
        now[0] += timedelta(hours=1)
        assert await place(client, "late") == "NOT_ARMED"
        await client.disconnect_async()

    loop_run(work())
    assert set(live.ledger.orders) == {"in-time"}


@pytest.mark.parametrize("changes", [{"account": "U7654321"}, {"port": 4001}])
def test_a_token_for_another_account_or_port_arms_nothing(
    live: PaperGateway, home: Path, loop_run: Any, changes: dict[str, Any]
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live, **changes))
        assert await place(client, "a") == "NOT_ARMED"

    trader(live, loop_run)(work, **LIVE)
    assert live.ledger.requests == []


@contextmanager
def gateway_on(port: int, account: str) -> Iterator[PaperGateway]:
    """A gateway on one of the ports that have a meaning, as soon as no other test has it."""
    end = time.monotonic() + 30
    while True:
        try:
            started = PaperGateway.start_in_thread(port=port, account=account, quotes=None)
            break
        except GatewayError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
    with started:
        started.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        yield started


@pytest.mark.parametrize(
    ("port", "account", "said"),
    [
        (7497, "U1234567", "a live account's name on a paper port"),
        (7496, "DU123456", "a paper account's name on a live port"),
    ],
)
def test_a_port_and_an_account_that_contradict_each_other_receive_nothing_armed_or_not(
    home: Path, loop_run: Any, port: int, account: str, said: str
) -> None:
    async def work(client: IBKRExecClient) -> None:
        assert await place(client, "before") == "NOT_ARMED"
        await client.controls.order("arm", "ann", "go", **arming(gateway, account=account))
        assert await place(client, "armed") == "NOT_ARMED"
        assert said in client.get_order_state("armed").reason  # type: ignore[union-attr]

    with gateway_on(port, account) as gateway:
        trader(gateway, loop_run)(work, account=account, read_only=False)
    assert gateway.ledger.requests == []


def test_after_expiry_a_resting_order_can_be_cancelled_and_not_changed(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    now = [datetime.now(UTC)]

    async def work() -> None:
        client = IBKRExecClient({"port": live.port, **LIVE}, clock=lambda: now[0])
        assert await client.connect_async()
        await client.controls.order("arm", "ann", "go", **arming(live, until=now[0] + timedelta(hours=1)))
        assert await place(client, "a") == ""
        await acknowledged(client, "a")
        order_id = client.get_order_state("a").order_id  # type: ignore[union-attr]
        now[0] += timedelta(hours=1)
        assert not await client.replace_order(order_id, quantity=50)
        assert await client.cancel_order(order_id)
        await until(lambda: client.get_order_state("a").final)  # type: ignore[union-attr]
        await client.disconnect_async()

    loop_run(work())
    assert len(live.ledger.requests) == 1
    assert len(live.ledger.cancels) == 1


def test_an_order_for_an_account_that_is_not_armed_is_refused(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live))
        assert await place(client, "a", account="U7654321") == "NOT_ARMED"
        assert await place(client, "b", account="U9999999") == "NOT_ARMED"

    trader(live, loop_run)(work, **LIVE)
    assert live.ledger.requests == []


def test_the_armed_amount_is_used_up_by_what_was_sent_also_across_a_restart(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live))
        assert await place(client, "a", quantity=100, limit_price=400) == ""

    async def again(client: IBKRExecClient) -> None:
        assert await place(client, "b", quantity=26, limit_price=400) == "ARMED_NOTIONAL"
        assert await place(client, "c", quantity=25, limit_price=400) == ""
        await client.controls.order("arm", "ann", "more", **arming(live))
        assert await place(client, "d", quantity=26, limit_price=400) == ""

    run = trader(live, loop_run)
    run(work, **LIVE)
    run(again, **LIVE)
    assert set(live.ledger.orders) == {"a", "c", "d"}


@pytest.mark.parametrize("read_only", [None, True])
def test_arming_does_not_overrule_read_only_which_live_accounts_are_by_default(
    live: PaperGateway, home: Path, loop_run: Any, read_only: bool | None
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live))
        assert await place(client, "a") == "READ_ONLY"

    trader(live, loop_run)(work, **{**LIVE, "read_only": read_only})
    assert live.ledger.requests == []


def test_a_kill_disarms(live: PaperGateway, home: Path, loop_run: Any) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live))
        await client.kill("fire")
        await client.controls.order("resume", "ann", "over")
        assert await place(client, "a") == "NOT_ARMED"

    trader(live, loop_run)(work, **LIVE)
    assert live.ledger.requests == []
