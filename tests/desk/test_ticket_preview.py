"""What a filled-in ticket says, and what a preview shows of it: no gateway, no widgets."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import pytest

from tests import builders
from tests.builders import OPEN, at
from toolkit.desk import preview
from toolkit.desk.preview import LIFE, Headroom, Known, Preview
from toolkit.errors import IntentError
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import Decision
from toolkit.orders.intent import parse
from toolkit.risk.margin import Margin

SPY = Instrument(con_id=756733, symbol="SPY", sec_type="STK", currency="USD")
QUOTE = Quote(bid=Decimal("540.00"), ask=Decimal("540.02"), at=OPEN)
FORM = {
    "symbol": "SPY",
    "direction": "BUY",
    "quantity": "100",
    "order_type": "LIMIT",
    "limit_price": "450.25",
    "stop_price": "",
    "tif": "DAY",
    "outside_rth": False,
    "strategy_id": " ",
}


def raw(**changes: Any) -> dict[str, Any]:
    return preview.raw_intent({**FORM, **changes}, "a-1", OPEN)


def shown(*decisions: Decision, margin: Margin | None = None, **changes: Any) -> Preview:
    intent = builders.intent(**changes)
    known = Known(SPY, QUOTE, None, margin, "USD", Decimal(1))
    room = Headroom("max_gross_exposure", "", Decimal(0), Decimal(45025), Decimal(1_000_000), "USD")
    return Preview({}, intent, known, decisions, (room,), Decimal(45025))


class TestFilledIn:
    def test_what_is_left_empty_is_not_said(self) -> None:
        assert raw().keys().isdisjoint({"stop_price", "strategy_id"})

    def test_numbers_are_numbers_so_that_a_check_of_ones_own_can_count_with_them(self) -> None:
        assert (raw()["quantity"], raw()["limit_price"]) == (100, 450.25)

    def test_a_price_that_the_type_does_not_take_stays_in_its_field(self) -> None:
        assert "limit_price" not in raw(order_type="MARKET")

    def test_h48_it_is_valid_for_half_a_minute_wherever_it_waits(self) -> None:
        intent = parse(raw(), now=at(20))
        assert (intent.created_at, intent.valid_until) == (OPEN, OPEN + LIFE)
        one = shown()._replace(intent=intent)
        assert not one.expired(OPEN + LIFE - timedelta(microseconds=1))
        assert one.expired(OPEN + LIFE)

    @pytest.mark.parametrize("text", ["ten", "1,000", "nan", "-", "1e99"])
    def test_what_is_no_number_is_named_with_its_field(self, text: str) -> None:
        with pytest.raises(IntentError, match=r"^quantity .*; it must be a number above 0\.") as caught:
            raw(quantity=text)
        assert caught.value.field == "quantity"


class TestIncrements:
    def test_a_price_on_an_increment_passes(self) -> None:
        preview.check_increments(builders.intent(limit_price=450.25), Decimal("0.05"))

    def test_a_price_between_two_is_named_with_both(self) -> None:
        with pytest.raises(IntentError, match=r"limit_price is 450\.26.* 0\.05 .*450\.25 and 450\.30\."):
            preview.check_increments(builders.intent(limit_price=450.26), Decimal("0.05"))

    def test_a_stop_price_is_held_to_them_too(self) -> None:
        intent = builders.intent(order_type="STOP", limit_price=None, stop_price="450.251")
        with pytest.raises(IntentError, match="stop_price"):
            preview.check_increments(intent, Decimal("0.01"))

    def test_a_price_is_snapped_either_way(self) -> None:
        step = Decimal("0.25")
        assert preview.snapped(Decimal("4500.30"), step, ROUND_FLOOR) == Decimal("4500.25")
        assert preview.snapped(Decimal("4500.30"), step, ROUND_CEILING) == Decimal("4500.50")


class TestNotional:
    def test_is_measured_at_the_orders_own_price(self) -> None:
        assert preview.notional(builders.intent(), SPY, QUOTE) == Decimal("45025")

    def test_without_one_at_the_side_of_the_quote_that_it_meets(self) -> None:
        buy = builders.intent(order_type="MARKET", limit_price=None)
        sell = builders.intent(order_type="MARKET", limit_price=None, direction="SELL")
        assert preview.notional(buy, SPY, QUOTE) == Decimal("54002")
        assert preview.notional(sell, SPY, QUOTE) == Decimal("54000")

    def test_h40_without_any_price_is_not_known_instead_of_zero(self) -> None:
        buy = builders.intent(order_type="MARKET", limit_price=None)
        assert preview.notional(buy, SPY, Quote()) is None


class TestPage:
    def test_shows_every_check_the_failed_ones_first(self) -> None:
        page = preview.as_html(shown(Decision(code="FINE", passed=True), Decision(code="BAD", message="No.")))
        assert "would be denied: 1 of 2 checks failed" in page
        assert page.index("BAD") < page.index("FINE")
        assert "No." in page

    def test_h40_says_not_known_where_the_broker_told_nothing(self) -> None:
        page = preview.as_html(shown(margin=Margin(equity=Decimal(1000))))
        assert "1,000.00 USD" in page
        assert page.count("not known") == 4  # commission, initial and maintenance margin, excess

    def test_says_why_the_broker_was_not_asked(self) -> None:
        assert "not asked" in preview.as_html(shown())

    def test_a_message_cannot_become_markup(self) -> None:
        assert "<script>" not in preview.as_html(shown(Decision(code="BAD", message="<script>")))

    def test_shows_what_is_left_of_a_limit(self) -> None:
        page = preview.as_html(shown())
        assert all(told in page for told in ("max_gross_exposure", "45,025", "1,000,000"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "BUY 100 SPY LIMIT limit 450.25 DAY"),
        ({"order_type": "MARKET", "limit_price": None, "quantity": 5000}, "BUY 5,000 SPY MARKET DAY"),
        ({"outside_rth": True}, "BUY 100 SPY LIMIT limit 450.25 DAY, also outside regular hours"),
    ],
)
def test_an_order_is_told_in_one_line(changes: dict[str, Any], told: str) -> None:
    assert preview.sentence(builders.intent(**changes)) == told


def test_a_quote_is_told_with_its_age_and_the_digits_of_the_increment() -> None:
    told = preview.quoted(QUOTE, Decimal("0.0001"), at(7))
    assert "Bid 540.0000" in told
    assert "7 s old" in told
    assert "No quote" in preview.quoted(Quote(), Decimal("0.01"), OPEN)
