"""Silence noticed in time: which facts it makes, and that it ends nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders import (
    at,
    cancel_refused,
    cancel_requested,
    executed,
    lost,
    order,
    replace_requested,
    replaced,
    status,
)
from toolkit.orders.apply import apply
from toolkit.orders.deadlines import Deadlines
from toolkit.orders.events import Lost, Overdue

DEADLINES = Deadlines(timedelta(seconds=5), timedelta(seconds=10))


def overdue(*events, seconds):
    return list(DEADLINES.overdue([order(*events)], at(seconds)))


def test_h4_an_order_without_a_word_is_lost_at_its_deadline_and_not_before():
    assert overdue(seconds=5) == []
    (fact,) = overdue(seconds=5.01)
    assert isinstance(fact, Lost)
    assert "within 5 s" in fact.reason


@pytest.mark.parametrize("word", [status("PendingSubmit"), status("Submitted"), executed(), lost()])
def test_any_word_about_an_order_ends_the_wait_for_its_acknowledgement(word):
    assert overdue(word, seconds=60) == []


@pytest.mark.parametrize(
    ("request_", "action"), [(cancel_requested(0.3), "cancel"), (replace_requested(seconds=0.3), "replace")]
)
def test_h14_a_request_without_an_answer_is_told_once_and_changes_nothing(request_, action):
    before = order(status("Submitted"), request_)
    assert list(DEADLINES.overdue([before], at(10.29))) == []
    (fact,) = DEADLINES.overdue([before], at(10.3))
    assert isinstance(fact, Overdue)
    assert fact.action == action
    after = apply(before, fact)
    assert (after.status, after.open_quantity) == (before.status, before.open_quantity)
    assert list(DEADLINES.overdue([after], at(1000))) == []
    assert apply(after, fact) is after


def test_a_cancel_that_is_asked_for_again_has_its_time_again():
    late = apply(
        order(cancel_requested(0.3)), Overdue(intent_id="momentum-1", at=at(11), action="cancel", text="")
    )
    again = apply(late, cancel_requested(12))
    assert "cancel" not in {getattr(f, "action", "") for f in DEADLINES.overdue([again], at(21.9))}
    assert "cancel" in {getattr(f, "action", "") for f in DEADLINES.overdue([again], at(22))}


@pytest.mark.parametrize(
    "events",
    [
        (cancel_requested(0.3), cancel_refused()),
        (replace_requested(), replaced()),
    ],
)
def test_an_answered_request_is_never_late(events):
    assert overdue(status("Submitted"), *events, seconds=1000) == []


def test_h27_inactive_alone_is_late_after_two_seconds_with_a_reason_never():
    (fact,) = overdue(status("Inactive", seconds=1), seconds=3)
    assert fact.action == "inactive"
    assert overdue(status("Inactive", seconds=1), seconds=2.9) == []
    assert overdue(status("Inactive", why_held="locate"), seconds=60) == []
    assert overdue(status("Inactive"), status("Submitted", seconds=1), seconds=60) == []
