"""
What a frame of orders must be as a whole before its rows are read.

Pure. Every refusal is one sentence that names the column, and the row where there is one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pandas as pd

from toolkit.errors import IntentError
from toolkit.orders.intent import FIELDS

MOST_ROWS: Final = 5_000
"""Rows that a frame may have when nobody says otherwise; the broker takes 50 orders a second."""
REQUIRED: Final = ("direction", "quantity", "order_type")
"""Columns that every new order needs, beside ``symbol`` or ``con_id``."""
SEND_AT: Final = "send_at"
"""Column that says when an order goes; empty is now."""
TIMES: Final = ("created_at", "valid_until", "arrival_ts", SEND_AT)
OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "symbol": ("ticker", "instrument", "asset"),
    "direction": ("side", "action_side", "buy_sell"),
    "quantity": ("qty", "shares", "size", "amount"),
    "order_type": ("type", "ordertype"),
}
"""A required column -> what people call it elsewhere."""
NEARLY: Final = 0.85
"""How like a field's name another must be to count as a slip, 1 being the same."""


def few_enough(frame: pd.DataFrame, max_rows: int) -> None:
    """
    Refuse more rows than anybody meant.

    Raises:
        IntentError: there are more than ``max_rows``.
    """
    if len(frame) > max_rows:
        raise IntentError(
            f"Nothing was sent: the frame has {len(frame):,} rows, more than {max_rows:,}; if every one of "
            f"them is meant, say submit(frame, max_rows={len(frame)}).",
            code="TOO_MANY_ROWS",
        )


def once(names: Sequence[Any], what: str, advice: str) -> None:
    """
    Refuse names that come twice.

    Raises:
        IntentError: one does; names it.
    """
    if len(set(names)) < len(names):
        seen: set[Any] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise IntentError(f"The frame has {what} that come twice ({twice!r}); {advice}.", code="REPEATED_ROW")


def well_named(columns: Sequence[str]) -> None:
    """
    Refuse columns that are nearly a field's name: a limit that is misspelled must not be no limit.

    Raises:
        IntentError: names the column and what was probably meant; or the one that is not there.
    """
    _demand(columns)
    for column in columns:
        meant = None if column in FIELDS else _meant(column, [name for name in FIELDS if name not in columns])
        if meant is not None:
            raise IntentError(
                f"Nothing was sent: column {column!r} is none of an order's; did you mean {meant!r}? Rename "
                "it; if it is a column of your own, give it a name less like that one.",
                field=column,
                code="MISSPELLED_COLUMN",
            )


def one_zone(frame: pd.DataFrame) -> None:
    """
    Refuse a column of times that goes on in another time zone than it began in.

    That is a slip of whoever put it together; which zone was meant is not for us to say.

    Raises:
        IntentError: names the column and the two rows.
    """
    for name in (name for name in TIMES if name in frame.columns):
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            continue
        zones = {label: zone for label, value in frame[name].items() if (zone := _zone(value)) is not None}
        first = next(iter(zones), None)
        other = next((label for label, zone in zones.items() if zone != zones[first]), None)
        if other is not None:
            raise IntentError(
                f"Nothing was sent: row {other}, column {name} is in the time zone {zones[other]}, and row "
                f"{first} in {zones[first]}; pd.to_datetime(frame[{name!r}], utc=True) makes them one.",
                field=name,
                code="MIXED_TIME_ZONES",
            )


def _demand(columns: Sequence[str]) -> None:
    """Every new order needs these; a frame of cancels alone does without."""
    if "action" in columns:
        return
    needed = REQUIRED if "con_id" in columns else ("symbol", *REQUIRED)
    for name in needed:
        if name in columns:
            continue
        others = [column for column in columns if column not in FIELDS]
        near = next((column for column in others if column.lower() in OTHER_NAMES[name]), None)
        near = near or next(iter(difflib.get_close_matches(name, others, 1)), None)
        hint = f"did you mean the column {near!r}? Rename it to {name!r}." if near else "add it."
        raise IntentError(
            f"The frame has no column {name!r}, which every order needs; {hint}",
            field=name,
            code=f"MISSING_{name.upper()}",
        )


def _meant(column: str, fields: Sequence[str]) -> str | None:
    """The field whose name this nearly is, None when it is like none."""
    plain = re.sub(r"[\s-]+", "_", column.strip().lower())
    return next(iter(difflib.get_close_matches(plain, fields, 1, NEARLY)), None)


def _zone(value: Any) -> str | None:
    """Name of a time's zone; None for what is no time, or has none (each such row is refused by itself)."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        return None
    return str(value.tzinfo)
