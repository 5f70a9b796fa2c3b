"""What a journal holds, followed as it grows: no connection, no lock, nothing that could be pressed."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
from ipywidgets import HTML

from toolkit.desk.preview import table
from toolkit.desk.record import Recorded
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import ControlState, Standing, fold
from toolkit.orders.ledger import fold as fold_order
from toolkit.orders.state import OrderState
from toolkit.orders.status import OrderStatus
from toolkit.reports.frames import fills_frame, orders_frame
from toolkit.settings import Settings

NEWEST: Final = 100
"""Rows of each table; the rest is in `toolkit orders` and `toolkit fills`."""
ORDERS: Final = [
    *("received_at", "symbol", "side", "quantity", "filled_quantity", "order_type", "limit_price"),
    *("stop_price", "avg_fill_price", "commission", "status", "reason"),
]
FILLS: Final = ["time", "symbol", "side", "shares", "price", "exchange", "commission", "currency"]


class Watch(Recorded):
    """
    A read-only view of the journal that a service or a notebook writes.

    Args:
        settings: where the journal is.
        why: a sentence about why there is no more than this, ``""`` when nobody asked for more.

    Attributes:
        strip, orders, fills: what is shown.
    """

    def __init__(self, settings: Settings, why: str = "") -> None:
        self._path = settings.journal_path
        self._seq = 0
        self._states: dict[str, OrderState] = {}
        self.strip, self.orders, self.fills = HTML(), HTML(), HTML()
        title = f"<b>Blotter</b>, read-only · {html.escape(str(self._path))}"
        words = f"<span class='tkt-bad'>{html.escape(why)}</span>"
        super().__init__(lambda: True, [HTML(title), HTML(words), self.strip, self.orders, self.fills])
        self.guard(self._follow)

    def _follow(self) -> None:
        if not self._path.exists():
            self.strip.value = "No journal yet: nothing has been connected or sent from this folder."
            return
        before = self._seq
        with JournalReader(self._path) as journal:
            for event in journal.events(after=self._seq):
                self._seq += 1
                self._states[event.intent_id], _ = fold_order(self._states.get(event.intent_id), event)
            standing = fold(fact for _, fact in journal.controls())
        states = [state for state in self._states.values() if state.intent is None or _is_order(state)]
        self.strip.value = _strip(states, standing, datetime.now(UTC))
        if self._seq != before:
            self.orders.value = _table("Orders", orders_frame(states)[ORDERS])
            self.fills.value = _table("Fills", fills_frame(states)[FILLS])

    def _summary(self) -> str:
        return f"<p>{self.strip.value}</p>{self.orders.value}{self.fills.value}"

    def __repr__(self) -> str:
        return f"<Watch of {self._path}>"


def _is_order(state: OrderState) -> bool:
    """Not the wish to cancel or change another one."""
    return state.intent is not None and state.intent.action == "NEW"


def _strip(states: list[OrderState], standing: Standing, now: datetime) -> str:
    working = sum(state.working for state in states)
    unknown = sum(state.status is OrderStatus.UNKNOWN for state in states)
    tone = "tkt-ok" if standing.state is ControlState.ACTIVE else "tkt-bad"
    words = [
        f"<span class='{tone}'>{html.escape(standing.told)}</span>",
        f"{len(states)} orders",
        f"{working} working",
    ]
    words += [f"<span class='tkt-bad'>{unknown} UNKNOWN</span>"] if unknown else []
    return " · ".join([*words, f"read at {now:%H:%M:%S} UTC"])


def _table(title: str, frame: pd.DataFrame) -> str:
    newest = frame.iloc[::-1].head(NEWEST).reset_index()
    if newest.empty:
        return f"<p class='tkt-dim'>{title}: none yet.</p>"
    rows = [tuple(_cell(value) for value in row) for row in newest.itertuples(index=False)]
    shown = table(title, [str(name).replace("_", " ") for name in newest], rows)
    more = len(frame) - NEWEST
    note = f"<p class='tkt-dim'>and {more:,} older ones</p>" if more > 0 else ""
    return f"<div class='tkt-scroll' role='region' aria-label='{title}' tabindex='0'>{shown}</div>{note}"


def _cell(value: Any) -> str:
    match value:
        case datetime():
            return "" if pd.isna(value) else f"{value:%m-%d %H:%M:%S}"
        case float():
            return "" if pd.isna(value) else f"{value:,.10g}"
    return "" if value is None or value is pd.NA else str(value)
