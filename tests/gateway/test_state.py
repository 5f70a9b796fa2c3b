"""What a gateway remembers over its own end, without sockets and with time in the test's hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.remembering import APPLE, NOON, started
from toolkit.errors import GatewayError
from toolkit.gateway import PaperGateway
from toolkit.gateway.events import Noticed, OrderUpdated
from toolkit.gateway.state import State


def test_orders_fills_positions_and_money_come_back_to_the_cent(start):
    desk = start()
    desk.quote(150, 150.02, 60)
    desk.place(1, 100, order_type="MKT")
    desk.place(2, 10, limit_price=Decimal("149.5"), tif="GTC")
    desk.place(3, 10, order_type="STP", stop_price=Decimal(160))
    assert start().picture() == desk.picture()


def test_a_half_filled_order_goes_on_with_one_commission_for_the_whole_order(start):
    start().quote(150, 150.02, 60)
    start().quote(150, 150.02, 60)
    desk = start()
    desk.quote(150, 150.02, 60)
    desk.place(1, 100, order_type="MKT")
    desk = start()
    desk.quote(150, 150.03, 60)
    first, second = desk.exchange.executions()
    assert (first[1].commission, second[1].commission) == (Decimal("0.6") + Decimal("0.4"), Decimal(0))
    assert second[0].cum_qty == 100
    assert first[0].exec_id != second[0].exec_id


def test_a_stop_that_had_triggered_stays_triggered(start):
    desk = start()
    desk.do(desk.exchange.trade(APPLE.con_id, 150, 100, NOON))
    desk.place(1, 100, order_type="STP LMT", stop_price=Decimal(149), limit_price=Decimal(145))
    (order,) = desk.exchange.open_orders()
    assert order.why_held == ""
    desk = start()
    events = desk.quote(144, 144.5)
    assert [event.status for event in events if isinstance(event, OrderUpdated)] == ["Filled"]


def test_orders_of_one_price_keep_their_places(start):
    desk = start()
    desk.quote(150, 150.02)
    for order_id in (1, 2):
        desk.place(order_id, 60, limit_price=Decimal(149))
    start().quote(148.9, 149, 60)
    assert [order.order_id for order in start().exchange.open_orders()] == [2]


def test_permanent_and_order_ids_go_on(start):
    desk = start()
    desk.place(5, 10, limit_price=Decimal(149))
    again = start()
    assert again.exchange.largest_order_id(1) == 5
    again.place(6, 10, limit_price=Decimal(149))
    first, second = again.exchange.open_orders()
    assert second.perm_id == first.perm_id + 1


def test_a_day_order_ends_when_its_day_ended_while_nobody_was_there(start):
    desk = start()
    desk.place(1, 10, limit_price=Decimal(149), tif="DAY")
    desk.place(2, 10, limit_price=Decimal(149), tif="GTC")
    desk = start()
    events = desk.do(desk.exchange.advance(NOON + timedelta(hours=13)))
    (notice,) = [event for event in events if isinstance(event, Noticed)]
    assert (notice.order_id, notice.code) == (1, 202)
    (ended,) = desk.exchange.completed_orders()
    assert ended.completed_at == datetime(2026, 1, 6, 5, tzinfo=UTC)  # midnight in New York
    assert [order.order_id for order in start().exchange.open_orders()] == [2]


def test_what_was_not_committed_is_as_if_it_had_never_been(start):
    desk = start()
    desk.place(1, 10, limit_price=Decimal(149))
    before = desk.picture()
    desk.exchange.cancel(1, 1, NOON)
    assert start().picture() == before


def test_two_gateways_cannot_share_a_file(start, tmp_path):
    start()
    with pytest.raises(GatewayError, match="another gateway has it open"):
        State(tmp_path / "state")


def test_a_file_of_something_else_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "state").write_text("this is no database, and it is long enough to be looked at " * 20)
    with pytest.raises(GatewayError, match="choose another --state"):
        PaperGateway(state=tmp_path / "state")


def test_a_file_of_another_account_is_refused_in_one_sentence(tmp_path, start):
    desk = start()
    desk.quote(150, 150.02)
    desk.place(1, 10, order_type="MKT")
    desk.state.close()
    with pytest.raises(GatewayError, match="it has account DU1, and this gateway DU2"):
        PaperGateway(state=tmp_path / "state", account="DU2")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["BUY", "SELL"]),
            st.integers(1, 300),
            st.integers(14_900, 15_100),
            st.sampled_from(["MKT", "LMT"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_trading_reads_back_as_it_was_written(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("state") / "file"
    desk = started(path)
    for order_id, (action, quantity, cents, kind) in enumerate(steps, start=1):
        middle = Decimal(cents) / 100
        desk.quote(float(middle), float(middle + Decimal("0.02")), 100)
        limit = middle if kind == "LMT" else None
        desk.place(order_id, quantity, action=action, order_type=kind, limit_price=limit)
    desk.state.close()
    again = started(path)
    for each in desk, again:  # marks are the market's to say: they are not written down
        each.exchange.quote(APPLE.con_id, 100, 200, 0, 0, NOON)
        each.exchange.quote(APPLE.con_id, 140, 160, 1, 1, NOON)
    assert again.picture() == desk.picture()
    again.state.close()
