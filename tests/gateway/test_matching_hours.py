"""Rule R6: trading hours, through `simulate`."""

from datetime import UTC, datetime, timedelta

from tests.gateway.matching_events import CLOSE, NOON, OPEN, at, fills, final, order, quote, stop, trade


class TestR6Hours:
    def test_the_opening_second_trades_and_the_closing_second_does_not(self):
        assert len(fills([quote(OPEN), order(OPEN)])) == 1
        assert fills([quote(at(-1, CLOSE)), order(CLOSE), quote(CLOSE, ask=10.05)]) == []

    def test_what_waits_for_the_open_pays_the_first_regular_quote_as_a_taker(self):
        events = [
            quote(at(-60, OPEN), ask=10.01), order(at(-30, OPEN), lmt=10.05),
            quote(at(-10, OPEN), ask=10.01), quote(at(1, OPEN), ask=10.03),
        ]  # fmt: skip
        assert fills(events) == [("a", 100, 10.03, "remove")]

    def test_a_limit_with_the_flag_trades_in_the_pre_market(self):
        early = OPEN - timedelta(hours=3)
        assert len(fills([quote(early), order(at(1, early), lmt=10.02, outside_rth=True)])) == 1
        night = OPEN - timedelta(hours=6)
        assert fills([quote(night), order(at(1, night), lmt=10.02, outside_rth=True)]) == []

    def test_a_market_order_ignores_the_flag(self):
        early = OPEN - timedelta(hours=3)
        events = [quote(early), order(at(1, early), outside_rth=True), quote(at(2, early), ask=9.0)]
        assert fills(events) == []

    def test_a_stop_does_not_fire_outside_regular_hours(self):
        early = OPEN - timedelta(hours=1)
        events = [quote(early), stop(at(1, early), 10.05), trade(at(2, early), 10.05)]
        assert final(events)["status"] == "PreSubmitted"

    def test_a_day_order_ends_at_the_close(self):
        events = [quote(at(-60, CLOSE)), order(at(-30, CLOSE), lmt=9.0), quote(CLOSE)]
        assert final(events)["status"] == "Cancelled"
        assert final(events[:2])["status"] == "Submitted"

    def test_a_day_order_with_the_flag_ends_at_20_00(self):
        events = [quote(NOON), order(NOON, lmt=9.0, outside_rth=True), quote(at(3600 * 3.9, CLOSE))]
        assert final(events)["status"] == "Submitted"
        assert final([*events, quote(at(3600 * 4, CLOSE))])["status"] == "Cancelled"

    def test_a_good_till_cancelled_order_trades_the_next_day_as_a_new_arrival(self):
        tomorrow = OPEN + timedelta(days=1)
        events = [quote(NOON), order(NOON, lmt=9.5, tif="GTC"), quote(tomorrow, 9.3, 9.4)]
        assert fills(events) == [("a", 100, 9.4, "remove")]

    def test_sessions_follow_new_york_through_daylight_saving(self):
        summer_open = datetime(2024, 7, 3, 13, 30, tzinfo=UTC)
        assert len(fills([quote(summer_open), order(summer_open)])) == 1

    def test_saturday_is_closed(self):
        saturday = NOON + timedelta(days=3)
        assert fills([quote(saturday), order(saturday)]) == []

    def test_an_immediate_order_does_not_wait_for_the_open(self):
        early = at(-60, OPEN)
        events = [quote(early), order(early, tif="IOC"), quote(OPEN)]
        assert final(events)["status"] == "Cancelled"

    def test_an_opening_order_takes_the_first_regular_quote_and_no_more(self):
        events = [order(at(-60, OPEN), tif="OPG"), quote(OPEN, ask_size=60), quote(at(1, OPEN))]
        assert final(events) == {
            "status": "Cancelled", "filled": 60, "remaining": 40, "avg_price": 10.02,
        }  # fmt: skip
