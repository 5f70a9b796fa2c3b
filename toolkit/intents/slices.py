"""
One large order into many small ones through time: equally, or with the volume that is expected.

Pure. Every child says when it goes (``send_at``), until when it is worth sending (``valid_until``, the
next child's time) and whose child it is (``parent_id``); its id follows from its parent's, so that
submitting the children again sends none of them twice. The children of an order add up to it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

import pandas as pd

from toolkit.errors import IntentError
from toolkit.intents.figures import number
from toolkit.intents.ids import batch_id

ADDED: Final = ("intent_id", "parent_id", "send_at", "valid_until")
Session = tuple[datetime, datetime]
"""Opening and closing time, timezone-aware."""
Course = Callable[[object, str, Decimal], list[Decimal]]
"""(row label, symbol, quantity) -> how much of it should be ordered with each child and those before."""


def twap(
    orders: pd.DataFrame,
    start: datetime,
    end: datetime,
    slices: int,
    *,
    batch: str | None = None,
    lot: float = 1,
    session: Session | None = None,
) -> pd.DataFrame:
    """
    Every order in equal parts at equal distances, the first at ``start``.

    Args:
        orders: one order per row, as for ``desk.submit``; ``quantity`` in whole lots but for a rest,
            which goes with the last child.
        start: of the first child; any time zone, the children's times are UTC.
        end: when the last child stops being worth sending.
        slices: how many children each order has; fewer when it has fewer lots.
        batch: gives the parents their ids, as in ``desk.submit``, unless a column ``intent_id`` does.
        lot: shares.
        session: when given, ``start`` and ``end`` must lie in it.

    Returns:
        One row per child by time, the parent's columns and ``ADDED``; empty children are left out.

    Raises:
        IntentError: a time has no zone or lies outside the session, the parents have no ids, or a
            quantity is no number above 0; says where.
    """
    begin, finish = _span(start, end, session)
    if slices < 1:
        raise IntentError(f"slices is {slices}; it must be at least 1.")
    edges = [begin + (finish - begin) * step / slices for step in range(slices + 1)]

    def done(_label: object, _symbol: str, quantity: Decimal) -> list[Decimal]:
        return [quantity * step / slices for step in range(1, slices + 1)]

    return _children(orders, batch, edges, done, number(lot, "lot"))


def participation(
    orders: pd.DataFrame,
    volume: pd.DataFrame | pd.Series[Any],
    rate: float,
    end: datetime,
    *,
    batch: str | None = None,
    lot: float = 1,
    session: Session | None = None,
) -> pd.DataFrame:
    """
    Every order as a fixed part of the volume that is expected, until it is done.

    Args:
        orders: as for ``twap``.
        volume: expected shares in each bucket, by the time it begins (any zone); a frame has a column
            per symbol.
        rate: part of the volume, above 0 to 1.
        end: when the last bucket ends.
        batch: as for ``twap``.
        lot: shares.
        session: as for ``twap``.

    Returns:
        As ``twap``.

    Raises:
        IntentError: as ``twap``; and the volume does not suffice for an order at this rate.
    """
    part = number(rate, "rate")
    if not 0 < part <= 1:
        raise IntentError(f"rate is {rate!r}; it must be above 0 and at most 1, as 0.1 for a tenth.")
    if volume.empty:
        raise IntentError("There is no bucket of volume to take part in.")
    if not volume.index.is_monotonic_increasing or not volume.index.is_unique:
        raise IntentError("The buckets of volume must be in the order of time, each once.")
    begin, finish = _span(volume.index[0], end, session)
    edges = [*(_utc(moment, "the volume") for moment in volume.index), finish]
    if edges[-2] >= finish:
        raise IntentError(f"end is {end}; it must be after the last bucket begins, {volume.index[-1]}.")

    def done(label: object, symbol: str, quantity: Decimal) -> list[Decimal]:
        column = volume if isinstance(volume, pd.Series) else volume.get(symbol)
        if column is None:
            raise IntentError(f"The volume has no column {symbol!r}.", field="symbol")
        sums, total = [], Decimal(0)
        for moment, shares in column.items():
            bucket = number(shares, f"the volume of {symbol} at {moment}")
            total += max(bucket, Decimal(0)) * part
            sums.append(min(total, quantity))
        if total < quantity:
            raise IntentError(
                f"row {label}: {quantity:f} {symbol} is more than {rate:.1%} of the volume from "
                f"{begin:%H:%M} to {finish:%H:%M} UTC, {total:,.0f}; give more time or a higher rate.",
                field="quantity",
            )
        return sums

    return _children(orders, batch, edges, done, number(lot, "lot"))


def _children(
    orders: pd.DataFrame, batch: str | None, edges: Sequence[datetime], done: Course, lot: Decimal
) -> pd.DataFrame:
    """The children of every order, one at each of ``edges`` but the last, which is the end."""
    if lot <= 0:
        raise IntentError(f"lot is {lot}; it must be above 0.")
    if not orders.index.is_unique:
        raise IntentError(
            "The orders have a row label twice; frame.reset_index(drop=True) gives each its own."
        )
    rows: list[dict[Any, Any]] = []
    labels: list[str] = []
    for label, order in zip(orders.index, orders.to_dict("records"), strict=True):
        quantity = number(order.get("quantity"), f"row {label}, column quantity: the quantity")
        if quantity <= 0:
            raise IntentError(f"row {label}, column quantity: {quantity} is not above 0.", field="quantity")
        parent = _parent_id(order, label, batch)
        before = Decimal(0)
        for place, wish in enumerate(done(label, str(order.get("symbol", "")), quantity)):
            last = place == len(edges) - 2
            after = quantity if last or wish >= quantity else _whole(wish, lot)
            if after > before:
                child = {
                    "quantity": float(after - before),
                    "intent_id": batch_id(parent, f"{place + 1:03d}"),
                    "parent_id": parent,
                    "send_at": edges[place],
                    "valid_until": edges[place + 1],
                }
                rows.append({**order, **child})
                labels.append(f"{label} {place + 1:03d}")
            before = after
    columns = list(dict.fromkeys([*orders.columns, *ADDED]))
    frame = pd.DataFrame(rows, columns=columns, index=pd.Index(labels, dtype="str"))
    kept = {name: kind for name, kind in orders.dtypes.items() if name not in ("quantity", *ADDED)}
    times = dict.fromkeys(("send_at", "valid_until"), "datetime64[us, UTC]")
    words = dict.fromkeys(("intent_id", "parent_id"), "str")
    return frame.astype({**kept, "quantity": "float64", **words, **times}).sort_values(
        "send_at", kind="stable"
    )


def _parent_id(order: Mapping[Any, Any], label: Any, batch: str | None) -> str:
    given = order.get("intent_id")
    if isinstance(given, str) and given:
        return given
    if batch is None:
        raise IntentError(
            f'row {label} has no id for its children to follow from; give batch="a name for these orders".',
            field="intent_id",
        )
    return batch_id(batch, label)


def _whole(value: Decimal, lot: Decimal) -> Decimal:
    return (value / lot).to_integral_value(ROUND_DOWN) * lot


def _span(start: datetime, end: datetime, session: Session | None) -> Session:
    begin, finish = _utc(start, "start"), _utc(end, "end")
    if finish - begin <= timedelta(0):
        raise IntentError(f"end is {end}; it must be after start, {start}.")
    if session is not None:
        opening, closing = (_utc(moment, "session") for moment in session)
        if begin < opening or finish > closing:
            raise IntentError(
                f"{begin:%Y-%m-%d %H:%M} to {finish:%H:%M} UTC is not within the session, "
                f"{opening:%Y-%m-%d %H:%M} to {closing:%H:%M} UTC."
            )
    return begin, finish


def _utc(moment: Any, what: str) -> datetime:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise IntentError(f"{what} is {moment!r}; give a time with its time zone.")
    return pd.Timestamp(moment).tz_convert("UTC").to_pydatetime()
