"""Limits of single strategies and symbols beside those of the account."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.risk.cases import market
from tests.risk.desk import SPY, Desk
from toolkit.errors import ConfigError
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.scopes import ScopedLimits

SCOPED = {
    "max_order_quantity": 500,
    "strategies": {"carry": {"max_order_quantity": 200, "allow_short": False}},
    "symbols": {"spy": {"max_order_quantity": 300, "max_position": 1000}},
}


def codes(config: dict[str, Any], order: dict[str, Any], desk: Desk | None = None) -> list[str]:
    checker = SimpleRiskChecker(config)
    checker.bind(desk or Desk(marks={"SPY": 1.0, "QQQ": 1.0}))
    return [denial.code for denial in checker.violations(order)]


@pytest.mark.parametrize(
    ("order", "allowed"),
    [
        ({"symbol": "QQQ"}, 500),
        ({"symbol": "SPY"}, 300),
        ({"symbol": "QQQ", "strategy_id": "carry"}, 200),
        ({"symbol": "SPY", "strategy_id": "carry"}, 200),
        ({"symbol": "QQQ", "strategy_id": "another"}, 500),
    ],
)
def test_of_all_limits_that_apply_the_tightest_wins(order: dict[str, Any], allowed: int) -> None:
    assert codes(SCOPED, market(quantity=allowed, **order)) == []
    assert codes(SCOPED, market(quantity=allowed + 1, **order)) == ["MAX_ORDER_QUANTITY"]


def test_a_symbols_limit_holds_whatever_the_intent_calls_the_contract() -> None:
    assert codes(SCOPED, market(symbol=None, con_id=SPY.con_id, quantity=301)) == ["MAX_ORDER_QUANTITY"]
    by_number = {"symbols": {SPY.con_id: {"max_order_quantity": 10}}}
    assert codes(by_number, market(quantity=11)) == ["MAX_ORDER_QUANTITY"]


def test_a_strategy_may_be_forbidden_what_others_may_do() -> None:
    short = market(direction="SELL", quantity=1)
    assert codes(SCOPED, short) == []
    assert codes(SCOPED, {**short, "strategy_id": "carry"}) == ["SHORT_SALE"]


def test_an_unbound_checker_knows_the_scopes_too() -> None:
    denials = SimpleRiskChecker(SCOPED).violations(market(quantity=201, strategy_id="carry"))
    assert [denial.code for denial in denials] == ["MAX_ORDER_QUANTITY"]


def test_scopes_are_part_of_the_fingerprint() -> None:
    assert SimpleRiskChecker(SCOPED).limits_hash != SimpleRiskChecker({"max_order_quantity": 500}).limits_hash


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"strategies": {"a": {"max_gross_exposure": 1}}}, "strategies.a.max_gross_exposure cannot be set"),
        ({"symbols": {"SPY": {"max_positon": 1}}}, "of symbols.SPY 'max_positon' is unknown; did you mean"),
        ({"symbols": ["SPY"]}, "give limits by symbol"),
        ({"strategies": {"a": 5}}, "strategies.a is 5; give limits by name"),
        ({"strategies": {"a": {"max_order_notional": "x"}}}, "max_order_notional is the text 'x'"),
    ],
)
def test_a_malformed_scope_is_refused_in_one_sentence(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        SimpleRiskChecker(config)


QUANTITIES = st.integers(1, 1000)


@given(account=QUANTITIES, strategy=QUANTITIES, symbol=QUANTITIES)
def test_no_scope_ever_loosens_a_limit(account: int, strategy: int, symbol: int) -> None:
    scoped = ScopedLimits(
        {
            "max_order_quantity": account,
            "repeat_window_s": account,
            "strategies": {"a": {"max_order_quantity": strategy}},
            "symbols": {"SPY": {"max_order_quantity": symbol, "repeat_window_s": symbol}},
        }
    )
    numbers = scoped.of("a", "SPY", 1).numbers
    assert numbers["max_order_quantity"] == min(account, strategy, symbol)
    assert numbers["repeat_window_s"] == max(account, symbol)
