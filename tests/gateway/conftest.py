"""What tests of the gateway's memory share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.gateway.remembering import Desk, started


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Desk]]:
    """Starts a desk from the one file; the one before it is gone without a word."""
    desks: list[Desk] = []

    def begin() -> Desk:
        if desks:
            desks[-1].state.close()
        desks.append(started(tmp_path / "state"))
        return desks[-1]

    yield begin
    desks[-1].state.close()
