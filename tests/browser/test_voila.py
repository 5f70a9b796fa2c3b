"""`toolkit blotter` as a person opens it: Voila's page in a real browser, and nothing beyond this machine."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.browser.accessibility import violations
from tests.browser.servers import blotter_page
from tests.browser.test_jupyterlab import fill_in, shot
from tests.waiting import wait_until
from toolkit.gateway import PaperGateway

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


class Visit(NamedTuple):
    """A page that is open, and everything that went wrong in it or left this machine."""

    page: Any
    address: str
    complaints: list[str]


@pytest.fixture(scope="module")
def visit(
    browser: Any, shared_market: PaperGateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    """The page that may trade."""
    folder = tmp_path_factory.mktemp("page")
    variables = {"TOOLKIT_HOME": str(folder / "home"), "IBKR_PORT": str(shared_market.port)}
    with blotter_page(folder, variables, "--trade") as address:
        context = browser.new_context(viewport={"width": 1200, "height": 1000})
        page, complaints = context.new_page(), list[str]()
        page.on("request", lambda one: _outside(one.url) and complaints.append(f"asked {one.url}"))
        page.on("requestfailed", lambda one: complaints.append(f"failed {one.url}: {one.failure}"))
        page.on("response", lambda one: one.status >= 400 and complaints.append(f"{one.status} {one.url}"))
        page.on("console", lambda one: one.type == "error" and complaints.append(f"console: {one.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.goto(address)
        page.locator(".tkb-strip .tkb-item").first.wait_for(timeout=90_000)
        yield Visit(page, address, complaints)
        context.close()


def _outside(address: str) -> bool:
    return not address.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


def test_an_order_goes_from_the_page_to_the_gateway_and_nothing_leaves_this_machine(
    visit: Visit, shared_market: PaperGateway, tmp_path: Path
) -> None:
    page = visit.page
    fill_in(page, "Symbol", "SPY")
    page.locator(".tkt").get_by_text("contract 756733").wait_for()
    fill_in(page, "Quantity", "10")
    page.get_by_role("button", name="Preview").click()
    page.locator(".tkt").get_by_text("checks passed").wait_for()
    shot(page, tmp_path, "page-preview")
    page.locator(".tkt-send").click()
    wait_until(lambda: shared_market.ledger.fills)
    page.locator(".tkt").get_by_text("filled 10 at 540.02").wait_for()
    page.set_viewport_size({"width": 800, "height": 1000})
    shot(page, tmp_path, "page-800")
    page.set_viewport_size({"width": 1200, "height": 1000})
    assert visit.complaints == []


def test_the_page_has_no_serious_accessibility_fault(visit: Visit, axe: Path) -> None:
    visit.page.get_by_role("button", name="Preview").click()
    visit.page.locator(".tkt").get_by_text("checks passed").wait_for()
    assert violations(visit.page, axe, "body") == []


@pytest.mark.parametrize("token", ["", "?token=wrong"])
def test_nobody_is_let_in_without_the_token(visit: Visit, token: str) -> None:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    address = visit.address.partition("?")[0] + token
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(Stay).open(address, timeout=10)
    caught.value.close()
    assert caught.value.code in (302, 403)  # to the form that asks for the token, or away


def test_h53_the_kill_reaches_the_engine_past_a_kernel_that_hears_nothing(
    visit: Visit, shared_market: PaperGateway, tmp_path: Path
) -> None:
    """Voila's pages have no subshell; the button goes to the engine's own address."""
    page = visit.page
    fill_in(page, "Quantity", "10")
    page.get_by_label("Order type").select_option(label="Limit")
    fill_in(page, "Limit", "500")
    page.get_by_role("button", name="Preview").click()
    page.locator(".tkt").get_by_text("checks passed").wait_for()
    page.locator(".tkt-send").click()
    wait_until(lambda: len(shared_market.ledger.orders) == 2)
    page.locator(".tkt").get_by_text("1 working order").wait_for()
    shared_market.faults.add("drop", message="reqContractDetails", times=0)
    for symbol in ("IBM", "MSFT", "AAPL"):  # the kernel waits for answers that never come
        fill_in(page, "Symbol", symbol)
    page.locator(".tkt").get_by_text("the other buttons wait for it").wait_for()
    page.locator(".tkk-button").click()
    pressed = time.monotonic()
    page.locator(".tkk-button").click()
    wait_until(lambda: shared_market.ledger.cancels)
    print(f"from the click to the cancel at the gateway: {time.monotonic() - pressed:.3f} s")
    shared_market.faults.clear()
    page.locator(".tkt").get_by_text("pressed in the browser, past a busy kernel").wait_for()
    shot(page, tmp_path, "page-killed")


@pytest.mark.faults_all
def test_a_second_visit_watches_what_the_first_one_does(
    browser: Any, visit: Visit, tmp_path: Path, axe: Path
) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    page.goto(visit.address)
    page.locator(".tkt").get_by_text("Read-only: The journal").wait_for(timeout=90_000)
    page.locator(".tkt td", has_text="Filled").first.wait_for()
    assert page.get_by_role("button").count() == 0
    assert violations(page, axe, "body") == []
    shot(page, tmp_path, "page-watching")
    context.close()


@pytest.mark.faults_all
def test_a_page_that_is_loaded_again_gets_its_desk_back(visit: Visit) -> None:
    visit.page.reload()
    visit.page.locator(".tkb-strip .tkb-item").first.wait_for(timeout=90_000)
