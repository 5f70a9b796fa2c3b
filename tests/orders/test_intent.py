"""What an order intent may look like, and what a person is told about one that may not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from tests.builders import OPEN, intent, market_intent, raw_intent
from toolkit.errors import IntentError
from toolkit.orders.intent import (
    MAX_BYTES,
    NEEDS_LIMIT,
    NEEDS_STOP,
    ORDER_TYPES,
    decode,
    parse,
    readable_id,
)


def refusal_of(**changes):
    """The error for a good intent with these changes."""
    with pytest.raises(IntentError) as caught:
        parse({**raw_intent(), **changes}, now=OPEN)
    return caught.value


# --- good intents --------------------------------------------------------------------------------


def test_five_fields_are_a_complete_market_order():
    order = parse(market_intent(), now=OPEN)
    assert (order.sec_type, order.exchange, order.currency, order.tif) == ("STK", "SMART", "USD", "DAY")
    assert not order.outside_rth


def test_an_intent_without_times_is_created_now_and_valid_for_the_time_to_live():
    order = parse(raw_intent(), now=OPEN, ttl=timedelta(seconds=30))
    assert order.created_at == OPEN
    assert order.valid_until == OPEN + timedelta(seconds=30)


def test_the_time_to_live_counts_from_the_intents_own_creation():
    order = parse(raw_intent(created_at="2026-01-05T09:00:00-05:00"), now=OPEN, ttl=timedelta(minutes=1))
    assert order.created_at == datetime(2026, 1, 5, 14, 0, tzinfo=UTC)
    assert order.valid_until == datetime(2026, 1, 5, 14, 1, tzinfo=UTC)


def test_the_accounts_default_gives_way_to_the_intents_own():
    assert parse(raw_intent(), now=OPEN, account="DU1").account == "DU1"
    assert parse(raw_intent(account="DU2"), now=OPEN, account="DU1").account == "DU2"


def test_prices_and_quantities_are_exact():
    order = intent(quantity="100", limit_price=450.1)
    assert (order.quantity, order.limit_price) == (Decimal(100), Decimal("450.1"))


def test_a_null_field_is_an_absent_field():
    assert parse({**raw_intent(), "stop_price": None, "tif": None}, now=OPEN) == intent()


def test_fields_we_do_not_know_are_kept_as_extra():
    assert intent(model="v3", features={"z": 2}).extra == {"model": "v3", "features": {"z": 2}}


def test_a_contract_id_stands_in_for_the_symbol():
    order = parse(raw_intent(symbol=None, con_id=756733), now=OPEN)
    assert (order.symbol, order.con_id) == ("", 756733)


def test_a_cancel_needs_only_its_target():
    order = parse({"intent_id": "c-1", "action": "CANCEL", "target_intent_id": "momentum-1"}, now=OPEN)
    assert (order.action, order.target_intent_id) == ("CANCEL", "momentum-1")


def test_a_buy_has_sign_plus_one_and_a_sell_minus_one():
    assert intent(direction="BUY").sign == 1
    assert intent(direction="SELL").sign == -1


def test_the_same_order_at_another_time_has_the_same_terms():
    again = intent(created_at="2026-01-05T15:00:00Z", arrival_bid=450.2, model="v3", signal_strength=0.5)
    assert again.terms == intent().terms


@pytest.mark.parametrize(
    "changes", [{"quantity": 101}, {"limit_price": 450.26}, {"direction": "SELL"}, {"tif": "IOC"}]
)
def test_another_order_has_other_terms(changes):
    assert intent(**changes).terms != intent().terms


def test_numpy_and_pandas_scalars_of_a_frame_row_become_plain_values():
    order = intent(
        intent_id=np.str_("row-1"),
        quantity=np.int64(100),
        limit_price=np.float32(451.1),
        con_id=np.int64(756733),
        schema_version=np.int64(1),
        created_at=pd.Timestamp("2026-01-05 09:30:00.123456789", tz="America/New_York"),
    )
    assert (order.quantity, order.limit_price, order.con_id) == (Decimal(100), Decimal("451.1"), 756733)
    assert type(order.intent_id) is str
    assert type(order.created_at) is datetime
    assert order.created_at == datetime(2026, 1, 5, 14, 30, 0, 123456, tzinfo=UTC)


# --- prices that the order type asks for ---------------------------------------------------------


@pytest.mark.parametrize("order_type", ORDER_TYPES)
@pytest.mark.parametrize("name", ["limit_price", "stop_price"])
def test_each_order_type_takes_exactly_the_prices_it_needs(order_type, name):
    needed_by = {"limit_price": NEEDS_LIMIT, "stop_price": NEEDS_STOP}
    prices = {price: 450.25 for price, kinds in needed_by.items() if order_type in kinds}
    good = market_intent(order_type=order_type, **prices)
    assert parse(good, now=OPEN).order_type == order_type

    flipped = {**good, name: 450.25} if name not in prices else {**good, name: None}
    with pytest.raises(IntentError) as caught:
        parse(flipped, now=OPEN)
    assert caught.value.field == name
    assert caught.value.code == f"{'MISSING' if name in prices else 'UNEXPECTED'}_{name.upper()}"


def test_the_error_for_a_missing_limit_says_which_order_needs_it():
    assert str(refusal_of(limit_price=None)) == "limit_price is missing; a LIMIT order needs it."


def test_the_error_for_an_unexpected_limit_says_what_takes_one():
    error = refusal_of(order_type="MARKET")
    assert str(error) == (
        "limit_price is 450.25, but a MARKET order takes none; remove it, or use LIMIT or STOP_LIMIT."
    )


# --- bad fields ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quantity",
    [
        -100,
        0,
        "-1",
        float("nan"),
        float("inf"),
        True,
        "ten",
        "",
        [100],
        {},
        1e300,
        1e-12,
        10**40,
        "\uff11\uff10",
    ],
)
def test_a_quantity_that_is_no_positive_number_is_refused(quantity):
    error = refusal_of(quantity=quantity)
    assert (error.field, error.code) == ("quantity", "BAD_QUANTITY")


def test_half_a_share_is_refused():
    assert str(refusal_of(quantity=0.5)) == "quantity is 0.5; this contract trades in whole units."


@pytest.mark.parametrize("price", [0, -1, float("nan"), float("-inf"), False, "market", pd.NA, np.array(1)])
def test_a_price_that_is_no_positive_number_is_refused(price):
    error = refusal_of(limit_price=price)
    assert (error.field, error.code) == ("limit_price", "BAD_LIMIT_PRICE")


@pytest.mark.parametrize("name", ["intent_id", "symbol", "direction", "quantity", "order_type"])
def test_a_required_field_that_is_missing_is_named(name):
    error = refusal_of(**{name: None})
    assert (error.field, error.code) == (name, f"MISSING_{name.upper()}")


@pytest.mark.parametrize(
    ("name", "misspelled"),
    [("quantity", "Quantity"), ("quantity", "quantitiy"), ("direction", "directon"), ("symbol", "symbl")],
)
def test_a_misspelled_required_field_is_pointed_out(name, misspelled):
    raw = raw_intent()
    raw[misspelled] = raw.pop(name)
    with pytest.raises(IntentError, match=f"rename it to '{name}'") as caught:
        parse(raw, now=OPEN)
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("direction", "buy", "BUY"),
        ("direction", "Sell", "SELL"),
        ("order_type", "limit", "LIMIT"),
        ("order_type", "STOP LIMIT", "STOP_LIMIT"),
        ("tif", "Day", "DAY"),
        ("sec_type", "stk", "STK"),
        ("action", "new", "NEW"),
    ],
)
def test_a_word_in_the_wrong_case_is_refused_with_the_right_one(name, value, meant):
    error = refusal_of(**{name: value})
    assert error.field == name
    assert f"did you mean {meant}?" in str(error)


@pytest.mark.parametrize("value", ["MOC", 1, None, ["BUY"], {"BUY": 1}, float("nan")])
def test_an_unknown_direction_is_refused(value):
    assert refusal_of(direction=value).field == "direction"


def test_a_number_too_long_to_spell_out_is_refused_like_any_other():
    assert refusal_of(direction=10**5000).field == "direction"


def test_an_unknown_order_type_is_refused_with_the_known_ones():
    error = refusal_of(order_type="PEGGED")
    assert error.field == "order_type"
    assert "must be MARKET, LIMIT, STOP or STOP_LIMIT" in str(error)


@pytest.mark.parametrize("value", [1, "true", "", 0.0, np.float64(1)])
def test_only_true_and_false_are_flags(value):
    assert refusal_of(outside_rth=value).field == "outside_rth"


@pytest.mark.parametrize("value", ["ÄÖÜ", "SPY\n", "S" * 65, 7, b"SPY", "\u202eYPS"])
def test_a_symbol_is_short_printable_ascii(value):
    assert refusal_of(symbol=value).field == "symbol"


@pytest.mark.parametrize("value", [-1, 1.5, True, "756733", float("nan"), pd.NA, np.array([1, 2]), 10**13])
def test_a_contract_id_is_a_whole_number(value):
    assert refusal_of(con_id=value).field == "con_id"


@pytest.mark.parametrize("name", ["created_at", "valid_until", "arrival_ts"])
@pytest.mark.parametrize(
    "value",
    [
        "2026-01-05T14:30:00",
        "2026-01-05",
        "yesterday",
        "",
        1767623400,
        datetime(2026, 1, 5, 14, 30),  # noqa: DTZ001
        pd.Timestamp("2026-01-05"),
        pd.NaT,
        np.datetime64("2026-01-05"),
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_a_time_without_a_zone_or_out_of_the_calendar_is_refused(name, value):
    assert refusal_of(**{name: value}).field == name


def test_an_intent_created_at_the_end_of_the_calendar_has_no_expiry():
    assert refusal_of(created_at="9999-12-31T23:59:59Z").field == "created_at"


@pytest.mark.parametrize("value", ["a", "A.b_c-9", "x" * 40])
def test_an_intent_id_is_up_to_forty_letters_digits_dots_dashes_and_underscores(value):
    assert intent(intent_id=value).intent_id == value
    assert readable_id({"intent_id": value}) == value


@pytest.mark.parametrize(
    "value", ["", "x" * 41, "a b", "a/b", "ü", "a\n", 7, True, ["a"], pd.NA, np.array(["a", "b"])]
)
def test_any_other_intent_id_is_refused_and_not_readable(value):
    assert refusal_of(intent_id=value).field == "intent_id"
    assert readable_id({"intent_id": value}) == ""


def test_a_cancel_without_a_target_is_refused():
    assert refusal_of(action="CANCEL").field == "target_intent_id"


def test_a_replace_without_a_target_or_without_new_terms_is_refused():
    assert refusal_of(action="REPLACE").field == "target_intent_id"
    empty = refusal_of(action="REPLACE", target_intent_id="a", quantity=None, limit_price=None)
    assert empty.code == "MISSING_QUANTITY"


def test_a_schema_from_the_future_has_a_code_of_its_own():
    error = refusal_of(schema_version=2)
    assert (error.field, error.code) == ("schema_version", "SCHEMA_FROM_FUTURE")


@pytest.mark.parametrize("value", [0, -1, "1", 1.0, True])
def test_a_schema_version_is_a_whole_number_from_one(value):
    assert refusal_of(schema_version=value).code == "BAD_SCHEMA_VERSION"


# --- bytes ---------------------------------------------------------------------------------------


def test_a_message_is_one_json_object():
    assert decode(json.dumps(raw_intent()).encode()) == raw_intent()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (None, "EMPTY_MESSAGE"),
        (b"", "EMPTY_MESSAGE"),
        (b"   ", "NOT_JSON"),
        (b"BUY 100 SPY", "NOT_JSON"),
        (b'{"quantity": 100', "NOT_JSON"),
        (b"{'quantity': 100}", "NOT_JSON"),
        (b'{"quantity": NaN}', "NOT_JSON"),
        (b'{"quantity": Infinity}', "NOT_JSON"),
        (b'{"quantity": 1e999}', "NOT_JSON"),
        pytest.param(b'{"quantity": 1' + b"0" * 5000 + b"}", "NOT_JSON", id="5001 digits"),
        (b'{"symbol": "\xff"}', "NOT_JSON"),
        (b'{"symbol": "\\ud800"}', "NOT_JSON"),
        (b'{"quantity": 100} {}', "NOT_JSON"),
        (b"\x00\x01\x02", "NOT_JSON"),
        (b"[1, 2]", "NOT_AN_OBJECT"),
        (b'"SPY"', "NOT_AN_OBJECT"),
        (b"null", "NOT_AN_OBJECT"),
        pytest.param(b"{" + b'"a":{' * 5000, "MESSAGE_TOO_DEEP", id="5000 objects"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, "MESSAGE_TOO_DEEP", id="100000 lists"),
        pytest.param(b" " * (MAX_BYTES + 1), "MESSAGE_TOO_LARGE", id="one byte too many"),
        pytest.param(b'{"blob": "' + b"x" * 5_000_000 + b'"}', "MESSAGE_TOO_LARGE", id="5 MB"),
    ],
)
def test_bytes_that_are_no_json_object_are_refused_with_a_code(message, code):
    with pytest.raises(IntentError) as caught:
        decode(message)
    assert (caught.value.code, caught.value.field) == (code, "")


def test_a_field_sent_twice_is_refused_because_either_could_be_meant():
    with pytest.raises(IntentError) as caught:
        decode(b'{"intent_id": "a", "quantity": 100, "quantity": 1000}')
    assert (caught.value.code, caught.value.field) == ("REPEATED_FIELD", "quantity")
