"""
Frames that print well in a notebook: units, thousands apart, numbers to the right, UTC and New York.

They are DataFrames in every other respect, and so is whatever is made of them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from toolkit.reports.table import Schema

EXCHANGE: Final = "America/New_York"
"""Where US stocks trade; the time there is shown beside UTC for what is in USD."""
DECIMALS: Final = {
    "per unit": (2, 5),
    "price": (2, 5),
    "currency": (2, 2),
    "bps": (2, 2),
    "millisecond": (1, 1),
}
"""Word of a unit -> fewest and most decimals; other numbers have up to six, as they need."""
OTHER_DECIMALS: Final = (0, 6)
LONGEST_WORD: Final = 44
"""Characters of what is kept on one line; an intent id may have 40."""


class Frame(pd.DataFrame):
    """
    A DataFrame that knows the units of its columns; slices and pickles of it know them too.

    Attributes:
        units: column -> unit, as in the schemas of ``toolkit.reports.frames``.
    """

    _metadata: ClassVar[list[str]] = ["units"]
    units: Mapping[str, str] = {}

    @property
    def _constructor(self) -> type[Frame]:
        return Frame

    def _repr_html_(self) -> str:
        return as_html(self, self.units)


def framed(frame: pd.DataFrame, units: Schema | Mapping[str, str]) -> Frame:
    """The same frame, with the units of some schema or of a plain mapping."""
    shown = Frame(frame)
    shown.units = {name: one if isinstance(one, str) else one.unit for name, one in units.items()}
    return shown


def as_html(frame: pd.DataFrame, units: Mapping[str, str]) -> str:
    """
    A frame as a table; of a long or wide one the beginning and the end, as pandas' own options say.

    Args:
        frame: index and columns of one level are told by name; others as pandas writes them.
        units: column -> unit.
    """
    rows = _ends(len(frame), pd.get_option("display.max_rows"), pd.get_option("display.min_rows"))
    columns = _ends(len(frame.columns), pd.get_option("display.max_columns"))
    currency = _currency(frame)
    head, cells = [_head(_name(frame.index), "", "left")], [_texts(frame.index[rows], "left")]
    cut = len(columns) < len(frame.columns)
    for number, place in enumerate(columns):
        if cut and number == len(columns) // 2:
            head.append(_head("…", "", "left"))
            cells.append(_texts(["…"] * len(rows), "left"))
        column, name = frame.iloc[:, place], frame.columns[place]
        unit, drawn = _column(column, units.get(name, ""), currency, rows)
        head.append(_head(name, unit, "right" if pd.api.types.is_numeric_dtype(column) else "left"))
        cells.append(drawn)
    lines = [f"<tr>{''.join(line)}</tr>" for line in zip(*cells, strict=True)]
    if len(rows) < len(frame):
        lines.insert((len(rows) + 1) // 2, f"<tr>{'<td>⋮</td>' * len(cells)}</tr>")
    size = f"<p>{len(frame):,} rows by {len(frame.columns)} columns</p>"
    told = size if cut or len(rows) < len(frame) else "" if len(frame) else "<p>no rows</p>"
    return (
        f'<div><table class="dataframe" style="font-variant-numeric:tabular-nums"><thead>'
        f"<tr>{''.join(head)}</tr></thead><tbody>{''.join(lines)}</tbody></table>{told}</div>"
    )


def _column(column: pd.Series[Any], unit: str, currency: list[str], rows: list[int]) -> tuple[str, list[str]]:
    """The unit to be shown, and the cells of one column."""
    shown = column.iloc[rows]
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        where = [currency[row] for row in rows]
        return "UTC · New York" if "USD" in where else "UTC", list(_times(shown, where))
    if pd.api.types.is_bool_dtype(column.dtype):
        return "", _texts(["yes" if value else "no" for value in shown], "left")
    if pd.api.types.is_float_dtype(column.dtype):
        unit = re.split("[,;]", unit)[0]
        return _in_money(unit, currency), _texts(_numbers(column, shown, unit), "right")
    if pd.api.types.is_integer_dtype(column.dtype):
        # Whole numbers are ids, and steps; thousands apart they could not be copied.
        return "", _texts(["" if pd.isna(value) else str(value) for value in shown], "right")
    return "", _texts(["" if pd.api.types.is_scalar(v) and pd.isna(v) else str(v) for v in shown], "left")


def _numbers(column: pd.Series[Any], shown: pd.Series[Any], unit: str) -> list[str]:
    fewest, most = next((places for word, places in DECIMALS.items() if word in unit), OTHER_DECIMALS)
    values = column.to_numpy(np.float64)
    known = values[np.isfinite(values)]
    decimals = next((n for n in range(fewest, most) if np.allclose(known, known.round(n), 0, 1e-9)), most)
    sign = "+" if unit.startswith("bps") else ""
    return ["" if pd.isna(value) else f"{value + 0.0:{sign},.{decimals}f}" for value in shown]


def _times(column: pd.Series[Any], currency: list[str]) -> Iterable[str]:
    for moment, money in zip(column, currency, strict=True):
        if pd.isna(moment):
            yield "<td></td>"
            continue
        there = moment.tz_convert(EXCHANGE)
        local = f" <small>{there:%H:%M:%S} NY</small>" if money == "USD" else ""
        utc = f"{moment.tz_convert('UTC'):%Y-%m-%d %H:%M:%S.%f}"[:-3]
        yield f'<td style="text-align:left;white-space:nowrap">{utc}{local}</td>'


def _texts(values: Iterable[object], align: str) -> list[str]:
    texts = [str(value) for value in values]
    # A sentence may take several lines, an id or a word may not.
    width = "max-width:28em" if any(len(text) > LONGEST_WORD for text in texts) else "white-space:nowrap"
    return [f'<td style="text-align:{align};{width}">{html.escape(text)}</td>' for text in texts]


def _head(name: object, unit: str, align: str) -> str:
    small = f'<br><small style="font-weight:normal">{html.escape(unit)}</small>' if unit else ""
    return f'<th style="text-align:{align}">{html.escape(str(name))}{small}</th>'


def _name(index: pd.Index[Any]) -> str:
    return ", ".join(str(name) for name in index.names if name is not None)


def _currency(frame: pd.DataFrame) -> list[str]:
    """Each row's currency; where the frame does not say, that of an intent that does not say."""
    if "currency" not in frame.columns:
        return ["USD"] * len(frame)
    return [str(value) for value in frame["currency"]]


def _in_money(unit: str, currency: list[str]) -> str:
    """The currency itself, where a whole column is in one."""
    only = set(currency)
    if unit.startswith("currency") and len(only) == 1 and "" not in only:
        return unit.replace("currency", only.pop(), 1)
    return unit


def _ends(count: int, most: int | None, left: int | None = None) -> list[int]:
    """Places of what is shown: all, or as many at the beginning as at the end."""
    if not most or count <= most:
        return list(range(count))
    half = (left or most) // 2 or 1
    return [*range(half), *range(count - half, count)]
