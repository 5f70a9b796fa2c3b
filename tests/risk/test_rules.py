"""Every limit beyond the specification's: just inside passes, just outside and missing inputs are denied."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.risk import cases, day_cases, edge_cases, size_cases
from tests.risk.cases import (
    AGE,
    APPROVE,
    COLLAR,
    FAIR,
    FLAT_UNKNOWN,
    LONG_ONLY,
    NET,
    NO_CROSS,
    NOTIONAL,
    OPEN_ORDERS,
    POSITION,
    RATE,
    REPEAT,
    SELL,
    UNRESOLVED,
    Case,
    many,
    market,
    quoted,
)
from tests.risk.desk import Desk, working
from toolkit.orders.events import Decision
from toolkit.risk import rules
from toolkit.risk.catalogue import LIMITS, OTHER_CODES
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.limits import OWN_RATE
from toolkit.risk.rules import RULES, Rule

INSIDE = {**cases.INSIDE, **day_cases.INSIDE, **edge_cases.INSIDE, **size_cases.INSIDE}
OUTSIDE = {**cases.OUTSIDE, **day_cases.OUTSIDE, **edge_cases.OUTSIDE, **size_cases.OUTSIDE}


def denied_as(case: Case) -> list[str]:
    return [decision.code for decision in denials(case)]


def denials(case: Case) -> list[Decision]:
    checker = SimpleRiskChecker(case.limits)
    checker.bind(case.desk)
    return checker.violations(case.order)


@pytest.mark.parametrize("name", INSIDE)
def test_just_inside_passes(name: str) -> None:
    assert denied_as(INSIDE[name]) == []


@pytest.mark.parametrize("name", OUTSIDE)
def test_just_outside_or_in_the_dark_is_denied_with_its_code(name: str) -> None:
    case = OUTSIDE[name]
    assert denied_as(case) == list(case.codes)


@pytest.mark.parametrize("name", OUTSIDE)
def test_every_denial_says_why_in_a_sentence(name: str) -> None:
    for decision in denials(OUTSIDE[name]):
        assert decision.message.endswith(".")
        assert not decision.passed


def test_every_check_in_force_is_told_of_with_its_limit_also_when_it_passed() -> None:
    told = SimpleRiskChecker({"max_order_quantity": 200}).decisions(market(quantity=200))
    assert [(each.code, each.passed, each.limit, each.unit) for each in told] == [
        ("QUANTITY_ABOVE_ZERO", True, None, ""),
        ("MAX_ORDER_QUANTITY", True, 200, "units"),
        ("ORDER_TYPE_KNOWN", True, None, ""),
        ("LIMIT_PRICE_GIVEN", True, None, ""),
        ("STOP_PRICE_GIVEN", True, None, ""),
    ]
    denied = SimpleRiskChecker({"max_order_quantity": 200}).decisions(market(quantity=201))
    assert [each.code for each in denied if not each.passed] == ["MAX_ORDER_QUANTITY"]


NEEDS_CONTRACT = [
    (NOTIONAL, "max_order_notional"),
    (APPROVE, "approve_above"),
    (NET, "max_net_exposure"),
    (POSITION, "max_position"),
    (LONG_ONLY, "allow_short"),
    (NO_CROSS, "allow_self_cross"),
    (REPEAT, "repeat_window_s"),
    ({"blocked_symbols": ["GME"]}, "blocked_symbols"),
    ({"allowed_symbols": ["SPY"]}, "allowed_symbols"),
    ({"allowed_sec_types": ["STK"]}, "allowed_sec_types"),
    ({}, "max_gross_exposure"),
    ({}, "max_open_orders_per_side"),
    (day_cases.OPEN_ONLY, "allow_closed_market"),
    (day_cases.EXPIRY, "min_days_to_expiry"),
    (day_cases.PER_DAY, "max_orders_per_day"),
    (size_cases.PER_DAY, "max_quantity_per_day"),
    (size_cases.SHARE, "max_position_pct_nav"),
    (size_cases.LOCATED, "allow_unlocated_short"),
    (day_cases.FILLS, "max_fills_per_minute"),
    (day_cases.LOSS, "max_daily_loss"),
    (day_cases.DRAWDOWN, "max_drawdown"),
]


@pytest.mark.parametrize(("limits", "name"), NEEDS_CONTRACT)
def test_a_contract_that_is_not_resolved_is_denied_by_every_limit_that_needs_it(
    limits: dict[str, Any], name: str
) -> None:
    found = [d for d in denials(Case(limits, market(), UNRESOLVED)) if d.message.startswith(f"{name} ")]
    assert [d.code for d in found] == ["NO_CONTRACT"]


NEEDS_POSITIONS = [
    (size_cases.SHARE, "max_position_pct_nav"),
    (size_cases.LOCATED, "allow_unlocated_short"),
    (NOTIONAL, "max_order_notional"),
    (APPROVE, "approve_above"),
    (NET, "max_net_exposure"),
    (POSITION, "max_position"),
    (LONG_ONLY, "allow_short"),
    (day_cases.LOSS, "max_daily_loss"),
    (day_cases.DRAWDOWN, "max_drawdown"),
    ({}, "max_gross_exposure"),
]


@pytest.mark.parametrize(("limits", "name"), NEEDS_POSITIONS)
def test_positions_that_the_broker_has_not_told_are_not_taken_for_flat(
    limits: dict[str, Any], name: str
) -> None:
    found = [d for d in denials(Case(limits, market(), FLAT_UNKNOWN)) if d.message.startswith(f"{name} ")]
    assert [d.code for d in found] == ["NO_POSITIONS"]


READS_THE_ORDER = [
    (NOTIONAL, {}),
    (NET, {}),
    (POSITION, {}),
    (LONG_ONLY, {}),
    (NO_CROSS, {}),
    (REPEAT, {}),
    (day_cases.FAT, {}),
    (day_cases.LOSS, {}),
    (day_cases.DRAWDOWN, {}),
    (COLLAR, {"order_type": "LIMIT", "limit_price": 450}),
    (COLLAR, {"order_type": "STOP", "stop_price": 510}),
    (size_cases.TICKS, {"order_type": "LIMIT", "limit_price": 450}),
    (size_cases.PER_DAY, {}),
    (size_cases.SHARE, {}),
    (size_cases.LOCATED, {}),
]
UNREADABLE = [({"quantity": "lots"}, "BAD_QUANTITY"), ({"direction": "HOLD"}, "BAD_DIRECTION")]


@pytest.mark.parametrize(("limits", "order"), READS_THE_ORDER)
@pytest.mark.parametrize(("change", "code"), UNREADABLE)
def test_an_order_that_cannot_be_read_is_denied_by_every_limit_that_reads_it(
    limits: dict[str, Any], order: dict[str, Any], change: dict[str, Any], code: str
) -> None:
    (name,) = limits
    desk = Desk(quotes=FAIR)
    found = [
        d for d in denials(Case(limits, market(**order, **change), desk)) if d.message.startswith(f"{name} ")
    ]
    assert {d.code for d in found} == {code}


def test_all_failures_are_reported_together() -> None:
    case = Case(
        {**POSITION, **LONG_ONLY, **OPEN_ORDERS, "max_order_notional": 1, "max_order_quantity": 1},
        market(quantity=101, **SELL),
        Desk(open_orders=many(3)),
    )
    assert denied_as(case) == [
        "MAX_ORDER_QUANTITY",
        "MAX_ORDER_NOTIONAL",
        "MAX_POSITION",
        "SHORT_SALE",
        "MAX_OPEN_ORDERS",
    ]


def test_a_denial_carries_what_was_measured_its_limit_unit_and_price_source() -> None:
    (denial,) = denials(OUTSIDE["a cent too dear at the ask"])
    assert (denial.observed, denial.limit) == (Decimal("50001.00"), Decimal("50000.99"))
    assert (denial.unit, denial.price_source) == ("USD", "quote")
    assert denial.message == "the order may cost 50,001.00 USD, above max_order_notional 50,000.99."


def test_a_denial_for_want_of_an_approval_says_how_to_get_one() -> None:
    (denial,) = denials(OUTSIDE["a cent too large for one person"])
    assert denial.message == (
        "another person has to release it with `toolkit approve`: it may cost 50,001.00 USD, "
        "above approve_above 50,000.99."
    )


def test_a_working_order_of_an_unknown_contract_counts_with_its_own_multiplier() -> None:
    class Forgetful(Desk):
        def by_number(self, con_id: int) -> None:
            return None

    desk = Forgetful(open_orders=[working("f", "ES", quantity=1, limit_price=5000)])
    case = Case({"max_gross_exposure": 299_999}, market(), desk, ("MAX_GROSS_EXPOSURE",))
    (denial,) = denials(case)
    assert denial.observed == 5000 * 50 + 100 * 500


def test_the_same_snapshot_gives_the_same_answer_for_ever() -> None:
    desk = quoted(499, 500)
    case = Case({**AGE, **REPEAT, **RATE}, market(), desk)
    assert denials(case) == denials(case) == []
    desk.seconds += timedelta(seconds=5.001).total_seconds()
    assert denied_as(case) == ["STALE_QUOTE"]


def test_every_limit_puts_a_rule_in_force_and_every_rule_can_be_seen_to_deny() -> None:
    of_others = {"what_if_above"}  # says when min_excess_liquidity asks
    names = {name for rule in RULES for name in rule.limits} - {OWN_RATE}
    assert names == {limit.name for limit in LIMITS} - of_others
    tested = {code for case in OUTSIDE.values() for code in case.codes}
    assert tested == {code for entry in LIMITS for code in entry.codes} | set(OTHER_CODES)


@pytest.mark.parametrize("left_out", RULES[5:], ids=lambda rule: rule.check.__name__)
def test_without_any_one_rule_some_order_would_get_through(
    left_out: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "RULES", tuple(rule for rule in RULES if rule is not left_out))
    assert any(not denied_as(case) for case in OUTSIDE.values())
