"""What is asked of every order on its way out: does it only reduce, and is live trading armed for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from tests.builders import at
from tests.risk.desk import SAP, SPY, working
from toolkit.orders.controls import Armed
from toolkit.orders.events import Accepted
from toolkit.orders.state import OrderState
from toolkit.risk.authority import not_armed, notional, only_reduces, within_arming

SELL = {"direction": "SELL"}


def reduces(held: int | None, *open_orders: OrderState, **changes: Any) -> bool:
    position = None if held is None else Decimal(held)
    return only_reduces(builders.intent(**changes), position, open_orders).passed


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


def test_what_is_open_on_the_same_side_uses_the_position_up() -> None:
    other = working("other", quantity=60, **SELL)
    assert reduces(100, other, quantity=40, **SELL)
    assert not reduces(100, other, quantity=41, **SELL)


def test_what_is_open_on_the_other_side_makes_no_room() -> None:
    assert not reduces(100, working("other", quantity=50), quantity=101, **SELL)


def test_an_order_that_is_open_already_is_not_counted_twice() -> None:
    itself = working(builders.INTENT_ID, quantity=100, **SELL)
    assert reduces(100, itself, quantity=100, **SELL)


def test_what_is_filled_of_an_open_order_counts_in_the_position_alone() -> None:
    other = builders.order(builders.executed(40, side="SLD"), quantity=60, **SELL)
    assert reduces(60, other, intent_id="new", quantity=40, **SELL)
    assert not reduces(60, other, intent_id="new", quantity=41, **SELL)


def test_unknown_positions_are_not_flat_ones() -> None:
    verdict = only_reduces(builders.intent(**SELL), None, [])
    assert (verdict.passed, verdict.code) == (False, "NO_POSITIONS")


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
    return builders.state_of(builders.received(**changes), fact)


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
