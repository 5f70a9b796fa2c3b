"""The risk checker: the specification's checks, the exposure limit, and its own configuration."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from tests.risk.desk import SPY, Desk, working
from toolkit.errors import ConfigError
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.line import MissingPriceError


def bound(desk: Desk, **limits: Any) -> SimpleRiskChecker:
    checker = SimpleRiskChecker(limits)
    checker.bind(desk)
    return checker


def codes(checker: SimpleRiskChecker, **changes: Any) -> list[str]:
    return [decision.code for decision in checker.violations(builders.market_intent(**changes))]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": 0}, "BAD_QUANTITY"),
        ({"quantity": -5}, "BAD_QUANTITY"),
        ({"quantity": float("nan")}, "BAD_QUANTITY"),
        ({"quantity": True}, "BAD_QUANTITY"),
        ({"quantity": 1001}, "MAX_ORDER_QUANTITY"),
        ({"order_type": "PEG"}, "BAD_ORDER_TYPE"),
        ({"order_type": "LIMIT"}, "MISSING_LIMIT_PRICE"),
        ({"order_type": "STOP_LIMIT", "stop_price": 1}, "MISSING_LIMIT_PRICE"),
        ({"order_type": "STOP"}, "MISSING_STOP_PRICE"),
        ({"order_type": "STOP_LIMIT", "limit_price": 1}, "MISSING_STOP_PRICE"),
    ],
)
def test_each_of_the_five_checks_refuses_with_its_code(changes: dict[str, Any], code: str) -> None:
    checker = SimpleRiskChecker({"max_order_quantity": 1000})
    assert code in codes(checker, **changes)
    assert not checker.validate(builders.market_intent(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 1000},
        {"order_type": "LIMIT", "limit_price": 1},
        {"order_type": "STOP", "stop_price": 1},
        {"order_type": "STOP_LIMIT", "stop_price": 1, "limit_price": 2},
    ],
)
def test_an_order_just_inside_every_limit_passes(changes: dict[str, Any]) -> None:
    assert SimpleRiskChecker({"max_order_quantity": 1000}).validate(builders.market_intent(**changes))


def test_every_failed_check_is_reported_not_only_the_first() -> None:
    checker = SimpleRiskChecker({"max_order_quantity": 10, "blocked_symbols": ["SPY"]})
    assert codes(checker, quantity=11, order_type="STOP") == [
        "MAX_ORDER_QUANTITY",
        "MISSING_STOP_PRICE",
        "BLOCKED_SYMBOL",
    ]


def test_gross_exposure_is_denied_one_cent_above_the_limit_and_passes_at_it() -> None:
    assert bound(Desk(), max_gross_exposure=50_000).validate(builders.market_intent(quantity=100))
    assert codes(bound(Desk(), max_gross_exposure=49_999.99), quantity=100) == ["MAX_GROSS_EXPOSURE"]


def test_positions_and_working_orders_count_towards_the_exposure() -> None:
    working = builders.state_of(
        builders.received(quantity=30), builders.accepted(con_id=SPY.con_id), builders.reserved()
    )
    desk = Desk(held={"SPY": 50}, open_orders=[working])
    (decision,) = bound(desk, max_gross_exposure=40_000).violations(builders.market_intent(quantity=20))
    assert decision.code == "MAX_GROSS_EXPOSURE"
    assert decision.observed == Decimal(50 + 30 + 20) * 500
    assert decision.unit == "USD"


def test_an_accepted_order_that_is_not_sent_yet_counts_as_in_flight() -> None:
    in_flight = builders.state_of(builders.received(quantity=30), builders.accepted(con_id=SPY.con_id))
    assert Desk(open_orders=[in_flight]).exposure.total().gross == 30 * 500


def test_buys_and_sells_are_counted_apart_at_the_worse_of_the_two() -> None:
    buy = builders.state_of(builders.received(quantity=30), builders.accepted(con_id=SPY.con_id))
    sell = builders.state_of(
        builders.received("other", direction="SELL", quantity=100),
        builders.accepted(intent_id="other", con_id=SPY.con_id),
    )
    assert Desk(held={"SPY": 20}, open_orders=[buy, sell]).exposure.total().gross == 80 * 500


def test_an_order_that_reduces_a_position_adds_no_exposure() -> None:
    desk = Desk(held={"SPY": 100})
    assert bound(desk, max_gross_exposure=50_000).validate(
        builders.market_intent(direction="SELL", quantity=100)
    )


def test_a_missing_price_is_denied_with_its_own_code() -> None:
    assert codes(bound(Desk(marks={})), symbol="QQQ") == ["NO_PRICE"]


def test_a_position_without_a_price_denies_every_order_until_it_has_one() -> None:
    assert codes(bound(Desk(held={"QQQ": 1}))) == ["NO_PRICE"]


def test_a_limit_order_without_a_quote_is_measured_at_its_limit() -> None:
    checker = bound(Desk(marks={}), max_gross_exposure=1000)
    limit = builders.raw_intent(symbol="QQQ", quantity=10, limit_price=100)
    assert checker.validate(limit)
    assert not checker.validate({**limit, "limit_price": 100.01})


def test_a_sell_limit_below_the_market_is_measured_at_the_market() -> None:
    sell = builders.raw_intent(direction="SELL", quantity=10, limit_price=1)
    assert not bound(Desk(), max_gross_exposure=4_999).validate(sell)


def test_another_currency_without_a_rate_is_denied_with_its_own_code() -> None:
    assert codes(bound(Desk(marks={"SAP": 100.0})), symbol="SAP") == ["NO_FX_RATE"]


def test_the_multiplier_of_a_future_is_part_of_its_exposure() -> None:
    (decision,) = bound(Desk(marks={"ES": 5000.0})).violations(
        builders.market_intent(symbol="ES", quantity=5)
    )
    assert decision.observed == 5 * 5000 * 50


def test_the_current_exposure_is_money_that_a_subclass_can_add_to() -> None:
    assert bound(Desk(held={"SPY": 2})).current_exposure == 1000.0
    assert SimpleRiskChecker({}).current_exposure == 0.0


def test_an_unpriced_position_makes_the_current_exposure_fail_instead_of_reading_low() -> None:
    with pytest.raises(MissingPriceError, match="QQQ"):
        _ = bound(Desk(held={"QQQ": 2})).current_exposure


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"max_order_quantiy": 1}, "did you mean 'max_order_quantity'"),
        ({"max_order_quantity": "many"}, "max_order_quantity is the text 'many'"),
        ({"max_gross_exposure": -1}, "max_gross_exposure is -1"),
        ({"max_gross_exposure": float("nan")}, "max_gross_exposure"),
    ],
)
def test_a_malformed_limit_is_refused_in_one_sentence(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        SimpleRiskChecker(config)


def test_the_fingerprint_of_the_limits_changes_with_any_limit() -> None:
    one, same, other = (SimpleRiskChecker({"max_order_quantity": n}) for n in (1, 1, 2))
    assert one.limits_hash == same.limits_hash != other.limits_hash


@given(
    position=st.integers(-500, 500),
    orders=st.lists(st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 300)), max_size=5),
)
def test_no_subset_of_the_open_orders_can_lead_beyond_the_measured_exposure(
    position: int, orders: list[tuple[str, int]]
) -> None:
    states = [
        builders.state_of(
            builders.received(f"o{n}", direction=direction, quantity=quantity),
            builders.accepted(intent_id=f"o{n}", con_id=SPY.con_id),
        )
        for n, (direction, quantity) in enumerate(orders)
    ]
    measured = Desk(held={"SPY": position}, open_orders=states).exposure.total().gross
    reachable = {position}
    for direction, quantity in orders:
        signed = quantity if direction == "BUY" else -quantity
        reachable |= {p + signed for p in reachable}
    assert measured == max(abs(p) for p in reachable) * 500


def replacement(**terms: Any) -> dict[str, Any]:
    """The whole of order o1, a buy of 100 SPY at 450.25, as it would be on other terms."""
    return builders.raw_intent(intent_id="c1", action="REPLACE", target_intent_id="o1", **terms)


@pytest.mark.parametrize(("quantity", "passed"), [(200, True), (201, False), (50, True)])
def test_a_change_is_judged_as_the_order_would_be_and_not_as_one_more(quantity: int, passed: bool) -> None:
    desk = Desk(held={"SPY": 0}, open_orders=[working("o1")])
    checker = SimpleRiskChecker({"max_position": 200, "max_open_orders": 1, "repeat_window_s": 60})
    checker.bind(desk)
    assert checker.validate(replacement(quantity=quantity)) is passed


def test_what_an_order_filled_before_a_change_is_in_the_position_and_not_counted_twice() -> None:
    filled = builders.state_of(
        builders.received("o1"),
        builders.accepted(intent_id="o1", con_id=SPY.con_id),
        builders.executed(60, intent_id="o1"),
    )
    checker = SimpleRiskChecker({"max_position": 100})
    checker.bind(Desk(held={"SPY": 60}, open_orders=[filled]))
    assert checker.validate(replacement(quantity=90))
    assert not checker.validate(replacement(quantity=101))


def test_while_a_change_is_unanswered_exposure_is_that_of_the_larger_order_at_the_dearer_price() -> None:
    asked = builders.state_of(
        builders.received(limit_price=600),
        builders.accepted(con_id=SPY.con_id),
        builders.replace_requested(50, 700),
    )
    assert Desk(open_orders=[asked]).exposure.total().gross == 100 * 700


def test_a_changed_limit_is_in_force_at_once_and_the_others_stay() -> None:
    checker = SimpleRiskChecker({"max_order_quantity": 100, "blocked_symbols": ["GME"]})
    checker.bind(Desk())
    before = checker.limits_hash
    checker.change({"max_order_quantity": "50"})
    assert codes(checker, quantity=60) == ["MAX_ORDER_QUANTITY"]
    assert checker.max_order_quantity == "50"
    assert checker.blocked_symbols == {"GME"}
    assert checker.limits_hash != before


@pytest.mark.parametrize("change", [{"max_order_quantity": "lots"}, {"max_ordr": 5}])
def test_a_change_that_is_refused_changes_nothing(change: dict[str, Any]) -> None:
    checker = SimpleRiskChecker({"max_order_quantity": 100})
    before = checker.limits_hash
    with pytest.raises(ConfigError):
        checker.change(change)
    assert checker.limits_hash == before
