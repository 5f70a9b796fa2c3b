"""A client connected to a paper gateway over a real socket, and an audit of what both wrote."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.auditing import PATIENCE, all_heard, assert_one_story
from tests.broker.controlled import Session, trader
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway


@pytest.fixture
def trade_among_others(gateway: PaperGateway, home: Path, loop_run: Any) -> Session:
    """As ``trade``, at a gateway that also has orders of other programs: one journal cannot tell of them."""
    return trader(gateway, loop_run)


@pytest.fixture
def trade(trade_among_others: Session, gateway: PaperGateway, home: Path) -> Iterator[Session]:
    """Runs ``await work(client)`` on a connected client, and closes it; the books are audited at the end."""

    def run(work: Callable[[IBKRExecClient], Awaitable[Any]], **config: Any) -> Any:
        async def and_hear(client: IBKRExecClient) -> Any:
            result = await work(client)
            with suppress(AssertionError):  # the audit says what is missing
                await until(lambda: all_heard(client, gateway), PATIENCE)
            return result

        return trade_among_others(and_hear, **config)

    yield run
    assert_one_story(home / "journal.db", gateway)
