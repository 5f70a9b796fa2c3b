"""What became of a frame of orders."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from toolkit.desk.show import Frame, framed
from toolkit.desk.timetable import WITHDRAWN
from toolkit.orders.state import OrderState
from toolkit.reports.frames import ORDERS, orders_frame
from toolkit.reports.plots import order_outcomes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from toolkit.desk.desk import Desk
    from toolkit.desk.intents import Row

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
        rows: what was submitted.
        refused: row label -> why the row was refused, where its id belongs to another order.

    Attributes:
        intent_ids: in the frame's order.
    """

    def __init__(self, desk: Desk, rows: Sequence[Row], refused: Mapping[Hashable, str]) -> None:
        self._desk = desk
        self._rows = tuple(rows)
        self._refused = dict(refused)
        self.intent_ids: tuple[str, ...] = tuple(row.raw["intent_id"] for row in rows)

    @property
    def frame(self) -> Frame:
        """
        One row per row that was submitted, under its label, as its order stands now.

        Columns as in ``desk.orders``: intent_id, symbol, side, quantity, order_type, limit_price, status,
        filled_quantity, avg_fill_price, reason_code, reason. What waits for its time has the status
        Scheduled; what was withdrawn before it Withdrawn.
        """
        # Asked once for all, since they may change between two questions.
        standings = [(row, self._desk.standing(row.raw["intent_id"])) for row in self._rows]
        sent = [standing for _, standing in standings if isinstance(standing, OrderState)]
        not_sent = [_waiting(row, *told) for row, told in standings if not isinstance(told, OrderState)]
        frame = orders_frame(sent).reset_index()[SHOWN]
        waiting = pd.DataFrame(not_sent, columns=SHOWN)
        every = pd.concat([frame, waiting.astype(frame.dtypes)]) if len(waiting) else frame
        frame = every.set_index("intent_id").loc[list(self.intent_ids)].reset_index()
        labels = [row.label for row in self._rows]
        for place, label in enumerate(labels):
            if label in self._refused:
                outcome = ("Rejected", 0.0, float("nan"), "DUPLICATE_INTENT", self._refused[label])
                frame.iloc[place, SHOWN.index("status") :] = pd.Series(outcome, dtype=object).to_list()
        frame.index = pd.Index(labels, name="row", tupleize_cols=False)
        return framed(frame, ORDERS)

    def wait(self, timeout: float = 30.0) -> pd.DataFrame:
        """
        As ``desk.wait`` for these orders, then ``frame``.

        Raises:
            TimeoutError: some are still open; names them.
            NotConnectedError: the engine has stopped.
        """
        self._desk.wait(self.intent_ids, timeout)
        return self.frame

    def cancel(self) -> int:
        """
        Withdraw those that wait for their time, and ask the broker to cancel those that are open.

        Returns:
            How many these were.

        Raises:
            NotConnectedError: the gateway is away.
        """
        return sum(self._desk.cancel(intent_id) for intent_id in self.intent_ids if self._open(intent_id))

    def plot(self) -> Figure:
        """How many of the orders ended how, as a picture; what was not sent yet is not in it."""
        standings = map(self._desk.standing, self.intent_ids)
        return order_outcomes(orders_frame(one for one in standings if isinstance(one, OrderState)))

    def __len__(self) -> int:
        return len(self.intent_ids)

    def __repr__(self) -> str:
        counts = self.frame["status"].value_counts()
        told = ", ".join(f"{count} {status}" for status, count in counts.items())
        return f"<Submission of {len(self)} orders: {told or 'none'}>"

    def _repr_html_(self) -> str:
        return self.frame._repr_html_()

    def _open(self, intent_id: str) -> bool:
        standing = self._desk.standing(intent_id)
        return not standing.final if isinstance(standing, OrderState) else standing[0] != WITHDRAWN


def _waiting(row: Row, status: str, reason: str) -> dict[str, Any]:
    """The row of an order that was not sent."""
    raw = row.raw
    return {
        "intent_id": raw["intent_id"],
        "symbol": raw.get("symbol", ""),
        "side": raw.get("direction", ""),
        "quantity": raw.get("quantity"),
        "order_type": raw.get("order_type", ""),
        "limit_price": raw.get("limit_price"),
        "status": status,
        "filled_quantity": 0.0,
        "avg_fill_price": None,
        "reason_code": "",
        "reason": reason,
    }
