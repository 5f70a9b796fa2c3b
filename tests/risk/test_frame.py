"""A frame judged at once gets the answers that its rows would get one after the other."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.risk import day_cases
from tests.risk.cases import FAIR, released
from tests.risk.desk import Desk, ordered, quote, working
from toolkit.risk import frame as frame_module
from toolkit.risk import settle as settle_module
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.frame import check, judge_rows
from toolkit.risk.overlay import Overlay

QUOTED = {
    "SPY": replace(FAIR["SPY"], shortable=Decimal(120)),
    "QQQ": replace(quote("399.99", "400.01"), shortable=Decimal(0)),
    "ES": quote("4999.75", "5000.25"),
}
MARKS = {"SPY": 500.0, "QQQ": 400.0, "ES": 5000.0, "SAP": 100.0}


def desk(**changes: Any) -> Desk:
    return Desk(marks=dict(MARKS), quotes=dict(QUOTED), **{"rates": {"EUR": "1.1"}, **changes})


def frame_of(*rows: dict[str, Any]) -> pd.DataFrame:
    basis = {"symbol": "SPY", "direction": "BUY", "quantity": 100, "order_type": "MARKET"}
    return pd.DataFrame([{**basis, **each} for each in rows])


def one_by_one(frame: pd.DataFrame, limits: dict[str, Any], book: Desk) -> pd.DataFrame:
    overlay, checker = Overlay(book), copy.copy(SimpleRiskChecker(limits))
    checker.bind(overlay)
    approved, codes, observed, limit = judge_rows(frame, checker, overlay)
    return frame.assign(approved=approved, reason_codes=codes, observed=observed, limit=limit)


def test_rows_that_are_approved_count_for_the_rows_after_them() -> None:
    frame = frame_of({}, {}, {"quantity": 20}, {"direction": "SELL"})
    checked = check(frame, SimpleRiskChecker({"max_position": 150}), desk())
    assert checked.approved.tolist() == [True, False, True, True]
    assert checked.reason_codes.tolist() == ["", "MAX_POSITION", "", ""]
    assert checked.observed.tolist()[1] == 200
    assert checked.limit.tolist()[1] == 150


def test_the_frame_itself_and_the_book_stay_as_they_are() -> None:
    frame, book, checker = frame_of({}, {}), desk(), SimpleRiskChecker({})
    checker.bind(book)
    before = frame.copy(), book.exposure.total()
    check(frame, checker, book)
    pd.testing.assert_frame_equal(frame, before[0])
    assert book.exposure.total() == before[1]
    assert (
        checker.violations({"symbol": "SPY", "direction": "BUY", "quantity": 1, "order_type": "MARKET"}) == []
    )


def test_an_approval_counts_for_one_row_of_a_frame_and_stays_as_it_was() -> None:
    book = desk(approvals=released(quantity=101))
    frame = frame_of({"quantity": 101}, *[{"quantity": 101, "approval": "big"}] * 2, {"quantity": 50})
    checked = check(frame, SimpleRiskChecker({"approve_above": 50_000}), book)
    assert checked.reason_codes.tolist() == ["NEEDS_APPROVAL", "", "NEEDS_APPROVAL", ""]
    assert book.approvals.used == {}


def test_an_empty_frame_has_the_columns_all_the_same() -> None:
    checked = check(pd.DataFrame(columns=["symbol", "quantity"]), SimpleRiskChecker({}), desk())
    assert list(checked.columns)[-4:] == ["approved", "reason_codes", "observed", "limit"]
    assert len(checked) == 0


def test_a_subclass_has_its_own_say_on_every_row() -> None:
    class NoFridays(SimpleRiskChecker):
        def validate(self, intent: dict[str, Any]) -> bool:
            return intent["symbol"] != "QQQ" and super().validate(intent)

    checked = check(frame_of({}, {"symbol": "QQQ"}), NoFridays({}), desk())
    assert checked.reason_codes.tolist() == ["", "RISK_LIMITS"]


def test_a_cent_beyond_a_limit_is_beyond_it_in_a_million_rows() -> None:
    count = 1000
    frame = frame_of(*[{"order_type": "LIMIT", "limit_price": 500.01, "quantity": 1}] * count)
    edge = 500.01 * count
    assert check(
        frame,
        SimpleRiskChecker({"max_gross_exposure": round(edge, 2), "max_open_orders_per_side": 10**6}),
        desk(),
    ).approved.all()
    short = check(
        frame,
        SimpleRiskChecker({"max_gross_exposure": round(edge - 0.01, 2), "max_open_orders_per_side": 10**6}),
        desk(),
    )
    assert short.approved.sum() == count - 1


@pytest.mark.parametrize(
    "row",
    [
        {"quantity": "lots"},
        {"quantity": float("nan")},
        {"quantity": -5},
        {"direction": "HOLD"},
        {"order_type": "LIMIT"},
        {"order_type": "PEG"},
        {"symbol": "NOPE"},
        {"limit_price": 10**11, "order_type": "LIMIT"},
        {"quantity": "1.123456789"},
    ],
)
def test_a_row_that_cannot_be_read_is_denied_as_it_would_be_alone(row: dict[str, Any]) -> None:
    frame = frame_of({}, row, {})
    limits = {"max_position": 1000, "price_collar_bps": 100}
    pd.testing.assert_frame_equal(
        check(frame, SimpleRiskChecker(limits), desk()), one_by_one(frame, limits, desk())
    )


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_order_quantity": st.sampled_from([50, 100, 150]),
        "max_gross_exposure": st.sampled_from([1, 49_999, 50_000, 200_000, 10**7]),
        "max_order_notional": st.sampled_from(["49999.99", 50_000, 50_001, 10**6]),
        "approve_above": st.sampled_from(["24999.99", 50_000, 50_001]),
        "max_net_exposure": st.sampled_from([0, 50_000, 100_001, 10**7]),
        "max_daily_loss": st.sampled_from([5000, 6000]),
        "max_position": st.sampled_from([0, 100, 150, 1000]),
        "max_position_pct_nav": st.sampled_from([10, "50.005", 200]),
        "price_collar_bps": st.sampled_from([0, 10, 100]),
        "price_collar_ticks": st.sampled_from([0, "0.5", 499]),
        "max_quantity_per_day": st.sampled_from([100, 250]),
        "allow_unlocated_short": st.just(False),
        "max_quote_age_s": st.sampled_from([0, 5]),
        "max_spread_bps": st.sampled_from(["0.3", 10]),
        "max_orders_per_second": st.sampled_from([1, 3, 100]),
        "repeat_window_s": st.sampled_from([0, 5]),
        "max_orders_per_day": st.sampled_from([1, 4]),
        "fat_finger_multiple": st.sampled_from([2, 10]),
        "max_open_orders": st.sampled_from([1, 3, 100]),
        "max_open_orders_per_side": st.sampled_from([1, 2, 20]),
        "allow_short": st.just(False),
        "allow_self_cross": st.just(False),
        "blocked_symbols": st.just(["QQQ"]),
        "allowed_sec_types": st.just(["STK"]),
        "symbols": st.just({"SPY": {"max_order_quantity": 60}}),
        "strategies": st.sampled_from(
            [
                {"carry": {"max_order_notional": 30_000}},
                {"carry": {"max_orders_per_second": 2}, "": {"max_orders_per_second": 1}},
            ]
        ),
    },
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "symbol": st.sampled_from(["SPY", "SPY", "QQQ", "ES", "SAP", "NOPE"]),
            "direction": st.sampled_from(["BUY", "SELL", "BUY", "SELL", "HOLD"]),
            "quantity": st.sampled_from([1, 50, 60, 100, 100.5, 0, -1, float("nan")]),
            "order_type": st.sampled_from(["MARKET", "LIMIT", "STOP", "STOP_LIMIT", "PEG"]),
            "limit_price": st.sampled_from([None, 400.0, 499.99, 500.01, 505.01, 0.0]),
            "stop_price": st.sampled_from([None, 490.0, 500.01, 510.0]),
            "strategy_id": st.sampled_from(["", "carry"]),
            "account": st.sampled_from(["", "DU1", "DU2"]),
            "allow_repeat": st.booleans(),
        }
    ),
    min_size=1,
    max_size=12,
)
BOOKS = st.sampled_from(
    [
        {},
        {"held": {"SPY": 100, "QQQ": -50}},
        {"held": None},
        {
            "held": {"SPY": 40},
            "open_orders": [
                working("b", quantity=30, limit_price=499, account="DU1"),
                working("s", quantity=20, limit_price="500.02", direction="SELL"),
                working("m", "QQQ", order_type="MARKET", limit_price=None, direction="SELL"),
            ],
        },
        {"facts": [f for n in range(5) for f in ordered(f"o{n}", 9.5, quantity=20, strategy_id="carry")]},
        {"earlier": [working("e", seconds=7.0, quantity=100, limit_price="499.99")]},
        {"marks_missing": True},
        {"held": {"SPY": 100}, "profit": day_cases.made("-5001")},
        {"held": {"SPY": 50, "QQQ": 50}, "profit": day_cases.made("10", (100_000,))},
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    limits=LIMITS,
    rows=ROWS,
    changes=BOOKS,
    block=st.sampled_from([2, 5, frame_module.BLOCK]),
    rounds=st.sampled_from([1, settle_module.ROUNDS]),
)
def test_a_frame_gets_the_answers_of_its_rows_one_by_one(
    limits: dict[str, Any], rows: list[dict[str, Any]], changes: dict[str, Any], block: int, rounds: int
) -> None:
    changes = dict(changes)
    missing = changes.pop("marks_missing", False)
    book = desk(**changes)
    if missing:
        del book.marks["SAP"]
    frame = pd.DataFrame(rows)
    with patch.object(frame_module, "BLOCK", block), patch.object(settle_module, "ROUNDS", rounds):
        at_once = check(frame, SimpleRiskChecker(limits), book)
    alone = one_by_one(frame, limits, book)
    assert at_once.approved.tolist() == alone.approved.tolist()
    assert at_once.reason_codes.tolist() == alone.reason_codes.tolist()
    shown = ~alone.reason_codes.str.startswith("SELF_CROSS")
    np.testing.assert_allclose(at_once.observed[shown], alone.observed[shown], rtol=1e-12)
    np.testing.assert_allclose(at_once.limit[shown], alone.limit[shown], rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "symbol": st.sampled_from(["SPY", "QQQ", "ES"]),
                "direction": st.sampled_from(["BUY", "SELL"]),
                "quantity": st.sampled_from([1, 20, 60]),
                "limit_price": st.sampled_from([499.0, 499.94, 500.06]),
                "order_type": st.sampled_from(["MARKET", "LIMIT"]),
                "strategy_id": st.sampled_from(["", "carry"]),
            }
        ),
        min_size=1,
        max_size=12,
    ),
    block=st.sampled_from([2, frame_module.BLOCK]),
    limits=st.sampled_from(
        [
            {"allow_unlocated_short": False},
            {"max_position_pct_nav": 60, "symbols": {"QQQ": {"max_position_pct_nav": "7.5"}}},
            {"price_collar_ticks": 5},
            {"max_quantity_per_day": 90},
            {"strategies": {"carry": {"max_orders_per_second": 3}}, "max_orders_per_second": 7},
        ]
    ),
)
def test_each_limit_that_counts_on_the_rows_before_is_worked_out_on_whole_columns(
    rows: list[dict[str, Any]], block: int, limits: dict[str, Any]
) -> None:
    book = desk(held={"SPY": 50, "QQQ": 50, "ES": -1}, profit=day_cases.made("10", (100_000,)))
    frame, limits = pd.DataFrame(rows), {**limits, "max_gross_exposure": 10**9}
    with (
        patch.object(frame_module, "BLOCK", block),
        patch.object(frame_module, "judge_rows", side_effect=AssertionError("judged row by row")),
    ):
        at_once = check(frame, SimpleRiskChecker(limits), book)
    pd.testing.assert_frame_equal(at_once, one_by_one(frame, limits, book))
