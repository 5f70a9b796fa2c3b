"""Which orders changed: told in the engine's thread, awaited in any other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from toolkit.desk.timetable import WITHDRAWN, Standing
from toolkit.errors import NotConnectedError
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import Report
from toolkit.orders.state import OrderState

COMMISSION_GRACE: Final = 1.0
"""Seconds that the commissions of filled orders are waited for."""
LOOK_AGAIN: Final = 0.5
"""Seconds after which who waits looks whether the engine still lives."""
MOST_SHOWN: Final = 10
"""Open orders that one error spells out."""


class Changes:
    """A ledger listener that remembers intent ids until somebody takes them."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._intent_ids: set[str] = set()
        self._woken = False

    def __call__(self, event: AnyEvent, _state: OrderState, _report: Report | None) -> None:
        """Remember one change."""
        with self._condition:
            self._intent_ids.add(event.intent_id)
            self._condition.notify_all()

    def wake(self) -> None:
        """Let ``take`` return now, though nothing changed."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def take(self, timeout: float) -> set[str]:
        """The intents that changed since the last call, after at most ``timeout`` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._intent_ids or self._woken, timeout)
            taken, self._intent_ids, self._woken = self._intent_ids, set(), False
            return taken


@contextmanager
def listening(
    listeners: list[Callable[..., None]], ask: Callable[[Callable[[], None]], object]
) -> Iterator[Changes]:
    """
    Changes as long as somebody waits for them.

    Args:
        listeners: of the ledger.
        ask: runs something in the thread of the ledger.
    """
    changes = Changes()

    def leave() -> None:
        if changes in listeners:
            listeners.remove(changes)

    try:
        ask(lambda: listeners.append(changes))
        yield changes
    finally:
        ask(leave)


def wait_until_final(
    intent_ids: Sequence[str],
    standing: Callable[[str], Standing],
    changes: Changes,
    alive: Callable[[], bool],
    timeout: float,
) -> None:
    """
    Wait until every order is filled, cancelled or refused; then a moment for commissions.

    Args:
        intent_ids: the orders.
        standing: how one stands.
        changes: hears of every change from before this call.
        alive: whether changes can still come.
        timeout: seconds.

    Raises:
        TimeoutError: some are still open; names them.
        NotConnectedError: some are still open, and the engine has stopped.
    """
    deadline = time.monotonic() + timeout
    left = list(intent_ids)
    while left := [intent_id for intent_id in left if not _final(standing(intent_id))]:
        if not alive():
            raise NotConnectedError("The engine has stopped; connect again to learn how the orders ended.")
        patience = deadline - time.monotonic()
        if patience <= 0:
            told = ", ".join(f"{one} ({_word(standing(one))})" for one in left[:MOST_SHOWN])
            more = ", ..." if len(left) > MOST_SHOWN else ""
            raise TimeoutError(
                f"{len(left)} of {len(intent_ids)} orders are still open after {timeout:g} s: {told}{more}."
            )
        changes.take(min(LOOK_AGAIN, patience))
    deadline = time.monotonic() + COMMISSION_GRACE
    while (
        any(_owes_commission(standing(one)) for one in intent_ids) and time.monotonic() < deadline and alive()
    ):
        changes.take(deadline - time.monotonic())


def _final(standing: Standing) -> bool:
    return standing.final if isinstance(standing, OrderState) else standing[0] == WITHDRAWN


def _word(standing: Standing) -> str:
    return standing.status.value if isinstance(standing, OrderState) else standing[0]


def _owes_commission(standing: Standing) -> bool:
    if not isinstance(standing, OrderState):
        return False
    return bool(standing.executions) and standing.known_commission is None
