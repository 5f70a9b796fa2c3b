"""What the world is told about an order, and when."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from tests.builders import (
    INTENT_ID,
    ORDER_ID,
    PERM_ID,
    accepted,
    at,
    cancel_refused,
    cancel_requested,
    cancelled,
    charged,
    denied,
    executed,
    lost,
    noticed,
    order,
    placed,
    raw_intent,
    received,
    rejected,
    status,
)
from toolkit.orders.events import Decision, Received, Repeated
from toolkit.orders.ledger import fold
from toolkit.orders.report import execution_report, iso, readable


def reports_of(*events):
    """Every report that these facts give rise to, in order."""
    state, reports = None, []
    for event in events:
        state, report = fold(state, event)
        if report is not None:
            reports.append(report)
    return reports


def last_report(*events, **changes):
    """The last report of a placed order after these facts, in full."""
    return reports_of(*placed(**changes), *events)[-1].full()


# --- when ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], ["Accepted"]),
        ([status("PendingSubmit")], ["Accepted"]),
        ([status("PreSubmitted"), status("Submitted")], ["Accepted", "Submitted", "Submitted"]),
        ([status("Submitted"), executed(100)], ["Accepted", "Submitted", "Fill"]),
        ([executed(100), status("Filled", 100), status("Submitted")], ["Accepted", "Fill"]),
        (
            [executed(30, exec_id="A.01"), executed(70, exec_id="B.01")],
            ["Accepted", "PartialFill", "Fill"],
        ),
        ([executed(100), charged()], ["Accepted", "Fill", "Commission"]),
        (
            [executed(100, 10, "A.01"), executed(90, 10, "A.02")],
            ["Accepted", "Fill", "Correction"],
        ),
        ([cancel_requested(), cancelled()], ["Accepted", "Notice", "Cancelled"]),
        ([status("Cancelled"), cancelled()], ["Accepted", "Cancelled", "Notice"]),
        ([cancel_requested(), cancel_refused()], ["Accepted", "Notice", "Notice"]),
        ([cancelled(), executed(30)], ["Accepted", "Cancelled", "PartialFill"]),
        ([rejected(), status("Inactive")], ["Accepted", "Rejected"]),
        ([status("Inactive"), rejected()], ["Accepted", "Unknown", "Rejected"]),
        ([lost(), status("Submitted")], ["Accepted", "Unknown", "Recovered"]),
        ([lost(), cancelled()], ["Accepted", "Unknown", "Cancelled"]),
        ([noticed()], ["Accepted", "Notice"]),
    ],
)
def test_each_change_worth_telling_is_told_once(events, told):
    assert [report.event for report in reports_of(*placed(), *events)] == told


def test_a_denied_intent_is_told_as_rejected():
    assert [report.event for report in reports_of(received(), denied())] == ["Rejected"]


def test_a_cancel_before_the_order_left_is_told_as_cancelled():
    assert [report.event for report in reports_of(received(), accepted(), cancel_requested())] == [
        "Accepted",
        "Cancelled",
    ]


# --- what ----------------------------------------------------------------------------------------


def test_a_filled_order_is_told_in_full():
    report = last_report(
        status("Submitted", seconds=0.05),
        executed(60, "450.20", "A.01", seconds=0.1, liquidity="remove"),
        charged("0.35", "A.01"),
        executed(40, "450.25", "B.01", seconds=0.2),
        strategy_id="momentum",
        signal_strength=0.8,
        model="v3",
    )
    assert report == {
        "execution_id": report["execution_id"],
        "intent_id": INTENT_ID,
        "report_seq": 5,
        "event": "Fill",
        "final": True,
        "ibkr_order_id": ORDER_ID,
        "ibkr_perm_id": PERM_ID,
        "account": "",
        "symbol": "SPY",
        "side": "BUY",
        "quantity": 100,
        "filled_quantity": 100,
        "remaining_quantity": 0,
        "avg_fill_price": 450.22,
        "status": "Filled",
        "broker_status": "Submitted",
        "commission": None,
        "currency": "USD",
        "order_type": "LIMIT",
        "limit_price": 450.25,
        "stop_price": None,
        "strategy_id": "momentum",
        "signal_strength": 0.8,
        "submitted_at": "2026-01-05T14:30:00.004000Z",
        "filled_at": "2026-01-05T14:30:00.200000Z",
        "executions": [
            {
                "exec_id": "A.01",
                "time": "2026-01-05T14:30:00.100000Z",
                "shares": 60,
                "price": 450.2,
                "exchange": "ARCA",
                "side": "BOT",
                "liquidity": "remove",
                "commission": 0.35,
                "recovered": False,
                "time_unsure": False,
            },
            report["last_fill"],
        ],
        "last_fill": {
            "exec_id": "B.01",
            "time": "2026-01-05T14:30:00.200000Z",
            "shares": 40,
            "price": 450.25,
            "exchange": "ARCA",
            "side": "BOT",
            "liquidity": "",
            "commission": None,
            "recovered": False,
            "time_unsure": False,
        },
        "recovered": False,
        "reason_code": None,
        "notice": None,
        "paper": True,
        "limits_hash": "limits",
        "timestamps": {
            "intent": "2026-01-05T14:30:00Z",
            "received": "2026-01-05T14:30:00Z",
            "risk": "2026-01-05T14:30:00.001000Z",
            "journaled": "2026-01-05T14:30:00.003000Z",
            "sent": "2026-01-05T14:30:00.004000Z",
            "acked": "2026-01-05T14:30:00.050000Z",
            "first_fill": "2026-01-05T14:30:00.100000Z",
            "last_fill": "2026-01-05T14:30:00.200000Z",
        },
        "extra": {"model": "v3"},
        "schema_version": 1,
    }


def test_a_report_is_json():
    report = last_report(executed(30, "450.20"), charged("0.35"), cancelled())
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_an_unknown_commission_is_null_and_a_free_trade_is_zero():
    """H39."""
    assert last_report(executed(100))["commission"] is None
    assert last_report(executed(100), charged(0))["commission"] == 0


def test_the_last_fill_of_a_correction_is_the_corrected_one():
    """H34."""
    report = last_report(executed(60, 10, "A.01"), executed(40, 10, "B.01"), executed(50, 10, "A.02"))
    assert (report["event"], report["last_fill"]["exec_id"]) == ("Correction", "A.02")


def test_only_reports_of_fills_have_a_last_fill():
    assert last_report(executed(30), cancelled())["last_fill"] is None


def test_a_fill_learnt_from_a_later_request_is_marked_recovered():
    assert last_report(executed(100, recovered=True))["recovered"] is True
    assert last_report(lost(), status("Submitted"))["recovered"] is True


def test_on_the_bus_a_report_lists_the_new_executions_and_the_last_one_all_of_them():
    first, second, last = reports_of(
        *placed(), executed(30, exec_id="A.01"), executed(20, exec_id="B.01"), executed(50, exec_id="C.01")
    )[1:]
    listed = [
        [fill["exec_id"] for fill in report.for_bus()["executions"]] for report in (first, second, last)
    ]
    assert listed == [["A.01"], ["B.01"], ["A.01", "B.01", "C.01"]]
    assert len(second.full()["executions"]) == 2


def test_on_the_bus_a_report_without_a_new_fill_lists_none():
    report = reports_of(*placed(), executed(30), charged())[-1]
    assert report.event == "Commission"
    assert report.for_bus()["executions"] == []


def test_a_report_id_follows_from_the_intent_and_the_number_alone():
    state = order(executed(100))
    first, again, other = (execution_report(state, "Fill", number)["execution_id"] for number in (2, 2, 3))
    assert first == again != other
    assert uuid.UUID(first).version == 5


# --- refusals ------------------------------------------------------------------------------------


def test_a_refusal_of_ours_carries_every_failed_check_with_its_numbers():
    check = Decision(
        code="MAX_ORDER_QUANTITY",
        message="Too many shares.",
        observed=Decimal(100),
        limit=Decimal(50),
        unit="shares",
    )
    report = reports_of(received(), denied(check))[-1].full()
    assert report["execution_id"].startswith("REJ-")
    assert (report["status"], report["rejection_reason"]) == ("Rejected", "Too many shares.")
    assert report["reason_code"] == "MAX_ORDER_QUANTITY"
    assert report["timestamp"] == iso(at(0.001))
    assert report["decisions"] == [
        {
            "code": "MAX_ORDER_QUANTITY",
            "message": "Too many shares.",
            "observed": 100,
            "limit": 50,
            "unit": "shares",
            "price_source": "",
        }
    ]


def test_a_refusal_of_the_brokers_carries_its_code_and_words():
    report = last_report(rejected(seconds=3))
    assert (report["status"], report["reason_code"]) == ("Rejected", "IB201")
    assert (report["rejection_reason"], report["timestamp"]) == ("Margin too low.", iso(at(3)))
    assert report["decisions"] == []


def test_a_cancel_says_why():
    report = last_report(cancelled())
    assert (report["reason"], report["reason_code"]) == ("Order cancelled.", "IB202")
    assert "rejection_reason" not in report


def test_an_intent_nobody_could_read_is_told_in_its_own_words():
    unread = Received(intent_id="x", at=at(0), raw={"intent_id": "x", "quantity": "ten", "symbol": "SPY"})
    report = reports_of(unread, denied(intent_id="x", code="BAD_QUANTITY"))[-1].full()
    assert (report["symbol"], report["quantity"], report["status"]) == ("SPY", "ten", "Rejected")


def test_a_second_order_under_one_id_is_refused_outside_the_firsts_numbering():
    again = Repeated(intent_id=INTENT_ID, at=at(9), raw=raw_intent(quantity=999))
    report = reports_of(*placed(), again)[-1]
    full = report.full()
    assert readable(report.for_bus()) == full
    assert (full["report_seq"], full["final"], full["quantity"]) == (0, True, 999)
    assert full["reason_code"] == "DUPLICATE_INTENT"
    assert full["execution_id"].startswith("REJ-")


def test_each_different_repeat_has_an_id_of_its_own():
    first, again, other = (
        reports_of(*placed(), Repeated(intent_id=INTENT_ID, at=at(9), raw=raw_intent(quantity=quantity)))[-1]
        for quantity in (2, 2, 3)
    )
    assert first.full()["execution_id"] == again.full()["execution_id"] != other.full()["execution_id"]


def test_times_are_told_in_utc():
    new_york = timezone(timedelta(hours=-5))
    assert iso(datetime(2026, 1, 5, 9, 30, 0, 500, tzinfo=new_york)) == "2026-01-05T14:30:00.000500Z"
    assert iso(None) is None
