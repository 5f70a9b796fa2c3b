"""What a gateway remembers of orders that depend on others, on the market's way, and on the day."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.gateway.remembering import APPLE, NOON, Desk, started
from toolkit.gateway.derivatives import universe_of

D = Decimal


def status(desk: Desk) -> dict[int, str]:
    """Order id -> status, and what still holds it back."""
    orders = [*desk.exchange.open_orders(), *desk.exchange.completed_orders()]
    return {order.order_id: f"{order.status} {order.why_held}".strip() for order in orders}


def place_bracket(desk: Desk, quantity: int = 100) -> None:
    desk.place(1, quantity, limit_price=D(149), tif="GTC", transmit=False)
    desk.place(2, quantity, action="SELL", limit_price=D(155), tif="GTC", parent_id=1, transmit=False)
    desk.place(3, quantity, action="SELL", order_type="STP", stop_price=D(140), tif="GTC", parent_id=1)


def test_a_parked_order_stays_parked_until_it_is_transmitted(start):
    desk = start()
    desk.quote(150, 150.02)
    desk.place(1, 100, limit_price=D(151), tif="GTC", transmit=False)
    desk = start()
    desk.quote(150, 150.02)
    assert status(desk) == {1: "PendingSubmit"}
    desk.place(1, 100, limit_price=D(151), tif="GTC")
    assert status(desk) == {1: "Filled"}


def test_parked_orders_of_a_family_go_with_the_one_that_is_transmitted_later(start):
    desk = start()
    desk.place(1, 100, limit_price=D(149), tif="GTC", transmit=False)
    desk = start()
    desk.place(2, 100, action="SELL", limit_price=D(155), tif="GTC", parent_id=1, transmit=False)
    desk = start()
    desk.place(3, 100, action="SELL", order_type="STP", stop_price=D(140), tif="GTC", parent_id=1)
    assert status(desk) == {1: "Submitted", 2: "PreSubmitted child", 3: "PreSubmitted child"}


def test_the_children_of_a_half_filled_parent_wait_for_its_last_share(start):
    desk = start()
    place_bracket(desk)
    desk.quote(148.9, 149, 60)
    desk = start()
    assert status(desk) == {1: "Submitted", 2: "PreSubmitted child", 3: "PreSubmitted child"}
    desk.quote(154.9, 155, 60)
    desk.quote(155.1, 155.2, 60)
    assert status(desk)[2] == "PreSubmitted child", "a held order is not in the market"
    desk.quote(148.9, 149, 40)
    assert status(desk) == {1: "Filled", 2: "Submitted", 3: "PreSubmitted trigger"}


def test_what_is_left_of_a_bracket_still_reduces_and_cancels_itself(start):
    desk = start()
    place_bracket(desk)
    desk.quote(148.9, 149, 100)
    desk = start()
    desk.quote(155, 155.1, 60)
    assert {order.order_id: order.remaining for order in desk.exchange.open_orders()} == {2: 40, 3: 40}
    desk = start()
    desk.quote(155.1, 155.2, 40)
    assert status(desk) == {1: "Filled", 2: "Filled", 3: "Cancelled"}


def test_children_go_with_a_parent_that_is_cancelled_after_the_restart(start):
    place_bracket(start())
    desk = start()
    desk.do(desk.exchange.cancel(1, 1, NOON))
    assert status(desk) == {1: "Cancelled", 2: "Cancelled", 3: "Cancelled"}


@pytest.mark.parametrize(("kind", "left"), [(1, {}), (2, {2: 40}), (3, {2: 40})])
def test_a_group_keeps_its_kind_and_its_members(start, kind, left):
    desk = start()
    desk.place(1, 100, limit_price=D(149), tif="GTC", oca_group="pair", oca_type=kind)
    desk.place(2, 100, order_type="STP", stop_price=D(160), tif="GTC", oca_group="pair", oca_type=1)
    desk = start()
    desk.quote(148.9, 149, 60)
    desk = start()
    others = {o.order_id: o.remaining for o in desk.exchange.open_orders() if o.order_id == 2}
    assert others == left


def test_an_order_may_join_a_group_from_before_the_restart(start):
    start().place(1, 100, limit_price=D(149), tif="GTC", oca_group="pair", oca_type=1)
    desk = start()
    desk.place(2, 100, limit_price=D(148), tif="GTC", oca_group="pair", oca_type=1)
    desk.quote(148.9, 149, 60)
    assert status(desk)[2] == "Cancelled"


def test_a_trailing_stop_goes_on_from_where_it_has_followed_the_market_to(start):
    desk = start()
    desk.do(desk.exchange.trade(APPLE.con_id, 150, 100, NOON))
    desk.place(1, 100, action="SELL", order_type="TRAIL", trail_amount=D(1), tif="GTC")
    desk.do(desk.exchange.trade(APPLE.con_id, 153, 100, NOON))
    desk = start()
    desk.quote(152.4, 152.6)
    assert not desk.do(desk.exchange.trade(APPLE.con_id, D("152.5"), 100, NOON))
    desk = start()
    desk.quote(151.9, 152.1)
    desk.do(desk.exchange.trade(APPLE.con_id, 152, 100, NOON))
    assert status(desk) == {1: "Filled"}


def test_day_orders_keep_their_deadline_and_gtc_orders_have_none(start):
    desk = start()
    desk.place(1, 10, limit_price=D(149), tif="DAY")
    desk.place(2, 10, limit_price=D(149), tif="GTC")
    deadline = desk.exchange.next_due(NOON)
    assert deadline == NOON + timedelta(hours=12)  # midnight in New York
    assert start().exchange.next_due(NOON) == deadline
    start().exchange.cancel(1, 1, NOON)
    desk = start()
    desk.do(desk.exchange.cancel(1, 1, NOON))
    assert start().exchange.next_due(NOON) is None


def test_orders_made_by_hand_keep_their_ids_and_new_ones_get_others(start):
    def by_hand(desk: Desk, *, bound: bool) -> None:
        order = desk.order(0, 10, limit_price=D(149), tif="GTC")
        desk.do(desk.exchange.place_by_hand(order, NOON, bound=bound))

    desk = start()
    by_hand(desk, bound=True)
    by_hand(desk, bound=False)
    desk = start()
    by_hand(desk, bound=False)
    by_hand(desk, bound=True)
    assert [order.order_id for order in start().exchange.open_orders()] == [-1, 0, 0, -2]


def test_marks_and_the_profit_of_the_day_come_back(start):
    desk = start()
    desk.quote(150, 150.02)
    desk.place(1, 100, order_type="MKT")
    desk.quote(151, 151.02)
    profit = desk.day.profit("DU1")
    assert profit == 100 * D("0.99") - 1
    assert start().day.profit("DU1") == profit


def test_a_future_is_still_margined_as_a_future(tmp_path):
    universe = universe_of(NOON.date())
    (future,) = universe.find(local_symbol="ESH6")
    desk = started(tmp_path / "state", universe)
    desk.do(desk.exchange.quote(future.con_id, 5000, 5001, 10, 10, NOON))
    desk.place(1, 1, order_type="MKT", instrument=future)
    desk.state.close()
    again = started(tmp_path / "state", universe)
    assert again.exchange.account_values("DU1") == desk.exchange.account_values("DU1")
    again.state.close()
