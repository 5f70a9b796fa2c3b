"""A paper gateway whose market stands still, and a client connected to it over a real socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.auditing import PATIENCE, all_heard, assert_one_story
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway

Session = Callable[..., Any]


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    """A market that moves only when the test says so: SPY 450.00 at 450.02, 500 shares each."""
    with PaperGateway(port=0, quotes=None) as started:
        started.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        yield started


@pytest.fixture
def trade(gateway: PaperGateway, home: Path, loop_run: Any) -> Iterator[Session]:
    """Runs ``await work(client)`` on a connected client, and closes it; the books are audited at the end."""

    def run(work: Callable[[IBKRExecClient], Awaitable[Any]], **config: Any) -> Any:
        async def session() -> Any:
            client = IBKRExecClient({"host": "127.0.0.1", "port": gateway.port, "client_id": 2, **config})
            assert await client.connect_async(timeout=5), client.last_error
            try:
                result = await work(client)
                with suppress(AssertionError):  # the audit says what is missing
                    await until(lambda: all_heard(client, gateway), PATIENCE)
                return result
            finally:
                await client.disconnect_async()

        return loop_run(session())

    yield run
    assert_one_story(home / "journal.db", gateway)
