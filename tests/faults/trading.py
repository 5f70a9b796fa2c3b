"""A client at a paper gateway that is about to misbehave, quick enough to wait for its recovery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Final

from tests import builders
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderState

QUICK: Final[dict[str, Any]] = {"settle_s": 0.05, "max_messages_per_second": 1000}
"""A broker that settles at once; heartbeat and sweep stay slow unless a test is about them."""


@contextmanager
def paper_gateway(**options: Any) -> Iterator[PaperGateway]:
    """A market that moves only when the test says so: SPY 450.00 at 450.02, 500 shares each."""
    with PaperGateway(port=0, quotes=None, **options) as gateway:
        gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        yield gateway


@asynccontextmanager
async def trading(
    gateway: PaperGateway, *, clock: Callable[[], datetime] | None = None, **config: Any
) -> AsyncIterator[IBKRExecClient]:
    """A connected client that is closed in the end."""
    client = IBKRExecClient({"port": gateway.port, "client_id": 2, **QUICK, **config}, clock=clock)
    assert await client.connect_async(), client.last_error
    try:
        yield client
    finally:
        await client.disconnect_async()


def state(client: IBKRExecClient, intent_id: str = builders.INTENT_ID) -> OrderState:
    """An order that must be known."""
    found = client.get_order_state(intent_id)
    assert found is not None
    return found


async def rest(client: IBKRExecClient, intent_id: str = builders.INTENT_ID, **changes: Any) -> OrderState:
    """Place an order far from the market and wait until the broker confirmed it."""
    raw = builders.raw_intent(**{"intent_id": intent_id, "limit_price": 440, **changes})
    assert await client.place_order(raw) is not None, state(client, intent_id).reason
    await until(lambda: state(client, intent_id).acked_at is not None)
    return state(client, intent_id)


async def reports_of(client: IBKRExecClient, intent_id: str = builders.INTENT_ID) -> list[dict[str, Any]]:
    """The reports of one intent since the last call."""
    return [each for each in await client.get_execution_reports() if each["intent_id"] == intent_id]


def placements(gateway: PaperGateway, intent_id: str = builders.INTENT_ID) -> int:
    """How many new orders of an intent reached the gateway."""
    return sum(each.order_ref == intent_id and not each.modification for each in gateway.ledger.requests)


def run(loop_run: Callable[[Any], Any], work: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine with its deadline."""
    loop_run(asyncio.wait_for(work(), 60))
