"""
How fast the blotter is with 5,000 live orders, in JupyterLab and Chromium, and what it costs the kernel.

Fifty orders a second fill at the paper gateway, which runs in this process. Rounds with and without a
blotter on the page take turns in one kernel; the difference of its CPU time is the blotter's. What is
late is measured from the moment at which the kernel learnt of a fill to its row in the document.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import CLOCK_TICK, Figure, cpu_seconds
from tests.browser.conftest import CHROMIUM, FLAGS, SCRATCH, running_lab
from tests.browser.test_blotter import notebook
from toolkit.gateway import PaperGateway

ORDERS = 5_000
PER_SECOND = 50
STEP = 0.01
"""USD between the limits of two neighbours."""
FIRST = 541.00

DESK = """
import json, os, toolkit, pandas as pd
desk = toolkit.connect(
    max_gross_exposure=10**12, max_open_orders_per_side=10**6, max_messages_per_second=5000
)
limits = [round(%(first)s + %(step)s * n, 2) for n in range(%(orders)d)]
order = {'symbol': 'SPY', 'direction': 'SELL', 'quantity': 1, 'order_type': 'LIMIT'}
desk.submit(pd.DataFrame([{**order, 'limit_price': limit} for limit in limits]), max_rows=10**6)
heard = {}
def note(event, state, report):
    if type(event).__name__ == 'Executed':
        heard[event.exec_id.rpartition('.')[0]] = event.at.timestamp() * 1000
desk.ask(lambda: desk.engine.client.ledger.listeners.append(note))
print('pid', os.getpid(), len(desk.engine.client.ledger.working()))
"""
SHOW = "blotter = desk.blotter(); blotter"
CLOSE = "blotter.close(); print('closed')"
THREAD = "print('thread', blotter._thread.native_id)"
HEARD = "json.dump(heard, open('heard.json', 'w')); print('written')"
WATCH = """() => {
  // Not with the mouse, which would select the blotter's cell.
  document.querySelectorAll('.tkb-tab').forEach((tab) => tab.textContent.startsWith('Fills') && tab.click());
  window.seen = {};
  const look = () => {
    const lines = document.querySelectorAll('.tkb-body > .tkb-row');
    for (const line of lines) window.seen[line.dataset.id] ??= Date.now();
  };
  new MutationObserver(look).observe(document.querySelector('.tkb-body'), { childList: true });
  look();
  for (const id of Object.keys(window.seen)) window.seen[id] = 0;
}"""


class Notebook:
    """A notebook in JupyterLab, run cell by cell."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.received = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, payload: str | bytes) -> None:
        self.received += len(payload)

    def run(self) -> None:
        """Run the selected cell, and select the next."""
        self.page.evaluate("void window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")

    def says(self, text: str) -> str:
        """Wait for a printed line that begins with a text; the line."""
        line = self.page.locator(".jp-OutputArea-output pre", has_text=text).last
        line.wait_for(timeout=600_000)
        return str(line.inner_text())


@contextmanager
def opened(cells: list[str]) -> Iterator[tuple[PaperGateway, Notebook, Path]]:
    """A gateway, and a notebook of these cells in JupyterLab in Chromium."""
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory(dir=SCRATCH) as scratch,
        PaperGateway(quotes=None) as gateway,
        sync_playwright() as playwright,
    ):
        gateway.market.set_quote("SPY", 540.00, 540.02, 10**6, 10**6)
        variables = {"IBKR_PORT": str(gateway.port), "TOOLKIT_HOME": f"{scratch}/home"}
        with running_lab(Path(scratch), variables) as (address, folder):
            (folder / "blotter.ipynb").write_text(notebook(*cells))
            chromium = playwright.chromium.launch(
                executable_path=str(CHROMIUM), args=FLAGS, env={**os.environ, "HOME": str(SCRATCH)}
            )
            page = chromium.new_page(viewport={"width": 1500, "height": 1000})
            book = Notebook(page)
            page.goto(address.format("blotter.ipynb"))
            page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
            page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)
            yield gateway, book, folder
            chromium.close()


def run(*, quick: bool) -> list[Figure]:
    """All figures; quick: two short rounds."""
    rounds, seconds = (2, 6.0) if quick else (5, 10.0)
    fills = int(PER_SECOND * seconds)
    orders = ORDERS + rounds * 2 * fills
    desk = DESK % {"first": FIRST, "step": STEP, "orders": orders}
    cells = [desk, *[SHOW, THREAD, CLOSE] * rounds, HEARD]
    paints, shares, threads, late, sizes = [], [], [], [], []
    with opened(cells) as (gateway, book, folder):
        book.run()
        pid = int(book.says("pid").split()[1])
        filled, seen = 0, {}
        book.page.wait_for_timeout(3_000)  # what the 5,000 orders left to be done is none of the rounds'
        for _ in range(rounds):
            filled, bare, _ = traffic(gateway, book, pid, filled, seconds)
            start = time.monotonic()
            book.run()
            book.page.get_by_role("tab", name="Working").wait_for(timeout=60_000)
            book.page.locator(".tkb-body > .tkb-row").nth(10).wait_for(timeout=60_000)
            paints.append((time.monotonic() - start) * 1000)
            book.run()
            task = Path(f"/proc/{pid}/task/{int(book.says('thread').split()[1])}/stat")
            book.page.evaluate(WATCH)
            before, received = ticks(task), book.received
            filled, shown, changed = traffic(gateway, book, pid, filled, seconds)
            threads.append((ticks(task) - before) / seconds * 100)
            sizes.append((book.received - received) / changed)
            shares.append((shown - bare) / seconds * 100)
            seen |= book.page.evaluate("window.seen")
            book.run()
            book.page.locator(".jp-OutputArea-output pre", has_text="closed").last.wait_for()
        book.run()
        book.says("written")
        heard = json.loads((folder / "heard.json").read_text())
    late = sorted(at - heard[fill] for fill, at in seen.items() if at and fill in heard)
    p95 = late[int(len(late) * 0.95)]
    what = f"blotter, {ORDERS:,} orders, {PER_SECOND} fills/s"
    return [
        Figure(f"{what}: kernel CPU, with less without", shares, "% of a core", goal="<= 3"),
        Figure(f"{what}: CPU of its own thread", threads, "% of a core"),
        Figure(f"{what}: a fill to its row in the page, p50", [late[len(late) // 2]], "ms"),
        Figure(f"{what}: a fill to its row in the page, p95 of {len(late)}", [p95], "ms", goal="<= 300"),
        Figure(f"{what}: received by the page per fill", sizes, "bytes"),
        Figure(f"blotter, first paint of {ORDERS:,} rows and more", paints, "ms", goal="< 1500"),
    ]


def traffic(
    gateway: PaperGateway, book: Notebook, pid: int, filled: int, seconds: float
) -> tuple[int, float, int]:
    """Let orders fill for a while; how many are filled by then, the kernel's CPU seconds, how many now."""
    start, begun = cpu_seconds(pid), filled
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        due = begun + int((seconds - left) * PER_SECOND)
        if due > filled:
            filled = due
            bid = round(FIRST + STEP * (filled - 1), 2)
            gateway.market.set_quote("SPY", bid, bid + 0.02, 10**6, 10**6)
        book.page.wait_for_timeout(100)
    return filled, cpu_seconds(pid) - start, filled - begun


def ticks(task: Path) -> float:
    """CPU seconds of one thread."""
    fields = task.read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICK
