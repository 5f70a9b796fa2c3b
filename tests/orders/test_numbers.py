"""Numbers at the edges: exact going in, plain coming out."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.orders.numbers import LARGEST, SMALLEST, exact, plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (100, "100"),
        (450.1, "450.1"),
        ("450.10", "450.10"),
        (" 7 ", "7"),
        ("1e3", "1000"),
        (Decimal("0.01"), "0.01"),
        (-3, "-3"),
        (0, "0"),
        (np.int64(100), "100"),
        (np.float64(450.1), "450.1"),
        (np.float32(451.1), "451.1"),
        (np.float16(0.1), "0.1"),
    ],
)
def test_a_number_becomes_what_a_person_would_write_for_it(value, expected):
    assert str(exact(value)) == expected


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (True, "truth value"),
        (np.True_, "not a number"),
        (None, "is empty"),
        (float("nan"), "not a finite number"),
        (float("inf"), "not a finite number"),
        (float("-inf"), "not a finite number"),
        (np.float64("nan"), "not a finite number"),
        (Decimal("sNaN"), "not a finite number"),
        ("Infinity", "not a finite number"),
        ("", "is the text ''"),
        ("ten", "is the text 'ten'"),
        ("1_000", "not a number"),
        ("1,000", "not a number"),
        ("٤٢", "not a number"),
        ("4" * 41, "..."),
        (pd.NA, "not a number"),
        (pd.Timestamp("2026-01-05"), "is a Timestamp"),
        (np.array([1, 2]), "is a ndarray"),
        ([100], "is a list"),
        (1 + 2j, "is a complex"),
    ],
)
def test_what_is_not_a_finite_number_is_refused_by_name(value, complaint):
    with pytest.raises(ValueError, match=r"^is ") as refusal:
        exact(value)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    "value", [10**13, 1e13, "1e13", -(10**13), Decimal("1e9999999"), "1e9999999", 1e-9, "1e-9999999"]
)
def test_a_number_beyond_any_price_or_quantity_is_refused_whatever_its_type(value):
    with pytest.raises(ValueError, match="outside"):
        exact(value)


def test_the_bounds_themselves_are_numbers():
    assert exact(int(LARGEST)) == LARGEST
    assert exact(str(SMALLEST)) == SMALLEST


@given(st.decimals(min_value=-(10**6), max_value=10**6, places=8))
def test_text_and_decimal_and_float_of_one_number_agree(number):
    assert exact(number) == exact(f"{number:f}") == exact(float(number))


@given(st.one_of(st.integers(), st.floats(), st.text(), st.decimals(), st.booleans(), st.binary()))
def test_exact_returns_a_bounded_finite_number_or_raises_value_error(value):
    try:
        number = exact(value)
    except ValueError:
        return
    assert number == 0 or SMALLEST <= abs(number) <= LARGEST


@pytest.mark.parametrize("number", ["100", "100.00", "1e2", "-5", "0"])
def test_a_whole_number_leaves_as_an_integer(number):
    assert type(plain(Decimal(number))) is int


def test_a_price_leaves_as_the_nearest_float():
    assert plain(Decimal("450.25")) == 450.25


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=6))
def test_fifteen_digits_survive_the_way_out_and_in(number):
    assert exact(plain(number)) == number
