"""Which executions count: the broker re-sends a corrected one under the same id with a higher suffix."""

from __future__ import annotations

from typing import Any

import pandas as pd

from toolkit.orders.state import execution_root


def effective_fills(fills: Any) -> pd.DataFrame:
    """
    Fills with the broker's corrections applied (hazard H34).

    Of the executions that share an id up to its last dot only the one with the highest number after
    it counts; of one that came twice the first.

    Args:
        fills: a frame, or what makes one, with a column (or index) ``exec_id``.

    Returns:
        The rows that count, as they were and in their order.
    """
    frame = pd.DataFrame(fills)
    if frame.empty:
        return frame
    ids = [str(each) for each in frame.get("exec_id", frame.index)]
    roots = [execution_root(each) for each in ids]
    if len(set(roots)) == len(roots):
        return frame
    revisions = [int(each[len(root) + 1 :] or 0) for each, root in zip(ids, roots, strict=True)]
    keys = pd.DataFrame({"root": roots, "revision": revisions})
    keys = keys.sort_values("revision", kind="stable").drop_duplicates(["root", "revision"])
    return frame.iloc[sorted(keys.drop_duplicates("root", keep="last").index)]
