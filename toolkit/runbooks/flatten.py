"""Which orders bring positions to zero."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

COLUMNS = ("symbol", "sec_type", "con_id", "direction", "quantity", "order_type")


def closing_orders(positions: pd.DataFrame, largest: float, symbols: Collection[str] = ()) -> pd.DataFrame:
    """
    Market orders that add up to the opposite of every position, as ``desk.submit`` takes them.

    Args:
        positions: as ``desk.positions``: index ``symbol``, columns ``sec_type``, ``con_id``, ``position``.
        largest: units that one order may have, so that no order is denied for its size.
        symbols: which positions; none named: all.

    Returns:
        One row per order; a position larger than ``largest`` becomes several.
    """
    rows: list[tuple[object, ...]] = []
    for symbol, held in positions.iterrows():
        if held["position"] == 0 or (symbols and symbol not in symbols):
            continue
        direction = "SELL" if held["position"] > 0 else "BUY"
        left = abs(held["position"])
        while left > 0:
            quantity = min(left, largest)
            rows.append((symbol, held["sec_type"], held["con_id"], direction, quantity, "MARKET"))
            left -= quantity
    return pd.DataFrame(rows, columns=list(COLUMNS))
