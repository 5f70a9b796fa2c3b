"""How frames are built: a schema of typed columns, filled column by column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

TEXT: Final = "str"
NUMBER: Final = "float64"
WHOLE: Final = "Int64"
FLAG: Final = "bool"
TIME: Final = "datetime64[ns, UTC]"


class Column(NamedTuple):
    """
    One column of a frame.

    Attributes:
        dtype: TEXT ("" when absent), NUMBER and TIME (NaN, NaT when absent), WHOLE (NA), FLAG.
        unit: unit of the numbers, or the meaning of the text.
        value: one row's value; None is absent.
    """

    dtype: str
    unit: str
    value: Callable[[Any], object]


Schema = Mapping[str, Column]


def build(schema: Schema, rows: Sequence[Any], index: str) -> pd.DataFrame:
    """
    The frame of some rows: the schema's columns and dtypes whatever the rows, even none.

    Args:
        schema: the columns, in order, among them the one that becomes the index.
        rows: what each column takes its values from.
        index: name of the index column.
    """
    return pd.DataFrame({name: _series(column, rows) for name, column in schema.items()}).set_index(index)


def _series(column: Column, rows: Sequence[Any]) -> pd.Series[Any]:
    values: list[Any] = [column.value(row) for row in rows]
    if column.dtype == TEXT:
        values = ["" if value is None else str(value) for value in values]
    if column.dtype == TIME:
        # Through to_datetime, which takes datetimes and ISO 8601 text of any precision alike.
        return pd.Series(pd.to_datetime(values, utc=True, format="ISO8601").as_unit("ns"))
    return pd.Series(values, dtype=column.dtype)
