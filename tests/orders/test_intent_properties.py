"""Whatever it is sent, the parser takes it exactly or refuses it by name."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import OPEN
from toolkit.errors import IntentError
from toolkit.orders.intent import (
    DIRECTIONS,
    FIELDS,
    NEEDS_LIMIT,
    NEEDS_STOP,
    ORDER_TYPES,
    SEC_TYPES,
    TIFS,
    OrderIntent,
    decode,
    parse,
)

PRICES = st.decimals(min_value="0.0001", max_value=100_000, places=4).filter(bool)
TIMES = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def good_intents(draw):
    """Raw intents that the parser must take."""
    order_type = draw(st.sampled_from(ORDER_TYPES))
    raw = {
        "intent_id": draw(st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True)),
        "symbol": draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ. ", min_size=1, max_size=12)),
        "direction": draw(st.sampled_from(DIRECTIONS)),
        "quantity": draw(st.integers(1, 10**9) | st.integers(1, 10**9).map(str)),
        "order_type": order_type,
        "limit_price": draw(PRICES) if order_type in NEEDS_LIMIT else None,
        "stop_price": draw(PRICES) if order_type in NEEDS_STOP else None,
    }
    optional = {
        "sec_type": st.sampled_from(SEC_TYPES),
        "tif": st.sampled_from(TIFS),
        "outside_rth": st.booleans(),
        "strategy_id": st.text("abc-", max_size=10),
        "signal_strength": st.floats(-10, 10).filter(lambda x: x == 0 or abs(x) > 1e-6),
        "arrival_bid": PRICES,
        "arrival_ask": PRICES,
        "arrival_ts": TIMES,
        "created_at": TIMES,
        "model": JSON,
    }
    return raw | draw(st.fixed_dictionaries({}, optional=optional))


@given(good_intents())
def test_every_intent_that_is_taken_survives_json(raw):
    order = parse(raw, now=OPEN)
    assert msgspec.json.decode(msgspec.json.encode(order), type=OrderIntent) == order


@given(good_intents())
def test_reading_an_intents_own_fields_again_changes_nothing(raw):
    order = parse(raw, now=OPEN)
    fields = msgspec.to_builtins(order)
    assert parse(fields | fields.pop("extra", {}), now=OPEN) == order


ANYTHING = JSON | st.floats() | st.decimals() | st.binary(max_size=5) | st.datetimes() | st.integers()


def refusal_of(raw):
    """The error for a raw intent, None when it is taken; any other exception is a failure."""
    try:
        parse(raw, now=OPEN)
    except IntentError as error:
        return error
    return None


@given(good_intents(), st.dictionaries(st.sampled_from(FIELDS), ANYTHING, min_size=1, max_size=3))
def test_whatever_is_in_a_field_it_is_taken_or_refused_by_name(raw, damage):
    error = refusal_of(raw | damage)
    assert error is None or error.field in FIELDS


@given(st.dictionaries(st.text(max_size=10) | st.sampled_from(FIELDS), JSON, max_size=6))
def test_whatever_the_object_it_is_taken_or_refused_by_name(raw):
    error = refusal_of(raw)
    assert error is None or error.field in FIELDS


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_an_intent_error(message):
    try:
        content = decode(message)
    except IntentError:
        return
    assert isinstance(content, dict)
