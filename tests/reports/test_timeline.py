"""One order's life, step by step."""

from __future__ import annotations

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.builders import (
    at,
    cancel_refused,
    cancel_requested,
    charged,
    denied,
    executed,
    lost,
    noticed,
    placed,
    received,
    status,
)
from toolkit.orders.events import Decision
from toolkit.reports.table import TEXT, TIME, WHOLE
from toolkit.reports.timeline import detail, timeline_frame

PASSED = Decision(code="RATE", passed=True)
FAILED = Decision(code="COLLAR", message="Too far away.")
FAILED_TOO = Decision(code="CASH", message="Too little left.")


def test_a_timeline_says_what_happened_when_and_how_long_it_took():
    frame = timeline_frame([*placed(), status("Submitted", seconds=0.05), executed(100, seconds=0.1)])
    expected = pd.DataFrame(
        {
            "at": pd.Series([at(0), at(0.001), at(0.002), at(0.004), at(0.05), at(0.1)], dtype=TIME),
            "event": pd.Series(
                ["Received", "Accepted", "Reserved", "Sent", "StatusReported", "Executed"], dtype=TEXT
            ),
            "status": pd.Series(["PendingSubmit"] * 4 + ["Submitted", "Filled"], dtype=TEXT),
            "detail": pd.Series(
                [
                    "from python",
                    "bid 450.24, ask 450.26",
                    "order 7 of client 1",
                    "",
                    "Submitted, 0 filled",
                    "BOT 100 at 450.25 on ARCA (0001.01.01)",
                ],
                dtype=TEXT,
            ),
            "since_previous_ms": [0.0, 1.0, 1.0, 2.0, 46.0, 50.0],
            "since_start_ms": [0.0, 1.0, 2.0, 4.0, 50.0, 100.0],
        },
    ).set_index(pd.Index(range(1, 7), dtype=WHOLE, name="step"))
    assert_frame_equal(frame, expected)


def test_a_timeline_of_nothing_has_the_same_columns():
    assert_frame_equal(timeline_frame([]), timeline_frame(placed()).head(0))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (denied(), "MAX_ORDER_QUANTITY: Too many shares."),
        (denied(FAILED, PASSED, FAILED_TOO), "COLLAR: Too far away. CASH: Too little left."),
        (cancel_requested(), "by test"),
        (cancel_refused(), "161: Not cancellable."),
        (lost(), "The gateway went away."),
        (noticed(), "404: Shares are being located."),
        (status("PreSubmitted", why_held="locate"), "PreSubmitted, 0 filled, held: locate"),
        (charged(None), "not known yet for 0001.01.01"),
        (charged("1.25"), "1.25 USD for 0001.01.01"),
        (received(), "from python"),
    ],
)
def test_each_fact_is_told_in_words(event, words):
    assert detail(event) == words
