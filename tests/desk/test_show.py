"""Frames that print well, and are DataFrames in every other respect."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from toolkit.desk.desk import Desk
from toolkit.desk.show import Frame, framed
from toolkit.reports.frames import ORDERS, orders_frame

UNITS = {
    "quantity": "shares",
    "price": "price units",
    "cost_bps": "bps of the mid, positive = cost",
    "fee": "currency",
}


def frame(**changes: Any) -> Frame:
    columns: dict[str, Any] = {
        "symbol": ["SPY", "QQQ"],
        "quantity": [12_500.0, 100.0],
        "price": [540.0, 460.125],
        "cost_bps": [0.1851, float("nan")],
        "fee": [1.0, 1234.5],
        "currency": ["USD", "USD"],
        "at": pd.to_datetime(["2026-11-23 14:30:05.123", "2026-07-01 20:00:00.000"], utc=True),
        "con_id": pd.array([756733, None], dtype="Int64"),
        "paper": [True, False],
        **changes,
    }
    return framed(
        pd.DataFrame({name: values for name, values in columns.items() if values is not None}), UNITS
    )


def cells(shown: str) -> list[list[str]]:
    """The table's rows as texts."""
    rows = re.findall(r"<tr>(.*?)</tr>", shown, re.DOTALL)
    return [
        [re.sub("<[^>]*>", " ", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]


def column(shown: str, name: str) -> list[str]:
    head, *rows = cells(shown)
    place = next(place for place, title in enumerate(head) if title.split()[:1] == [name])
    return [head[place], *(row[place] for row in rows)]


class TestTables:
    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("quantity", ["quantity  shares", "12,500", "100"]),
            ("price", ["price  price units", "540.000", "460.125"]),
            ("cost_bps", ["cost_bps  bps of the mid", "+0.19", ""]),
            ("fee", ["fee  USD", "1.00", "1,234.50"]),
            ("con_id", ["con_id", "756733", ""]),
            ("paper", ["paper", "yes", "no"]),
        ],
    )
    def test_numbers_have_units_and_thousands_apart(self, name: str, told: list[str]) -> None:
        assert column(frame()._repr_html_(), name) == told

    def test_times_are_told_in_utc_and_at_the_exchange(self) -> None:
        assert column(frame()._repr_html_(), "at") == [
            "at  UTC · New York",
            "2026-11-23 14:30:05.123  09:30:05 NY",
            "2026-07-01 20:00:00.000  16:00:00 NY",
        ]

    def test_what_is_not_in_usd_has_no_new_york_time(self) -> None:
        shown = frame(currency=["EUR", "USD"])._repr_html_()
        assert column(shown, "at")[1] == "2026-11-23 14:30:05.123"
        assert column(shown, "fee")[0] == "fee  currency"

    def test_numbers_are_at_the_right_and_words_at_the_left(self) -> None:
        shown = frame()._repr_html_()
        assert 'text-align:right;white-space:nowrap">12,500<' in shown
        assert 'text-align:left;white-space:nowrap">SPY<' in shown

    def test_what_a_text_says_is_no_html(self) -> None:
        assert "<script>" not in frame(symbol=["<script>", "x"])._repr_html_()

    def test_long_and_wide_frames_show_both_ends(self) -> None:
        with pd.option_context("display.max_columns", 20):
            long = framed(pd.DataFrame({f"c{n}": range(1_000) for n in range(50)}), {})._repr_html_()
        assert "1,000 rows by 50 columns" in long
        assert len(cells(long)) < 20
        assert {"c0", "…", "c49"} <= set(cells(long)[0])

    def test_no_rows_say_so(self) -> None:
        assert "no rows" in framed(orders_frame([]), ORDERS)._repr_html_()


class TestFrames:
    def test_slices_copies_and_pickles_keep_their_units(self) -> None:
        whole = frame()
        for part in (
            whole[["quantity", "price"]],
            whole.iloc[:1],
            whole[whole["price"] > 500],
            whole.sort_values("price"),
            whole.copy(),
            pickle.loads(pickle.dumps(whole)),
        ):
            assert isinstance(part, Frame)
            assert "<small" in part._repr_html_()
            assert part.units == UNITS

    def test_it_equals_the_plain_frame(self) -> None:
        plain = pd.DataFrame(frame())
        assert type(plain) is pd.DataFrame
        assert_frame_equal(plain, frame(), check_frame_type=False)

    def test_every_frame_of_a_desk_tells_its_units(self, desk: Desk) -> None:
        desk.wait(desk.buy("SPY", 100), timeout=10)
        for told in (desk.orders, desk.fills, desk.reports, desk.positions, desk.account, desk.wait()):
            assert isinstance(told, Frame)
        assert column(desk.orders._repr_html_(), "quantity")[0] == "quantity  shares or contracts"
        assert "NY" in desk.fills[["time", "symbol"]]._repr_html_()
        assert (
            column(desk.risk.headroom()._repr_html_(), "used")[1].replace(",", "").replace(".", "").isdigit()
        )
