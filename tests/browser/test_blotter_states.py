"""What the blotter shows when not all is well: in words, dated, with what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import toolkit
from tests import builders
from tests.browser.plain_page import Page, plain_page, shown
from tests.desk.glances import glance, strip
from toolkit.desk import rows
from toolkit.desk.desk import Desk
from toolkit.desk.feed import Feed
from toolkit.gateway import PaperGateway

LINK = """() => {
  const item = document.querySelector("[data-item=link]");
  window.link = {};
  const look = () => { window.link[item.innerText.match(/\\S+ gateway \\S+/)[0]] = Date.now(); };
  new MutationObserver(look).observe(item, { subtree: true, childList: true, characterData: true });
}"""
"""When the page began to show each state of the link, ms since 1970."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def desk(market: Any, home: Path) -> Iterator[Desk]:
    """A desk that connects again only when the test says so."""
    with toolkit.connect(port=market.port, home=home, settle_s=0.05, reconnect_first_s=600.0) as desk:
        yield desk


def reconnect(desk: Desk) -> None:
    assert desk.engine.call(desk.engine.client.connect_async())


def notices(page: Page) -> str:
    return str(page.browser.locator(".tkb-notices").inner_text())


def test_an_empty_blotter_says_what_to_do_next(browser: Any, desk: Desk, shots: Path) -> None:
    with shown(browser, desk) as (page, _):
        page.says("No working orders. Try desk.buy('SPY', 100, limit=500)")
        page.tab("Positions").click()
        page.says("No positions. A fill makes one")
        page.shot(shots, "empty")


def test_before_the_first_word_it_says_that_it_waits(browser: Any) -> None:
    with plain_page(browser, lambda _: None) as page:
        page.says("Waiting for the kernel, which may be busy with a cell")


def test_a_lost_gateway_keeps_the_rows_and_dates_them_until_it_is_back(
    browser: Any, desk: Desk, market: Any, shots: Path
) -> None:
    desk.buy("SPY", 100, limit=539, intent_id="resting")
    with shown(browser, desk) as (page, _):
        page.row("resting").get_by_text("Submitted").wait_for()
        market.faults.add("close")
        page.until(lambda: not desk.engine.client.connected)
        page.says("DISCONNECTED from")
        assert "orders, fills and positions are as of then" in notices(page)
        assert page.row("resting").is_visible()
        page.shot(shots, "disconnected")
        reconnect(desk)
        page.says("● gateway up")
        assert "DISCONNECTED" not in notices(page)


def test_a_disconnect_and_a_reconnect_are_shown_within_two_seconds(
    browser: Any, desk: Desk, market: Any
) -> None:
    with shown(browser, desk) as (page, _):
        page.says("● gateway up")
        page.browser.evaluate(LINK)
        lost = time.time()
        market.faults.add("close")
        page.says("✕ gateway DOWN")
        reconnect(desk)
        back = time.time()
        page.says("● gateway up")
        seen = page.browser.evaluate("window.link")
        down, up = seen["✕ gateway DOWN"] / 1000 - lost, seen["● gateway up"] / 1000 - back
        print(f"shown after {down:.2f} s and {up:.2f} s")
        assert max(down, up) <= 2


def test_h31_an_unknown_order_comes_first_and_a_locked_symbol_says_why(
    browser: Any, desk: Desk, market: Any, shots: Path
) -> None:
    desk.buy("SPY", 100, limit=539, intent_id="resting")
    with shown(browser, desk) as (page, _):
        page.row("resting").get_by_text("Submitted").wait_for()
        assert not page.tab("Unknown").is_visible()
        market.faults.add("close")
        page.until(lambda: not desk.engine.client.connected)
        market.market.set_quote("SPY", 538.00, 538.02, 500, 500)
        page.until(lambda: market.ledger.fills)
        market.faults.add("lose_executions")
        market.faults.add("drop", message="completedOrder", times=0)
        reconnect(desk)
        page.tab("Unknown").click()
        page.row("resting").get_by_text("? Unknown").wait_for()
        assert page.browser.get_by_role("tab").first.inner_text().startswith("Unknown")
        assert "toolkit resolve resting --as" in notices(page)
        assert "SPY is locked: The broker holds 100 of SPY" in notices(page)
        page.tab("Positions").click()
        page.says("SPY ⊘ locked")
        page.shot(shots, "unknown-and-locked")


def test_silence_greys_it_out_and_says_since_when(browser: Any, shots: Path) -> None:
    feed = Feed()
    with plain_page(browser, lambda _: None) as page:
        tables = rows.tables([builders.order(builders.status("Submitted"))], {}.get, lambda _: None)
        page.browser.evaluate(
            "() => { const now = Date.now; window.ahead = 0; Date.now = () => now() + window.ahead; }"
        )
        page.send({**feed.message(strip(), tables), "answers": [], "mark": ""})
        page.row(builders.INTENT_ID).wait_for()
        assert "STALE" not in notices(page)
        page.browser.evaluate("window.ahead = 3100")
        page.says("STALE: nothing heard since 2026-01-05 14:30:00 UTC")
        assert "tkb-stale" in page.browser.locator("#blotter").get_attribute("class")
        page.shot(shots, "stale")
        page.send({**feed.message(strip(), {}), "answers": [], "mark": ""})
        page.browser.locator(".tkb-stale").wait_for(state="detached")


def test_a_front_end_that_missed_a_message_asks_for_everything(browser: Any) -> None:
    heard: list[dict[str, Any]] = []
    feed = Feed()
    with plain_page(browser, heard.append) as page:
        page.send({**feed.message(strip(), {}), "answers": [], "mark": ""})
        feed.message(strip(), {})
        page.send({**feed.message(strip(), {}), "answers": [], "mark": ""})
        page.until(lambda: heard == [{"kind": "hello"}, {"kind": "hello"}])


def test_the_blotters_own_failure_stands_on_it(browser: Any) -> None:
    with plain_page(browser, lambda _: None) as page:
        page.send({**Feed().message(strip(), {}), "answers": [], "mark": ""})
        page.send({"kind": "fault", "text": "The blotter could not be brought up to date: no such row"})
        page.says("no such row")


def test_a_closed_desk_says_that_it_is(browser: Any, desk: Desk) -> None:
    with shown(browser, desk) as (page, _):
        page.says("No working orders.")
        desk.close()
        page.says("The desk is closed. What you see is how things stood at")
        assert page.browser.get_by_role("button", name="Kill switch").count() == 0


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (glance(upstream=False), "The gateway has lost the broker"),
        (glance(broken_farms=["usfarm"]), "No quote can be trusted: the data farm usfarm is out of reach."),
    ],
    ids=["broker", "data"],
)
def test_a_link_that_is_half_there_says_which_half_is_not(browser: Any, seen: Any, text: str) -> None:
    with plain_page(browser, lambda _: None) as page:
        page.send({**Feed().message(strip(seen), {}), "answers": [], "mark": ""})
        page.says(text)
        assert "DOWN" in page.browser.locator(".tkb-strip").inner_text()


class TestLive:
    @pytest.fixture
    def live(self) -> Iterator[PaperGateway]:
        with PaperGateway(account="U1234567", quotes=None) as gateway:
            gateway.market.set_quote("SPY", 540.00, 540.02, 500, 500)
            yield gateway

    @pytest.fixture
    def desk(self, live: PaperGateway, home: Path) -> Iterator[Desk]:
        with toolkit.connect(port=live.port, home=home, account="U1234567", read_only=False) as desk:
            yield desk

    def test_a_live_account_stands_in_words_in_a_thick_border_and_wants_its_name_typed(
        self, browser: Any, desk: Desk, live: PaperGateway, shots: Path
    ) -> None:
        with shown(browser, desk) as (page, _):
            page.says("U1234567 LIVE")
            page.says("✕ closed: NOT_ARMED")
            border = page.browser.locator("#blotter").evaluate(
                "(box) => getComputedStyle(box).borderTopWidth"
            )
            assert border == "6px"
            arm(desk, live)
            page.says("Armed until")
            desk.buy("SPY", 100, limit=500, intent_id="resting")
            page.row("resting").get_by_text("Submitted").wait_for()
            page.press("Cancel all 1…")
            page.press("Go on…")
            yes = page.browser.get_by_role("button", name="Cancel 1 working order")
            assert yes.is_disabled()
            page.shot(shots, "live")
            page.browser.get_by_label("Type the last 4 characters").fill("4567")
            yes.click()
            page.until(lambda: len(live.ledger.cancels) == 1)

    def test_a_change_that_did_not_name_the_live_account_is_refused_in_the_kernel_too(
        self, browser: Any, desk: Desk, live: PaperGateway
    ) -> None:
        arm(desk, live)
        desk.buy("SPY", 100, limit=500, intent_id="resting")
        with shown(browser, desk) as (page, blotter):
            blotter._on_message(blotter, {"kind": "change", "intent_id": "resting", "quantity": "90"}, [])
            page.says("The last four characters of the account U1234567 were not typed")
            assert [request.modification for request in live.ledger.requests] == [False]
            page.press("Change resting")
            page.browser.get_by_label("Quantity").fill("90")
            page.press("Review")
            page.browser.get_by_label("Type the last 4 characters").fill("4567")
            page.press("Send the change")
            page.says("Done: the broker shows the order on its new terms.")


def arm(desk: Desk, live: PaperGateway) -> None:
    """Arm live trading for an hour."""
    terms = {"account": "U1234567", "port": live.port, "max_notional": Decimal(60_000)}
    until = datetime.now(UTC) + timedelta(hours=1)
    desk.engine.call(desk.engine.client.controls.order("arm", "ann", "go", until=until, **terms))
