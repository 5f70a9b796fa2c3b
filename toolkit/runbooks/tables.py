"""Frames as tables for people: numbers right-aligned with thousands separators, nothing cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

MISSING = "-"


def table(frame: pd.DataFrame, decimals: Mapping[str, int] | None = None) -> Styler:
    """
    A frame for display in a notebook and in its page.

    Args:
        frame: columns named for a reader, with their units.
        decimals: column -> digits after the point, where it is not 2; whole numbers have none.
    """
    digits = decimals or {}
    styler = frame.style.format(na_rep=MISSING)
    for column, dtype in frame.dtypes.items():
        name = str(column)
        if pd.api.types.is_datetime64_any_dtype(dtype):
            styler = styler.format(lambda time: f"{time:%H:%M:%S.%f}"[:-3], subset=[column], na_rep=MISSING)
        elif pd.api.types.is_float_dtype(dtype):
            styler = styler.format(f"{{:,.{digits.get(name, 2)}f}}", subset=[column], na_rep=MISSING)
        elif pd.api.types.is_integer_dtype(dtype):
            styler = styler.format("{:,}", subset=[column], na_rep=MISSING)
        else:
            styler = styler.set_properties(subset=[column], **{"text-align": "left", "max-width": "46em"})
    return styler.set_table_styles(
        [
            {"selector": "th", "props": "text-align: left; font-weight: 600; vertical-align: top;"},
            {"selector": "td", "props": "vertical-align: top; font-variant-numeric: tabular-nums;"},
        ]
    )
