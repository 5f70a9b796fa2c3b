"""The frames that measures are taken from, checked, and turned into arrays that are easy to add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports.asof import NEVER, Floats, Ints, Quotes
from toolkit.reports.corrections import effective_fills
from toolkit.reports.slippage import SIGNS

PARENTS: Final = ("parent_id", "side", "qty", "ts_intent", "ts_end")
CHILDREN: Final = ("order_id", "parent_id", "qty", "ts_risk", "ts_submit", "ts_ack")
FILLS: Final = ("exec_id", "order_id", "ts", "qty", "price", "commission")
QUOTES: Final = ("ts", "bid", "ask", "bid_size", "ask_size")
TRADES: Final = ("ts", "price", "size", "eligible")
_LATE: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Rows:
    """
    What is measured: one row per parent, or per child. Times are ns since 1970 UTC, NEVER when missing.

    Attributes:
        index: the ids, named ``parent_id`` or ``order_id``.
        symbols: code of the symbol.
        sign: +1 buy, -1 sell.
        ordered: shares or contracts.
        multiplier: currency per price unit and contract.
        intent, end: when it was decided on, and when it ended.
        risk, submit, ack: the first of its children's.
        decision, arrival: mids that are known without asking the quotes, in price units; else NaN.
        children: how many.
    """

    index: pd.Index[Any]
    symbols: Ints
    sign: Floats
    ordered: Floats
    multiplier: Floats
    intent: Ints
    end: Ints
    risk: Ints
    submit: Ints
    ack: Ints
    decision: Floats
    arrival: Floats
    children: Ints


@dataclass(frozen=True, slots=True)
class Fills:
    """
    Executions that count, one per element.

    Attributes:
        index: the execution ids.
        order_id: the child's id.
        rows: number of its row in ``Rows``.
        ts: ns since 1970 UTC.
        qty, price: shares or contracts, price units.
        fee: currency; NaN while it is not known.
    """

    index: pd.Index[Any]
    order_id: pd.Index[Any]
    rows: Ints
    ts: Ints
    qty: Floats
    price: Floats
    fee: Floats

    def total(self, values: Floats, count: int) -> Floats:
        """Sum per row; NaN where one is missing."""
        return np.bincount(self.rows, values, count).astype(np.float64, copy=False)


@dataclass(frozen=True, slots=True)
class Names:
    """Symbol -> code 0, 1, ...; one nameless symbol when the frames name none."""

    symbols: pd.Index[Any] | None

    @property
    def count(self) -> int:
        """How many symbols there are."""
        return 1 if self.symbols is None else max(len(self.symbols), 1)

    def codes(self, frame: pd.DataFrame, what: str) -> Ints:
        """Code of each row's symbol, -1 for one that nobody traded."""
        if self.symbols is None or ("symbol" not in frame and len(self.symbols) == 1):
            return np.zeros(len(frame), np.int64)
        if "symbol" not in frame:
            raise ConfigError(
                f"The parents have {len(self.symbols)} symbols; give the {what} a column symbol too."
            )
        column = frame["symbol"].astype("category").cat
        codes = self.symbols.get_indexer(column.categories)
        return np.where(column.codes < 0, -1, codes[column.codes] if len(codes) else -1).astype(np.int64)


def names_of(parents: pd.DataFrame, quotes: pd.DataFrame) -> Names:
    """The symbols that were traded."""
    if "symbol" in parents:
        return Names(pd.Index(parents["symbol"].unique()))
    if "symbol" in quotes and quotes["symbol"].nunique() > 1:
        raise ConfigError(
            f"The quotes have {quotes['symbol'].nunique()} symbols; give the parents a column symbol too."
        )
    return Names(None)


def table(content: Any, columns: Sequence[str], what: str) -> pd.DataFrame:
    """A frame that has these columns (or its index that name); ConfigError names those that are missing."""
    frame = pd.DataFrame(content)
    if frame.index.name in columns and frame.index.name not in frame:
        frame = frame.reset_index()
    if not len(frame) and not len(frame.columns):
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    missing = [name for name in columns if name not in frame]
    if missing:
        raise ConfigError(f"The {what} lack the column {', '.join(missing)}; add it.")
    return frame


def quotes_of(quotes: pd.DataFrame, names: Names) -> Quotes:
    """The quotes of the symbols that were traded."""
    codes = names.codes(quotes, "quotes")
    ts, bid, ask = moments(quotes, "ts", "quotes"), numbers(quotes, "bid"), numbers(quotes, "ask")
    if (codes < 0).any():
        known = codes >= 0
        codes, ts, bid, ask = codes[known], ts[known], bid[known], ask[known]
    return Quotes.of(codes, ts, bid, ask, names.count)


def rows_of(parents: pd.DataFrame, children: pd.DataFrame, names: Names, level: str) -> tuple[Rows, Ints]:
    """What is measured, and the row that each child belongs to."""
    _once(parents["parent_id"], "parent_id", "parents")
    _once(children["order_id"], "order_id", "children")
    parent = _places(children["parent_id"], parents["parent_id"], "children", "parent")
    sign = parents["side"].map(SIGNS).to_numpy(float)
    if np.isnan(sign).any():
        wrong = parents.loc[np.isnan(sign), ["parent_id", "side"]].iloc[0]
        raise ConfigError(f"The side of parent {wrong.parent_id} is {wrong.side!r}; it is BUY or SELL.")
    of_parent: dict[str, Any] = {
        "symbols": names.codes(parents, "parents"),
        "sign": sign,
        "multiplier": numbers(parents, "multiplier", 1.0),
        "intent": moments(parents, "ts_intent", "parents"),
        "end": moments(parents, "ts_end", "parents"),
        "decision": numbers(parents, "decision_price", np.nan),
    }
    steps: dict[str, Any] = {
        name: moments(children, f"ts_{name}", "children") for name in ("risk", "submit", "ack")
    }
    arrival = numbers(children, "arrival_price", np.nan)
    if level == "child":
        rows = Rows(
            index=pd.Index(children["order_id"], name="order_id"),
            ordered=numbers(children, "qty"),
            arrival=arrival,
            children=np.ones(len(children), np.int64),
            **{name: values[parent] for name, values in of_parent.items()},
            **steps,
        )
        return rows, np.arange(len(children))
    count = len(parents)
    first: dict[str, Any] = {name: earliest(parent, times, count) for name, times in steps.items()}
    leads = (steps["submit"] != NEVER) & (steps["submit"] == first["submit"][parent])
    # Of children sent at the same moment the first one listed leads.
    leaders = np.flatnonzero(leads)[::-1]
    arrived = np.full(count, np.nan)
    arrived[parent[leaders]] = arrival[leaders]
    rows = Rows(
        index=pd.Index(parents["parent_id"], name="parent_id"),
        ordered=numbers(parents, "qty"),
        arrival=arrived,
        children=np.bincount(parent, minlength=count).astype(np.int64),
        **of_parent,
        **first,
    )
    return rows, parent


def fills_of(fills: pd.DataFrame, children: pd.DataFrame, row_of_child: Ints) -> Fills:
    """The fills that count, each with the row it belongs to; a bust, of no shares, does not."""
    fills = effective_fills(fills)
    qty = numbers(fills, "qty")
    if (qty == 0).any():
        fills, qty = fills[qty != 0], qty[qty != 0]
    if (qty < 0).any():
        raise ConfigError("A fill has a negative qty; the parent's side says whether it bought or sold.")
    child = _places(fills["order_id"], children["order_id"], "fills", "child")
    times = moments(fills, "ts", "fills")
    if (times == NEVER).any():
        raise ConfigError(
            f"Fill {fills['exec_id'][times == NEVER].iloc[0]} has no time; every fill needs one."
        )
    return Fills(
        index=pd.Index(fills["exec_id"], name="exec_id"),
        order_id=pd.Index(fills["order_id"]),
        rows=row_of_child[child],
        ts=times,
        qty=qty,
        price=numbers(fills, "price"),
        fee=numbers(fills, "commission"),
    )


def moments(frame: pd.DataFrame, name: str, what: str) -> Ints:
    """
    A column of times as ns since 1970 UTC, NEVER where it is missing.

    Raises:
        ConfigError: some are not times, or do not say their time zone.
    """
    column = frame[name]
    if column.isna().all():
        return np.full(len(frame), NEVER)
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        told = column.dropna()
        if any(getattr(each, "tzinfo", None) is None for each in told):
            raise ConfigError(f"The column {name} of the {what} has no time zone; give times in UTC.")
        column = pd.to_datetime(column, utc=True)
    naive = column.dt.tz_convert("UTC").dt.tz_localize(None)
    times: Ints = naive.to_numpy(dtype="datetime64[ns]").view(np.int64)
    return times


def numbers(frame: pd.DataFrame, name: str, default: float | None = None) -> Floats:
    """A column as floats, NaN where it is missing; ``default`` everywhere when there is no such column."""
    if default is not None and name not in frame:
        return np.full(len(frame), default)
    values: Floats = pd.to_numeric(frame[name]).to_numpy(dtype=float, na_value=np.nan)
    return values


def earliest(rows: Ints, times: Ints, count: int) -> Ints:
    """The first time per row, NEVER where there is none."""
    found = np.full(count, _LATE)
    np.minimum.at(found, rows, np.where(times == NEVER, _LATE, times))
    found[found == _LATE] = NEVER
    return found


def latest(rows: Ints, times: Ints, count: int) -> Ints:
    """The last time per row, NEVER where there is none."""
    found = np.full(count, NEVER)
    np.maximum.at(found, rows, times)
    return found


def milliseconds(start: Ints, end: Ints) -> Floats:
    """From one time to another in ms, NaN where one of them is missing."""
    known = (start != NEVER) & (end != NEVER)
    return np.where(known, (end - np.where(known, start, end)) / 1e6, np.nan)


def _once(ids: pd.Series[Any], name: str, what: str) -> None:
    twice = ids[ids.duplicated()]
    if len(twice):
        raise ConfigError(f"{name} {twice.iloc[0]} is there more than once among the {what}; it is one row.")


def _places(ids: pd.Series[Any], known: pd.Series[Any], what: str, owner: str) -> Ints:
    places: Ints = pd.Index(known).get_indexer(pd.Index(ids)).astype(np.int64)
    if (places < 0).any():
        lost = ids[places < 0]
        raise ConfigError(
            f"{len(lost):,} of the {what} belong to no {owner} that is listed, the first to "
            f"{lost.iloc[0]!r}; list it, or leave them out."
        )
    return places
