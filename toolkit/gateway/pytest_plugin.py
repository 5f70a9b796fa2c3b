"""
A pytest plugin: the fixture ``paper_gateway``, for any project that talks to the TWS API.

It is found through the entry point ``pytest11`` of this package.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from toolkit.gateway.server import PaperGateway


@pytest.fixture
def paper_gateway() -> Iterator[PaperGateway]:
    """
    A paper gateway on a free port of this machine, in a thread of its own.

    Prices move only through ``paper_gateway.market.set_quote``; ``paper_gateway.ledger`` holds the
    orders that reached it and the fills that it issued.
    """
    from toolkit.gateway.server import PaperGateway

    with PaperGateway(quotes=None) as gateway:
        yield gateway
