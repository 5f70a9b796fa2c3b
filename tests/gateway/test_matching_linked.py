"""Trailing stops, orders for the close, brackets and groups, through `simulate`."""

import pytest

from tests.gateway.matching_events import CLOSE, at, fills, final, order, quote, trade
from toolkit.gateway.matching import simulate


def trail(ts, name="a", side="SELL", qty=100, **terms):
    return order(ts, name, side, qty, order_type="TRAIL", **terms)


def bracket(ts, **parent):
    return [
        order(ts, "entry", qty=100, transmit=False, **parent),
        order(ts, "profit", "SELL", lmt=10.10, parent="entry", transmit=False),
        order(ts, "loss", "SELL", order_type="STP", stop=9.90, parent="entry"),
    ]


def statuses(events, **config):
    return {name: row["status"] for name, row in simulate(events, config)["final"].items()}


class TestTrailingStop:
    def test_it_follows_the_last_price_up_and_fires_when_that_falls_back_by_the_amount(self):
        events = [
            quote(at(0)), trade(at(1), 10.00), trail(at(2), trail_amount=0.03),
            trade(at(3), 10.04), trade(at(4), 10.02), quote(at(5), 10.00, 10.03),
        ]  # fmt: skip
        assert fills(events) == []
        assert fills([*events, trade(at(6), 10.01)]) == [("a", 100, 10.00, "remove")]

    def test_a_buy_follows_the_last_price_down(self):
        events = [
            quote(at(0)), trade(at(1), 10.04), trail(at(2), side="BUY", trail_amount=0.03),
            trade(at(3), 10.00),
        ]  # fmt: skip
        assert fills([*events, trade(at(4), 10.02)]) == []
        assert len(fills([*events, trade(at(4), 10.03)])) == 1

    def test_a_percentage_is_taken_of_the_observed_price(self):
        events = [quote(at(0)), trade(at(1), 10.00), trail(at(2), trail_percent=0.2)]
        assert fills([*events, trade(at(3), 9.99)]) == []
        assert len(fills([*events, trade(at(3), 9.98)])) == 1

    def test_without_a_last_price_it_begins_with_the_first_one(self):
        events = [quote(at(0)), trail(at(1), trail_amount=0.02), trade(at(2), 10.02)]
        assert final(events)["status"] == "PreSubmitted"
        assert len(fills([*events, trade(at(3), 10.00)])) == 1

    def test_it_begins_at_the_stop_that_is_given_and_moves_only_towards_the_market(self):
        events = [quote(at(0)), trade(at(1), 10.02), trail(at(2), trail_amount=0.05, stop=10.00)]
        assert fills([*events, trade(at(3), 10.01)]) == []
        assert len(fills([*events, trade(at(3), 10.00)])) == 1

    def test_a_bid_ask_trail_of_a_sell_follows_the_ask(self):
        events = [quote(at(0)), trail(at(1), trail_amount=0.03, trigger_method=4), quote(at(2), 10.03, 10.05)]
        assert fills([*events, quote(at(3), 10.01, 10.03)]) == []
        assert fills([*events, quote(at(3), 10.00, 10.02)]) == [("a", 100, 10.00, "remove")]

    def test_a_smaller_distance_is_taken_from_the_last_price_at_once(self):
        change = {"type": "modify", "ts": at(3), "id": "a", "trail_amount": 0.01}
        events = [quote(at(0)), trade(at(1), 10.02), trail(at(2), trail_amount=0.10), change]
        assert len(fills([*events, trade(at(4), 10.01)])) == 1

    def test_a_change_of_its_quantity_keeps_how_far_it_has_come(self):
        change = {"type": "modify", "ts": at(4), "id": "a", "qty": 50}
        events = [quote(at(0)), trade(at(1), 10.00), trail(at(2), trail_amount=0.03), trade(at(3), 10.04)]
        assert fills([*events, change, trade(at(5), 10.01)]) == [("a", 50, 10.00, "remove")]

    @pytest.mark.parametrize("terms", [
        {}, {"trail_amount": 0.1, "trail_percent": 1}, {"trail_percent": 100}, {"trail_amount": -1},
    ])  # fmt: skip
    def test_it_needs_one_distance(self, terms):
        assert final([quote(at(0)), trail(at(1), **terms)])["error"] == 201


class TestClose:
    def test_a_market_order_for_the_close_trades_in_full_at_the_last_price(self):
        events = [
            quote(at(0)), order(at(1), qty=5_000, order_type="MOC"), trade(at(2), 10.01),
            trade(at(3), 10.02, cond="I"), quote(at(4), 10.05, 10.07),
        ]  # fmt: skip
        assert final(events)["status"] == "PreSubmitted"
        result = simulate([*events, quote(CLOSE)])
        assert [(f["qty"], f["price"], f["ts"]) for f in result["fills"]] == [(5_000, 10.01, CLOSE)]

    def test_without_a_last_price_the_close_is_the_opposite_quote(self):
        assert fills([quote(at(0)), order(at(1), order_type="MOC"), quote(CLOSE)])[0][2] == 10.02

    @pytest.mark.parametrize(("limit", "status"), [(10.01, "Filled"), (10.00, "Cancelled")])
    def test_a_limit_for_the_close_trades_if_the_close_reaches_it(self, limit, status):
        events = [quote(at(0)), order(at(1), order_type="LOC", lmt=limit), trade(at(2), 10.01), quote(CLOSE)]
        assert final(events)["status"] == status

    def test_it_can_be_cancelled_before(self):
        cancel = {"type": "cancel", "ts": at(2), "id": "a"}
        events = [quote(at(0)), order(at(1), order_type="MOC"), cancel, quote(CLOSE)]
        assert final(events)["status"] == "Cancelled"

    def test_it_cannot_be_immediate(self):
        assert final([order(at(1), order_type="MOC", tif="IOC")])["error"] == 201


class TestBracket:
    def test_nothing_is_sent_before_the_last_child_is(self):
        events = [quote(at(0)), *bracket(at(1))]
        assert statuses(events[:3]) == {"entry": "PendingSubmit", "profit": "PendingSubmit"}
        assert statuses(events) == {"entry": "Filled", "profit": "Submitted", "loss": "PreSubmitted"}

    def test_children_wait_until_the_parent_is_filled_to_the_last_share(self):
        events = [quote(at(0), ask_size=60), *bracket(at(1)), quote(at(2), 10.10, 10.12, ask_size=40)]
        assert statuses(events[:4])["profit"] == "PreSubmitted"
        assert fills(events) == [
            ("entry", 60, 10.02, "remove"), ("entry", 40, 10.12, "remove"), ("profit", 100, 10.10, "remove"),
        ]  # fmt: skip

    def test_the_filled_child_cancels_its_sibling(self):
        events = [
            quote(at(0)),
            *bracket(at(1)),
            trade(at(2), 9.96),
            trade(at(3), 9.90),
            quote(at(4), 9.85, 9.87),
        ]
        near = [quote(at(1.5), 9.89, 9.91)]
        assert statuses([*events, *near]) == {"entry": "Filled", "profit": "Cancelled", "loss": "Filled"}

    def test_a_partly_filled_child_reduces_its_sibling(self):
        events = [quote(at(0)), *bracket(at(1)), quote(at(2), 10.10, 10.12, bid_size=30)]
        result = simulate(events)["final"]
        assert (result["profit"]["filled"], result["loss"]["remaining"]) == (30, 70)

    def test_children_end_with_their_parent(self):
        cancel = {"type": "cancel", "ts": at(2), "id": "entry"}
        events = [quote(at(0)), *bracket(at(1), lmt=9.50), cancel]
        assert set(statuses(events).values()) == {"Cancelled"}

    def test_a_child_can_come_after_its_parent_was_filled(self):
        events = [quote(at(0)), order(at(1)), order(at(2), "b", "SELL", parent="a")]
        assert statuses(events) == {"a": "Filled", "b": "Filled"}

    def test_a_child_without_a_parent_is_refused(self):
        assert final([quote(at(0)), order(at(1), parent="none")])["error"] == 10006

    def test_a_parked_order_is_sent_by_a_change_that_transmits_it(self):
        send = {"type": "modify", "ts": at(2), "id": "a", "transmit": True}
        events = [quote(at(0)), order(at(1), transmit=False)]
        assert fills(events) == []
        assert len(fills([*events, send])) == 1


class TestGroups:
    def pair(self, kind, **first):
        group = {"oca_group": "g", "oca_type": kind}
        return [
            quote(at(0)),
            order(at(1), "a", lmt=10.00, **group, **first),
            order(at(1), "b", lmt=9.99, **group),
        ]

    @pytest.mark.parametrize("kind", [0, 1, 2, 3])
    def test_a_filled_order_cancels_the_others(self, kind):
        events = [*self.pair(kind), quote(at(2), 9.98, 10.00)]
        assert statuses(events) == {"a": "Filled", "b": "Cancelled"}

    def test_kind_1_cancels_at_the_first_partial_fill(self):
        events = [*self.pair(1), quote(at(2), 9.98, 10.00, ask_size=30)]
        assert statuses(events) == {"a": "Submitted", "b": "Cancelled"}

    @pytest.mark.parametrize("kind", [2, 3])
    def test_kinds_2_and_3_reduce_in_proportion(self, kind):
        events = [*self.pair(kind, qty=200), quote(at(2), 9.98, 10.00, ask_size=50)]
        assert simulate(events)["final"]["b"]["remaining"] == 75

    def test_kind_2_lets_no_quote_fill_two_orders_and_kind_3_does(self):
        through = quote(at(2), 9.90, 9.95)
        assert statuses([*self.pair(2), through]) == {"a": "Filled", "b": "Cancelled"}
        assert statuses([*self.pair(3), through]) == {"a": "Filled", "b": "Filled"}

    def test_cancelling_one_leaves_the_others(self):
        events = [*self.pair(1), {"type": "cancel", "ts": at(2), "id": "a"}]
        assert statuses(events) == {"a": "Cancelled", "b": "Submitted"}

    def test_an_unknown_kind_is_refused(self):
        assert final(self.pair(4), "a")["error"] == 201
