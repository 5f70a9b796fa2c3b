"""Slices of an order: they add up to it, go in time, and are known by the same ids whenever they are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from tests.builders import OPEN
from toolkit import intents
from toolkit.desk.intents import rows_of
from toolkit.errors import IntentError
from toolkit.intents.slices import ADDED

START = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
END = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


def orders(*quantities: int) -> pd.DataFrame:
    """Buys of different symbols."""
    symbols = [f"S{place}" for place in range(len(quantities))]
    return pd.DataFrame(
        {"symbol": symbols, "direction": "BUY", "quantity": quantities, "order_type": "MARKET"}, index=symbols
    )


def volume(*shares: int) -> pd.Series[int]:
    """Expected shares in buckets of half an hour."""
    times = pd.date_range(START, periods=len(shares), freq="30min")
    return pd.Series(shares, index=times)


quantities = st.lists(st.integers(1, 50_000), max_size=4)

few = settings(max_examples=25)
"""Enough for every run, each builds frames; a hunt for more raises it."""


class TestTwap:
    @few
    @given(quantities, st.integers(1, 60), st.sampled_from([1, 10, 100]))
    def test_the_children_add_up_to_their_parent(self, sizes: list[int], slices: int, lot: int) -> None:
        parents = orders(*sizes)
        children = intents.twap(parents, START, END, slices, batch="big", lot=lot)
        sums = children.groupby("symbol")["quantity"].sum()
        assert sums.to_dict() == parents.set_index("symbol")["quantity"].to_dict()
        assert (children["quantity"] > 0).all()
        assert children["intent_id"].is_unique

    @few
    @given(st.integers(1, 50_000), st.integers(1, 60), st.sampled_from([1, 100]))
    def test_no_child_is_more_than_a_lot_away_from_its_even_share(
        self, size: int, slices: int, lot: int
    ) -> None:
        children = intents.twap(orders(size), START, END, slices, batch="big", lot=lot)
        assert (children["quantity"] < size / slices + lot).all()

    def test_children_go_at_equal_distances_and_expire_when_the_next_one_goes(self) -> None:
        children = intents.twap(orders(400), START, START + timedelta(hours=2), 4, batch="big")
        assert list(children["send_at"]) == [START + timedelta(minutes=30) * place for place in range(4)]
        assert list(children["valid_until"][:-1]) == list(children["send_at"][1:])
        assert children["valid_until"].iloc[-1] == START + timedelta(hours=2)

    def test_exchange_times_become_utc_also_where_the_clock_changes(self) -> None:
        exchange = ZoneInfo("America/New_York")
        for day, opening in (
            (datetime(2026, 10, 30, tzinfo=exchange), 13),
            (datetime(2026, 11, 2, tzinfo=exchange), 14),
        ):
            start = day.replace(hour=9, minute=30)
            child = intents.twap(orders(1), start, start + timedelta(hours=1), 1, batch="big").iloc[0]
            assert child["send_at"] == day.replace(hour=opening, minute=30, tzinfo=UTC)

    def test_the_same_order_has_the_same_children_whenever_it_is_sliced(self) -> None:
        first = intents.twap(orders(400, 300), START, END, 4, batch="big")
        again = intents.twap(orders(400, 300).iloc[::-1], START, END, 4, batch="big")
        assert_frame_equal(first.sort_index(), again.sort_index())

    def test_a_parent_with_an_id_of_its_own_passes_it_on(self) -> None:
        children = intents.twap(orders(10).assign(intent_id="mine-1"), START, END, 2)
        assert set(children["parent_id"]) == {"mine-1"}
        assert not set(children["intent_id"]) & {"mine-1"}

    def test_every_child_is_an_intent_that_carries_its_parent(self) -> None:
        children = intents.twap(orders(100), START, END, 3, batch="big")
        rows = rows_of(children, str, now=OPEN)
        assert [row.problem for row in rows] == [""] * 3
        assert rows[0].intent is not None
        assert rows[0].intent.extra["parent_id"] == children["parent_id"].iloc[0]

    def test_no_orders_have_no_children(self) -> None:
        children = intents.twap(orders(), START, END, 4, batch="big")
        assert children.empty
        assert list(children.columns)[-4:] == list(ADDED)

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"start": START.replace(tzinfo=None)}, "start is .*; give a time with its time zone"),
            ({"end": START}, "must be after start"),
            ({"slices": 0}, "must be at least 1"),
            ({"lot": 0}, "lot is 0"),
            ({"batch": None}, "row S0 has no id"),
            ({"session": (START + timedelta(minutes=1), END)}, "not within the session"),
            ({"session": (START, END - timedelta(minutes=1))}, "not within the session"),
            ({"orders": orders(10).assign(quantity=float("nan"))}, "row S0, column quantity: .* is nan"),
            ({"orders": orders(-1)}, "row S0, column quantity: -1 is not above 0"),
            ({"orders": orders(1, 2).set_axis(["a", "a"])}, "a row label twice"),
        ],
    )
    def test_what_cannot_be_sliced_is_refused(self, changes: dict[str, Any], sentence: str) -> None:
        call = {"orders": orders(10), "start": START, "end": END, "slices": 4, "batch": "big", **changes}
        with pytest.raises(IntentError, match=sentence):
            intents.twap(**call)


class TestParticipation:
    @given(
        st.integers(1, 50_000),
        st.lists(st.integers(0, 200_000), min_size=1, max_size=13),
        st.integers(1, 100),
    )
    def test_the_children_add_up_and_never_take_more_than_their_part(
        self, size: int, shares: list[int], percent: int
    ) -> None:
        expected = volume(*shares)
        if sum(shares) * percent < size * 100:
            with pytest.raises(IntentError, match=f"row S0: {size} S0 is more than"):
                intents.participation(orders(size), expected, percent / 100, END, batch="big")
            return
        children = intents.participation(orders(size), expected, percent / 100, END, batch="big")
        assert children["quantity"].sum() == size
        so_far = children.set_index("send_at")["quantity"].cumsum()
        allowed = expected.cumsum() * percent / 100
        assert (so_far <= allowed.reindex(so_far.index) + 1e-9).all()

    def test_a_frame_of_volume_has_a_column_per_symbol(self) -> None:
        expected = pd.DataFrame({"S0": volume(1000, 1000), "S1": volume(0, 2000)})
        children = intents.participation(orders(150, 100), expected, 0.1, END, batch="big")
        assert children.groupby("symbol")["quantity"].apply(list).to_dict() == {"S0": [100, 50], "S1": [100]}

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"rate": 10}, "as 0.1 for a tenth"),
            ({"rate": 0}, "above 0"),
            ({"volume": volume()}, "no bucket"),
            ({"volume": volume(1, 2).iloc[::-1]}, "in the order of time"),
            ({"volume": volume(1000).tz_localize(None)}, "time zone"),
            ({"volume": pd.DataFrame({"SPY": volume(1000)})}, "no column 'S0'"),
            ({"volume": volume(1000, 1000), "end": START + timedelta(minutes=30)}, "after the last bucket"),
        ],
    )
    def test_what_cannot_take_part_is_refused(self, changes: dict[str, Any], sentence: str) -> None:
        call = {
            "orders": orders(10),
            "volume": volume(1000),
            "rate": 0.1,
            "end": END,
            "batch": "b",
            **changes,
        }
        with pytest.raises(IntentError, match=sentence):
            intents.participation(**call)
