"""The fill rules R1 to R13 (hours, stops and queue beside it), one behaviour each, through `simulate`."""

from datetime import datetime

import pandas as pd
import pytest

from tests.gateway.matching_events import NOON, at, fills, final, order, quote, stop, trade
from toolkit.errors import ConfigError, GatewayError
from toolkit.gateway.matching import simulate


class TestR1TimeAndLatency:
    def test_an_order_meets_the_last_quote_at_or_before_its_moment(self):
        events = [quote(at(0), ask=10.02), order(at(1)), quote(at(2), ask=10.05)]
        assert fills(events) == [("a", 100, 10.02, "remove")]

    def test_a_quote_with_the_same_stamp_comes_before_the_order_even_if_listed_after(self):
        events = [quote(at(0), ask=10.02), order(at(1)), quote(at(1), ask=10.05)]
        assert fills(events) == [("a", 100, 10.05, "remove")]

    def test_latency_makes_the_order_meet_a_later_quote(self):
        events = [quote(at(0), ask=10.02), order(at(1)), quote(at(1.05), ask=10.05), quote(at(2))]
        assert fills(events, latency_ms=50) == [("a", 100, 10.05, "remove")]
        assert fills(events, latency_ms=49) == [("a", 100, 10.02, "remove")]

    def test_an_order_in_flight_at_the_end_of_the_data_still_lands(self):
        result = simulate([quote(at(0)), order(at(1))], {"latency_ms": 250})
        assert result["fills"][0]["ts"] == at(1.25)

    def test_an_order_cancelled_in_flight_never_fills(self):
        cancel = {"type": "cancel", "ts": at(1.01), "id": "a"}
        events = [quote(at(0)), order(at(1)), cancel, quote(at(2))]
        assert fills(events, latency_ms=50) == []
        assert final(events, latency_ms=50)["status"] == "Cancelled"


class TestR2DisplayedSize:
    def test_each_side_offers_its_size_once(self):
        events = [quote(at(0), ask_size=150), order(at(1), "a"), order(at(2), "b")]
        assert fills(events) == [("a", 100, 10.02, "remove"), ("b", 50, 10.02, "remove")]

    def test_a_change_of_the_other_side_offers_nothing_again(self):
        events = [quote(at(0), ask_size=60), order(at(1)), quote(at(2), bid=9.99, ask_size=60)]
        assert final(events)["remaining"] == 40

    def test_a_change_in_size_offers_it_again(self):
        events = [quote(at(0), ask_size=60), order(at(1)), quote(at(2), ask_size=70)]
        assert fills(events) == [("a", 60, 10.02, "remove"), ("a", 40, 10.02, "remove")]

    def test_own_fills_do_not_move_the_recorded_market(self):
        events = [quote(at(0), ask_size=100), order(at(1), "a"), order(at(2), "b", side="SELL")]
        assert fills(events)[1] == ("b", 100, 10.00, "remove")


class TestR3Market:
    def test_the_rest_of_a_smart_order_waits_for_the_next_state(self):
        events = [quote(at(0), ask_size=60), order(at(1)), quote(at(2), ask=10.10)]
        assert fills(events) == [("a", 60, 10.02, "remove"), ("a", 40, 10.10, "remove")]

    def test_the_rest_of_a_directed_order_is_cancelled_after_the_first_partial(self):
        events = [quote(at(0), ask_size=60), order(at(1), exchange="NYSE"), quote(at(2), ask=10.10)]
        assert final(events) == {
            "status": "Cancelled", "filled": 60, "remaining": 40, "avg_price": 10.02,
        }  # fmt: skip

    def test_without_an_opposite_side_it_is_held(self):
        events = [quote(at(0), ask=None), order(at(1))]
        assert final(events)["status"] == "PreSubmitted"
        assert fills([*events, quote(at(2), ask=10.04)]) == [("a", 100, 10.04, "remove")]


class TestR4MarketableLimit:
    def test_it_pays_the_opposite_quote_and_not_its_limit(self):
        events = [quote(at(0), ask=10.02), order(at(1), lmt=10.05)]
        assert fills(events) == [("a", 100, 10.02, "remove")]

    def test_it_stays_a_taker_while_quotes_stay_inside_its_limit(self):
        events = [quote(at(0), ask_size=60), order(at(1), lmt=10.05), quote(at(2), ask=10.04)]
        assert fills(events)[1] == ("a", 40, 10.04, "remove")

    def test_it_rests_once_a_quote_has_left_its_limit(self):
        events = [
            quote(at(0), ask_size=60), order(at(1), lmt=10.05),
            quote(at(2), ask=10.06), quote(at(3), ask=10.03),
        ]  # fmt: skip
        assert fills(events)[1] == ("a", 40, 10.05, "add")


class TestR5RestingLimit:
    def test_a_touch_fills_it_at_its_own_limit(self):
        events = [quote(at(0)), order(at(1), lmt=10.00), quote(at(2), bid=9.99, ask=10.00)]
        assert fills(events) == [("a", 100, 10.00, "add")]

    def test_a_quote_through_it_fills_it_at_its_own_limit(self):
        events = [quote(at(0)), order(at(1), lmt=10.00), quote(at(2), bid=9.90, ask=9.95)]
        assert fills(events) == [("a", 100, 10.00, "add")]

    def test_it_fills_up_to_the_displayed_size(self):
        events = [quote(at(0)), order(at(1), lmt=10.0), quote(at(2), 9.99, 10.0, ask_size=30)]
        assert final(events)["filled"] == 30

    def test_a_resting_sell_mirrors_a_resting_buy(self):
        events = [quote(at(0)), order(at(1), side="SELL", lmt=10.02), quote(at(2), 10.03, 10.05)]
        assert fills(events) == [("a", 100, 10.02, "add")]

    def test_prints_do_not_fill_it(self):
        events = [quote(at(0)), order(at(1), lmt=10.00), trade(at(2), 9.98, 10_000)]
        assert fills(events) == []


class TestR8R9Quotes:
    def test_any_whole_number_of_shares_trades(self):
        assert fills([quote(at(0)), order(at(1), qty=1)]) == [("a", 1, 10.02, "remove")]

    def test_a_crossed_quote_fills_nothing(self):
        events = [quote(at(0)), order(at(1), lmt=10.00), quote(at(2), 10.03, 10.00)]
        assert fills(events) == []

    def test_a_crossed_quote_leaves_a_taker_a_taker(self):
        events = [
            quote(at(0), ask_size=60), order(at(1), lmt=10.05),
            quote(at(2), 10.08, 10.06), quote(at(3), ask=10.04),
        ]  # fmt: skip
        assert fills(events)[1] == ("a", 40, 10.04, "remove")

    def test_a_locked_quote_fills(self):
        events = [quote(at(0)), order(at(1), lmt=10.00), quote(at(2), 10.00, 10.00)]
        assert fills(events) == [("a", 100, 10.00, "add")]

    @pytest.mark.parametrize("missing", [{"ask": None}, {"ask": float("nan")}, {"ask_size": 0}])
    def test_a_missing_side_offers_nothing(self, missing):
        assert fills([quote(at(0), **missing), order(at(1), lmt=11.0)]) == []


class TestR10Immediate:
    def test_ioc_takes_what_is_offered_and_cancels_the_rest(self):
        events = [quote(at(0), ask_size=60), order(at(1), tif="IOC", lmt=10.02), quote(at(2))]
        assert final(events)["filled"] == 60
        assert final(events)["status"] == "Cancelled"

    def test_fok_takes_all(self):
        assert final([quote(at(0)), order(at(1), tif="FOK", lmt=10.02)])["status"] == "Filled"

    def test_fok_takes_nothing_when_one_share_is_missing(self):
        events = [quote(at(0), ask_size=99), order(at(1), tif="FOK", lmt=10.02), quote(at(2))]
        assert final(events)["filled"] == 0
        assert final(events)["status"] == "Cancelled"


class TestR11Priority:
    def test_the_better_price_is_served_first_then_the_earlier_order(self):
        events = [
            quote(at(0)), order(at(1), "low", lmt=9.99), order(at(2), "first", lmt=10.00),
            order(at(3), "second", lmt=10.00), quote(at(4), 9.97, 9.99, ask_size=250),
        ]  # fmt: skip
        assert [(name, qty) for name, qty, *_ in fills(events)] == [
            ("first", 100), ("second", 100), ("low", 50),
        ]  # fmt: skip


class TestR12Increments:
    @pytest.mark.parametrize(("limit", "fits"), [
        (10.005, False), (10.01, True), (0.9999, True), (0.99995, False), (1.0001, False),
        (1.00, True), (0.0, False), (-1.0, False),
    ])  # fmt: skip
    def test_limits_must_fit_the_price_increment(self, limit, fits):
        result = final([quote(at(0), 0.5, 10.5), order(at(1), lmt=limit)])
        assert (result["status"] != "Rejected") is fits
        assert result.get("error") == (None if fits else 110)

    def test_stop_prices_must_fit_too(self):
        assert final([stop(at(1), 10.001)])["error"] == 110

    @pytest.mark.parametrize(("terms", "code"), [
        ({"order_type": "MIT"}, 387), ({"qty": 0}, 434), ({"qty": 1.5}, 10243),
        ({"tif": "GTX"}, 201), ({"trigger_method": 9}, 201),
    ])  # fmt: skip
    def test_other_refusals_carry_the_brokers_code(self, terms, code):
        result = final([order(at(1), **terms)])
        assert (result["status"], result["error"]) == ("Rejected", code)


class TestR13CancelAndModify:
    def test_market_data_of_the_same_stamp_comes_before_a_cancel(self):
        events = [
            quote(at(0)), order(at(1), lmt=10.00),
            {"type": "cancel", "ts": at(2), "id": "a"}, quote(at(2), 9.98, 10.00),
        ]  # fmt: skip
        assert final(events)["status"] == "Filled"
        assert final(events)["cancel_error"] == 10148

    def test_cancelling_an_unknown_order_answers_10147(self):
        assert final([{"type": "cancel", "ts": at(0), "id": "z"}], "z")["cancel_error"] == 10147

    def test_a_price_change_is_a_new_arrival(self):
        modify = {"type": "modify", "ts": at(2), "id": "a", "lmt": 10.05}
        events = [quote(at(0)), order(at(1), lmt=10.00), modify]
        assert fills(events) == [("a", 100, 10.02, "remove")]

    def test_a_price_change_loses_the_place_in_time_and_a_quantity_change_keeps_it(self):
        start = [quote(at(0)), order(at(1), "a", lmt=10.00), order(at(2), "b", lmt=10.00)]
        hit = quote(at(9), 9.98, 10.00, ask_size=100)
        away = {"type": "modify", "ts": at(3), "id": "a", "lmt": 9.99}
        back = {"type": "modify", "ts": at(4), "id": "a", "lmt": 10.00}
        bigger = {"type": "modify", "ts": at(3), "id": "a", "qty": 150}
        assert fills([*start, away, back, hit])[0][0] == "b"
        assert fills([*start, bigger, hit])[0][0] == "a"

    def test_a_refused_modification_leaves_the_order_as_it_was(self):
        modify = {"type": "modify", "ts": at(2), "id": "a", "lmt": 10.001}
        events = [quote(at(0)), order(at(1), lmt=10.00), modify, quote(at(3), 9.98, 10.00)]
        assert final(events)["modify_error"] == 110
        assert final(events)["status"] == "Filled"

    def test_reducing_to_what_is_filled_completes_the_order(self):
        modify = {"type": "modify", "ts": at(2), "id": "a", "qty": 60}
        events = [quote(at(0), ask_size=60), order(at(1), lmt=10.02), modify]
        assert final(events) == {
            "status": "Filled", "filled": 60, "remaining": 0, "avg_price": 10.02,
        }  # fmt: skip


class TestInterface:
    def test_text_times_come_back_as_text_spelled_as_they_came(self):
        events = [quote("2024-01-03T17:00:00Z"), order("2024-01-03T17:00:01.500Z")]
        assert simulate(events)["fills"][0]["ts"] == "2024-01-03T17:00:01.500Z"

    def test_pandas_timestamps_and_numeric_text_are_understood(self):
        events = [quote(pd.Timestamp(NOON), "10.00", "10.02", "500", "500"), order(at(1), qty="100")]
        assert fills(events) == [("a", 100, 10.02, "remove")]

    def test_a_naive_time_is_refused_with_its_position(self):
        with pytest.raises(GatewayError, match=r"Event 1 .*time zone"):
            simulate([quote(at(0)), quote(datetime(2024, 1, 3, 17))])  # noqa: DTZ001

    def test_an_event_that_lacks_a_field_is_refused_with_its_position(self):
        with pytest.raises(GatewayError, match=r"Event 0, a trade, lacks size"):
            simulate([{"type": "trade", "ts": at(0), "price": 10.0}])

    def test_an_unknown_setting_is_refused(self):
        with pytest.raises(ConfigError, match="latency_ms"):
            simulate([], {"latency": 5})

    def test_a_repeated_order_id_is_noted_and_changes_nothing(self):
        result = final([quote(at(0)), order(at(1)), order(at(2))])
        assert (result["error"], result["filled"], result["status"]) == (103, 100, "Filled")
