"""The tables of orders notice a mistake in any rule: ``pytest -m mutation tests/risk``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.risk import test_loss, test_rules
from tests.risk.mutants import MODULES, Mutant, made, mutants
from tests.risk.test_rules import (
    INSIDE,
    NEEDS_CONTRACT,
    NEEDS_POSITIONS,
    OUTSIDE,
    READS_THE_ORDER,
    UNREADABLE,
)
from toolkit.risk.rules import RULES

pytestmark = pytest.mark.mutation

HARMLESS = {
    "calendar.market_open: start > now -> start <= now": "chooses when the sentence says that it opens",
    "calendar.market_open: start > now -> start >= now": "as above",
    "form.symbol_not_blocked: order.symbol or order.con_id -> order.symbol and order.con_id": "chooses the "
    "name in the sentence",
    "verdicts.contract_known: order.symbol or order.con_id or 'the contract' -> "
    "order.symbol and order.con_id and 'the contract'": "as above",
    "loss._reduces: line.position < 0 -> line.position <= 0": "a buy from flat leads beyond it anyway",
    "loss._reduces: line.position > 0 -> line.position >= 0": "as above, for a sell",
    "prices._reference: (stop - touch) * order.sign > ZERO -> "
    "(stop - touch) * order.sign >= ZERO": "both references are the same price",
    "rules.denials: known or not context.bound -> known and (not context.bound)": "asks for every need, "
    "which is slower and nothing else",
}
"""Mistakes that change no verdict, and why."""


def complaints() -> Iterator[str]:
    """What the tests of the rules have to say, one by one."""
    for name in INSIDE:
        yield from _complaint(test_rules.test_just_inside_passes, name)
    for name in OUTSIDE:
        yield from _complaint(test_rules.test_just_outside_or_in_the_dark_is_denied_with_its_code, name)
    for limits, name in NEEDS_CONTRACT:
        yield from _complaint(
            test_rules.test_a_contract_that_is_not_resolved_is_denied_by_every_limit_that_needs_it,
            limits,
            name,
        )
    for limits, name in NEEDS_POSITIONS:
        yield from _complaint(
            test_rules.test_positions_that_the_broker_has_not_told_are_not_taken_for_flat, limits, name
        )
    for limits, order in READS_THE_ORDER:
        for change in UNREADABLE:
            yield from _complaint(
                test_rules.test_an_order_that_cannot_be_read_is_denied_by_every_limit_that_reads_it,
                limits,
                order,
                *change,
            )
    yield from _complaint(test_rules.test_every_check_in_force_is_told_of_with_its_limit_also_when_it_passed)
    for name, test in vars(test_loss).items():
        if name.startswith("test_"):
            yield from _complaint(test)


def _complaint(test: object, *arguments: object) -> Iterator[str]:
    try:
        test(*arguments)  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - a rule that breaks is noticed as well
        yield f"{test.__name__}{arguments}: {error}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_a_mistake_in_a_rule_is_noticed(mutant: Mutant) -> None:
    with made(mutant):
        noticed = next(complaints(), None)
    assert (noticed is None) == (mutant.known_as in HARMLESS)


def test_the_rules_as_they_are_give_no_cause_for_complaint() -> None:
    assert list(complaints()) == []


def test_every_rule_has_mutants() -> None:
    assert {rule.check.__module__ for rule in RULES} <= {module.__name__ for module in MODULES}
    spoilt = {mutant.function.__name__ for mutant in mutants()}
    asked = {rule.check.__name__ for rule in RULES}
    # These hand everything to a function that they share with others.
    assert asked - spoilt <= {
        "limit_price_given",
        "stop_price_given",
        "quote_fresh",
        "order_notional",
        "daily_loss_within_limit",
        "drawdown_within_limit",
        "open_orders_within_limit",
    }


def test_every_harmless_mistake_is_one_that_is_made() -> None:
    assert set(HARMLESS) <= {mutant.known_as for mutant in mutants()}
