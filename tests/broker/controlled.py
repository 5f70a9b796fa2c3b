"""Hands on a connected client and on what its operators did, for tests of the controls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests import builders
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader

Session = Callable[..., Any]


def trader(gateway: PaperGateway, loop_run: Any) -> Session:
    """Runs ``await work(client)`` on a connected client, and closes it."""

    def run(work: Callable[[IBKRExecClient], Awaitable[Any]], **config: Any) -> Any:
        async def session() -> Any:
            client = IBKRExecClient({"port": gateway.port, "client_id": 2, **config})
            assert await client.connect_async(timeout=5), client.last_error
            try:
                return await work(client)
            finally:
                await client.disconnect_async()

        return loop_run(session())

    return run


async def place(client: IBKRExecClient, intent_id: str, **changes: Any) -> str:
    """Place an order, by default one that rests; the code that it was denied with, ``""`` when it was not."""
    await client.place_order(builders.raw_intent(intent_id=intent_id, **{"limit_price": 400, **changes}))
    state = client.get_order_state(intent_id)
    assert state is not None
    return state.reason_code if state.denied else ""


async def acknowledged(client: IBKRExecClient, *intent_ids: str) -> None:
    await until(lambda: all(client.ledger.get(each).acked_at for each in intent_ids))  # type: ignore[union-attr]


def facts(home: Path, kind: type[Any]) -> list[Any]:
    with JournalReader(home / "journal.db") as journal:
        return [fact for _, fact in journal.controls() if isinstance(fact, kind)]
