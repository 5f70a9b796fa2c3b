"""A desk on the paper gateway, over its socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import toolkit
from tests.auditing import assert_one_story, let_arrive
from toolkit.desk.desk import Desk
from toolkit.gateway import PaperGateway


@pytest.fixture
def market(paper_gateway: PaperGateway) -> PaperGateway:
    """A gateway with quotes that stand still until the test moves them."""
    paper_gateway.market.set_quote("SPY", bid=540.00, ask=540.02)
    paper_gateway.market.set_quote("QQQ", bid=460.00, ask=460.02)
    return paper_gateway


@pytest.fixture
def desk(market: PaperGateway, home: Path) -> Iterator[Desk]:
    with toolkit.connect(port=market.port, home=home) as desk:
        yield desk
        let_arrive(desk.engine.client, market)
    assert_one_story(home / "journal.db", market)


@pytest.fixture
def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
