"""
Exact numbers for the hot path: prices as integers of 1e-8 currency units, sizes as integers.

Integers compare and add several times faster than Decimal and are as exact; every market rule in
use divides 1e-8 evenly. A size that is not whole (crypto, fractions) stays a Decimal, which mixes
with integers exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from toolkit.errors import GatewayError

SCALE = 10**8
Number = Decimal | int | float | str
Size = int | Decimal
Rule = Sequence[tuple[int, int]]
"""A market rule in units of 1e-8: (from price, increment) pairs, ascending."""

US_STOCK_RULE: Rule = ((0, SCALE // 10_000), (SCALE, SCALE // 100))


def price_units(value: Number | None) -> int:
    """
    A price in units of 1e-8; 0 when there is none (None, empty, NaN).

    Floats are read as the decimal nearest to them, so 158.39 is exactly 158.39.

    Raises:
        GatewayError: when the value is not a finite number.
    """
    if type(value) is Decimal:
        return int(value * SCALE) if value.is_finite() else _not_a_number(value)
    if type(value) is int:
        return value * SCALE
    if value is None or value == "" or value != value:
        return 0
    if isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            return _not_a_number(value)
        return round(value * SCALE)
    return price_units(_decimal(value))


def increment_at(units: int, rule: Rule) -> int:
    """The price increment that a market rule demands at a price; 0 below its first one."""
    increment = 0
    for low_edge, step in rule:
        if units >= low_edge:
            increment = step
    return increment


def size_of(value: Number | None) -> Size:
    """
    A size: a whole one as int, any other as Decimal; 0 when there is none.

    Raises:
        GatewayError: when the value is not a finite number.
    """
    if type(value) is int:
        return value
    if value is None or value == "" or value != value:
        return 0
    if isinstance(value, float) and value.is_integer():
        return int(value)
    number = value if type(value) is Decimal else _decimal(value)
    if not number.is_finite():
        return _not_a_number(value)
    whole = int(number)
    return whole if whole == number else number


@lru_cache(maxsize=1 << 16)
def price(units: int) -> Decimal:
    """Units of 1e-8 as a Decimal with at least two decimals and no exponent."""
    cents, rest = divmod(units, 10**6)
    if not rest:
        return Decimal(cents).scaleb(-2)
    return Decimal(units).scaleb(-8).normalize()


def exact(value: Number | None) -> Decimal:
    """A price as :func:`price` spells it. Raises GatewayError as :func:`price_units` does."""
    return price(price_units(value))


@lru_cache(maxsize=1 << 16)
def quantity(size: Size) -> Decimal:
    """A size as Decimal."""
    return Decimal(size)


def _decimal(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise GatewayError(f"{value!r} is not a price or size; give a number.") from None


def _not_a_number(value: object) -> int:
    raise GatewayError(f"{value} is not a price or size; give a finite number.")
