"""The table of limits: what may be set, from where, and how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.risk.desk import Desk
from toolkit.app.engine import Engine
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import ConfigError
from toolkit.gateway import PaperGateway
from toolkit.risk.catalogue import DEFAULTS, LIMITS
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.limits_table import limits_table
from toolkit.settings import Settings

FROM_ENVIRONMENT = {
    "MAX_ORDER_NOTIONAL": "25000",
    "APPROVE_ABOVE": "20000",
    "MAX_NET_EXPOSURE": "500000",
    "MAX_POSITION": "300",
    "MAX_POSITION_PCT_NAV": "10",
    "PRICE_COLLAR_TICKS": "20",
    "MAX_QUANTITY_PER_DAY": "5000",
    "ALLOW_UNLOCATED_SHORT": "false",
    "PRICE_COLLAR_BPS": "50",
    "MAX_ORDERS_PER_SECOND": "5",
    "MAX_OPEN_ORDERS": "40",
    "MAX_OPEN_ORDERS_PER_SIDE": "12",
    "ALLOW_SHORT": "false",
    "ALLOW_SELF_CROSS": "false",
    "BLOCKED_SYMBOLS": "GME, AMC",
    "ALLOWED_SYMBOLS": "SPY,756733",
    "ALLOWED_SEC_TYPES": "STK",
    "MAX_QUOTE_AGE_S": "2.5",
    "MAX_SPREAD_BPS": "20",
    "REPEAT_WINDOW_S": "5",
    "MAX_ORDERS_PER_DAY": "200",
    "MAX_FILLS_PER_MINUTE": "30",
    "MAX_ORDER_EFFICIENCY_RATIO": "10",
    "FAT_FINGER_MULTIPLE": "10",
    "MAX_MOVE_BPS": "1000",
    "MAX_DAILY_LOSS": "5000",
    "MAX_DRAWDOWN": "7500",
    "MIN_DAYS_TO_EXPIRY": "3",
    "MIN_EXCESS_LIQUIDITY": "10000",
    "WHAT_IF_ABOVE": "250000",
    "ALLOW_CLOSED_MARKET": "false",
}


def test_the_specifications_two_limits_put_nothing_else_in_force_that_looks_at_prices_or_time() -> None:
    checker = SimpleRiskChecker({"max_order_quantity": 1000, "max_gross_exposure": 1_000_000})
    checker.bind(Desk())
    assert [check.__name__ for check in checker.rules(checker.limits).checks] == [
        "quantity_above_zero",
        "quantity_within_limit",
        "order_type_known",
        "limit_price_given",
        "stop_price_given",
        "gross_exposure_within_limit",
        "open_orders_per_side_within_limit",
    ]


def test_an_unset_limit_and_one_of_none_are_the_same() -> None:
    unset = SimpleRiskChecker()
    none = SimpleRiskChecker({"max_position": None, "allow_short": None, "blocked_symbols": None})
    assert none.limits == unset.limits
    assert none.limits_hash == unset.limits_hash


@pytest.mark.parametrize("name", ["max_order_quantity", "max_gross_exposure"])
def test_the_specifications_two_limits_cannot_be_switched_off(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is empty"):
        SimpleRiskChecker({name: None})


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"max_positon": 1}, "did you mean 'max_position'"),
        ({"zzz": 1}, "known are max_order_quantity"),
        ({"max_position": "many"}, "max_position is the text 'many'"),
        ({"price_collar_bps": -1}, "price_collar_bps is -1"),
        ({"allow_short": "no"}, "allow_short is 'no'; give true or false"),
        ({"allowed_symbols": 7}, "allowed_symbols is 7; give a list"),
    ],
)
def test_a_malformed_limit_is_refused_in_one_sentence(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        SimpleRiskChecker(config)


def test_the_fingerprint_depends_on_values_not_on_how_they_are_written() -> None:
    one = SimpleRiskChecker({"blocked_symbols": "GME, amc", "max_position": "100.0"})
    same = SimpleRiskChecker({"blocked_symbols": ["AMC", "GME"], "max_position": 100})
    assert one.limits_hash == same.limits_hash
    for change in ({"allow_short": False}, {"blocked_symbols": "GME"}, {"max_position": 101}):
        assert SimpleRiskChecker({**same.config, **change}).limits_hash != same.limits_hash


def test_the_settings_have_every_limit_with_the_tables_default() -> None:
    limits = Settings.load().limits
    assert limits.keys() == DEFAULTS.keys()
    assert SimpleRiskChecker(limits).limits == SimpleRiskChecker().limits


def test_every_limit_comes_from_the_environment_to_both_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FROM_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    checker = SimpleRiskChecker(settings.limits)
    for limit in LIMITS:
        assert limit.name in checker.limits.in_force, limit.name
    assert checker.limits.names["blocked_symbols"] == {"GME", "AMC"}
    assert checker.limits.numbers["max_quote_age_s"] * 2 == 5
    assert IBKRExecClient({}).risk_checker.limits == checker.limits


def test_orders_by_topic_and_by_call_are_held_against_the_same_limits(home: Path) -> None:
    with PaperGateway(port=0, quotes=None) as gateway:
        engine = Engine(Settings.load(ibkr_port=gateway.port, max_position=5, allow_short=False))
        engine.start()
        try:
            by_topic, by_call = engine.orchestrator.risk_checker, engine.client.risk_checker
            assert by_topic.limits == by_call.limits
            assert by_topic.limits.numbers["max_position"] == 5
            assert "allow_short" in by_topic.limits.in_force
        finally:
            engine.stop()


def test_a_clients_own_limits_go_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_POSITION", "300")
    limits = IBKRExecClient({"max_position": 5, "allow_short": False}).risk_checker.limits
    assert limits.numbers["max_position"] == 5
    assert "allow_short" in limits.in_force


@pytest.mark.parametrize(
    "name",
    ["MAX_POSITIONS", "MAX_OPEN_ORDER", "PRICE_COLLAR", "ALLOW_SHORTS", "BLOCKED_SYMBOL", "REPEAT_WINDOW"],
)
def test_a_misspelled_variable_is_refused_because_it_would_be_no_limit(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(ConfigError, match=f"{name} is unknown; did you mean"):
        Settings.load()


def test_the_table_has_a_row_for_every_limit_with_codes_unit_and_default() -> None:
    head, rule, *rows = limits_table(lambda limit: f"t {limit.name}").splitlines()
    assert head == "| Limit | Denied as | Meaning | Unit | Default | Test |"
    assert rule == "|---|---|---|---|---|---|"
    assert len(rows) == len(LIMITS)
    codes = "`MAX_ORDER_QUANTITY` | `MAX_ORDER_QUANTITY`"
    assert rows[0] == f"| {codes} | quantity of one order | units | 1,000 | t max_order_quantity |"
    assert all(row.count("|") == 7 for row in rows)
    by_name = {row.split("`")[1]: row for row in rows}
    assert by_name["ALLOW_SHORT"].endswith("|  | true | t allow_short |")
    assert by_name["MAX_POSITION"].endswith("| units | none | t max_position |")
