"""Positions of the journal beside those of the broker."""

from __future__ import annotations

import pandas as pd


def compared(journal: pd.DataFrame, broker: pd.DataFrame) -> pd.DataFrame:
    """
    Both side by side; what one does not have is 0 there, and what both have as 0 is left out.

    Args:
        journal: as ``positions_frame`` makes it.
        broker: as ``desk.positions``.

    Returns:
        Index ``symbol``; columns ``account``, ``sec_type``, ``journal``, ``broker`` and ``difference``
        (broker minus journal), in units of the contract.
    """
    keys = ["symbol", "account", "sec_type", "con_id"]
    sides = [
        frame.reset_index().groupby(keys, dropna=False)["position"].sum().rename(name)
        for name, frame in (("journal", journal), ("broker", broker))
    ]
    both = pd.concat(sides, axis=1).fillna(0.0)
    both["difference"] = both["broker"] - both["journal"]
    both = both[(both["journal"] != 0) | (both["broker"] != 0)]
    return both.reset_index().drop(columns="con_id").set_index("symbol")
