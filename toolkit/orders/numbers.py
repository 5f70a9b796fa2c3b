"""Exact numbers at the edges: anything a person, pandas or JSON calls a number, as ``Decimal`` and back."""

from __future__ import annotations

import numbers
from decimal import Decimal, InvalidOperation

LARGEST = Decimal(10) ** 12
"""No quantity or price of this field's instruments comes near it; beyond it a typo is certain."""
SMALLEST = Decimal(1).scaleb(-8)
LONGEST_TEXT = 40


def exact(value: object) -> Decimal:
    """
    A finite number as a plain ``Decimal``, equal to the shortest text that a person would write for it.

    Integers, floats (numpy's too), Decimals and numeric text are numbers; booleans, NaN, infinities
    and everything else are not.

    Raises:
        ValueError: ``value`` is not a finite number; the message says what it is instead.
    """
    plain = type(value) is float or type(value) is int  # most are, and it shows in the price of an order
    if type(value) is float:
        number = Decimal(str(value))
    else:
        number = Decimal(value) if type(value) is int else _converted(value)
    if not number.is_finite():
        raise ValueError(f"is {number}, not a finite number")
    # copy_abs, because abs rounds to the context and overflows on 1e9999999.
    if number and not SMALLEST <= number.copy_abs() <= LARGEST:
        raise ValueError(f"is {number}, outside {SMALLEST:f} to {LARGEST:f}")
    return number if plain else Decimal(f"{number:f}")  # text may say 1E+3


def readable(value: object) -> Decimal | None:
    """As ``exact``, but None for what is no finite number."""
    try:
        return exact(value)
    except ValueError:
        return None


def _converted(value: object) -> Decimal:
    match value:
        case bool():
            raise ValueError(f"is the truth value {value}, not a number")
        case Decimal():
            return value
        case str():
            return _from_text(value)
        case numbers.Integral():
            return Decimal(int(value))
        case numbers.Real():
            # numpy's str is the shortest text at its own width; by way of float, float32 451.1 grows digits.
            return _from_text(str(value))
        case None:
            raise ValueError("is empty")
        case _:
            raise ValueError(f"is a {type(value).__name__}, not a number")


def _from_text(text: str) -> Decimal:
    shown = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "..."
    # Decimal itself reads digits of every script, and underscores.
    if len(text) > LONGEST_TEXT or not text.isascii() or "_" in text:
        raise ValueError(f"is the text {shown!r}, not a number")
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"is the text {shown!r}, not a number") from None


def plain(value: Decimal) -> int | float:
    """
    A Decimal as the JSON number that a reader expects: ``100`` for whole values, else the nearest float.

    A float of at most 15 significant digits reads back (``Decimal(str(x))``) as the same Decimal.
    """
    whole = int(value)
    return whole if whole == value else float(value)
