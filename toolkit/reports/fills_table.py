"""The fills of orders that go on: what was seen once is not looked at again."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pandas as pd

from toolkit.orders.state import OrderState
from toolkit.reports.columns import ColumnStore
from toolkit.reports.frames import FILLS, Fill


class FillsTable:
    """Makes ``fills_frame`` of ever later states of the same orders, at the cost of what is new."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forget()

    def frame(self, states: Iterable[OrderState]) -> pd.DataFrame:
        """
        As ``fills_frame``: one row per effective execution, oldest first; of one moment as they were learnt.

        Args:
            states: every order as it stands now, those that were there the last time among them.
        """
        with self._lock:
            return self._frame(list(states))

    def _frame(self, states: list[OrderState]) -> pd.DataFrame:
        if not all(self._take(state) for state in states if self._seen.get(state.intent_id) is not state):
            # A correction took a fill's place; text in the middle of a column cannot grow or shrink.
            self._forget()
            for state in states:
                self._take(state)
        frame = self._store.frame()
        return frame if frame["time"].is_monotonic_increasing else frame.sort_values("time", kind="stable")

    def _take(self, state: OrderState) -> bool:
        """Take what is new about an order; whether that was possible."""
        before = self._seen.get(state.intent_id)
        self._seen[state.intent_id] = state
        for root, execution in state.executions.items():
            known = None if before is None else before.executions.get(root)
            if known is None:
                self._rows[execution.exec_id] = self._store.append(Fill(state, execution))
            elif known is not execution:
                return False
            elif before is not None:
                charged = state.commissions.get(execution.exec_id)
                if charged is not before.commissions.get(execution.exec_id) and charged is not None:
                    self._store.put(self._rows[execution.exec_id], "commission", charged.amount)
        return True

    def _forget(self) -> None:
        self._store = ColumnStore(FILLS, "exec_id")
        self._seen: dict[str, OrderState] = {}
        self._rows: dict[str, int] = {}
        """execution id -> row"""
