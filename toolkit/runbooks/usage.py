"""How close a session came to the limits of its account, as far as its journal alone can tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from toolkit.orders import controls
from toolkit.orders.numbers import exact
from toolkit.reports.exposure import exposure_frame
from toolkit.reports.session import Slice, slices_of
from toolkit.risk.catalogue import BY_NAME
from toolkit.runbooks.session import Session

NEVER: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""When an order ends that is still open, for counting how many were open at once."""
Use = tuple[str, float, str]
"""A limit's name, the most that was used of it, and where."""


def used_at_most(session: Session) -> pd.DataFrame:
    """
    The most that was used of each limit in force, as ``plots.headroom_bars`` takes it.

    Positions and exposure are those of this journal's fills, starting flat; what open orders could have
    added is not in them, and an exposure is told only of fills in one currency. Limits of a single
    strategy or symbol, and those that need the broker's figures, are left out.

    Returns:
        Index ``limit``; ``used`` and ``allowed`` (float64), ``unit``, ``where`` (the contract, or ``""``).
    """
    limits = controls.fold(session.controls).limits
    allowed = {name: limits[name] for name in BY_NAME if limits.get(name) is not None}
    rows = [
        (name, used, float(exact(allowed[name])), BY_NAME[name].unit, where)
        for name, used, where in _uses(session)
        if name in allowed
    ]
    return pd.DataFrame(rows, columns=["limit", "used", "allowed", "unit", "where"]).set_index("limit")


def _uses(session: Session) -> Iterator[Use]:
    slices = [one for one in slices_of(session.events) if one.accepted]
    if not slices:
        return
    orders = _accepted(slices)
    yield ("max_order_quantity", *_most(orders.set_index("symbol")["quantity"]))
    yield from _of_fills(session)
    yield ("max_open_orders", _open_at_once(orders), "")
    sides = {key: _open_at_once(some) for key, some in orders.groupby(["symbol", "side"])}
    at_once = pd.Series(sides.values(), [f"{symbol} {side}" for symbol, side in sides], dtype=float)
    yield ("max_open_orders_per_side", *_most(at_once))
    days = orders.groupby(["symbol", orders["start"].dt.date])["quantity"]
    for name, used in (("max_orders_per_day", days.size()), ("max_quantity_per_day", days.sum())):
        yield (name, *_most(used.droplevel(1)))


def _of_fills(session: Session) -> Iterator[Use]:
    fills = session.trading.executed()
    if fills.empty:
        return
    signed = fills["shares"].where(fills["side"] == "BUY", -fills["shares"])
    held = signed.groupby(fills["symbol"]).cumsum().abs()
    yield ("max_position", *_most(held.groupby(fills["symbol"]).max()))
    if fills["currency"].nunique() == 1:
        exposure = exposure_frame(fills, session.trading.quotes)
        yield ("max_gross_exposure", float(exposure["gross"].max()), "")
        yield ("max_net_exposure", float(exposure["net"].abs().max()), "")


def _accepted(slices: list[Slice]) -> pd.DataFrame:
    """Orders that risk let through, and from when until when they may have traded."""
    return pd.DataFrame(
        {
            "symbol": [one.state.symbol for one in slices],
            "side": [one.state.direction for one in slices],
            "quantity": [float(one.state.quantity) for one in slices],
            "start": pd.DatetimeIndex([one.state.accepted_at for one in slices], tz="UTC"),
            "end": pd.DatetimeIndex([one.ended_at or NEVER for one in slices], tz="UTC"),
        }
    )


def _open_at_once(orders: pd.DataFrame) -> float:
    """The most that were open at the same moment; one that ends makes room for one that starts."""
    steps = pd.concat([pd.Series(1, orders["start"]), pd.Series(-1, orders["end"])])
    return float(steps.groupby(level=0).sum().sort_index().cumsum().max())


def _most(values: pd.Series[Any]) -> tuple[float, str]:
    """The largest value, and which it is."""
    place = int(values.to_numpy().argmax())
    return float(values.iloc[place]), str(values.index[place])
