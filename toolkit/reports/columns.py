"""
Columns that grow row by row without a Python object per cell, and the frame of them at the cost of a copy.

Numbers, times and flags live in arrays that double when they are full, text in one run of UTF-8 bytes
per column and where each piece ends: the very layout that pandas keeps text in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.reports.table import FLAG, NUMBER, TEXT, TIME, WHOLE, Schema

_FIRST: Final = 1024
"""Cells before the first growth."""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_NAT: Final = np.iinfo(np.int64).min


class Cells:
    """
    An array with room at its end.

    Args:
        dtype: of the array.
        cell: makes a cell of a value.
        whole: makes what pandas takes of the array.
    """

    def __init__(
        self,
        dtype: Any,
        cell: Callable[[Any], Any] = lambda value: value,
        whole: Callable[[NDArray[Any]], Any] = lambda cells: cells,
    ) -> None:
        self._cells: NDArray[Any] = np.empty(_FIRST, dtype)
        self._used = 0
        self._cell = cell
        self._whole = whole

    def append(self, value: Any) -> None:
        """One more cell."""
        if self._used == len(self._cells):
            self._cells = np.resize(self._cells, 2 * self._used)
        self._cells[self._used] = self._cell(value)
        self._used += 1

    def put(self, place: int, value: Any) -> None:
        """Another value in a cell that is there."""
        self._cells[place] = self._cell(value)

    def array(self) -> Any:
        """What is there now, apart from what comes, as pandas takes it."""
        return self._whole(self._cells[: self._used].copy())


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


def _instant(value: datetime | None) -> int:
    return _NAT if value is None else (value - _EPOCH) // _MICROSECOND * 1000


def _instants(cells: NDArray[Any]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(cells.view("datetime64[ns]"), tz="UTC")


class Whole:
    """Whole numbers, some of them missing."""

    def __init__(self) -> None:
        self._values, self._missing = Cells(np.int64), Cells(np.bool_)

    def append(self, value: Any) -> None:
        """One more cell."""
        self._values.append(0 if value is None else value)
        self._missing.append(value is None)

    def array(self) -> Any:
        """As pandas takes it."""
        return pd.arrays.IntegerArray(self._values.array(), self._missing.array())


class Text:
    """Pieces of text, ``""`` where there is none."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = Cells(np.int64)
        self._ends.append(0)

    def append(self, value: Any) -> None:
        """One more cell."""
        if value is not None:
            self._bytes += str(value).encode()
        self._ends.append(len(self._bytes))

    def array(self) -> Any:
        """As pandas takes it."""
        ends = self._ends.array()
        try:
            import pyarrow as pa
        except ModuleNotFoundError:
            pieces = [self._bytes[start:end].decode() for start, end in pairwise(ends)]
            return pd.array(pieces, dtype=TEXT)
        buffers = pa.py_buffer(ends), pa.py_buffer(bytes(self._bytes))
        return pd.array(pa.LargeStringArray.from_buffers(len(ends) - 1, *buffers), dtype=TEXT)


KINDS: Final[dict[str, Callable[[], Any]]] = {
    TEXT: Text,
    NUMBER: lambda: Cells(np.float64, _number),
    WHOLE: Whole,
    FLAG: lambda: Cells(np.bool_),
    TIME: lambda: Cells(np.int64, _instant, _instants),
}
"""Type of a column -> makes an empty one."""


class ColumnStore:
    """
    Rows of one schema, kept as columns.

    Args:
        schema: the columns, in order, among them the one that becomes the index.
        index: its name.
    """

    def __init__(self, schema: Schema, index: str) -> None:
        self._columns = [(column.value, KINDS[column.dtype]()) for column in schema.values()]
        self._by_name = {name: cells for name, (_, cells) in zip(schema, self._columns, strict=True)}
        self._index = index
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def append(self, row: Any) -> int:
        """One more row, its values taken as the schema says; returns its number: 0, 1, ..."""
        for value, cells in self._columns:
            cells.append(value(row))
        self._rows += 1
        return self._rows - 1

    def put(self, row: int, name: str, value: object) -> None:
        """Another value in a column of numbers or flags."""
        self._by_name[name].put(row, value)

    def frame(self) -> pd.DataFrame:
        """All rows so far, as ``toolkit.reports.table.build`` would have them."""
        arrays = {name: cells.array() for name, cells in self._by_name.items()}
        index = pd.Index(arrays.pop(self._index), name=self._index)
        return pd.DataFrame(arrays, index=index, copy=False)
