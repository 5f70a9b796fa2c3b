"""A frame that is wrong as a whole, refused in one sentence before any of its rows is read."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.desk.test_intents import frame, problem, rows_of
from toolkit.desk import shape
from toolkit.desk.desk import Desk
from toolkit.errors import IntentError
from toolkit.gateway import PaperGateway

NAN = float("nan")


def refusal(given: pd.DataFrame) -> IntentError:
    with pytest.raises(IntentError) as refused:
        rows_of(given)
    return refused.value


def repeated(times: int) -> pd.DataFrame:
    """Two orders, many times."""
    return frame().loc[[0, 1] * times].reset_index(drop=True)


class TestNames:
    @pytest.mark.parametrize(
        ("column", "meant"),
        [
            ("tiff", "tif"),
            ("TIF", "tif"),
            ("limitprice", "limit_price"),
            ("Limit Price", "limit_price"),
            ("stop_prize", "stop_price"),
            ("outside_rht", "outside_rth"),
            ("currencyy", "currency"),
            ("strategyid", "strategy_id"),
        ],
    )
    def test_a_column_that_is_nearly_a_fields_name_is_pointed_out(self, column: str, meant: str) -> None:
        error = refusal(frame().assign(**{column: "x"}).drop(columns=[meant], errors="ignore"))
        assert f"column {column!r} is none of an order's; did you mean {meant!r}?" in str(error)
        assert (error.field, error.code) == (column, "MISSPELLED_COLUMN")

    @pytest.mark.parametrize(
        "own", ["alpha", "parent_id", "send_time", "price", "arrival_mid_bps", "sector", "signal"]
    )
    def test_a_column_of_ones_own_is_carried_along(self, own: str) -> None:
        first, _ = rows_of(frame().assign(**{own: 1}))
        assert first.intent is not None
        assert first.intent.extra == {own: 1}


class TestTimes:
    def test_a_column_in_two_zones_names_both_rows(self) -> None:
        times = ["2026-11-23T15:00:00+00:00", "2026-11-23T15:00:00-05:00"]
        error = refusal(frame(valid_until=times))
        assert "row 1, column valid_until is in the time zone UTC-05:00, and row 0 in UTC" in str(error)

    def test_timestamps_in_two_zones_are_refused_like_texts(self) -> None:
        moment = pd.Timestamp("2026-11-23 15:00", tz="UTC")
        times = pd.Series([moment, moment.tz_convert("Europe/Paris")], dtype=object)
        assert "in the time zone Europe/Paris, and row 0 in UTC" in str(refusal(frame(send_at=times)))

    def test_one_zone_whose_clock_changes_is_one_zone(self) -> None:
        times = pd.to_datetime(["2026-10-30", "2026-11-02"]).tz_localize("America/New_York")
        assert [row.problem for row in rows_of(frame(valid_until=times))] == ["", ""]

    def test_a_time_without_a_zone_is_named_by_its_row(self) -> None:
        times = [None, "2026-11-23T15:00:00"]
        assert "row 1, column send_at: send_at is 2026-11-23T15:00:00 without a time zone" in problem(
            frame(send_at=times)
        )


class TestSize:
    def test_far_too_many_rows_are_refused_with_what_to_say_instead(self) -> None:
        many = repeated(50_000)
        error = refusal(many)
        assert "100,000 rows, more than 5,000; if every one of them is meant" in str(error)
        assert "max_rows=100000" in str(error)
        assert shape.few_enough(many, 100_000) is None


class TestAtTheDesk:
    @pytest.mark.parametrize(
        ("given", "sentence"),
        [
            (frame(tiff="GTC"), "column 'tiff' .* did you mean 'tif'"),
            (frame(quantity=[100, NAN]), "row 1, column quantity: quantity is empty"),
            (frame().set_axis([7, 7]), r"row labels that come twice \(7\)"),
            (
                frame(valid_until=["2026-11-23T15:00:00Z", "2026-11-23T15:00:00+01:00"]),
                r"row 1, column valid_until is in the time zone UTC\+01:00",
            ),
            (
                frame(limit_price=[NAN, -450.0]),
                "row 1, column limit_price: limit_price is -450.0; .* above 0",
            ),
            (repeated(2_501), "5,002 rows, more than 5,000"),
        ],
        ids=["misspelled", "nan", "duplicate", "zones", "negative", "many"],
    )
    @pytest.mark.parametrize("batch", [None, "rebalance"])
    def test_bad_input_is_one_sentence_and_nothing_is_sent(
        self, desk: Desk, market: PaperGateway, given: Any, sentence: str, batch: str | None
    ) -> None:
        with pytest.raises(IntentError, match=sentence):
            desk.submit(given, batch)
        assert desk.orders.empty
        assert market.ledger.requests == []

    def test_a_larger_frame_goes_when_it_is_meant(self, desk: Desk, market: PaperGateway) -> None:
        with pytest.raises(IntentError, match="max_rows=2"):
            desk.submit(frame(), max_rows=1)
        assert len(desk.submit(frame(), max_rows=2)) == 2
