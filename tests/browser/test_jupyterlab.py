"""The ticket and the controls as a trader meets them: in JupyterLab 4, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.servers import jupyter_lab
from tests.browser.test_blotter import notebook
from tests.waiting import wait_until
from toolkit.gateway import PaperGateway

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CELLS = ["import time, toolkit\ndesk = toolkit.connect()\ndesk.ticket()", "desk.panel()", "time.sleep(600)"]
DARK = "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"


@pytest.fixture(scope="module")
def page(
    browser: Any, shared_market: PaperGateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A notebook with a ticket and a panel, its cells run one by one with ``run``."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "desk.ipynb").write_text(notebook(*CELLS))
    home = {"TOOLKIT_HOME": str(folder / "home"), "IBKR_PORT": str(shared_market.port)}
    with jupyter_lab(folder, home) as address:
        context = browser.new_context(viewport={"width": 1200, "height": 1000})
        page = context.new_page()
        page.goto(address.format("desk.ipynb"))
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=90_000)
        page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
        for _ in range(2):
            page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
        page.locator(".tkk-button").wait_for(timeout=60_000)
        yield page
        context.close()


def fill_in(page: Any, name: str, value: str) -> None:
    field = page.get_by_label(name, exact=True).first
    field.fill(value)
    field.press("Enter")


def test_the_ticket_places_an_order_that_reaches_the_gateway(
    page: Any, shared_market: PaperGateway, tmp_path: Path
) -> None:
    fill_in(page, "Symbol", "SPY")
    page.locator(".tkt").get_by_text("contract 756733").wait_for()
    fill_in(page, "Quantity", "100")
    send = page.locator(".tkt-send")
    assert send.is_disabled()
    page.get_by_role("button", name="Preview").click()
    page.locator(".tkt").get_by_text("checks passed").wait_for()
    shot(page, tmp_path, "ticket-preview")
    assert shared_market.ledger.orders == {}
    send.dblclick()
    page.locator(".tkt").get_by_text("Filled").wait_for()
    assert [len(sent) for sent in shared_market.ledger.orders.values()] == [1]
    assert send.is_disabled()
    shot(page, tmp_path, "ticket-sent")


def test_the_ticket_can_be_read_in_the_dark_and_at_800_pixels(page: Any, tmp_path: Path) -> None:
    page.evaluate(DARK)
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    page.get_by_role("button", name="Preview").click()
    page.locator(".tkt").get_by_text("checks passed").wait_for()
    background, text = page.evaluate(
        "() => { const part = document.querySelector('.tkt-preview');"
        " const back = document.querySelector('.jp-Notebook');"
        " return [getComputedStyle(back).backgroundColor, getComputedStyle(part).color]; }"
    )
    assert luminance(background) < 0.1 < 0.5 < luminance(text)
    shot(page, tmp_path, "ticket-dark")
    page.set_viewport_size({"width": 800, "height": 1000})
    shot(page, tmp_path, "ticket-dark-800")
    box, room = page.locator(".tkt").first.bounding_box(), page.locator(".jp-Notebook").bounding_box()
    assert box["x"] + box["width"] <= room["x"] + room["width"]
    page.set_viewport_size({"width": 1200, "height": 1000})


def test_h53_the_kill_works_while_a_cell_sleeps(
    page: Any, shared_market: PaperGateway, tmp_path: Path
) -> None:
    page.get_by_label("Order type").select_option(label="Limit")
    fill_in(page, "Limit", "500")
    page.get_by_role("button", name="Preview").click()
    page.locator(".tkt").get_by_text("checks passed").wait_for()
    page.locator(".tkt-send").click()
    wait_until(lambda: len(shared_market.ledger.orders) == 2)
    page.locator(".jp-CodeCell .jp-InputArea-prompt").last.click()
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-cell')")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=busy]").wait_for()
    page.locator(".tkt").get_by_text("the other buttons wait for it").wait_for()
    page.locator(".tkk-button").click()
    page.get_by_role("button", name="Press again: cancel 1 order").wait_for()
    shot(page, tmp_path, "kill-asks")
    assert shared_market.ledger.cancels == []
    pressed = time.monotonic()
    page.locator(".tkk-button").click()
    wait_until(lambda: shared_market.ledger.cancels)
    print(f"from the click to the cancel at the gateway: {time.monotonic() - pressed:.3f} s")
    page.locator(".tkt").get_by_text("KILLED since").wait_for()
    assert page.locator(".jp-Notebook-ExecutionIndicator[data-status=busy]").count() == 1
    shot(page, tmp_path, "killed-while-busy")


def luminance(colour: str) -> float:
    """Of a CSS colour, 0 black to 1 white, roughly."""
    red, green, blue = (int(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def shot(page: Any, folder: Path, name: str) -> None:
    page.screenshot(path=str(folder / f"{name}.png"))
