"""Waiting for an order of a client under test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests import builders
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.orders.state import OrderState


def order(client: IBKRExecClient, intent_id: str = builders.INTENT_ID) -> OrderState:
    """The order as it stands now."""
    state = client.ledger.get(intent_id)
    assert state is not None, f"{intent_id} was never received"
    return state


async def once(
    client: IBKRExecClient, condition: Callable[[OrderState], Any], intent_id: str = builders.INTENT_ID
) -> OrderState:
    """The order as soon as ``condition`` holds for it."""

    def holds() -> bool:
        state = client.ledger.get(intent_id)
        return state is not None and bool(condition(state))

    await until(holds)
    return order(client, intent_id)


async def settled(client: IBKRExecClient, intent_id: str = builders.INTENT_ID) -> OrderState:
    """The order once nothing more is expected: final, and every fill's commission known."""
    return await once(
        client, lambda state: state.final and (not state.executions or state.known_commission), intent_id
    )


async def working(client: IBKRExecClient, intent_id: str = builders.INTENT_ID, **changes: Any) -> OrderState:
    """A new order that the broker has acknowledged: a buy of 100 SPY at 440, unless told otherwise."""
    raw = builders.raw_intent(intent_id=intent_id, **{"limit_price": 440, **changes})
    assert await client.place_order(raw) is not None, order(client, intent_id).reason
    return await once(client, lambda state: state.acked_at, intent_id)


async def reports(client: IBKRExecClient, intent_id: str = builders.INTENT_ID) -> list[dict[str, Any]]:
    """The reports of one intent since the last call."""
    return [report for report in await client.get_execution_reports() if report["intent_id"] == intent_id]
