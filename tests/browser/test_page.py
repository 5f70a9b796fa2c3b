"""A report as a trader opens it: in a real browser, wide and narrow, light and dark, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks import CHECKS, notebook
from toolkit.runbooks import run

pytestmark = pytest.mark.browser

REFUSED = """
import pandas as pd
from toolkit.runbooks.tables import table
reason = "Order rejected - reason:Available funds are insufficient, the position would need more margin."
rows = [
    (f"10:00:0{n}.123", f"momentum-2026-11-23-{n:04d}", quantity, "MAX_GROSS_EXPOSURE", reason)
    for n, quantity in enumerate([1200.0, 90.0, float("nan"), 15000.0])
]
columns = ["time (UTC)", "order", "quantity (shares)", "code", "reason"]
table(pd.DataFrame(rows, columns=columns), {"quantity (shares)": 0}).hide(axis="index")
"""
TOTALS = """
counts = pd.DataFrame({"orders": [3, 20, 23]}, index=["Filled", "Cancelled", "all"])
table(counts)
"""
NO_HEAD = 'table(pd.DataFrame({"": {"Session": "today", "Orders": "23"}})).hide(axis="columns")'
LONG = 'table(pd.DataFrame({"fill": range(60)})).hide(axis="index")'
PICTURE = """
from toolkit.reports import plots
from toolkit.reports.frames import orders_frame
plots.order_outcomes(orders_frame([]))
"""
VIEWS = [("light", 1280), ("light", 800), ("dark", 1280), ("dark", 800)]
"""Colour scheme and width in pixels."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    path = notebook(
        folder / "sample.ipynb",
        "",
        CHECKS,
        REFUSED,
        TOTALS,
        NO_HEAD,
        LONG,
        PICTURE,
        'checks.that("fills agree", False, "100 here, 90 there")\ntable(checks.table().rename_axis(None))',
        "checks.finish()",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_HOME", str(folder / "home"))
        result = run(path)
    assert result.html is not None
    return result.html


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser: Any, page: Path) -> Iterator[Any]:
    """The page, open; whatever its console says or it asks the network for is in ``complaints``."""
    scheme, width = getattr(request, "param", VIEWS[0])
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    tab = context.new_page()
    tab.complaints = []
    tab.on("console", lambda message: tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("request", lambda asked: _note_request(tab, asked.url))
    tab.goto(page.as_uri())
    yield tab
    context.close()


def _note_request(tab: Any, url: str) -> None:
    if not url.startswith(("file:", "data:")):
        tab.complaints.append(url)


@pytest.mark.parametrize("opened", VIEWS, indirect=True, ids=str)
def test_a_report_opens_without_a_complaint_and_without_scrolling_sideways(opened: Any) -> None:
    assert opened.complaints == []
    wider = "elements => elements.filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"
    assert opened.eval_on_selector_all("html, .output_area", wider) == []
    assert "1 of 1 checks failed: fills agree" in opened.inner_text(".run")
    assert opened.eval_on_selector_all("main img", "all => all.filter(e => e.naturalWidth).length") == 1


@pytest.mark.parametrize("opened", VIEWS[1:3], indirect=True, ids=str)
def test_a_report_is_dark_where_the_reader_wants_it_dark(opened: Any) -> None:
    dark = opened.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    paper = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")


def column(tab: Any, number: int, place: int) -> list[str]:
    """The texts of one column of one table."""
    rows = tab.locator("main table").nth(number).locator("tbody tr")
    return [rows.nth(n).locator("th, td").nth(place).inner_text() for n in range(rows.count())]


def test_a_table_sorts_by_a_click_numbers_as_numbers_and_gaps_last(opened: Any) -> None:
    head = opened.locator("main table").nth(0).locator("thead th").nth(2)
    head.click()
    assert column(opened, 0, 2) == ["90", "1,200", "15,000", "-"]
    head.press("Enter")
    assert column(opened, 0, 2) == ["15,000", "1,200", "90", "-"]
    assert head.get_attribute("aria-sort") == "descending"


def test_the_row_of_totals_stays_at_the_end(opened: Any) -> None:
    opened.locator("main table").nth(1).locator("thead th").nth(1).click()
    assert column(opened, 1, 0) == ["Filled", "Cancelled", "all"]
    opened.locator("main table").nth(1).locator("thead th").nth(1).click()
    assert column(opened, 1, 0) == ["Cancelled", "Filled", "all"]


def test_a_failed_check_is_marked_by_more_than_its_word(opened: Any) -> None:
    row = opened.locator("tr.failed")
    assert "fills agree" in row.inner_text()
    ordinary = opened.evaluate("getComputedStyle(document.body).color")
    assert row.locator("td").first.evaluate("cell => getComputedStyle(cell).color") != ordinary


def test_a_long_table_scrolls_in_a_box_of_its_own_with_its_head_in_sight(opened: Any) -> None:
    (box,) = opened.locator(".output_area.long").all()
    assert box.evaluate("box => box.scrollHeight > box.clientHeight")
    box.evaluate("box => { box.scrollTop = box.scrollHeight; }")
    tops = [box.locator(where).first.bounding_box()["y"] for where in ("thead th", "xpath=.")]
    assert abs(tops[0] - tops[1]) < 2
