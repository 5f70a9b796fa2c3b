"""The columns of a frame of intents as exact whole numbers and small codes, one array per field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.orders.numbers import LARGEST, readable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
DECIMALS: Final = 8
"""Most decimals of a quantity or price; ``exact`` takes no more either."""
EXACT_FLOAT: Final = 2.0**53
"""Above it floats skip whole numbers."""
EXACT_INT: Final = 2**62
SAMPLE: Final = 1000
"""Rows that show quickly how many decimals a column does not get along with."""


class InexactError(Exception):
    """Rows do not fit into columns of 64-bit integers and words; judge them one by one."""


class Numbers(NamedTuple):
    """
    One column of numbers.

    Attributes:
        values: in units of ``10 ** -decimals``; 0 where there is none.
        decimals: digits after the point.
        known: where there is a number.
    """

    values: Ints
    decimals: int
    known: Bools

    def at(self, decimals: int) -> Ints:
        """
        The values in units of ``10 ** -decimals``.

        Raises:
            InexactError: they do not fit.
        """
        factor = 10 ** (decimals - self.decimals)
        guard(int(np.abs(self.values).max(initial=0)) * factor)
        return self.values * np.int64(factor)


def numbers(frame: pd.DataFrame, name: str) -> Numbers:
    """
    One column's numbers, read as ``toolkit.orders.numbers.exact`` reads them; a missing column has none.

    Raises:
        InexactError: they do not fit into 64-bit integers.
    """
    if name not in frame:
        return Numbers(np.zeros(len(frame), np.int64), 0, np.zeros(len(frame), bool))
    column = frame[name]
    if column.dtype.kind in "iuf":
        return _of_floats(column.to_numpy(np.float64))
    return _of_objects(column.to_list())


def scaled(value: Decimal, decimals: int) -> int:
    """The largest whole number of ``10 ** -decimals`` that is not above ``value``."""
    return int((value.scaleb(decimals)).to_integral_value(rounding="ROUND_FLOOR"))


def guard(largest: int) -> None:
    """
    Stop before a result could overflow.

    Raises:
        InexactError: ``largest`` does not fit.
    """
    if abs(largest) > EXACT_INT:
        raise InexactError


def words(frame: pd.DataFrame, name: str, default: Any) -> tuple[Ints, list[Any]]:
    """One column's values as codes into a short list; what is empty counts as ``default``."""
    if name not in frame:
        return np.zeros(len(frame), np.int64), [default]
    try:
        codes, values = pd.factorize(frame[name], use_na_sentinel=True)
    except TypeError:  # a list or an object where a word belongs
        raise InexactError from None
    found: list[Any] = [value if value else default for value in values.tolist()]
    return np.where(codes < 0, len(found), codes), [*found, default]


def flags(frame: pd.DataFrame, name: str) -> Bools:
    """Where a column is truly ``True``."""
    if name not in frame:
        return np.zeros(len(frame), bool)
    column = frame[name]
    if column.dtype.kind == "b":
        return column.to_numpy(bool)
    return np.fromiter((value is True for value in column), bool, len(frame))


def recoded(values: Ints) -> tuple[Ints, int]:
    """Whole numbers as codes from 0 in the order in which they appear, and how many there are."""
    codes, found = pd.factorize(values)
    return codes.astype(np.int64, copy=False), len(found)


def joined(columns: Iterable[tuple[Ints, int]]) -> tuple[Ints, int]:
    """Several columns of codes, each with how many it has, as one such column."""
    total: Ints | None = None
    size = 1
    for codes, count in columns:
        if total is None:
            total, size = codes, count
        elif count > 1:
            if size * count > EXACT_INT:
                total, size = recoded(total)
                guard(size * count)
            total, size = total * count + codes, size * count
    assert total is not None
    return recoded(total)


def firsts(codes: Ints) -> Ints:
    """The first row of each code of ``recoded`` or ``joined``."""
    return np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))


def row(frame: pd.DataFrame, number: int) -> Mapping[str, Any]:
    """One row as a raw intent, without its empty fields."""
    values = frame.iloc[number].to_dict()
    return {str(name): value for name, value in values.items() if value is not None and value == value}


def _of_floats(values: NDArray[np.float64]) -> Numbers:
    known = np.isfinite(values) & (np.abs(values) <= float(LARGEST))
    good = values if known.all() else np.where(known, values, 0.0)
    largest = float(np.abs(good).max(initial=0.0))
    for decimals in range(DECIMALS + 1):
        if largest * 10.0**decimals > EXACT_FLOAT:
            break
        if not _exact_at(good[:SAMPLE], decimals):
            continue
        units = np.rint(good * 10.0**decimals)
        if bool((units / 10.0**decimals == good).all()):
            return Numbers(units.astype(np.int64), decimals, known)
    raise InexactError


def _exact_at(values: NDArray[np.float64], decimals: int) -> bool:
    return bool((np.rint(values * 10.0**decimals) / 10.0**decimals == values).all())


def _of_objects(values: list[Any]) -> Numbers:
    found = [readable(value) for value in values]
    decimals = max((-int(number.as_tuple().exponent) for number in found if number is not None), default=0)
    decimals = max(0, decimals)
    units = [0 if number is None else int(number.scaleb(decimals)) for number in found]
    guard(max(map(abs, units), default=0))
    known = np.fromiter((number is not None for number in found), bool, len(found))
    return Numbers(np.array(units, np.int64), decimals, known)
