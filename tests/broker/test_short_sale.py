"""Short sales need shares that the broker says it has to lend, told over a socket (RISK.md, control 15)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.intent import parse

LOCATED = {"allow_unlocated_short": False}


def sale(intent_id: str, quantity: int = 100) -> dict[str, Any]:
    return builders.market_intent(intent_id=intent_id, quantity=quantity, direction="SELL")


@pytest.fixture
def trade(paper_gateway: PaperGateway, home: Path, loop_run: Any) -> Any:
    """Run a coroutine function with a client whose short sales need shares to borrow."""

    def run(body: Any) -> None:
        async def session() -> None:
            config = {"host": "127.0.0.1", "port": paper_gateway.port, "client_id": 2, **LOCATED}
            client = IBKRExecClient(config)
            assert await client.connect_async(timeout=5), client.last_error
            try:
                await body(client)
            finally:
                await client.disconnect_async()

        paper_gateway.market.set_quote("SPY", 540.00, 540.02)
        loop_run(session())

    return run


def codes(client: IBKRExecClient, intent_id: str) -> list[str]:
    state = client.get_order_state(intent_id)
    assert state is not None
    return [] if state.denied is None else [each.code for each in state.denied.decisions]


def test_the_very_first_short_sale_waits_for_the_broker_to_tell_what_it_lends(
    trade: Any, paper_gateway: PaperGateway
) -> None:
    async def body(client: IBKRExecClient) -> None:
        assert await client.place_order(sale("lent"))
        await until(lambda: "lent" in paper_gateway.ledger.orders)

    trade(body)


def test_a_short_sale_beyond_what_the_broker_lends_never_reaches_it(
    trade: Any, paper_gateway: PaperGateway
) -> None:
    paper_gateway.market.lend("SPY", 99)

    async def body(client: IBKRExecClient) -> None:
        assert await client.place_order(sale("short")) is None
        assert codes(client, "short") == ["NOT_SHORTABLE"]
        assert paper_gateway.ledger.orders == {}

    trade(body)


def test_what_the_broker_lends_is_followed_as_it_changes(trade: Any, paper_gateway: PaperGateway) -> None:
    async def body(client: IBKRExecClient) -> None:
        intent = parse(sale("asked"), now=datetime.now(UTC))
        await client.quote(intent)
        instrument = client.market.find(intent)
        assert instrument is not None
        await until(lambda: client.market.quote(instrument.con_id).shortable == 1_000_000)
        paper_gateway.market.lend("SPY", 5)
        await until(lambda: client.market.quote(instrument.con_id).shortable == 5)
        assert await client.place_order(sale("short", quantity=6)) is None
        assert codes(client, "short") == ["NOT_SHORTABLE"]

    trade(body)


def test_a_broker_that_tells_nothing_about_lending_denies_the_short_sale(
    trade: Any, paper_gateway: PaperGateway
) -> None:
    paper_gateway.faults.add("drop", message="tickSize", times=50)

    async def body(client: IBKRExecClient) -> None:
        assert await client.place_order(sale("short")) is None
        assert codes(client, "short") == ["SHORTABLE_UNKNOWN"]
        assert paper_gateway.ledger.orders == {}

    trade(body)
