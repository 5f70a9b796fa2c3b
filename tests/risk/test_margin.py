"""Margin that the broker tells before an order is placed: too little denies, and so does not knowing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ib_async import OrderState

from toolkit.broker import contracts
from toolkit.risk.margin import Margin, enough_margin

UNSET = "1.7976931348623157E308"
FLOOR = Decimal(700)


def answer(equity: str = "1000", initial: str = "500", maintenance: str = "300") -> OrderState:
    return OrderState(equityWithLoanAfter=equity, initMarginAfter=initial, maintMarginAfter=maintenance)


def test_exactly_the_floor_is_enough() -> None:
    assert enough_margin(contracts.margin(answer()), FLOOR, "USD") is None


def test_a_cent_less_than_the_floor_is_told_with_both_figures() -> None:
    verdict = enough_margin(contracts.margin(answer()), FLOOR + Decimal("0.01"), "USD")
    assert verdict is not None
    assert (verdict.observed, verdict.limit, verdict.unit) == (700, Decimal("700.01"), "USD")


@pytest.mark.parametrize(
    "told", [answer(maintenance="300.01"), answer(initial="1000.01"), answer(equity="-5", initial="0")]
)
def test_too_little_margin_is_denied_with_a_sentence(told: OrderState) -> None:
    verdict = enough_margin(contracts.margin(told), FLOOR)
    assert verdict is not None
    assert verdict.code == "MARGIN"
    assert verdict.message.endswith(".")


@pytest.mark.parametrize("missing", ["", UNSET, "nan", "inf"])
@pytest.mark.parametrize("field", ["equity", "initial", "maintenance"])
def test_h40_what_the_broker_leaves_out_is_never_taken_for_enough(field: str, missing: str) -> None:
    verdict = enough_margin(contracts.margin(answer(**{field: missing})), Decimal(0))
    assert verdict is not None
    assert verdict.code == "MARGIN_UNKNOWN"


def test_no_answer_is_not_enough_and_a_refusal_says_why() -> None:
    unknown = enough_margin(Margin(), Decimal(0))
    refused = enough_margin(Margin(refusal="Order rejected (code 201)"), Decimal(0))
    assert unknown is not None
    assert refused is not None
    assert (unknown.code, refused.code) == ("MARGIN_UNKNOWN", "MARGIN")
    assert "Order rejected" in refused.message
