"""Rule R5q: resting limits and prints, through `simulate`."""

from tests.gateway.matching_events import at, fills, order, quote, trade


class TestR5QueueProfile:
    def queue(self, *events):
        return fills(list(events), limit_fill="queue")

    def test_a_print_through_the_price_fills_up_to_its_size(self):
        found = self.queue(quote(at(0)), order(at(1), lmt=10.00), trade(at(2), 9.99, 70))
        assert found == [("a", 70, 10.00, "add")]

    def test_a_print_at_the_price_first_serves_the_shares_ahead(self):
        joined = [quote(at(0), bid_size=300), order(at(1), lmt=10.00)]
        assert self.queue(*joined, trade(at(2), 10.00, 300)) == []
        found = self.queue(*joined, trade(at(2), 10.00, 300), trade(at(3), 10.00, 40))
        assert found == [("a", 40, 10.00, "add")]

    def test_inside_the_spread_nobody_is_ahead(self):
        found = self.queue(quote(at(0)), order(at(1), lmt=10.01), trade(at(2), 10.01, 100))
        assert found == [("a", 100, 10.01, "add")]

    def test_behind_the_best_price_the_queue_is_unknown_and_prints_there_do_not_fill(self):
        found = self.queue(quote(at(0)), order(at(1), lmt=9.99), trade(at(2), 9.99, 100_000))
        assert found == []

    def test_when_the_best_price_reaches_it_the_display_is_ahead(self):
        found = self.queue(
            quote(at(0)), order(at(1), lmt=9.99), quote(at(2), bid=9.99, bid_size=200),
            trade(at(3), 9.99, 250),
        )  # fmt: skip
        assert found == [("a", 50, 9.99, "add")]

    def test_a_smaller_display_later_caps_the_queue(self):
        found = self.queue(
            quote(at(0), bid_size=300), order(at(1), lmt=10.00), quote(at(2), bid_size=20),
            trade(at(3), 10.00, 100),
        )  # fmt: skip
        assert found == [("a", 80, 10.00, "add")]

    def test_a_larger_display_later_does_not_lengthen_the_queue(self):
        found = self.queue(
            quote(at(0), bid_size=50), order(at(1), lmt=10.00), quote(at(2), bid_size=900),
            trade(at(3), 10.00, 150),
        )  # fmt: skip
        assert found == [("a", 100, 10.00, "add")]

    def test_once_the_best_price_left_the_level_behind_nobody_is_ahead(self):
        found = self.queue(
            quote(at(0), bid_size=300), order(at(1), lmt=10.00), quote(at(2), bid=9.98),
            trade(at(3), 10.00, 60),
        )  # fmt: skip
        assert found == [("a", 60, 10.00, "add")]

    def test_a_print_initiated_by_our_own_side_does_not_count_at_our_price(self):
        start = [quote(at(0)), order(at(1), lmt=10.01)]
        assert self.queue(*start, trade(at(2), 10.01, 100, aggressor="B")) == []
        assert self.queue(*start, trade(at(2), 10.01, 100, aggressor="S")) != []

    def test_two_own_orders_do_not_both_get_the_same_print(self):
        found = self.queue(
            quote(at(0), bid_size=50), order(at(1), "a", lmt=10.00), order(at(1), "b", lmt=10.00),
            trade(at(2), 10.00, 180),
        )  # fmt: skip
        assert found == [("a", 100, 10.00, "add"), ("b", 30, 10.00, "add")]

    def test_the_opposite_quote_still_fills_it(self):
        found = self.queue(quote(at(0)), order(at(1), lmt=10.00), quote(at(2), 9.98, 10.00))
        assert found == [("a", 100, 10.00, "add")]
