"""What a report reads out of a journal."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from msgspec.structs import replace

from tests.builders import at, cancelled, charged, executed, placed, received
from toolkit.runbooks.session import newest_journal, read_session, session_of
from toolkit.runbooks.tables import table

CLOCK_OF_THE_BROKER = at(0)
"""It has whole seconds only."""


def test_a_live_fill_is_timed_by_when_we_heard_of_it() -> None:
    fill = replace(executed(seconds=0.7), time=CLOCK_OF_THE_BROKER)

    session = session_of([*placed(), fill, charged()])

    assert list(session.fills["time"]) == [at(0.7)]


def test_a_recovered_fill_keeps_the_time_of_the_broker() -> None:
    fill = replace(executed(seconds=3600, recovered=True), time=CLOCK_OF_THE_BROKER)

    session = session_of([*placed(), fill])

    assert list(session.fills["time"]) == [CLOCK_OF_THE_BROKER]


def test_a_cancel_intent_is_no_order() -> None:
    cancel = received("cancel-1", action="CANCEL", target_intent_id="momentum-1")

    session = session_of([*placed(), cancel, cancelled()])

    assert list(session.orders.index) == ["momentum-1"]
    assert session.summary()["Intents"] == "1 orders, 1 cancels"


def test_the_summary_of_nothing_says_so() -> None:
    summary = read_session(None).summary()

    assert summary["Session"] == "empty"
    assert summary["Notional"] == summary["Commission"] == summary["Intent to wire"] == "none"


def test_the_newest_journal_is_found_wherever_it_is(tmp_path: Path) -> None:
    old, new = tmp_path / "journal.db", tmp_path / "practice" / "today" / "journal.db"
    new.parent.mkdir(parents=True)
    for path, age in ((new, 100), (old, 50)):
        path.touch()
        os.utime(path, (age, age))

    assert newest_journal(tmp_path) == new
    assert newest_journal(tmp_path / "nowhere") is None


def test_a_table_shows_numbers_with_separators_and_gaps_as_a_dash() -> None:
    frame = pd.DataFrame({"shares": [1000.0, float("nan")], "price (USD)": [1234.5, 2.0]}, index=["a", "b"])

    page = table(frame, {"shares": 0}).to_html()

    for text in (">1,000<", ">-<", ">1,234.50<", "text-align: right"):
        assert text in page


def test_heads_are_words_and_the_names_of_order_types_stay_as_they_are() -> None:
    page = table(pd.DataFrame({"market_value": [1.0], "STOP_LIMIT": [2]})).to_html()

    assert ">market value<" in page
    assert ">STOP_LIMIT<" in page
