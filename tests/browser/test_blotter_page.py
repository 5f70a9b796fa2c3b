"""What a trader does on the blotter, in a real browser, with a desk at the paper gateway behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import toolkit
from tests import builders
from tests.auditing import assert_one_story, let_arrive
from tests.browser.accessibility import violations
from tests.browser.plain_page import Page, plain_page, shown
from tests.desk.glances import glance, strip
from toolkit.desk import rows
from toolkit.desk.desk import Desk
from toolkit.desk.feed import Feed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def desk(market: Any, home: Path) -> Iterator[Desk]:
    """A desk with an order that rests at each of two symbols."""
    with toolkit.connect(port=market.port, home=home) as desk:
        desk.buy("SPY", 100, limit=539, intent_id="spy", strategy_id="momentum")
        desk.sell("QQQ", 30, limit=600, intent_id="qqq", tif="GTC")
        yield desk
        let_arrive(desk.engine.client, market)
    assert_one_story(home / "journal.db", market)


@pytest.fixture
def page(browser: Any, desk: Desk) -> Iterator[Page]:
    """The desk's blotter, with its rows there."""
    with shown(browser, desk) as (page, _):
        page.row("spy").get_by_text("Submitted").wait_for()
        page.row("qqq").get_by_text("Submitted").wait_for()
        yield page


def test_a_row_says_what_a_trader_looks_for(page: Page, shots: Path) -> None:
    told = page.row("qqq").inner_text().split("\n")
    assert {"QQQ", "SELL", "30", "LIMIT", "600.00", "GTC", "460.00 / 460.02", "● Submitted"} <= set(told)
    assert re.fullmatch(r"\d\d:\d\d:\d\d E[SD]T", told[0])  # the exchange's time
    strip = page.browser.locator(".tkb-strip").inner_text()
    for text in ("PAPER", "● gateway up · ● broker up · ● data up", "● open", "ACTIVE", "ago", "ms"):
        assert text in strip
    page.shot(shots, "working")


def test_a_heading_sorts_and_sorts_the_other_way_and_lets_go(page: Page) -> None:
    assert page.ids() == ["qqq", "spy"]
    heading = page.browser.get_by_role("columnheader", name="Symbol")
    page.press("Limit")
    assert page.ids() == ["spy", "qqq"]
    page.press("Symbol")
    assert (page.ids(), heading.get_attribute("aria-sort")) == (["qqq", "spy"], "ascending")
    page.press("Symbol")
    assert (page.ids(), heading.get_attribute("aria-sort")) == (["spy", "qqq"], "descending")
    page.press("Symbol")
    assert (page.ids(), heading.get_attribute("aria-sort")) == (["qqq", "spy"], None)


def test_the_filter_keeps_rows_that_have_every_word_and_limits_what_cancel_all_means(page: Page) -> None:
    page.browser.locator(".tkb-scroll").focus()
    page.keys("/")
    page.browser.keyboard.type("buy moment")
    assert page.ids() == ["spy"]
    assert page.browser.get_by_role("button", name="Cancel the 1 shown").is_visible()
    page.browser.keyboard.type("x")
    page.says("No row has “buy momentx”")
    page.keys("Escape")
    assert page.ids() == ["qqq", "spy"]


def test_a_cancel_from_the_row_asks_once(page: Page, market: Any) -> None:
    page.press("Cancel spy")
    assert page.browser.evaluate("document.activeElement.textContent") == "Keep"
    assert market.ledger.cancels == []
    page.press("Yes, cancel spy")
    page.until(lambda: len(market.ledger.cancels) == 1)
    page.row("spy").wait_for(state="detached")
    page.tab("All orders").click()
    page.row("spy").get_by_text("✕ Cancelled").wait_for()
    page.row("spy").get_by_text("Cancel done").wait_for()


def test_a_cancel_that_the_broker_refuses_says_so_in_its_words(page: Page, market: Any) -> None:
    market.faults.add("error", message="cancelOrder", code=161, text="The order is stuck.", before=True)
    market.faults.add("drop", message="cancelOrder")
    page.press("Cancel spy")
    page.press("Yes, cancel spy")
    page.says("The broker refused to cancel spy: The order is stuck.")
    page.row("spy").get_by_text("Refused · retry").click()
    page.press("Yes, cancel spy")
    page.until(lambda: market.ledger.cancels)
    page.row("spy").wait_for(state="detached")
    page.press("Understood")
    page.browser.locator(".tkb-notices").get_by_text("The broker refused").wait_for(state="detached")


def test_cancel_all_asks_twice_and_says_how_many(page: Page, market: Any) -> None:
    page.press("Cancel all 2…")
    page.says("asks the broker to cancel 2 working orders")
    assert page.browser.evaluate("document.activeElement.textContent") == "Keep them"
    page.press("Go on…")
    assert market.ledger.cancels == []
    page.press("Cancel 2 working orders")
    page.until(lambda: len(market.ledger.cancels) == 2)
    page.says("No working orders.")


def test_h53_the_kill_switch_asks_twice_and_shows_that_it_is_in_force(page: Page, market: Any) -> None:
    page.press("Kill switch", exact=False)
    page.says("cancels 2 working orders of ours")
    page.press("Go on…")
    assert market.ledger.cancels == []
    page.press("Kill: cancel all, stop")
    page.says("✕ closed: KILLED")
    page.says("No order goes out: Trading is KILLED since")
    page.until(lambda: len(market.ledger.cancels) == 2)


def test_h53_the_kill_reaches_the_engine_past_a_kernel_that_does_not_hear_it(
    browser: Any, desk: Desk, market: Any
) -> None:
    with shown(browser, desk, deaf_to="kill") as (page, _):
        page.row("spy").get_by_text("Submitted").wait_for()
        page.press("Kill switch", exact=False)
        page.press("Go on…")
        page.press("Kill: cancel all, stop")
        page.says("✕ closed: KILLED")
        page.until(lambda: len(market.ledger.cancels) == 2)
        assert "past a busy kernel" in str(desk.engine.client.controls.permission.standing)


def test_a_change_is_made_in_the_row_and_tells_how_it_ends(page: Page, market: Any, shots: Path) -> None:
    page.press("Change spy")
    page.browser.get_by_label("Quantity").fill("200")
    page.browser.get_by_label("Limit", exact=True).fill("538.5")
    page.press("Review")
    page.says("Change BUY SPY: quantity 100 → 200, limit 539.00 → 538.5?")
    assert page.browser.evaluate("document.activeElement.textContent") == "Keep as it is"
    page.shot(shots, "change")
    page.press("Send the change")
    page.says("Done: the broker shows the order on its new terms.")
    page.row("spy").get_by_text("538.50").wait_for()
    change = market.ledger.requests[-1]
    assert (change.modification, change.quantity, change.limit_price) == (True, 200, Decimal("538.5"))


def test_a_change_that_the_broker_refuses_says_so_in_its_words(page: Page, market: Any) -> None:
    market.faults.add("reject", code=110, text="The price does not conform to the minimum variation.")
    page.press("Change spy")
    page.browser.get_by_label("Quantity").fill("150")
    page.press("Review")
    page.press("Send the change")
    page.says("The broker refused: The price does not conform")
    page.row("spy").get_by_text("100", exact=True).wait_for()


def test_a_change_that_risk_denies_says_why_and_is_listed(page: Page) -> None:
    page.press("Change spy")
    page.browser.get_by_label("Quantity").fill("20000")
    page.keys("Enter")
    page.press("Send the change")
    page.says("Refused: quantity 20000 is above max_order_quantity")
    page.tab("Denied").click()
    page.browser.locator(".tkb-body").get_by_text("MAX_ORDER_QUANTITY", exact=True).wait_for()


def test_everything_can_be_done_with_the_keyboard(page: Page, market: Any) -> None:
    page.browser.locator(".tkb-chosen").focus()
    page.keys("ArrowRight", "ArrowLeft", "Tab", "Tab", "Tab")  # filter, cancel all, table
    page.keys("ArrowDown", "ArrowDown")
    assert page.row("spy").get_attribute("aria-selected") == "true"
    page.keys("Enter")
    page.says("Timeline")
    page.keys("ArrowUp")
    page.browser.get_by_role("region", name="Details of qqq").wait_for()
    page.keys("Escape")
    assert not page.browser.locator(".tkb-drawer").is_visible()
    page.keys("e", "Escape", "c", "Escape")
    assert page.row("qqq").get_by_role("button", name="Cancel qqq").is_visible()
    page.keys("c", "Shift+Tab", "Enter")
    page.until(lambda: len(market.ledger.cancels) == 1)


def test_the_drawer_tells_an_orders_life_with_latencies_and_the_brokers_own_words(page: Page) -> None:
    page.row("spy").dblclick(position={"x": 5, "y": 5})
    drawer = page.browser.get_by_role("region", name="Details of spy")
    drawer.get_by_text("Sent to acknowledged").wait_for()
    steps = drawer.get_by_role("table").first.locator("tbody tr").all_inner_texts()
    assert [step.split("\t")[1] for step in steps[:4]] == ["Received", "Accepted", "Reserved", "Sent"]
    latencies = [float(step.split("\t")[5].replace(",", "")) for step in steps]
    assert latencies == sorted(latencies)
    assert latencies[-1] > 0
    assert drawer.get_by_text("Every check passed at").is_visible()
    drawer.get_by_text("The facts as they were journaled").click()
    drawer.get_by_text('"word":"Submitted"').first.wait_for()


def test_the_drawer_of_a_denied_order_lists_each_check_with_what_it_saw(desk: Desk, page: Page) -> None:
    with pytest.warns(UserWarning, match="was denied"):
        desk.buy("SPY", 5_000, intent_id="too-large")
    page.tab("Denied").click()
    page.row("too-large").click()
    page.keys("Enter")
    checks = page.browser.get_by_role("region", name="Details of too-large").get_by_role("table").last
    checks.get_by_text("MAX_ORDER_QUANTITY", exact=True).wait_for()
    assert {"5,000 units", "1,000 units"} <= set(checks.locator("td").all_inner_texts())


def test_a_refusal_is_read_aloud(desk: Desk, page: Page) -> None:
    with pytest.warns(UserWarning, match="was denied"):
        desk.buy("SPY", 5_000, intent_id="too-large")
    page.browser.locator("[aria-live=polite]").get_by_text("SPY Denied: quantity 5000 is above").wait_for(
        state="attached"
    )


@pytest.mark.parametrize(("motion", "lit"), [("no-preference", True), ("reduce", False)])
def test_what_changed_lights_up_once_unless_motion_is_unwelcome(
    browser: Any, desk: Desk, market: Any, motion: str, lit: bool
) -> None:
    with shown(browser, desk, reduced_motion=motion) as (page, _):
        page.row("qqq").get_by_text("Submitted").wait_for()
        page.browser.evaluate(
            "() => { window.lit = []; const animate = Element.prototype.animate;"
            "Element.prototype.animate = function (...all) {"
            "  window.lit.push(this.textContent); return animate.apply(this, all); }; }"
        )
        desk.replace("qqq", quantity=20)
        page.row("qqq").get_by_text("20", exact=True).wait_for()
        assert page.browser.evaluate("window.lit.filter((text) => text === '20').length") == int(lit)


def test_thousands_of_rows_are_a_handful_of_elements_and_any_can_be_reached(browser: Any) -> None:
    resting = builders.status("Submitted")
    states = [
        builders.order(resting, intent_id=f"order-{number:04}", limit_price=100 + number)
        for number in range(5_000)
    ]
    filled = builders.order(resting, builders.executed(40), intent_id="order-2500", limit_price=2_600)
    feed = Feed()
    told = strip(glance(), working=5_000)
    with plain_page(browser, lambda _: None) as page:
        tables = rows.tables(states, {}.get, lambda _: None)
        page.send({**feed.message(told, tables), "answers": [], "mark": ""})
        page.tab("Working 5,000").wait_for()
        assert page.browser.locator(".tkb-body > .tkb-row").count() < 25
        page.browser.locator(".tkb-scroll").focus()
        page.press("Limit")
        page.browser.locator(".tkb-scroll").focus()
        page.keys("End")
        page.row("order-4999").get_by_text("5,099.00").wait_for()
        page.keys("/")
        page.browser.keyboard.type("order-2500")
        assert page.ids() == ["order-2500"]
        page.keys("Escape")
        changed = rows.tables([filled], {}.get, lambda _: None)
        page.send({**feed.message(told, changed), "answers": [], "mark": ""})
        page.tab("Fills 1").wait_for()
        assert page.browser.locator(".tkb-body > .tkb-row").count() < 25


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_the_blotter(
    browser: Any, desk: Desk, axe: Path, theme: str, shots: Path
) -> None:
    with shown(browser, desk, theme=theme) as (page, _):
        page.row("spy").get_by_text("Submitted").wait_for()
        desk.halt("a drill")
        page.says("No order goes out: Trading is HALTED")
        page.row("qqq").click()
        page.keys("Enter")
        page.says("Timeline")
        page.press("Kill switch")
        page.keys("Tab")
        page.shot(shots, f"details-{theme}")
        assert violations(page.browser, axe, ".tkb") == []
