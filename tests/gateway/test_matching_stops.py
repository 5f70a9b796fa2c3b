"""Rule R7: stop triggers, through `simulate`."""

import pytest

from tests.gateway.matching_events import at, fills, final, quote, stop, trade


class TestR7Stops:
    def test_a_buy_stop_fires_on_a_last_price_at_its_stop_and_pays_the_ask(self):
        events = [quote(at(0)), stop(at(1), 10.05), quote(at(2), 10.03, 10.06), trade(at(3), 10.05)]
        assert fills(events) == [("a", 100, 10.06, "remove")]

    def test_a_sell_stop_fires_on_a_last_price_at_or_below(self):
        events = [quote(at(0)), stop(at(1), 9.98, side="SELL"), trade(at(2), 9.97)]
        assert fills(events) == [("a", 100, 10.00, "remove")]

    def test_a_stop_short_of_its_price_does_not_fire(self):
        events = [quote(at(0)), stop(at(1), 10.05), trade(at(2), 10.04)]
        assert final(events)["status"] == "PreSubmitted"

    def test_a_last_price_that_satisfies_it_already_fires_on_arrival(self):
        events = [quote(at(0)), trade(at(1), 10.02), stop(at(2), 10.01)]
        assert fills(events) == [("a", 100, 10.02, "remove")]

    def test_a_stop_limit_becomes_a_limit(self):
        events = [quote(at(0)), stop(at(1), 10.02, lmt=10.01), trade(at(2), 10.02)]
        assert final(events)["status"] == "Submitted"
        assert fills([*events, quote(at(3), 9.99, 10.01)]) == [("a", 100, 10.01, "add")]

    @pytest.mark.parametrize("cond", ["I", "Z", "U", "W", "C", "N", "H", "FI"])
    def test_a_print_that_is_not_a_last_price_fires_nothing(self, cond):
        events = [quote(at(0)), stop(at(1), 10.02), trade(at(2), 10.02, cond=cond)]
        assert fills(events) == []

    def test_an_extended_hours_print_fires_only_orders_with_the_flag(self):
        start = [quote(at(0)), trade(at(2), 10.02, cond="FT")]
        assert fills([*start, stop(at(1), 10.02)]) == []
        assert len(fills([*start, stop(at(1), 10.02, lmt=10.05, outside_rth=True)])) == 1

    def test_a_print_far_from_the_quote_fires_nothing(self):
        events = [quote(at(0)), stop(at(1), 10.05), trade(at(2), 10.08)]
        assert fills(events) == []
        near = [quote(at(0)), stop(at(1), 10.05), trade(at(2), 10.07)]
        assert len(fills(near)) == 1

    def test_double_bid_ask_needs_two_quotes_in_a_row(self):
        start = [quote(at(0)), stop(at(1), 10.05, trigger_method=1)]
        first, again = quote(at(2), 10.05, 10.07), quote(at(3), 10.05, 10.08)
        between = quote(at(2.5), 10.04, 10.07)
        assert fills([*start, first]) == []
        assert fills([*start, first, again]) == [("a", 100, 10.08, "remove")]
        assert fills([*start, first, between, again]) == []

    def test_double_bid_ask_takes_one_quote_whose_size_grew(self):
        start = [quote(at(0)), stop(at(1), 10.05, trigger_method=1)]
        assert len(fills([*start, quote(at(2), 10.05, 10.07, bid_size=501)])) == 1

    def test_a_double_bid_ask_sell_looks_at_the_ask(self):
        start = [quote(at(0)), stop(at(1), 9.98, side="SELL", trigger_method=1)]
        low = [quote(at(2), 9.95, 9.98), quote(at(3), 9.95, 9.97)]
        assert fills([*start, *low]) == [("a", 100, 9.95, "remove")]

    def test_double_last_needs_two_prints_in_a_row(self):
        start = [quote(at(0)), stop(at(1), 10.02, trigger_method=3)]
        up, down, again = trade(at(2), 10.02), trade(at(2.5), 10.01), trade(at(3), 10.02)
        assert fills([*start, up]) == []
        assert len(fills([*start, up, again])) == 1
        assert fills([*start, up, down, again]) == []

    def test_bid_ask_fires_on_one_quote(self):
        events = [quote(at(0)), stop(at(1), 10.05, trigger_method=4), quote(at(2), 10.05, 10.07)]
        assert fills(events) == [("a", 100, 10.07, "remove")]

    def test_midpoint_fires_halfway(self):
        start = [quote(at(0)), stop(at(1), 10.05, trigger_method=8)]
        assert fills([*start, quote(at(2), 10.03, 10.06)]) == []
        assert len(fills([*start, quote(at(2), 10.03, 10.07)])) == 1
