"""The exchange as its clients' sessions use it: what is told, in which order, and what is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import ConfigError, GatewayError
from toolkit.gateway.account import commission_increments
from toolkit.gateway.events import (
    AccountChanged,
    CommissionCharged,
    Executed,
    Noticed,
    Order,
    OrderUpdated,
    PositionChanged,
    Refused,
)
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.exchange_config import ExchangeConfig
from toolkit.gateway.instruments import EUR_USD, Universe
from toolkit.gateway.matching import simulate

D = Decimal
NOW = datetime(2024, 1, 3, 17, tzinfo=UTC)  # noon in New York
UNIVERSE = Universe()
APPLE = UNIVERSE.find(symbol="AAPL")[0]
AAPL = APPLE.con_id


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def make(order_id=1, action="BUY", quantity=100, order_type="MKT", client_id=7, **terms):
    return Order(
        client_id=client_id, order_id=order_id, account=terms.pop("account", "DU1"),
        instrument=terms.pop("instrument", APPLE), action=action, quantity=D(quantity),
        order_type=order_type, **{k: D(v) if k.endswith("price") else v for k, v in terms.items()},
    )  # fmt: skip


def limit(order_id=1, price="189", **terms):
    return make(order_id, order_type="LMT", limit_price=price, **terms)


def stop(order_id=1, price="191", **terms):
    return make(order_id, order_type="STP", stop_price=price, **terms)


def told(events):
    words = {
        OrderUpdated: lambda e: e.status,
        Noticed: lambda e: e.code,
        Refused: lambda e: e.code,
    }
    return [words.get(type(e), lambda e: type(e))(e) for e in events]


def only(events, kind):
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


@pytest.fixture
def exchange():
    exchange = Exchange(UNIVERSE, ["DU1", "DU2"])
    exchange.quote(AAPL, 189.99, 190.01, 300, 300, NOW)
    return exchange


class TestOrderLife:
    def test_a_fill_is_told_in_the_order_that_clients_rely_on(self, exchange):
        events = exchange.place(make(), NOW)
        assert told(events) == [
            "PreSubmitted", Executed, "Filled", CommissionCharged, PositionChanged, AccountChanged,
        ]  # fmt: skip
        executed, charged = only(events, Executed), only(events, CommissionCharged)
        assert executed.exec_id == charged.exec_id
        assert (executed.side, executed.shares, executed.price) == ("BOT", D(100), D("190.01"))
        assert (charged.commission, charged.realized_pnl) == (D(1), None)

    def test_a_resting_limit_is_submitted(self, exchange):
        events = exchange.place(limit(), NOW)
        assert told(events) == ["Submitted"]
        assert events[0].remaining == 100

    def test_a_partial_fill_leaves_the_order_submitted_with_a_filled_part(self, exchange):
        events = exchange.place(make(quantity=400), NOW)
        assert told(events)[:3] == ["PreSubmitted", Executed, "Submitted"]
        assert (events[2].filled, events[2].remaining) == (D(300), D(100))

    def test_a_later_fill_is_not_announced_as_presubmitted_again(self, exchange):
        exchange.place(limit(), NOW)
        events = exchange.quote(AAPL, 188.9, 189, 300, 300, after(1))
        assert told(events)[:2] == [Executed, "Filled"]
        assert only(events, Executed).liquidity == 1

    def test_events_keep_the_state_of_their_moment(self, exchange):
        events = exchange.place(make(), NOW)
        assert [e.filled for e in events if isinstance(e, OrderUpdated)] == [0, 100]

    def test_the_average_price_weighs_the_fills(self, exchange):
        exchange.place(make(quantity=400), NOW)
        events = exchange.quote(AAPL, 190, 190.05, 300, 300, after(1))
        assert only(events, Executed).avg_price == D("190.02")

    def test_an_untriggered_stop_is_presubmitted_and_says_what_it_waits_for(self, exchange):
        (event,) = exchange.place(stop(), NOW)
        assert (event.status, event.why_held) == ("PreSubmitted", "trigger")

    def test_a_stop_fires_on_a_print(self, exchange):
        exchange.place(stop(), NOW)
        exchange.quote(AAPL, 190.98, 191.02, 300, 300, after(1))
        assert "Filled" in told(exchange.trade(AAPL, 191, 100, after(2)))

    def test_a_fired_stop_limit_that_rests_is_told_as_submitted(self, exchange):
        order = make(order_type="STP LMT", stop_price="190.01", limit_price="189.5")
        exchange.place(order, NOW)
        (event,) = exchange.trade(AAPL, 190.01, 100, after(1))
        assert (event.status, event.why_held) == ("Submitted", "")

    def test_a_market_order_without_an_offer_is_held(self, exchange):
        exchange.quote(AAPL, 189.99, None, 300, 0, NOW)
        assert told(exchange.place(make(), NOW)) == ["PreSubmitted"]
        assert "Filled" in told(exchange.quote(AAPL, 189.99, 190.03, 300, 300, after(1)))

    def test_the_rest_of_an_immediate_order_is_cancelled_with_202(self, exchange):
        events = exchange.place(limit(price="190.01", quantity=400, tif="IOC"), NOW)
        assert told(events)[:3] == ["PreSubmitted", Executed, "Submitted"]
        assert told(events)[5:7] == ["Cancelled", 202]

    def test_forex_stops_look_at_the_quote_and_pay_forex_commission(self, exchange):
        euro = EUR_USD.con_id
        exchange.quote(euro, 1.1, 1.1001, 10**6, 10**6, NOW)
        terms = {"instrument": EUR_USD, "exchange": "IDEALPRO", "quantity": 20_000}
        exchange.place(stop(price="1.1005", **terms), NOW)
        events = exchange.quote(euro, 1.1005, 1.1006, 10**6, 10**6, after(1))
        assert only(events, CommissionCharged).commission == D(2)


class TestRefusals:
    @pytest.mark.parametrize(("order", "code"), [
        (make(order_type="MIT"), 387), (make(quantity=0), 434), (make(quantity="1.5"), 10243),
        (limit(price="189.001"), 110), (make(account="DU9"), 201), (make(tif="GTX"), 201),
        (make(action="SSHORT"), 201), (make(quantity=20_000), 201),
        (make(quantity=20_000, action="SELL"), 201), (make(order_id=0), 103),
    ])  # fmt: skip
    def test_a_refused_order_is_told_once_and_leaves_nothing(self, exchange, order, code):
        assert told(exchange.place(order, NOW)) == [code]
        assert exchange.open_orders() == []
        assert exchange.find_order(order.client_id, order.order_id) is None

    def test_a_refusal_for_funds_says_how_much_is_needed_and_there(self, exchange):
        refused = exchange.place(make(quantity=20_000), NOW)[0]
        assert "1900100.00 USD" in refused.text
        assert "1000000.00 USD" in refused.text

    def test_an_order_that_reduces_a_position_needs_no_funds(self, exchange):
        exchange.quote(AAPL, 189.99, 190.01, 10_000, 10_000, NOW)
        exchange.place(make(1, quantity=10_000), NOW)
        exchange.quote(AAPL, 99.99, 100.01, 10_000, 10_000, NOW)  # equity is far below the margin
        assert told(exchange.place(make(2, quantity=10), NOW)) == [201]
        assert "Filled" in told(exchange.place(make(3, quantity=10, action="SELL"), NOW))

    def test_an_id_up_to_the_largest_seen_is_a_duplicate_unless_it_works(self, exchange):
        exchange.place(limit(5), NOW)
        exchange.place(make(9), NOW)
        assert told(exchange.place(make(9), NOW)) == [103]
        assert told(exchange.place(make(6), NOW)) == [103]
        assert told(exchange.place(limit(5, price="188"), NOW)) == ["Submitted"]

    def test_ids_of_different_clients_do_not_meet(self, exchange):
        exchange.place(limit(5, client_id=1), NOW)
        exchange.place(limit(5, client_id=2), NOW)
        assert len(exchange.open_orders()) == 2
        assert exchange.largest_order_id(2) == 5

    def test_check_answers_what_placing_would_and_changes_nothing(self, exchange):
        assert told(exchange.check(limit(price="189.001"))) == [110]
        assert exchange.check(limit()) == []
        assert exchange.open_orders() == []

    def test_an_unknown_contract_is_our_own_mistake(self, exchange):
        with pytest.raises(GatewayError, match="123"):
            exchange.last_quote(123)


class TestCancelAndModify:
    def test_a_cancel_is_told_as_cancelled_and_202(self, exchange):
        exchange.place(limit(), NOW)
        assert told(exchange.cancel(7, 1, after(1))) == ["Cancelled", 202]
        assert [order.order_id for order in exchange.completed_orders()] == [1]

    def test_cancelling_the_unknown_and_the_finished_is_refused(self, exchange):
        exchange.place(make(), NOW)
        assert told(exchange.cancel(7, 1, NOW)) == [10148]
        assert told(exchange.cancel(7, 2, NOW)) == [10147]
        assert told(exchange.cancel(8, 1, NOW)) == [10147]

    def test_a_global_cancel_reaches_the_orders_of_all_clients(self, exchange):
        exchange.place(limit(1, client_id=1), NOW)
        exchange.place(stop(1, client_id=2), NOW)
        assert told(exchange.cancel_all(NOW)) == ["Cancelled", 202, "Cancelled", 202]
        assert exchange.open_orders() == []

    def test_a_modification_keeps_the_order_and_its_permanent_id(self, exchange):
        first = limit(raw="first")
        exchange.place(first, NOW)
        perm_id = first.perm_id
        assert told(exchange.modify(limit(price="188.5", raw="second"), after(1))) == ["Submitted"]
        (order,) = exchange.open_orders()
        assert order is first
        assert (order.perm_id, order.limit_price, order.raw) == (perm_id, D("188.5"), "second")

    def test_a_modification_may_fill_at_once(self, exchange):
        exchange.place(limit(), NOW)
        events = exchange.modify(limit(price="190.01"), after(1))
        assert told(events)[:2] == [Executed, "Filled"]

    @pytest.mark.parametrize(("change", "code"), [
        (limit(price="188.001", quantity=350), 110), (limit(quantity=0), 434), (limit(action="SELL"), 105),
        (limit(quantity=100_000), 329), (make(order_type="TRAIL"), 329),
    ])  # fmt: skip
    def test_a_refused_modification_is_a_warning_and_the_order_lives_on(self, exchange, change, code):
        exchange.place(limit(price="190.01", quantity=350), NOW)  # 300 of it fill
        assert told(exchange.modify(change, after(1))) == [code]
        (order,) = exchange.open_orders()
        assert (order.quantity, order.remaining) == (D(350), D(50))

    def test_a_change_to_less_than_is_filled_takes_effect_and_completes_the_order_r13(self, exchange):
        exchange.place(limit(price="190.01", quantity=350), NOW)  # 300 of it fill
        assert told(exchange.modify(limit(price="190.01", quantity=20), after(1))) == ["Filled"]
        (order,) = exchange.completed_orders()
        assert (order.quantity, order.filled, order.remaining) == (D(300), D(300), D(0))

    def test_modifying_the_finished_or_unknown_is_refused(self, exchange):
        exchange.place(make(), NOW)
        assert told(exchange.modify(make(), NOW)) == [10148]
        assert told(exchange.modify(make(2), NOW)) == [10147]


class TestTime:
    def test_an_order_in_flight_is_presubmitted_until_it_lands(self):
        exchange = Exchange(UNIVERSE, ["DU1"], config=ExchangeConfig(latency_ms=40))
        exchange.quote(AAPL, 189.99, 190.01, 300, 300, NOW)
        assert told(exchange.place(make(), NOW)) == ["PreSubmitted"]
        assert exchange.next_due(NOW) == after(0.04)
        assert exchange.advance(after(0.039)) == []
        assert told(exchange.advance(after(0.04)))[:2] == [Executed, "Filled"]
        assert exchange.next_due(after(1)) is None

    def test_a_day_order_ends_at_midnight_when_the_market_is_always_open(self, exchange):
        exchange.place(limit(), NOW)
        midnight = datetime(2024, 1, 4, 5, tzinfo=UTC)
        assert exchange.next_due(NOW) == midnight
        assert exchange.advance(midnight - timedelta(seconds=1)) == []
        assert told(exchange.advance(midnight)) == ["Cancelled", 202]

    def test_practice_works_on_a_sunday_night(self, exchange):
        sunday = datetime(2024, 1, 7, 23, tzinfo=UTC)
        exchange.quote(AAPL, 189.9, 190, 300, 300, sunday)
        assert "Filled" in told(exchange.place(make(), sunday))

    def test_regular_hours_hold_an_order_with_a_notice_and_fill_it_at_the_open(self):
        exchange = Exchange(UNIVERSE, ["DU1"], hours="regular")
        early = datetime(2024, 1, 3, 13, tzinfo=UTC)
        exchange.quote(AAPL, 189.99, 190.01, 300, 300, early)
        held = exchange.place(make(), early)
        assert told(held) == ["PreSubmitted", 399]
        assert "2024-01-03 09:30:00 US/Eastern" in held[1].text
        opening = datetime(2024, 1, 3, 14, 30, tzinfo=UTC)
        assert "Filled" in told(exchange.quote(AAPL, 189.5, 189.6, 300, 300, opening))

    def test_a_flag_that_the_order_type_cannot_have_is_told(self):
        exchange = Exchange(UNIVERSE, ["DU1"], hours="regular")
        assert told(exchange.place(make(outside_rth=True), NOW)) == ["PreSubmitted", 2109]

    def test_the_next_due_instant_is_the_earliest_over_all_instruments(self):
        exchange = Exchange(UNIVERSE, ["DU1"], hours="regular")
        other = UNIVERSE.find(symbol="MSFT")[0]
        exchange.place(limit(1, outside_rth=True), NOW)
        exchange.place(limit(2, instrument=other), NOW)
        close = datetime(2024, 1, 3, 21, tzinfo=UTC)
        assert exchange.next_due(NOW) == close
        exchange.cancel(7, 2, NOW)
        assert exchange.next_due(NOW) == close + timedelta(hours=4)


class TestBooks:
    def test_positions_and_values_follow_the_fills(self, exchange):
        exchange.place(make(), NOW)
        (position,) = exchange.positions("DU1")
        assert (position.position, position.average_cost) == (D(100), D("190.02"))
        values = exchange.account_values("DU1")
        assert values["TotalCashValue"] == (D("980998.00"), "USD")
        assert values["NetLiquidation"] == (D("999998.00"), "USD")  # marked at 190.00
        assert exchange.positions("DU2") == []

    def test_the_portfolio_keeps_a_closed_position_with_its_profit(self, exchange):
        exchange.place(make(1), NOW)
        exchange.place(make(2, action="SELL"), NOW)
        (row,) = exchange.portfolio("DU1")
        assert (row.position, row.realized_pnl) == (D(0), D("-4.00"))

    def test_a_what_if_shows_margin_and_commission_and_places_nothing(self, exchange):
        preview = exchange.what_if(limit(price="190", quantity=1000))
        assert preview.init_margin_change == D(95_000)
        assert preview.maint_margin_change == D(47_500)
        assert preview.commission == D(5)
        assert exchange.open_orders() == []

    def test_a_crossing_quote_and_a_missing_side_are_kept_as_they_came(self, exchange):
        exchange.quote(AAPL, None, 190.02, 0, 100, NOW)
        quote = exchange.last_quote(AAPL)
        assert (quote.bid, quote.bid_size, quote.ask) == (None, 0, D("190.02"))

    def test_odd_lot_prints_are_not_the_last_price(self, exchange):
        exchange.trade(AAPL, 190, 100, NOW)
        exchange.trade(AAPL, 190.01, 5, NOW, "I")
        assert exchange.last_print(AAPL).price == D("190.00")

    def test_runs_never_share_permanent_or_execution_ids(self):
        seen = []
        for run in (1, 2):
            exchange = Exchange(UNIVERSE, ["DU1"], config=ExchangeConfig(run=run))
            exchange.quote(AAPL, 189.99, 190.01, 300, 300, NOW)
            executed = only(exchange.place(make(), NOW), Executed)
            seen.append((executed.exec_id, executed.perm_id))
        assert len({exec_id for exec_id, _ in seen}) == len({perm for _, perm in seen}) == 2

    @pytest.mark.parametrize("bad", [
        {"commission_plan": "free"}, {"limit_fill": "hope"}, {"latency_ms": -1},
    ])  # fmt: skip
    def test_a_bad_configuration_is_refused_at_the_start(self, bad):
        with pytest.raises(ConfigError):
            Exchange(UNIVERSE, ["DU1"], config=ExchangeConfig(**bad))

    def test_unknown_hours_are_refused_at_the_start(self):
        with pytest.raises(ConfigError):
            Exchange(UNIVERSE, ["DU1"], hours="sometimes")


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("quote"), st.integers(18_900, 19_100), st.integers(1, 5), st.integers(0, 300)
        ),
        st.tuples(
            st.just("order"), st.sampled_from(["MKT", "LMT"]), st.sampled_from(["BUY", "SELL"]),
            st.integers(18_950, 19_050), st.integers(1, 400),
        ),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(steps)
def test_the_exchange_fills_as_simulate_does_and_its_books_agree_with_its_fills(steps):
    exchange, events = Exchange(UNIVERSE, ["DU1"], cash=D(10**9)), []
    for number, (kind, *step) in enumerate(steps, start=1):
        now = after(number)
        if kind == "quote":
            bid, wide, size = step
            bid, ask = bid / 100, (bid + wide) / 100
            exchange.quote(AAPL, bid, ask, size, size, now)
            events.append(
                {"type": "quote", "ts": now, "bid": bid, "ask": ask, "bid_size": size,
                 "ask_size": size}
            )  # fmt: skip
        else:
            order_type, action, price, quantity = step
            terms = {"limit_price": D(price) / 100} if order_type == "LMT" else {}
            exchange.place(make(number, action, quantity, order_type, **terms), now)
            events.append(
                {"type": "order", "ts": now, "id": number, "side": action, "qty": quantity,
                 "order_type": order_type, "lmt": price / 100}
            )  # fmt: skip
    expected = [(f["order"], f["qty"], f["price"]) for f in simulate(events)["fills"]]
    executions = exchange.executions()
    assert [(e.order_id, e.shares, float(e.price)) for e, _ in executions] == expected
    signed = [(e.shares if e.side == "BOT" else -e.shares, e.price) for e, _ in executions]
    held = exchange.positions("DU1")
    assert sum(shares for shares, _ in signed) == (held[0].position if held else 0)
    charged = sum(c.commission for _, c in executions)
    cash = D(10**9) - sum(shares * price for shares, price in signed) - charged
    assert exchange.account_values("DU1")["TotalCashValue"][0] == round(cash, 2)
    for order_id in {e.order_id for e, _ in executions}:
        own = [(e, c) for e, c in executions if e.order_id == order_id]
        assert [c.commission for _, c in own] == commission_increments([(e.shares, e.price) for e, _ in own])
