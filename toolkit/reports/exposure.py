"""How much money fills put at risk, from one moment to the next."""

from __future__ import annotations

from typing import Any

import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports.slippage import SIGNS


def exposure_frame(fills: pd.DataFrame, quotes: pd.DataFrame | None = None) -> pd.DataFrame:
    """
    Gross and net exposure of some fills through time, starting flat.

    Every contract is valued at the mid of the last quote at or before the moment, and at its last
    fill's price while it has no quote yet.

    Args:
        fills: as ``fills_frame`` makes it; one currency.
        quotes: columns ``ts`` (UTC), ``bid``, ``ask``, and ``symbol`` when the fills have several.

    Returns:
        Index ``time`` (UTC), one row per moment something changed from the first fill on. Columns
        ``gross`` and ``net`` (float64, currency of the fills). No fills: no rows.

    Raises:
        ConfigError: the fills are in several currencies, or the quotes do not say which symbol they are of.
    """
    currencies = sorted(set(fills["currency"]))
    if len(currencies) > 1:
        raise ConfigError(
            f"The fills are in {' and '.join(currencies)}; choose those of one currency, they do not add up."
        )
    values = {symbol: _value(held, _mids(quotes, symbol, fills)) for symbol, held in fills.groupby("symbol")}
    if not values:
        times = pd.DatetimeIndex([], dtype="datetime64[ns, UTC]", name="time")
        return pd.DataFrame({"gross": pd.Series(dtype=float), "net": pd.Series(dtype=float)}).set_index(times)
    # A contract is worth nothing before its first fill.
    table = pd.DataFrame(values).sort_index().ffill().fillna(0.0).rename_axis("time")
    return pd.DataFrame({"gross": table.abs().sum(axis=1), "net": table.sum(axis=1)})


def _value(fills: pd.DataFrame, mids: pd.Series[Any]) -> pd.Series[Any]:
    """Signed value of one contract at every fill and every later quote."""
    fills = fills.sort_values("time", kind="stable")
    signed = fills["shares"] * fills["side"].map(SIGNS) * fills["multiplier"]
    position = signed.groupby(fills["time"]).sum().cumsum()
    last_price = fills.groupby("time")["price"].last()
    times = position.index.union(mids.index[mids.index > position.index[0]])
    mark = mids.reindex(times, method="ffill").fillna(last_price.reindex(times, method="ffill"))
    return position.reindex(times, method="ffill") * mark


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
