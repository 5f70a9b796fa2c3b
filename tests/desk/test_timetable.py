"""Orders that wait for their time: sent then, once, visible before, and never after the desk has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import toolkit
from tests.waiting import until, wait_until
from toolkit import intents
from toolkit.desk.desk import Desk
from toolkit.desk.timetable import Timetable, Waiting
from toolkit.errors import JournalError
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderState

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def order(**changes: Any) -> pd.DataFrame:
    """One order."""
    columns = {
        "symbol": ["SPY"],
        "direction": ["BUY"],
        "quantity": [100],
        "order_type": ["MARKET"],
        **changes,
    }
    return pd.DataFrame(columns)


def slices(within: timedelta, count: int = 4) -> pd.DataFrame:
    """Children that are worth sending for an hour, however slow the machine is."""
    return intents.twap(order(), now(), now() + within, count, batch="big").assign(valid_until=now() + HOUR)


class TestSending:
    def test_slices_go_at_their_times_and_add_up(self, desk: Desk, market: PaperGateway) -> None:
        children = slices(timedelta(seconds=0.8))
        submission = desk.submit(children)
        frame = submission.wait(timeout=20)
        assert frame["status"].to_list() == ["Filled"] * 4
        assert frame["filled_quantity"].sum() == 100
        sent = desk.orders.loc[list(submission.intent_ids), "sent_at"]
        assert (sent >= children["send_at"].to_numpy()[0]).all()
        assert (sent.to_numpy() >= children["send_at"].to_numpy()).all()
        assert desk.scheduled.empty
        assert {len(orders) for orders in market.ledger.orders.values()} == {1}

    def test_reports_carry_the_parent(self, desk: Desk) -> None:
        children = slices(timedelta(seconds=0.2), 1)
        desk.submit(children).wait(timeout=20)
        state = desk.order(children["intent_id"].iloc[0])
        assert state.intent is not None
        assert state.intent.extra["parent_id"] == children["parent_id"].iloc[0]

    def test_what_waits_is_told_in_the_order_of_its_times(self, desk: Desk) -> None:
        desk.submit(slices(HOUR))
        told = desk.scheduled
        assert told["send_at"].is_monotonic_increasing
        assert told["quantity"].to_list() == [25.0] * 3
        assert told["parent_id"].nunique() == 1

    def test_the_same_cell_again_schedules_nothing_twice(self, desk: Desk, market: PaperGateway) -> None:
        children = slices(timedelta(seconds=0.4), 2)
        for _ in range(3):
            submission = desk.submit(children)
        submission.wait(timeout=20)
        assert [len(orders) for orders in market.ledger.orders.values()] == [1, 1]

    def test_an_order_whose_time_is_long_past_is_denied_as_stale(
        self, desk: Desk, market: PaperGateway
    ) -> None:
        yesterday = intents.twap(order(), now() - 24 * HOUR, now() - 23 * HOUR, 2, batch="big")
        assert desk.submit(yesterday).frame["reason_code"].to_list() == ["STALE", "STALE"]
        assert market.ledger.requests == []

    def test_without_an_end_of_its_own_yesterdays_order_is_as_stale(
        self, desk: Desk, market: PaperGateway
    ) -> None:
        """Hazard H19: whoever runs last week's cell again must not send last week's orders."""
        submission = desk.submit(order(send_at=[now() - 24 * HOUR]))
        assert submission.frame.loc[0, "reason_code"] == "STALE"
        assert market.ledger.requests == []

    def test_without_an_end_of_its_own_an_order_expires_soon_after_its_time(self, desk: Desk) -> None:
        at = now() + timedelta(seconds=0.3)
        (intent_id,) = desk.submit(order(send_at=[at])).intent_ids
        wait_until(lambda: isinstance(desk.standing(intent_id), OrderState))
        intent = desk.order(intent_id).intent
        assert intent is not None
        assert intent.valid_until == at + timedelta(seconds=desk.engine.settings.intent_ttl_s)


class TestNotSending:
    def test_what_waits_can_be_cancelled(self, desk: Desk, market: PaperGateway) -> None:
        submission = desk.submit(order(send_at=[now() + HOUR]))
        assert desk.cancel(submission.intent_ids[0])
        assert submission.frame.loc[0, ["status", "reason"]].to_list() == [
            "Withdrawn",
            "cancelled before its time",
        ]
        assert submission.wait(timeout=5)["status"].to_list() == ["Withdrawn"]
        assert market.ledger.requests == []

    def test_a_whole_submission_can_be_cancelled(self, desk: Desk) -> None:
        both = pd.concat([order(send_at=[now() + HOUR]), order(order_type=["LIMIT"], limit_price=[500.0])])
        submission = desk.submit(both.set_axis(["later", "now"]))
        wait_until(lambda: submission.frame.loc["now", "status"] == "Submitted")
        assert submission.cancel() == 2
        assert submission.wait(timeout=10)["status"].to_list() == ["Withdrawn", "Cancelled"]
        assert submission.cancel() == 0

    def test_a_kill_withdraws_what_waits(self, desk: Desk) -> None:
        submission = desk.submit(order(send_at=[now() + HOUR]))
        desk.kill("enough")
        wait_until(lambda: submission.frame.loc[0, "status"] == "Withdrawn")
        assert submission.frame.loc[0, "reason"] == "the kill switch was pressed before its time"
        desk.resume("all clear")
        assert desk.scheduled.empty

    def test_what_waits_goes_with_its_desk_and_is_sent_once_when_submitted_again(
        self, desk: Desk, market: PaperGateway, home: Path
    ) -> None:
        children = slices(2 * HOUR, 2)
        submission = desk.submit(children)
        assert submission.frame["status"].to_list()[1] == "Scheduled"
        desk.wait(submission.intent_ids[0], timeout=10)
        desk.close()
        assert submission.frame.iloc[1]["reason"] == "the desk was closed before its time"
        assert desk.scheduled.empty
        with toolkit.connect(port=market.port, home=home) as later:
            again = later.submit(children.assign(send_at=now()))
            assert again.wait(timeout=20)["status"].to_list() == ["Filled", "Filled"]
        assert [len(orders) for orders in market.ledger.orders.values()] == [1, 1]

    def test_when_one_cannot_be_sent_the_others_are_withdrawn_and_say_why(self) -> None:
        def fails(_raw: Mapping[str, Any]) -> Awaitable[None]:
            raise JournalError("the disk is full")

        async def run() -> Timetable:
            timetable = Timetable(fails, lambda: False)
            timetable.add(
                [Waiting(now(), {"intent_id": "first"}), Waiting(now() + HOUR, {"intent_id": "later"})]
            )
            await until(lambda: not timetable.waiting)
            return timetable

        assert asyncio.run(run()).withdrawn == {
            "first": "the disk is full",
            "later": "an earlier one could not be sent: the disk is full",
        }

    def test_who_waits_too_long_hears_what_is_scheduled(self, desk: Desk) -> None:
        submission = desk.submit(order(send_at=[now() + HOUR]))
        with pytest.raises(TimeoutError, match=r"\(Scheduled\)"):
            submission.wait(timeout=0.1)
