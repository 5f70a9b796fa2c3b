"""Orders, fills and reports as frames: the same columns and types whatever they hold."""

from __future__ import annotations

import math
from decimal import Decimal

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.builders import (
    INTENT_ID,
    accepted,
    at,
    cancelled,
    charged,
    denied,
    executed,
    order,
    placed,
    raw_intent,
    received,
    state_of,
    status,
)
from toolkit.orders.events import Decision, Received
from toolkit.orders.ledger import fold
from toolkit.reports.frames import (
    DECISIONS,
    FILLS,
    ORDERS,
    REPORTS,
    decisions_frame,
    fills_frame,
    orders_frame,
    reports_frame,
)
from toolkit.reports.positions import POSITIONS, positions_frame
from toolkit.reports.table import FLAG, NUMBER, TEXT, TIME, WHOLE


def reports_of(*events):
    """The full reports that these facts give rise to."""
    state, reports = None, []
    for event in events:
        state, report = fold(state, event)
        if report is not None:
            reports.append(report.full())
    return reports


@pytest.mark.parametrize(
    ("make", "full", "schema"),
    [
        (orders_frame, [order(executed(100), charged())], ORDERS),
        (fills_frame, [order(executed(100), charged())], FILLS),
        (reports_frame, reports_of(*placed(), executed(100)), REPORTS),
        (decisions_frame, [order()], DECISIONS),
        (positions_frame, [order(executed(100))], POSITIONS),
    ],
)
def test_an_empty_frame_has_the_columns_and_types_of_a_full_one(make, full, schema):
    empty = make([])
    assert len(empty) == 0
    assert_frame_equal(empty, make(full).head(0))
    assert [empty.index.name, *empty.columns] == list(schema)


def test_the_numbers_of_an_order_stand_in_typed_columns():
    frame = orders_frame(
        [
            order(executed(60, "450.20", "A.01"), executed(40, "450.30", "B.01"), charged(1, "A.01")),
            state_of(received("denied", direction="SELL", quantity=7), denied(intent_id="denied")),
        ]
    )
    columns = [
        "received_at", "side", "quantity", "filled_quantity", "avg_fill_price", "notional", "commission",
        "status", "final", "reason_code", "order_id", "last_fill_at",
    ]  # fmt: skip
    expected = pd.DataFrame(
        {
            "received_at": pd.Series([at(0), at(0)], dtype=TIME),
            "side": pd.Series(["BUY", "SELL"], dtype=TEXT),
            "quantity": [100.0, 7.0],
            "filled_quantity": [100.0, 0.0],
            "avg_fill_price": [450.24, math.nan],
            "notional": [45024.0, 0.0],
            "commission": [math.nan, math.nan],
            "status": pd.Series(["Filled", "Rejected"], dtype=TEXT),
            "final": [True, True],
            "reason_code": pd.Series(["", "MAX_ORDER_QUANTITY"], dtype=TEXT),
            "order_id": pd.Series([7, None], dtype=WHOLE),
            "last_fill_at": pd.Series([at(0.1), None], dtype=TIME),
        }
    ).set_index(pd.Index([INTENT_ID, "denied"], dtype=TEXT, name="intent_id"))
    assert_frame_equal(frame[columns], expected)


@pytest.mark.parametrize(
    ("make", "rows", "schema"),
    [
        (orders_frame, [order(executed(100))], ORDERS),
        (fills_frame, [order(executed(100))], FILLS),
        (reports_frame, reports_of(*placed(), executed(100)), REPORTS),
        (decisions_frame, [order()], DECISIONS),
        (positions_frame, [order(executed(100))], POSITIONS),
    ],
)
def test_every_column_has_the_type_its_schema_promises(make, rows, schema):
    for frame in (make(rows), make([])):
        promised = {name: pd.Series(dtype=column.dtype).dtype for name, column in schema.items()}
        assert dict(frame.reset_index().dtypes) == promised


def test_the_schemas_use_every_type_and_no_other():
    used = {column.dtype for schema in (ORDERS, FILLS, REPORTS, DECISIONS) for column in schema.values()}
    assert used == {TEXT, NUMBER, WHOLE, FLAG, TIME}


def test_a_refused_intent_has_a_row_per_failed_check_and_a_passed_one_a_single_row():
    checks = [
        Decision(
            code="MAX_ORDER_QUANTITY",
            observed=Decimal(7),
            limit=Decimal(5),
            unit="shares",
            message="Too many.",
        ),
        Decision(code="PRICE_BAND", observed=Decimal(9), limit=Decimal(2), unit="%", price_source="quote"),
    ]
    stale = [received("stale"), denied(intent_id="stale", code="STALE")]
    frame = decisions_frame(
        [order(), state_of(received("no"), denied(*checks, intent_id="no")), state_of(*stale)]
    )
    assert list(frame.index) == [INTENT_ID, "no", "no", "stale"]
    assert frame["passed"].tolist() == [True, False, False, False]
    assert frame["code"].tolist() == ["ACCEPTED", "MAX_ORDER_QUANTITY", "PRICE_BAND", "STALE"]
    assert frame.loc["no", "observed"].tolist() == [7, 9]
    assert frame.loc["no", "unit"].tolist() == ["shares", "%"]
    assert frame.loc["stale", "message"] == "Too many shares."


def test_an_order_nobody_could_read_has_a_row_of_what_is_known():
    unread = Received(intent_id="x", at=at(0), raw={"symbol": "SPY", "quantity": "ten"})
    row = orders_frame([state_of(unread, denied(intent_id="x", code="BAD_QUANTITY"))]).loc["x"]
    assert (row["symbol"], row["order_type"], row["reason_code"]) == ("SPY", "", "BAD_QUANTITY")
    assert pd.isna(row["limit_price"])


def test_fills_are_listed_oldest_first_across_orders():
    late = order(executed(100, exec_id="late.01", seconds=9))
    early = state_of(
        *placed("early", 8), executed(100, exec_id="early.01", seconds=1, intent_id="early", side="SLD")
    )
    frame = fills_frame([late, early])
    expected = pd.DataFrame(
        {
            "time": pd.Series([at(1), at(9)], dtype=TIME),
            "intent_id": pd.Series(["early", INTENT_ID], dtype=TEXT),
            "side": pd.Series(["SELL", "BUY"], dtype=TEXT),
            "shares": [100.0, 100.0],
            "price": [450.25, 450.25],
            "notional": [45025.0, 45025.0],
        }
    ).set_index(pd.Index(["early.01", "late.01"], dtype=TEXT, name="exec_id"))
    assert_frame_equal(frame[list(expected.columns)], expected)


def test_a_corrected_fill_is_there_once():
    """H34."""
    frame = fills_frame([order(executed(100, 10, "A.01"), executed(90, 10, "A.02"))])
    assert list(frame.index) == ["A.02"]
    assert list(frame["shares"]) == [90.0]


def test_an_unknown_commission_is_missing_and_a_free_trade_costs_zero():
    """H39."""
    two = [executed(60, exec_id="A.01"), executed(40, exec_id="B.01")]
    commissions = fills_frame([order(*two, charged(0, "A.01"), charged(None, "B.01"))])["commission"]
    assert commissions["A.01"] == 0
    assert math.isnan(commissions["B.01"])


def test_a_cost_is_positive_slippage_for_buyers_and_sellers():
    buy = order(executed(100, "450.295"))
    sell = state_of(
        *placed("sell", 8, direction="SELL", limit_price=450),
        executed(100, "450.205", "B.01", intent_id="sell", side="SLD"),
    )
    slippage = fills_frame([buy, sell])["slippage_bps"]
    assert slippage.tolist() == pytest.approx([0.9994, 0.9994], abs=1e-4)
    assert orders_frame([buy, sell])["slippage_bps"].tolist() == pytest.approx(slippage.tolist())


def test_slippage_is_missing_when_there_was_no_quote():
    blind = state_of(received(), accepted(bid=None), executed(100))
    assert fills_frame([blind])["slippage_bps"].isna().all()
    assert orders_frame([blind])["slippage_bps"].isna().all()


def test_the_quote_of_the_decision_stands_in_for_one_that_risk_did_not_see():
    decided = received(arrival_bid=449.99, arrival_ask=450.01)
    blind = state_of(decided, accepted(bid=None, ask="450.50"), executed(100, "450.45"))
    row = orders_frame([blind]).loc[INTENT_ID]
    assert (row["arrival_bid"], row["arrival_ask"]) == (449.99, 450.01)
    assert row["slippage_bps"] == pytest.approx(10)


def test_an_order_without_fills_has_no_slippage():
    assert orders_frame([order(status("Submitted"))])["slippage_bps"].isna().all()


def test_reports_tell_their_fills_and_times():
    frame = reports_frame(reports_of(*placed(), executed(30, "450.20"), cancelled()))
    expected = pd.DataFrame(
        {
            "report_seq": pd.Series([1, 2, 3], dtype=WHOLE),
            "event": pd.Series(["Accepted", "PartialFill", "Cancelled"], dtype=TEXT),
            "final": [False, False, True],
            "avg_fill_price": [math.nan, 450.20, 450.20],
            "last_shares": [math.nan, 30.0, math.nan],
            "reason": pd.Series(["", "", "Order cancelled."], dtype=TEXT),
            "sent_at": pd.Series([None, at(0.004), at(0.004)], dtype=TIME),
        }
    )
    assert_frame_equal(frame[list(expected.columns)].reset_index(drop=True), expected)


def test_a_report_delivered_twice_is_there_once():
    reports = reports_of(*placed(), executed(100))
    assert_frame_equal(reports_frame(reports + reports[::-1]), reports_frame(reports))


def test_a_refused_quantity_in_words_is_missing_in_numbers():
    unread = Received(intent_id="x", at=at(0), raw=raw_intent(intent_id="x", quantity="ten"))
    frame = reports_frame(reports_of(unread, denied(intent_id="x")))
    assert frame["quantity"].isna().all()
    assert list(frame["reason"]) == ["Too many shares."]
