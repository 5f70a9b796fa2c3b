"""Facts survive the way to JSON and back; what is no fact is refused with its row."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from tests.journal.histories import FACTS, NOON, executed
from toolkit.errors import JournalError
from toolkit.journal.encoding import VERSION, decode, encode
from toolkit.orders.events import AnyEvent, Received
from toolkit.orders.jsonable import as_json


@given(FACTS)
def test_any_fact_reads_back_equal(event: AnyEvent):
    assert decode(encode(event), 1) == event


def test_a_fact_names_its_version_and_its_type():
    content = msgspec.json.decode(encode(executed("a-1", "0001.01")))
    assert content["v"] == VERSION
    assert content["type"] == "Executed"


def test_amounts_are_kept_to_the_last_digit():
    event = executed("a-1", "0001.01", price="0.10000000")
    assert str(decode(encode(event), 1).price) == "0.10000000"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is not a fact"),
        (b"{", "is not a fact"),
        (b'{"type":"Executed"}', "is not a fact"),
        (b'{"v":1,"type":"Guessed","intent_id":"a","at":"2026-01-01T00:00:00Z"}', "Guessed"),
        (b'{"v":1,"type":"Lost","intent_id":"a","at":"2026-01-01T00:00:00Z"}', "reason"),
        (b'{"v":1,"type":"Lost","intent_id":"a","reason":"\xff"', "cannot be read"),
        (encode(executed("a-1", "0001.01"))[:-5], "cannot be read"),
        (b'{"v":2,"type":"Lost"}', "newer toolkit"),
        (b'{"v":0,"type":"Lost"}', "never existed"),
    ],
)
def test_what_is_no_fact_is_refused_with_its_row(body: bytes, why: str):
    with pytest.raises(JournalError, match=re.escape(why)) as caught:
        decode(body, 41)
    assert "Row 41 " in str(caught.value)


def test_an_intent_of_numpy_and_pandas_values_reads_back_as_it_was_judged():
    raw = {
        "quantity": np.int64(100),
        "limit_price": np.float64(450.25),
        "outside_rth": np.bool_(False),
        "created_at": pd.Timestamp("2026-11-20T17:00:00Z"),
        "exact": Decimal("1.50"),
        "nothing": float("nan"),
        "when": datetime(2026, 1, 1, tzinfo=UTC),
    }
    event = Received(intent_id="a-1", at=NOON, raw=as_json(raw))
    assert decode(encode(event), 1) == event


def test_a_value_without_a_json_form_is_refused_with_the_intent_named():
    with pytest.raises(JournalError, match="Received of a-1 cannot be written as JSON"):
        encode(Received(intent_id="a-1", at=NOON, raw={"symbol": "\ud800"}))
