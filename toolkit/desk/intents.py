"""
Orders as a person writes them, a call or the rows of a frame, into raw intents.

Pure: no clock, no I/O. What an intent's fields mean is the business of ``toolkit.orders.intent``;
here it is only found out what a row says, which of them are wrong, and what each is called.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.desk import shape
from toolkit.errors import ConfigError, IntentError
from toolkit.orders.fields import Fields
from toolkit.orders.intent import FIELDS, OrderIntent, parse

WHOLE: Final = frozenset({"con_id", "schema_version"})
"""Whole numbers, which pandas turns into floats when a row has none."""
MOST_SHOWN: Final = 10
"""Bad rows that one error spells out."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row of a frame.

    Attributes:
        label: the row's index label.
        raw: the intent, fields without a value left out.
        intent: what it says; None when it is wrong.
        problem: what is wrong with it, naming row and column; ``""`` when nothing is.
        send_at: when it goes, UTC; None is now.
    """

    label: Hashable
    raw: dict[str, Any]
    intent: OrderIntent | None
    problem: str
    send_at: datetime | None = None


CONTRACT: Final = (
    "sec_type",
    "exchange",
    "primary_exchange",
    "currency",
    "con_id",
    "expiry",
    "strike",
    "right",
    "multiplier",
)
"""What may be said about a contract beside its symbol; see ``OrderIntent``."""


def from_call(
    direction: str,
    symbol: str,
    quantity: object,
    *,
    intent_id: str,
    limit: object = None,
    stop: object = None,
    tif: str = "DAY",
    outside_rth: bool = False,
    strategy_id: str = "",
    **given: object,
) -> dict[str, Any]:
    """
    A call of ``desk.buy`` or ``desk.sell`` as a raw intent.

    Raises:
        ConfigError: a name is none of a contract's.
    """
    raw = {
        "intent_id": intent_id,
        "symbol": symbol,
        "direction": direction,
        "quantity": quantity,
        "order_type": order_type(limit, stop),
        "limit_price": limit,
        "stop_price": stop,
        "tif": tif,
        "outside_rth": outside_rth,
        "strategy_id": strategy_id,
        **contract(given),
    }
    return {name: value for name, value in raw.items() if value is not None}


def order_type(limit: object, stop: object) -> str:
    """The order type that these prices, each None or given, ask for."""
    if stop is None:
        return "MARKET" if limit is None else "LIMIT"
    return "STOP" if limit is None else "STOP_LIMIT"


def contract(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    What is said about a contract beside its symbol.

    Raises:
        ConfigError: a name is none of a contract's; a misspelled limit must not be no limit.
    """
    for name in given:
        if name not in CONTRACT:
            known = (*CONTRACT, "limit", "stop", "tif", "outside_rth", "strategy_id", "intent_id")
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
            raise ConfigError(f"{name!r} is unknown; {hint}")
    return given


def rows_of(
    frame: pd.DataFrame,
    identify: Callable[[Hashable], str],
    *,
    now: datetime,
    account: str = "",
    max_rows: int = shape.MOST_ROWS,
) -> list[Row]:
    """
    A frame as intents, in its order.

    NaN, NaT and None in an optional column mean that the row has no such field. Columns that are not
    fields of an intent are carried along into its reports. An index named like a field is one.

    Args:
        frame: one order per row.
        identify: gives the id of the row with this label, when the row does not give its own.
        now: UTC, the time of rows without ``created_at``.
        account: of the rows that name none.
        max_rows: how many there may be.

    Raises:
        IntentError: there is no frame, it has too many rows, a required column is missing or one is
            misspelled, a label or column comes twice, or times are in several zones.
    """
    if not isinstance(frame, pd.DataFrame):
        raise IntentError(
            f"submit takes a DataFrame with one order per row, not a {type(frame).__name__}.",
            code="NOT_A_FRAME",
        )
    shape.few_enough(frame, max_rows)
    labels = list(frame.index)
    shape.once(labels, "row labels", "frame.reset_index(drop=True) gives every row its own")
    named = [name for name in frame.index.names if name in FIELDS and name not in frame.columns]
    if named:
        frame = frame.reset_index(level=named)
    columns = [str(name) for name in frame.columns]
    shape.once(columns, "columns", "rename or drop one")
    shape.well_named(columns)
    shape.one_zone(frame.set_axis(columns, axis="columns"))
    # Not tolist(): it widens float32, and 451.1 becomes 451.1000061.
    table = [list(frame.iloc[:, place].array) for place in range(len(columns))]
    rows = []
    for label, *values in zip(labels, *table, strict=True):
        raw = {
            name: _plain(name, value)
            for name, value in zip(columns, values, strict=True)
            if not _missing(value)
        }
        raw.setdefault("intent_id", identify(label))
        rows.append(_checked(label, raw, columns, now, account))
    shape.once([row.raw["intent_id"] for row in rows], "intent ids", "an id stands for one order")
    return rows


def expiring(row: Row, ttl: timedelta) -> Row:
    """The row; with a time to be sent, but none until when it is worth it, that is ``ttl`` later."""
    if row.send_at is None:
        return row
    return replace(row, raw={"valid_until": row.send_at + ttl, **row.raw})


def conflict(intent: OrderIntent, known: OrderIntent | None) -> tuple[str, str] | None:
    """
    What differs from the order that already stands under the same id; None when it is the same one.

    Returns:
        The first field that differs, and a sentence about it.
    """
    if known is None or known.terms == intent.terms:
        return None
    field = next(name for name in _TERMS if getattr(known, name) != getattr(intent, name))
    was, now = (getattr(one, field) for one in (known, intent))
    return field, (
        f"intent {known.intent_id} already stands with {field} {was}, and now says {now}; "
        "give another order another name."
    )


def compare(row: Row, known: OrderIntent | None) -> Row:
    """The row, found wrong when another order already stands under its id."""
    other = None if row.intent is None else conflict(row.intent, known)
    if other is None:
        return row
    field, sentence = other
    return replace(row, problem=f"row {row.label}, column {field}: {sentence}")


def refuse_all(rows: Iterable[Row]) -> None:
    """
    Pass rows that are all right.

    Raises:
        IntentError: some are not; the sentence names each with its row and column.
    """
    every = list(rows)
    problems = [row.problem for row in every if row.problem]
    if not problems:
        return
    shown = " ".join(problems[:MOST_SHOWN])
    more = len(problems) - MOST_SHOWN
    raise IntentError(
        f"Nothing was sent, because {len(problems)} of {len(every)} rows cannot be: {shown}"
        + (f" And {more} more." if more > 0 else ""),
        code="BAD_ROWS",
    )


_NO_TERMS = {"created_at", "valid_until", "arrival_bid", "arrival_ask", "arrival_ts"}
_NO_TERMS |= {"intent_id", "signal_strength", "schema_version"}
_TERMS: Final = tuple(name for name in FIELDS if name not in _NO_TERMS)
"""The fields that make two intents the same order; see ``OrderIntent.terms``."""


def _checked(label: Hashable, raw: dict[str, Any], columns: list[str], now: datetime, account: str) -> Row:
    empty = next((name for name in shape.REQUIRED if name in columns and name not in raw), "")
    if empty and raw.get("action", "NEW") == "NEW":
        return Row(label, raw, None, f"row {label}, column {empty}: {empty} is empty; it is required.")
    try:
        send_at = Fields(raw, FIELDS).time(shape.SEND_AT)
        return Row(label, raw, parse(raw, now=now, account=account), "", send_at)
    except IntentError as error:
        column = f", column {error.field}" if error.field else ""
        return Row(label, raw, None, f"row {label}{column}: {error}")


def _missing(value: Any) -> bool:
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def _plain(name: str, value: Any) -> Any:
    """A cell without numpy: what the journal and JSON know."""
    if isinstance(value, np.floating):
        value = float(str(value))  # the shortest text at its own width
    elif isinstance(value, np.generic):
        value = value.item()
    if name in WHOLE and isinstance(value, float) and value.is_integer():
        return int(value)
    return value
