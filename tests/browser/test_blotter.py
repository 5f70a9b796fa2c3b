"""The blotter as a trader meets it: in JupyterLab, in a real browser, against the paper gateway."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CELLS = [
    "import toolkit\ndesk = toolkit.connect()\ndesk.blotter()",
    (
        "desk.buy('SPY', 100, intent_id='bought', strategy_id='momentum')\n"
        "desk.sell('QQQ', 30, limit=600, intent_id='resting', tif='GTC')\n"
        "desk.buy('SPY', 5_000, intent_id='too-large')\n"
        "desk.wait('bought')['status']"
    ),
]


def notebook(*cells: str) -> str:
    """A notebook of these code cells."""
    made = [
        {"cell_type": "code", "id": f"cell-{n}", "metadata": {}, "outputs": [], "execution_count": None}
        | {"source": source}
        for n, source in enumerate(cells)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def open_notebook(browser: Any, lab: tuple[str, Path]) -> Iterator[Callable[..., Any]]:
    """Opens a notebook of some cells in JupyterLab; ``run`` on the page runs them all."""
    address, folder = lab
    context = browser.new_context(viewport={"width": 1500, "height": 1000})

    def opened(*cells: str) -> Any:
        (folder / "blotter.ipynb").write_text(notebook(*cells))
        page = context.new_page()
        page.goto(address.format("blotter.ipynb"))
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)
        execute(page, "notebook:run-all-cells")
        page.wait_for_selector(".tkb-strip .tkb-item", timeout=60_000)
        return page

    yield opened
    context.close()


def tab(page: Any, name: str) -> Any:
    return page.get_by_role("tab", name=re.compile(name))


def row(page: Any, intent_id: str) -> Any:
    return page.locator(f'.tkb-row[data-id="{intent_id}"]')


def test_orders_appear_and_one_is_cancelled_with_keys_that_do_not_reach_the_notebook(
    market: Any, open_notebook: Callable[..., Any], lab: tuple[str, Path], shots: Path
) -> None:
    """The notebook that is saved afterwards says how it ended, without anything that runs."""
    page = open_notebook(*CELLS)
    resting = row(page, "resting")
    resting.get_by_text("Submitted").wait_for()
    assert "PAPER" in page.locator(".tkb-strip").inner_text()
    tab(page, "All orders").click()
    row(page, "bought").get_by_text("✓ Filled").wait_for()
    tab(page, "Denied").click()
    row(page, "too-large").get_by_text("MAX_ORDER_QUANTITY", exact=True).wait_for()
    shot(page, shots, "lab-light")

    tab(page, "Working").click()
    page.locator(".tkb-scroll").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("c")
    resting.get_by_role("button", name="Keep").wait_for()
    assert market.ledger.cancels == []
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    wait_until(lambda: len(market.ledger.cancels) == 1)
    tab(page, "All orders").click()
    resting.get_by_text("✕ Cancelled").wait_for()
    assert page.locator(".jp-CodeCell").count() == len(CELLS)

    execute(page, "apputils:change-theme", "{theme: 'JupyterLab Dark'}")
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    scheme = "(root) => getComputedStyle(root).colorScheme"
    assert page.locator(".tkb").evaluate(scheme) == "dark"
    shot(page, shots, "lab-dark")

    assert page.locator(".toolkit-blotter-static").is_hidden()
    execute(page, "docmanager:save")
    saved = lab[1] / "blotter.ipynb"
    wait_until(lambda: "too-large" in static_tables(saved))
    assert "✓&nbsp;Filled" in static_tables(saved)


def test_the_table_moves_while_a_cell_keeps_the_kernel_busy(
    market: Any, open_notebook: Callable[..., Any]
) -> None:
    busy = "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end: pass"
    page = open_notebook(CELLS[0], CELLS[1], busy)
    row(page, "resting").get_by_text("Submitted").wait_for()
    market.market.set_quote("QQQ", bid=600.10, ask=600.12)
    tab(page, "All orders").click()
    row(page, "resting").get_by_text("✓ Filled").wait_for(timeout=5_000)
    assert page.locator(".jp-Notebook-ExecutionIndicator[data-status=busy]").count() == 1
    execute(page, "notebook:interrupt-kernel")


def static_tables(path: Path) -> str:
    """The HTML that a saved notebook shows where nothing runs; none while it is being written."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except json.JSONDecodeError:
        return ""
    outputs = [output for cell in cells for output in cell["outputs"]]
    return "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)


def execute(page: Any, command: str, arguments: str = "{}") -> None:
    """Run one of JupyterLab's commands."""
    page.evaluate(f"void window.jupyterapp.commands.execute('{command}', {arguments})")


def shot(page: Any, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(folder / f"{name}.png"))
