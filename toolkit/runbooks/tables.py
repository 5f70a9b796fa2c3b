"""Frames as tables for people: numbers right-aligned with thousands separators, nothing cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler
    from pandas.io.formats.style_render import CSSDict

MISSING = "-"


def table(frame: pd.DataFrame, decimals: Mapping[str, int] | None = None) -> Styler:
    """
    A frame for display in a notebook and in its page.

    Args:
        frame: columns named for a reader, with their units; underscores are shown as spaces.
        decimals: column -> digits after the point, where it is not 2; whole numbers have none.
    """
    digits = decimals or {}
    styler = frame.style.format_index(_head, axis="columns")
    looks: list[CSSDict] = [
        {"selector": "th", "props": "font-weight: 600; vertical-align: top;"},
        {"selector": "td", "props": "vertical-align: top; font-variant-numeric: tabular-nums;"},
        {"selector": "th.row_heading", "props": "text-align: left; white-space: nowrap;"},
    ]
    for place, (column, dtype) in enumerate(frame.dtypes.items()):
        right = pd.api.types.is_numeric_dtype(dtype)
        side = "right" if right else "left"
        cells = f"td.col{place}, th.col_heading.col{place}"
        looks.append({"selector": cells, "props": f"text-align: {side}; max-width: 46em;"})
        if pd.api.types.is_datetime64_any_dtype(dtype):
            styler = styler.format(lambda time: f"{time:%H:%M:%S.%f}"[:-3], subset=[column], na_rep=MISSING)
        elif right:
            places = digits.get(str(column), 2) if pd.api.types.is_float_dtype(dtype) else 0
            styler = styler.format(f"{{:,.{places}f}}", subset=[column], na_rep=MISSING)
    return styler.set_table_styles(looks)


def _head(name: object) -> str:
    """A column's name for a reader; capitals are somebody's own word, such as STOP_LIMIT."""
    text = str(name)
    return text if text.isupper() else text.replace("_", " ")
