"""What became of a frame of orders."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from toolkit.reports.frames import orders_frame

if TYPE_CHECKING:
    from toolkit.desk.desk import Desk

SHOWN: Final = [
    "intent_id",
    "symbol",
    "side",
    "quantity",
    "order_type",
    "limit_price",
    "status",
    "filled_quantity",
    "avg_fill_price",
    "reason_code",
    "reason",
]


class Submission:
    """
    The orders that one frame stands for.

    Args:
        desk: where they are.
        rows: row label -> intent id, in the frame's order.
        refused: row label -> why the row was refused, where its id belongs to another order.

    Attributes:
        intent_ids: in the frame's order.
    """

    def __init__(self, desk: Desk, rows: Mapping[Hashable, str], refused: Mapping[Hashable, str]) -> None:
        self._desk = desk
        self._rows = dict(rows)
        self._refused = dict(refused)
        self.intent_ids = tuple(rows.values())

    @property
    def frame(self) -> pd.DataFrame:
        """
        One row per row that was submitted, under its label, as its order stands now.

        Columns as in ``desk.orders``: intent_id, symbol, side, quantity, order_type, limit_price, status,
        filled_quantity, avg_fill_price, reason_code, reason.
        """
        states = [self._desk.order(intent_id) for intent_id in self.intent_ids]
        frame = orders_frame(states).reset_index()[SHOWN]
        for place, label in enumerate(self._rows):
            if label in self._refused:
                outcome = ("Rejected", 0.0, float("nan"), "DUPLICATE_INTENT", self._refused[label])
                frame.iloc[place, SHOWN.index("status") :] = pd.Series(outcome, dtype=object).to_list()
        frame.index = pd.Index(list(self._rows), name="row", tupleize_cols=False)
        return frame

    def wait(self, timeout: float = 30.0) -> pd.DataFrame:
        """
        As ``desk.wait`` for these orders, then ``frame``.

        Raises:
            TimeoutError: some are still open; names them.
            NotConnectedError: the engine has stopped.
        """
        self._desk.wait(self.intent_ids, timeout)
        return self.frame

    def __len__(self) -> int:
        return len(self.intent_ids)

    def __repr__(self) -> str:
        counts = self.frame["status"].value_counts()
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"<Submission of {len(self)} orders: {told or 'none'}>"

    def _repr_html_(self) -> Any:
        return self.frame.to_html(max_rows=60, na_rep="")
