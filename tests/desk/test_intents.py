"""Calls and frames as raw intents: what a row says, what is wrong with it, and what it is called."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.builders import OPEN, intent
from toolkit.desk import intents
from toolkit.desk.intents import Row
from toolkit.errors import ConfigError, IntentError
from toolkit.intents.ids import batch_id
from toolkit.orders.intent import OrderIntent, parse

NAN = float("nan")


def frame(**changes: Any) -> pd.DataFrame:
    """Two orders that are all right; a change to None drops the column."""
    columns = {
        "symbol": ["SPY", "QQQ"],
        "direction": ["BUY", "SELL"],
        "quantity": [100, 50],
        "order_type": ["MARKET", "LIMIT"],
        "limit_price": [NAN, 450.25],
        **changes,
    }
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


def rows_of(given: pd.DataFrame, batch: str = "rebalance") -> list[Row]:
    def identify(label: Hashable) -> str:
        return batch_id(batch, label)

    return intents.rows_of(given, identify, now=OPEN, account="DU1")


def problem(given: pd.DataFrame) -> str:
    """The sentence with which a frame is refused."""
    with pytest.raises(IntentError) as refused:
        intents.refuse_all(rows_of(given))
    return str(refused.value)


class TestRows:
    def test_a_row_becomes_an_intent_in_the_order_of_the_frame(self) -> None:
        first, second = rows_of(frame())
        assert (first.raw["symbol"], second.raw["symbol"]) == ("SPY", "QQQ")
        assert second.raw["limit_price"] == 450.25
        assert second.intent == parse(second.raw, now=OPEN, account="DU1")

    def test_nan_in_an_optional_column_means_that_the_field_is_absent(self) -> None:
        given = frame(tif=["GTC", None], valid_until=[pd.NaT, pd.Timestamp("2026-02-01", tz="UTC")])
        first, second = rows_of(given)
        assert "limit_price" not in first.raw
        assert "valid_until" not in first.raw
        assert "tif" not in second.raw
        assert not first.problem
        assert not second.problem

    def test_nan_in_a_required_column_names_row_and_column(self) -> None:
        assert "row 1, column quantity: quantity is empty" in problem(frame(quantity=[100, NAN]))

    def test_every_bad_row_is_named_and_nothing_else(self) -> None:
        told = problem(frame(quantity=[-1, 50], direction=["BUY", "sell"]))
        assert told.startswith("Nothing was sent, because 2 of 2 rows cannot be: ")
        assert "row 0, column quantity: quantity is -1; it must be above 0." in told
        assert "row 1, column direction: " in told
        assert "(did you mean SELL?)" in told

    def test_a_hundred_bad_rows_are_counted_but_not_all_spelt_out(self) -> None:
        given = pd.concat([frame(quantity=[0, 0])] * 50, ignore_index=True)
        told = problem(given)
        assert "100 of 100 rows" in told
        assert told.endswith("And 90 more.")

    def test_unknown_columns_travel_along(self) -> None:
        first, _ = rows_of(frame(alpha=[0.8, NAN]))
        assert first.intent is not None
        assert first.intent.extra == {"alpha": 0.8}

    @pytest.mark.parametrize(
        ("column", "called"),
        [("direction", "side"), ("quantity", "qty"), ("order_type", "type"), ("symbol", "ticker")],
    )
    def test_a_missing_column_is_found_under_the_name_others_give_it(self, column: str, called: str) -> None:
        with pytest.raises(IntentError, match=f"did you mean the column {called!r}") as refused:
            rows_of(frame().rename(columns={column: called}))
        assert refused.value.field == column

    def test_a_misspelled_required_column_is_pointed_out(self) -> None:
        with pytest.raises(IntentError, match="did you mean the column 'quantty'"):
            rows_of(frame().rename(columns={"quantity": "quantty"}))

    def test_an_index_named_like_a_field_is_that_field(self) -> None:
        first, second = rows_of(frame().set_index("symbol"))
        assert (first.raw["symbol"], second.raw["symbol"]) == ("SPY", "QQQ")
        assert (first.label, second.label) == ("SPY", "QQQ")

    def test_single_precision_prices_keep_the_digits_a_person_sees(self) -> None:
        _, second = rows_of(frame(limit_price=np.array([np.nan, 451.1], dtype=np.float32)))
        assert second.raw["limit_price"] == 451.1

    def test_a_whole_number_column_with_gaps_stays_whole(self) -> None:
        _, second = rows_of(frame(con_id=[NAN, 756733]))
        assert second.raw["con_id"] == 756733
        assert isinstance(second.raw["con_id"], int)

    def test_a_row_may_bring_its_own_id(self) -> None:
        first, second = rows_of(frame(intent_id=["mine-1", None]))
        assert first.raw["intent_id"] == "mine-1"
        assert second.raw["intent_id"] == batch_id("rebalance", 1)

    def test_row_labels_that_come_twice_are_refused(self) -> None:
        with pytest.raises(IntentError, match="row labels that come twice"):
            rows_of(frame().set_axis([7, 7]))

    def test_intent_ids_that_come_twice_are_refused(self) -> None:
        with pytest.raises(IntentError, match="intent ids that come twice"):
            rows_of(frame(intent_id=["mine", "mine"]))

    def test_something_else_than_a_frame_is_refused(self) -> None:
        with pytest.raises(IntentError, match="not a list"):
            rows_of([{"symbol": "SPY"}])  # type: ignore[arg-type]

    def test_an_empty_frame_is_no_orders(self) -> None:
        assert rows_of(frame().iloc[:0]) == []


class TestConflicts:
    def test_the_same_order_again_is_no_conflict(self) -> None:
        again = intent(created_at="2026-01-05T15:00:00Z", alpha=3)
        assert intents.conflict(again, intent()) is None

    @pytest.mark.parametrize(
        "change", [{"quantity": 200}, {"symbol": "QQQ"}, {"limit_price": 1}, {"tif": "GTC"}]
    )
    def test_another_order_under_the_same_id_names_what_changed(self, change: dict[str, Any]) -> None:
        found = intents.conflict(intent(**change), intent())
        assert found is not None
        assert found[0] == next(iter(change))

    def test_the_fields_compared_are_those_that_make_an_order(self) -> None:
        compared = {name for name in intents._TERMS if name != "intent_id"}
        one: OrderIntent = intent()
        assert len(compared) == len(one.terms)


class TestCalls:
    @pytest.mark.parametrize(
        ("limit", "stop", "expected"),
        [(None, None, "MARKET"), (1, None, "LIMIT"), (None, 1, "STOP"), (1, 2, "STOP_LIMIT")],
    )
    def test_the_prices_say_which_type_of_order_it_is(self, limit: Any, stop: Any, expected: str) -> None:
        raw = intents.from_call("BUY", "SPY", 1, intent_id="x", limit=limit, stop=stop)
        assert raw["order_type"] == expected
        assert parse(raw, now=OPEN).order_type == expected

    def test_a_misspelled_limit_is_not_silently_no_limit(self) -> None:
        with pytest.raises(ConfigError, match="did you mean 'limit'"):
            intents.from_call("BUY", "SPY", 1, intent_id="x", limt=450)
