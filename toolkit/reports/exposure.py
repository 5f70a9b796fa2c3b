"""How much money fills put at risk and what they made, from one moment to the next."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports.slippage import SIGNS

COLUMNS: Final = ("gross", "net", "pnl", "commission")


def exposure_frame(fills: pd.DataFrame, quotes: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Exposure and profit of some fills through time, starting flat.

    Every contract is valued at the mid of the last quote at or before the moment, and at its last
    fill's price while it has no quote yet.

    Args:
        fills: as ``fills_frame`` makes it; one currency.
        quotes: columns ``ts`` (UTC), ``bid``, ``ask``, and ``symbol`` when the fills have several.

    Returns:
        Index ``time`` (UTC), one row per moment something changed from the first fill on. Columns
        ``gross`` and ``net`` exposure, ``pnl`` (so far, before commissions) and ``commission`` (so far;
        NaN from the first fill on that has none yet), float64, currency of the fills. No fills: no rows.

    Raises:
        ConfigError: the fills are in several currencies, or the quotes do not say which symbol they are of.
    """
    currencies = sorted(set(fills["currency"]))
    if len(currencies) > 1:
        raise ConfigError(
            f"The fills are in {' and '.join(currencies)}; choose those of one currency, they do not add up."
        )
    if fills.empty:
        times = pd.DatetimeIndex([], dtype="datetime64[ns, UTC]", name="time")
        return pd.DataFrame({name: pd.Series(dtype=float) for name in COLUMNS}).set_index(times)
    held = [_worth(some, _mids(quotes, symbol, fills)) for symbol, some in fills.groupby("symbol")]
    # A contract is worth nothing before its first fill.
    value, profit = (
        pd.DataFrame(dict(enumerate(columns))).sort_index().ffill().fillna(0.0)
        for columns in zip(*held, strict=True)
    )
    charged = (
        fills.groupby("time")["commission"].agg(lambda each: each.sum(skipna=False)).cumsum(skipna=False)
    )
    return pd.DataFrame(
        {
            "gross": value.abs().sum(axis=1),
            "net": value.sum(axis=1),
            "pnl": profit.sum(axis=1),
            "commission": charged.iloc[charged.index.searchsorted(value.index, side="right") - 1].to_numpy(),
        }
    ).rename_axis("time")


def _worth(held: pd.DataFrame, mids: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Signed value, and profit so far, of one contract at every fill and every later quote."""
    held = held.sort_values("time", kind="stable")
    signed = held["shares"] * held["side"].map(SIGNS) * held["multiplier"]
    position = signed.groupby(held["time"]).sum().cumsum()
    spent = (signed * held["price"]).groupby(held["time"]).sum().cumsum()
    last_price = held.groupby("time")["price"].last()
    times = position.index.union(mids.index[mids.index > position.index[0]])
    mark = mids.reindex(times, method="ffill").fillna(last_price.reindex(times, method="ffill"))
    value = position.reindex(times, method="ffill") * mark
    return value, value - spent.reindex(times, method="ffill")


def _mids(quotes: pd.DataFrame | None, symbol: object, fills: pd.DataFrame) -> pd.Series[Any]:
    if quotes is None:
        return pd.Series(dtype=float, index=pd.DatetimeIndex([], dtype="datetime64[ns, UTC]"))
    if "symbol" in quotes:
        quotes = quotes[quotes["symbol"] == symbol]
    elif fills["symbol"].nunique() > 1:
        raise ConfigError("The fills have several symbols; give the quotes a column symbol.")
    mids = (quotes["bid"] + quotes["ask"]) / 2
    mids.index = pd.DatetimeIndex(quotes["ts"]).as_unit("ns")
    return mids[~mids.index.duplicated(keep="last")].sort_index()
