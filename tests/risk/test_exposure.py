"""Exposure that is kept up to date equals exposure that is worked out anew, whatever happens in between."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from tests.risk.desk import BY_NUMBER, ES, QQQ, SPY, Desk, working
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import fold
from toolkit.orders.state import OrderState
from toolkit.risk.exposure import Exposure
from toolkit.risk.line import MissingPriceError, Worth

NAMES = ("SPY", "QQQ", "ES")
PRICES = st.sampled_from(["0.01", "99.99", "450.25", "5000"])


def plain(desk: Desk, states: dict[str, OrderState], held: dict[int, Decimal]) -> Worth:
    """The definition: per contract the larger of all buys or all sells filling, at the dearest price."""
    total = Worth(Decimal(0), Decimal(0), Decimal(0))
    for con_id, instrument in BY_NUMBER.items():
        orders = [state for state in states.values() if state.con_id == con_id and state.working]
        position = held.get(con_id, Decimal(0))
        intents = [(state.intent, state.remaining_quantity) for state in orders]
        up = position + sum(quantity for intent, quantity in intents if intent and intent.sign > 0)
        down = position - sum(quantity for intent, quantity in intents if intent and intent.sign < 0)
        mark = (desk.mark(con_id) or Decimal(0)) * instrument.multiplier
        own = [
            price
            for intent, _ in intents
            for price in (intent and intent.limit_price, intent and intent.stop_price)
            if price
        ]
        worst = max([mark, *(price * instrument.multiplier for price in own)])
        total = Worth(
            total.gross + max(abs(up), abs(down), abs(position)) * worst,
            total.up + up * (worst if up > 0 else mark),
            total.down + down * (worst if down < 0 else mark),
        )
    return total


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("order"), st.sampled_from(NAMES), st.sampled_from(["BUY", "SELL"]), PRICES),
        st.tuples(st.just("fill"), st.integers(0, 20), st.integers(1, 100)),
        st.tuples(st.just("cancel"), st.integers(0, 20)),
        st.tuples(st.just("hold"), st.sampled_from(NAMES), st.integers(-500, 500)),
        st.tuples(st.just("mark"), st.sampled_from(NAMES), PRICES),
        st.tuples(st.just("ask")),
    ),
    max_size=40,
)


@given(STEPS)
def test_the_sums_follow_every_order_fill_position_and_price(steps: list[tuple[object, ...]]) -> None:
    desk = Desk(marks={"SPY": 500.0, "QQQ": 400.0, "ES": 5000.0})
    exposure, states, held = Exposure(desk), dict[str, OrderState](), dict[int, Decimal]()
    exposure.known = True
    by_name = {"SPY": SPY, "QQQ": QQQ, "ES": ES}

    def take(event: AnyEvent) -> None:
        states[event.intent_id], _ = fold(states.get(event.intent_id), event)
        exposure.observe(event, states[event.intent_id])

    for number, step in enumerate(steps):
        match step:
            case "order", str(symbol), str(side), str(price):
                name = f"o{len(states)}"
                take(builders.received(name, symbol=symbol, direction=side, limit_price=price))
                take(builders.accepted(intent_id=name, con_id=by_name[symbol].con_id))
                states[name] = working(name, symbol, direction=side, limit_price=price)
                exposure.observe(builders.noticed(), states[name])
            case "fill", int(which), int(shares) if f"o{which}" in states:
                take(builders.executed(shares, exec_id=f"{number}.01", intent_id=f"o{which}"))
            case "cancel", int(which) if f"o{which}" in states:
                take(builders.cancelled(intent_id=f"o{which}"))
            case "hold", str(symbol), int(change):
                con_id = by_name[symbol].con_id
                held[con_id] = held.get(con_id, Decimal(0)) + change
                exposure.hold(con_id, Decimal(change))
            case "mark", str(symbol), str(price):
                desk.marks[symbol] = float(price)
                exposure.touch(by_name[symbol].con_id)
            case _:
                exposure.total()
    assert exposure.total() == plain(desk, states, held)
    assert exposure.count == sum(state.working for state in states.values())


def test_the_highest_price_leaves_with_the_order_that_had_it() -> None:
    exposure = Exposure(Desk())
    low, high = working("low", limit_price=400), working("high", limit_price=600)
    for state in (low, high):
        exposure.observe(builders.noticed(), state)
    assert exposure.line(SPY.con_id).highest == 600
    assert exposure.line(SPY.con_id, without="high").highest == 400
    gone, _ = fold(high, builders.cancelled(intent_id="high"))
    exposure.observe(builders.cancelled(intent_id="high"), gone)
    assert exposure.line(SPY.con_id).highest == 400


def test_an_order_that_is_left_out_counts_neither_its_quantity_nor_itself() -> None:
    exposure = Exposure(Desk())
    exposure.observe(builders.noticed(), working("mine", quantity=30))
    line = exposure.line(SPY.con_id, without="mine")
    assert (line.buys, line.buy_orders, line.highest) == (0, 0, None)


def test_a_price_that_comes_later_makes_everything_measurable_again() -> None:
    desk = Desk(held={"QQQ": 1}, marks={})
    exposure = desk.exposure
    with pytest.raises(MissingPriceError, match="QQQ"):
        exposure.total()
    desk.marks["QQQ"] = 400.0
    exposure.touch(QQQ.con_id)
    assert exposure.total().gross == 400
