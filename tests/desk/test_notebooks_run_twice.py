"""All cells of a notebook, run twice in one kernel, as whoever comes back to it does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.auditing import assert_one_story
from tests.desk.kernel import Kernel
from toolkit.gateway import PaperGateway

FOLDER = Path(__file__).resolve().parent.parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
OF_THE_GATEWAY = r", (?:quotes|seed|speed|latency_ms|hours|cash)=[^,)]+"
"""Options that belong to a gateway of one's own."""


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with closing(Kernel()) as kernel:
        yield kernel


def cells(path: Path) -> list[str]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def elsewhere(cell: str, port: int, home: Path) -> str:
    """The cell with its practice gateway and journal replaced by those that outlive a run of the notebook."""
    connected = re.sub(r'connect\("paper"([^)]*)\)', lambda call: re.sub(OF_THE_GATEWAY, "", call[0]), cell)
    connected = connected.replace('connect("paper"', f"connect(port={port}, home={str(home)!r}")
    started = re.sub(r"PaperGateway\.start_in_thread\([^)]*\)", f"OUTSIDE({port})", connected)
    return re.sub(r"tempfile\.mkdtemp\([^)]*\)", repr(str(home)), started)


OUTSIDE = """
class OUTSIDE:
    host = "127.0.0.1"

    def __init__(self, port):
        self.port = port

    def stop(self):
        pass
"""


def sent(gateway: PaperGateway) -> tuple[dict[str, int], int]:
    """Orders by intent, and the requests that were more than the question what an order would cost."""
    ledger = gateway.ledger
    requests = [request for request in ledger.requests if not request.what_if]
    return {intent_id: len(orders) for intent_id, orders in ledger.orders.items()}, len(requests)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_running_all_cells_again_sends_nothing_again(path: Path, kernel: Kernel, tmp_path: Path) -> None:
    source = cells(path)
    home = tmp_path / "home"
    kernel.do(f"%reset -f\n{OUTSIDE}\n%cd -q {tmp_path}")
    if any("gateway.market" in cell for cell in source):
        _own_gateway(kernel, source)
        return
    with PaperGateway(port=0, seed=7) as gateway:
        for cell in source:
            kernel.do(elsewhere(cell, gateway.port, home))
        first = sent(gateway)
        for cell in source:
            kernel.do(elsewhere(cell, gateway.port, home))
        assert sent(gateway) == first
        assert set(first[0].values()) <= {1}
    assert_one_story(home / "journal.db", gateway)


def _own_gateway(kernel: Kernel, source: list[str]) -> None:
    """A notebook that moves the market itself has a gateway of each run: the first one hears nothing more."""
    for cell in source:
        kernel.do(cell)
    kernel.do("first, before = gateway.ledger, len(gateway.ledger.requests)")
    for cell in source:
        kernel.do(cell)
    kernel.do("assert before and len(first.requests) == before and gateway.ledger is not first")
