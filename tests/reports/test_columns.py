"""Columns that grow, and frames of fills that go on: the same as frames made at once."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from tests.builders import charged, executed, order, placed, state_of
from toolkit.reports.columns import ColumnStore
from toolkit.reports.fills_table import FillsTable
from toolkit.reports.frames import fills_frame
from toolkit.reports.table import FLAG, NUMBER, TEXT, TIME, WHOLE, Column, build

SCHEMA = {
    "name": Column(TEXT, "index", lambda row: row[0]),
    "text": Column(TEXT, "", lambda row: row[1]),
    "number": Column(NUMBER, "", lambda row: row[2]),
    "whole": Column(WHOLE, "", lambda row: row[3]),
    "flag": Column(FLAG, "", lambda row: row[4]),
    "time": Column(TIME, "", lambda row: row[5]),
}
times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))  # noqa: DTZ001
rows = st.lists(
    st.tuples(
        st.text(max_size=5),
        st.none() | st.text(max_size=5),
        st.none() | st.decimals(-(10**6), 10**6, places=2),
        st.none() | st.integers(-(2**62), 2**62),
        st.booleans(),
        st.none() | times,
    ),
    max_size=8,
)


def stored(content):
    store = ColumnStore(SCHEMA, "name")
    for row in content:
        store.append(row)
    return store


@given(rows)
@settings(max_examples=30, deadline=None)
def test_a_store_gives_the_frame_that_is_built_at_once(content):
    assert_frame_equal(stored(content).frame(), build(SCHEMA, content, "name"))


def test_a_store_grows_beyond_its_first_room_and_keeps_every_cell():
    content = [
        (f"n{n}", "é" * (n % 3), n / 7, n, n % 2 == 0, datetime(2026, 1, 5, tzinfo=UTC)) for n in range(5_000)
    ]
    assert_frame_equal(stored(content).frame(), build(SCHEMA, content, "name"))


def test_a_frame_does_not_change_when_its_store_does():
    store = stored([("a", "x", 1.0, 1, True, None)])
    frame = store.frame()
    store.put(0, "number", 2.0)
    store.append(("b", "y", 3.0, 2, False, None))
    assert frame["number"].tolist() == [1.0]
    assert store.frame()["number"].tolist() == [2.0, 3.0]


def test_without_pyarrow_the_text_is_the_same(monkeypatch: pytest.MonkeyPatch):
    store = stored([("a", "é", 1.0, 1, True, None), ("b", None, None, None, False, None)])
    with_it = store.frame()["text"].tolist()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert store.frame()["text"].astype(object).tolist() == with_it == ["é", ""]


# --- fills that go on ---------------------------------------------------------------------------------

FIRST = executed(60, exec_id="A.01", seconds=1)
SECOND = executed(40, exec_id="B.01", seconds=2)


def test_fills_are_taken_as_they_come_and_commissions_when_they_are_told():
    table = FillsTable()
    for facts in ([], [FIRST], [FIRST, SECOND], [FIRST, SECOND, charged(1, "A.01")],
                  [FIRST, SECOND, charged(1, "A.01"), charged(2, "B.01")]):  # fmt: skip
        states = [order(*facts)]
        assert_frame_equal(table.frame(states), fills_frame(states))


def test_an_order_that_did_not_change_is_not_looked_at_again():
    table, states = FillsTable(), [order(FIRST)]
    before = table.frame(states)
    rows = len(table._store)
    assert_frame_equal(table.frame(states), before)
    assert len(table._store) == rows == 1


def test_h34_a_correction_takes_the_place_of_what_it_corrects():
    table = FillsTable()
    table.frame([order(FIRST)])
    states = [order(FIRST, SECOND, executed(50, exec_id="A.02", seconds=1))]
    assert_frame_equal(table.frame(states), fills_frame(states))


def test_fills_that_are_learnt_late_stand_where_they_belong():
    table = FillsTable()
    late, early = order(executed(100, exec_id="late.01", seconds=9)), placed("early", 8)
    table.frame([late])
    states = [late, state_of(*early, executed(100, exec_id="early.01", seconds=1, intent_id="early"))]
    frame = table.frame(states)
    assert list(frame.index) == ["early.01", "late.01"]
    assert_frame_equal(frame, fills_frame(states))
    assert pd.Index(frame["time"]).is_monotonic_increasing
