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

SCREENSHOTS = Path(__file__).resolve().parent.parent.parent / ".venv" / ".screenshots"
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

    def opened(*cells: str, theme: str = "JupyterLab Light") -> Any:
        (folder / "blotter.ipynb").write_text(notebook(*cells))
        page = context.new_page()
        page.goto(address.format("blotter.ipynb"))
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)
        page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_selector(".tkb-strip .tkb-item", timeout=60_000)
        return page

    yield opened
    context.close()


@pytest.fixture
def market(paper_gateway: Any) -> Any:
    """A gateway with quotes that stand still."""
    paper_gateway.market.set_quote("SPY", bid=540.00, ask=540.01)
    paper_gateway.market.set_quote("QQQ", bid=460.00, ask=460.02)
    return paper_gateway


def tab(page: Any, name: str) -> Any:
    return page.get_by_role("tab", name=re.compile(name))


def row(page: Any, intent_id: str) -> Any:
    return page.locator(f'.tkb-row[data-id="{intent_id}"]')


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_orders_appear_in_the_blotter_and_one_is_cancelled_from_its_row(
    market: Any, open_notebook: Callable[..., Any], theme: str
) -> None:
    page = open_notebook(*CELLS, theme=theme)
    resting = row(page, "resting")
    resting.get_by_text("Submitted").wait_for()
    assert "PAPER" in page.locator(".tkb-strip").inner_text()

    tab(page, "All orders").click()
    row(page, "bought").get_by_text("✓ Filled").wait_for()
    shot(page, f"all-orders-{theme}")
    tab(page, "Denied").click()
    row(page, "too-large").get_by_text("MAX_ORDER_QUANTITY", exact=True).wait_for()
    shot(page, f"denied-{theme}")

    tab(page, "Working").click()
    resting.get_by_role("button", name="Cancel resting").click()
    shot(page, f"asking-{theme}")
    assert market.ledger.cancels == []  # one click is not enough
    resting.get_by_role("button", name="Yes").click()
    wait_until(lambda: len(market.ledger.cancels) == 1)
    tab(page, "All orders").click()
    resting.get_by_text("✕ Cancelled").wait_for()
    shot(page, f"cancelled-{theme}")


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
    page.evaluate("void window.jupyterapp.commands.execute('notebook:interrupt-kernel')")


def test_keys_move_and_cancel_without_reaching_the_notebook(
    market: Any, open_notebook: Callable[..., Any]
) -> None:
    page = open_notebook(*CELLS)
    row(page, "resting").get_by_text("Submitted").wait_for()
    page.locator(".tkb-scroll").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("c")
    row(page, "resting").get_by_role("button", name="Keep").wait_for()
    page.keyboard.press("Escape")
    row(page, "resting").get_by_role("button", name="Cancel resting").wait_for()
    page.keyboard.press("c")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    wait_until(lambda: len(market.ledger.cancels) == 1)
    assert page.locator(".jp-CodeCell").count() == len(CELLS)


def test_h53_the_kill_switch_wants_two_presses_and_shows_that_it_is_in_force(
    market: Any, open_notebook: Callable[..., Any]
) -> None:
    page = open_notebook(*CELLS)
    row(page, "resting").get_by_text("Submitted").wait_for()
    page.get_by_role("button", name="Kill switch").click()
    shot(page, "kill-asks")
    assert market.ledger.cancels == []
    page.get_by_role("button", name="Press again").click()
    page.locator(".tkb-strip").get_by_text("KILLED since").wait_for()
    wait_until(lambda: len(market.ledger.cancels) == 1)
    shot(page, "killed")


def shot(page: Any, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENSHOTS / f"{name.replace(' ', '-').lower()}.png"))
