"""
Flow 5/7. The one door for state changes: remember the fact, apply it, tell who listens.

All events go through ``OrderLedger.record``. It belongs to one thread (the engine's); readers in
other threads get frozen snapshots.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from msgspec.structs import replace

from toolkit.orders.apply import apply
from toolkit.orders.events import (
    Accepted,
    AnyEvent,
    CancelRequested,
    Denied,
    Executed,
    Repeated,
    ReplaceRequested,
    Reserved,
    StatusReported,
)
from toolkit.orders.report import execution_report, occasion, readable, repeat_report
from toolkit.orders.state import OrderState, execution_root
from toolkit.orders.status import UNCLEAR_WORDS, OrderStatus

log = logging.getLogger(__name__)

Watcher = Callable[[AnyEvent, OrderState], object]
"""Called with each fact and the new state, those of the journal included."""
Listener = Callable[[AnyEvent, OrderState, "Report | None"], None]
"""Called after the change with the event, the new state, and the report it gave rise to (or None)."""


class Report:
    """One execution report: built once for the bus, again in full for whoever asks."""

    __slots__ = ("event", "fresh", "recovered", "repeat", "sequence", "state")

    def __init__(
        self,
        state: OrderState,
        event: str,
        sequence: int,
        fresh: Executed | None,
        repeat: Repeated | None,
        *,
        recovered: bool = False,
    ) -> None:
        self.state = state
        self.event = event
        self.sequence = sequence
        self.fresh = fresh
        self.repeat = repeat
        self.recovered = recovered

    def full(self) -> dict[str, Any]:
        """The report with every execution so far, in plain values."""
        return readable(self._with_all())

    def for_bus(self) -> dict[str, Any]:
        """For the encoder: with the executions that are new since the last report, with all when final."""
        if self.repeat is not None or self.state.final:
            return self._with_all()
        new = () if self.fresh is None else (self.state.executions[execution_root(self.fresh.exec_id)],)
        return execution_report(self.state, self.event, self.sequence, new=new, recovered=self.recovered)

    def _with_all(self) -> dict[str, Any]:
        if self.repeat is not None:
            return repeat_report(self.state, self.repeat)
        return execution_report(self.state, self.event, self.sequence, recovered=self.recovered)


class Journal(Protocol):
    """Where facts are remembered; see ``toolkit.journal.sqlite.SqliteJournal``."""

    def append(self, event: AnyEvent, report: dict[str, Any] | None) -> int:
        """Queue one fact and its report for the next group commit; returns its sequence number."""

    def events(self) -> Iterator[AnyEvent]:
        """Every fact so far, oldest first."""


class OrderLedger:
    """
    Every order this journal knows, as frozen states.

    Args:
        journal: where facts are remembered; those that it holds already are folded first.
        watchers: hear every fact, those of the journal first.

    Attributes:
        listeners: called after each change, in order; a listener that raises is logged with its
            traceback and does not keep the others from hearing.
    """

    def __init__(self, journal: Journal, watchers: Iterable[Watcher] = ()) -> None:
        self._journal = journal
        self._watchers = tuple(watchers)
        self._states: dict[str, OrderState] = {}
        self._by_order: dict[tuple[int, int], str] = {}
        """(client id, order id) -> intent id"""
        self._by_perm: dict[int, str] = {}
        """broker's permanent id -> intent id"""
        self._working: dict[str, None] = {}
        """intents whose order may still trade, oldest first"""
        self._unasked: dict[str, None] = {}
        """accepted CANCEL and REPLACE intents of which their order does not know yet, oldest first"""
        self._by_execution: dict[str, str] = {}
        """execution root -> intent id; a commission names only its execution"""
        self.listeners: list[Listener] = []
        for event in journal.events():
            self._remember(event, *fold(self._states.get(event.intent_id), event))

    def record(self, event: AnyEvent) -> OrderState:
        """
        Take one fact: journal it with its report, apply it, tell the listeners.

        A fact that says nothing new (a repeated status, a known execution) is dropped.

        Returns:
            The order's state after it.

        Raises:
            JournalError: the fact cannot be remembered; the state is unchanged.
        """
        before = self._states.get(event.intent_id)
        after, report = fold(before, event)
        if after is before and report is None:
            return after
        self._journal.append(event, None if report is None else report.for_bus())
        self._remember(event, after, report)
        for listener in tuple(self.listeners):
            try:
                listener(event, after, report)
            except Exception:
                log.exception("A listener failed on %s of %s.", type(event).__name__, event.intent_id)
        return after

    def get(self, intent_id: str) -> OrderState | None:
        """The order of an intent, or None."""
        return self._states.get(intent_id)

    def by_order(self, client_id: int, order_id: int) -> OrderState | None:
        """The order that holds a broker order id of one client, or None."""
        return self._find(self._by_order.get((client_id, order_id)))

    def by_perm(self, perm_id: int) -> OrderState | None:
        """The order with the broker's permanent id, or None."""
        return self._find(self._by_perm.get(perm_id)) if perm_id else None

    def by_execution(self, exec_id: str) -> OrderState | None:
        """The order that an execution belongs to, or None."""
        return self._find(self._by_execution.get(execution_root(exec_id)))

    def working(self) -> list[OrderState]:
        """Orders that may still trade, oldest first."""
        return [self._states[intent_id] for intent_id in self._working]

    def unknown(self) -> list[OrderState]:
        """Orders that may still trade and of which nobody can tell what became of them, oldest first."""
        # Asked twice a second: the status is worked out for those alone that could be unknown.
        doubtful = (
            state
            for state in map(self._states.__getitem__, self._working)
            if state.lost or state.broker_status in UNCLEAR_WORDS
        )
        return [state for state in doubtful if state.status is OrderStatus.UNKNOWN]

    def unasked(self) -> list[OrderState]:
        """CANCEL and REPLACE intents that were accepted and whose order does not know of it, oldest first."""
        return [self._states[intent_id] for intent_id in self._unasked]

    def highest_order_id(self, client_id: int) -> int:
        """The largest order id ever reserved for a client, 0 when there is none."""
        return max((order for client, order in self._by_order if client == client_id), default=0)

    def __iter__(self) -> Iterator[OrderState]:
        return iter(tuple(self._states.values()))

    def __len__(self) -> int:
        return len(self._states)

    def _find(self, intent_id: str | None) -> OrderState | None:
        return None if intent_id is None else self._states[intent_id]

    def _remember(self, event: AnyEvent, state: OrderState, report: Report | None) -> None:
        self._states[event.intent_id] = state
        if state.working:
            self._working.setdefault(event.intent_id)
        else:
            self._working.pop(event.intent_id, None)
        match event:
            case StatusReported():
                self._by_perm[state.perm_id] = event.intent_id
            case Executed():
                self._by_perm[state.perm_id] = event.intent_id
                self._by_execution[execution_root(event.exec_id)] = event.intent_id
            case Reserved():
                self._by_order[event.client_id, event.order_id] = event.intent_id
            case Accepted() if state.intent is not None and state.intent.action != "NEW":
                self._unasked[event.intent_id] = None
            case CancelRequested() | ReplaceRequested():
                self._unasked.pop(event.by, None)
            case Denied():
                self._unasked.pop(event.intent_id, None)
        for watcher in self._watchers:
            watcher(event, state)


def fold(before: OrderState | None, event: AnyEvent) -> tuple[OrderState, Report | None]:
    """One fact on one order: the state after it, and the report it deserves (None: nothing to tell)."""
    after = apply(before, event)
    if isinstance(event, Repeated):
        return after, Report(after, "Rejected", 0, None, event)
    name = occasion(before, event, after)
    if name is None:
        return after, None
    sequence = after.reports + 1
    after = replace(after, reports=sequence)
    fresh = event if isinstance(event, Executed) else None
    recovered = isinstance(event, StatusReported) and event.recovered
    return after, Report(after, name, sequence, fresh, None, recovered=recovered)


def fold_all(events: Iterable[AnyEvent]) -> dict[str, OrderState]:
    """Every order that a history adds up to, by intent id."""
    states: dict[str, OrderState] = {}
    for event in events:
        states[event.intent_id], _ = fold(states.get(event.intent_id), event)
    return states
