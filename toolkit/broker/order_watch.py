"""The clock of the orders under way: silence noticed in time, and a future for whoever waits for one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from toolkit.orders.deadlines import Deadlines
from toolkit.orders.events import AnyEvent, Lost
from toolkit.orders.ledger import OrderLedger, Report
from toolkit.orders.state import OrderState

log = logging.getLogger(__name__)

LONGEST_TICK: Final = 0.5
"""Seconds between two looks at the deadlines, at most."""


class OrderWatch:
    """
    Keeps one connection's deadlines.

    Args:
        ledger: whose orders are watched.
        deadlines: how long the broker has.
        clock: gives the time, UTC.
        record: takes the facts that silence makes.
        reconcile: asks the broker for the whole truth; takes the reason, one sentence.
    """

    def __init__(
        self,
        ledger: OrderLedger,
        deadlines: Deadlines,
        *,
        clock: Callable[[], datetime],
        record: Callable[[AnyEvent], None],
        reconcile: Callable[[str], None],
    ) -> None:
        self.deadlines = deadlines
        self._ledger = ledger
        self._clock = clock
        self._record = record
        self._reconcile = reconcile
        shortest = min(deadlines.acknowledgement, deadlines.cancel).total_seconds()
        self._tick_s = min(LONGEST_TICK, shortest / 5)
        self._waiting: list[tuple[str, Callable[[OrderState], bool], asyncio.Future[None]]] = []
        """(intent, what it waits for, who waits)"""
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._ledger.listeners.append(self._on_change)
        self._schedule()

    def stop(self) -> None:
        """End; whoever still waits waits no longer."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self._ledger.listeners.remove(self._on_change)
        waiting, self._waiting = self._waiting, []
        for _, _, future in waiting:
            if not future.done():
                future.set_result(None)

    def when(self, intent_id: str, condition: Callable[[OrderState], bool]) -> asyncio.Future[None]:
        """Done as soon as the order is so, or the watch ends."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        state = self._ledger.get(intent_id)
        if self._timer is None or (state is not None and condition(state)):
            future.set_result(None)
        else:
            self._waiting.append((intent_id, condition, future))
        return future

    def _on_change(self, event: AnyEvent, state: OrderState, _: Report | None) -> None:
        if not self._waiting:
            return
        for intent_id, condition, future in self._waiting:
            if intent_id == event.intent_id and not future.done() and condition(state):
                future.set_result(None)
        self._waiting = [each for each in self._waiting if not each[2].done()]

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def _tick(self) -> None:
        self._schedule()
        late = list(self.deadlines.overdue(self._ledger.working(), self._clock()))
        for fact in late:
            self._record(fact)
            told = fact.reason if isinstance(fact, Lost) else fact.text
            log.critical("Order of intent %s: %s", fact.intent_id, told)
        if late:
            self._reconcile(f"{len(late)} of the broker's answers are late.")
