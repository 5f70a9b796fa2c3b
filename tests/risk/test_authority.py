"""What is asked of every order on its way out: does it only reduce, and is live trading armed for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests import builders
from tests.builders import at, state_of
from tests.risk.desk import SAP, SPY, Desk, ordered, working
from toolkit.orders.controls import Armed
from toolkit.orders.events import Accepted, AnyEvent, Decision, Mismatched
from toolkit.orders.state import OrderState
from toolkit.risk.authority import not_armed, notional, only_reduces, within_arming
from toolkit.risk.holding import OpenOrder

SELL = {"direction": "SELL"}


def reduces(held: int | None, *open_orders: OrderState, foreign: int = 0, **changes: Any) -> bool:
    """Whether an order passes beside open ones of ours, and a sell of somebody else."""
    order = state_of(builders.received(**{"intent_id": "new", **changes}))
    return verdict(order, held, *open_orders, foreign=foreign).passed


def verdict(order: OrderState, held: int | None, *open_orders: OrderState, foreign: int = 0) -> Decision:
    desk = Desk(held=None if held is None else {"SPY": held}, open_orders=list(open_orders))
    exposure = desk.exposure
    exposure.open("foreign 1", SPY.con_id, OpenOrder(-1, Decimal(foreign), None))
    line = exposure.line(SPY.con_id, without=order.intent_id) if exposure.known else None
    return only_reduces(order, line)


# --- reduce only -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "changes", "passed"),
    [
        (100, {**SELL, "quantity": 100}, True),
        (100, {**SELL, "quantity": 101}, False),
        (100, {"quantity": 1}, False),
        (-100, {"quantity": 100}, True),
        (-100, {"quantity": 101}, False),
        (-100, {**SELL, "quantity": 1}, False),
        (0, {"quantity": 1}, False),
        (0, {**SELL, "quantity": 1}, False),
    ],
)
def test_only_an_order_that_closes_at_most_the_position_reduces(
    held: int, changes: dict[str, Any], passed: bool
) -> None:
    assert reduces(held, **changes) is passed


def on_the_market(*events: AnyEvent) -> OrderState:
    """A sell of 60 SPY that was sent, after more facts."""
    return state_of(*ordered("other", quantity=60, **SELL), *events)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(working("other", quantity=60, **SELL), id="accepted and not sent yet"),
        pytest.param(on_the_market(), id="in flight"),
        pytest.param(on_the_market(builders.status("Submitted", intent_id="other")), id="working"),
        pytest.param(on_the_market(builders.cancel_requested(intent_id="other")), id="pending cancel"),
        pytest.param(on_the_market(builders.lost(intent_id="other")), id="unknown"),
    ],
)
def test_what_is_open_on_the_same_side_uses_the_position_up(other: OrderState) -> None:
    assert reduces(100, other, quantity=40, **SELL)
    assert not reduces(100, other, quantity=41, **SELL)


def test_what_is_open_on_the_other_side_makes_no_room() -> None:
    assert not reduces(100, working("other", quantity=50), quantity=101, **SELL)


def test_h25_what_others_have_open_uses_the_position_up() -> None:
    assert reduces(100, foreign=60, quantity=40, **SELL)
    assert not reduces(100, foreign=60, quantity=41, **SELL)


@pytest.mark.parametrize(("quantity", "room"), [(80, 20), (30, 40)])
def test_an_order_that_is_being_changed_counts_at_the_larger_of_both_quantities(
    quantity: int, room: int
) -> None:
    """Hazards H14 and H15: a change that is not answered may be in force, or never be."""
    change = replace(builders.replace_requested(quantity), intent_id="other")
    assert reduces(100, on_the_market(change), quantity=room, **SELL)
    assert not reduces(100, on_the_market(change), quantity=room + 1, **SELL)


def test_h42_an_order_that_the_broker_holds_for_more_counts_for_that() -> None:
    held_for_more = Mismatched(intent_id="other", at=at(1), text="quantity", quantity=Decimal(90))
    assert reduces(100, on_the_market(held_for_more), quantity=10, **SELL)
    assert not reduces(100, on_the_market(held_for_more), quantity=11, **SELL)


def test_an_order_that_is_open_already_is_not_counted_twice() -> None:
    assert reduces(100, working("new", quantity=100, **SELL), quantity=100, **SELL)


def test_what_is_filled_of_an_open_order_counts_in_the_position_alone() -> None:
    other = on_the_market(builders.executed(40, side="SLD", intent_id="other"))
    assert reduces(60, other, quantity=40, **SELL)
    assert not reduces(60, other, quantity=41, **SELL)


@pytest.mark.parametrize(("quantity", "passed"), [(100, True), (101, False)])
def test_of_a_replacement_only_what_is_not_filled_yet_can_still_open_a_position(
    quantity: int, passed: bool
) -> None:
    """40 of 60 were sold out of 100: the changed order may sell the 60 that are left, and no more."""
    target = on_the_market(builders.executed(40, side="SLD", intent_id="other"))
    assert target.intent is not None
    changed = replace(target, intent=replace(target.intent, quantity=Decimal(quantity)))
    assert verdict(changed, 60, target).passed is passed


def test_unknown_positions_are_not_flat_ones() -> None:
    answer = verdict(state_of(builders.received(**SELL)), None)
    assert (answer.passed, answer.code) == (False, "NO_POSITIONS")


@given(
    st.integers(-5, 5),
    st.lists(st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 4)), max_size=4),
    st.sampled_from(["BUY", "SELL"]),
    st.integers(1, 6),
)
def test_no_subset_of_fills_takes_an_order_that_passed_beyond_flat(
    held: int, others: list[tuple[str, int]], side: str, quantity: int
) -> None:
    """Against the definition itself: the order and any of those on its side fill, and nothing opens."""
    states = [working(f"o{n}", quantity=size, direction=way) for n, (way, size) in enumerate(others)]
    sign = 1 if side == "BUY" else -1
    after = held + sign * (quantity + sum(size for way, size in others if way == side))
    closes = held * sign < 0 and after * sign <= 0
    assert reduces(held, *states, quantity=quantity, direction=side) is closes


# --- arming ------------------------------------------------------------------------------------------

TOKEN = Armed(at=at(0), by="ann", account="U1", port=5001, until=at(60), max_notional=Decimal(100_000))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, None),
        ({"now": at(59.999)}, None),
        ({"now": at(60)}, "was armed until 2026-01-05 14:31:00 UTC"),
        ({"token": None}, "is not armed"),
        ({"account": "U2", "accounts": ["U1", "U2"]}, "U1 on port 5001 is"),
        ({"port": 5002}, "U1 on port 5001 is"),
        ({"accounts": ["U2"]}, "does not have the account U1"),
        ({"account": ""}, "does not have the account that is not named"),
        ({"account": "DU1", "accounts": ["DU1"], "port": 4001}, "a paper account's name on a live port"),
        ({"port": 4002}, "a live account's name on a paper port"),
        ({"port": 7497}, "a live account's name on a paper port"),
    ],
)
def test_port_name_gateway_and_token_must_agree(changes: dict[str, Any], said: str | None) -> None:
    asked = {"token": TOKEN, "account": "U1", "port": 5001, "accounts": ["U1"], "now": at(1), **changes}
    problem = not_armed(**asked)
    assert problem is None if said is None else said in (problem or "")


def accepted(bid: str | None = "449", ask: str | None = "451", **changes: Any) -> OrderState:
    fact = Accepted(
        intent_id=builders.INTENT_ID,
        at=at(1),
        bid=None if bid is None else Decimal(bid),
        ask=None if ask is None else Decimal(ask),
        multiplier=changes.pop("multiplier", Decimal(1)),
    )
    return state_of(builders.received(**changes), fact)


MARKET = {"order_type": "MARKET", "limit_price": None}


@pytest.mark.parametrize(
    ("changes", "money"),
    [
        ({"limit_price": 450}, 45_000),
        ({"limit_price": 450, **SELL}, 45_000),
        ({"limit_price": 400, **SELL}, 44_900),
        (MARKET, 45_100),
        ({**MARKET, **SELL}, 44_900),
        ({"order_type": "STOP", "limit_price": None, "stop_price": 460}, 46_000),
        ({"limit_price": 450, "multiplier": Decimal(50)}, 2_250_000),
        ({**MARKET, "ask": None}, None),
    ],
)
def test_an_order_counts_at_its_worst_price(changes: dict[str, Any], money: int | None) -> None:
    assert notional(accepted(**changes)) == money


@pytest.mark.parametrize(("spent", "passed"), [(0, True), (55_000, True), ("55000.01", False)])
def test_what_was_sent_since_arming_counts_against_its_amount(spent: object, passed: bool) -> None:
    verdict = within_arming(TOKEN, Decimal(str(spent)), accepted(limit_price=450), SPY, "USD")
    assert (verdict.passed, verdict.code) == (passed, "ARMED_NOTIONAL")


def test_money_that_cannot_be_counted_is_refused_by_its_own_name() -> None:
    assert within_arming(TOKEN, Decimal(0), accepted(limit_price=450), SAP, "USD").code == "NO_FX_RATE"
    unpriced = within_arming(TOKEN, Decimal(0), accepted(ask=None, **MARKET), SPY, "USD")
    assert (unpriced.passed, unpriced.code) == (False, "NO_PRICE")
