"""
Cancel our own working orders, one by one, and see each of them end.

Never the account-wide cancel: that one ends other programs' and manual orders too (hazard H44).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState

log = logging.getLogger(__name__)

PATIENCE: Final = 10.0
"""Seconds after the last of the first cancels that the broker has to confirm them all."""
ASK_AGAIN: Final = 3.0
"""Seconds after which an unanswered cancel is sent once more; it may have been swallowed (hazard H14)."""
LOOK: Final = 0.02


class Sweep(NamedTuple):
    """
    How it went.

    Attributes:
        orders: our orders that might still trade when it began, or came up meanwhile.
        leftovers: intent id -> why its order may still trade.
        last_cancel: when the last cancel was written to the socket, on ``clock``; None when none was.
    """

    orders: int
    leftovers: dict[str, str]
    last_cancel: float | None


async def sweep(
    ledger: OrderLedger,
    client_id: int,
    cancel: Callable[[str], Awaitable[bool]],
    connected: Callable[[], bool],
    clock: Callable[[], float],
) -> Sweep:
    """
    Cancel what is ours, verify each, and list what is left.

    Args:
        ledger: our orders.
        client_id: the client that we are; orders of another one are not ours to cancel here.
        cancel: writes the cancel of an intent's order to the socket; whether it did.
        connected: whether there is a gateway to talk to.
        clock: seconds, monotonic.
    """
    seen: set[str] = set()
    asked: dict[str, float] = {}
    last: float | None = None
    deadline: float | None = None
    while open_orders := _open(ledger):
        seen |= {state.intent_id for state in open_orders}
        if not connected():
            break
        for state in open_orders:
            due = clock() - asked.get(state.intent_id, -ASK_AGAIN) >= ASK_AGAIN
            if due and _reachable(state, client_id):
                # A cancel that is under way already gets its time before it is repeated.
                asked[state.intent_id] = clock()
                if not state.cancel_requested or deadline is not None:
                    last = clock() if await cancel(state.intent_id) else last
        deadline = deadline or clock() + PATIENCE
        ours = [state for state in _open(ledger) if state.client_id in (0, client_id)]
        if not ours or clock() > deadline:
            break
        await asyncio.sleep(LOOK)
    left = {state.intent_id: _why(state, client_id, connected()) for state in _open(ledger)}
    return Sweep(len(seen), left, last)


def _open(ledger: OrderLedger) -> list[OrderState]:
    return [state for state in ledger.working() if state.intent is not None and state.intent.action == "NEW"]


def _reachable(state: OrderState, client_id: int) -> bool:
    """Whether a cancel can reach it; one on its way to the socket is turned away there by itself."""
    if state.order_id is None:
        return True
    on_its_way = state.sent_at is None and state.acked_at is None and not state.lost
    return state.client_id == client_id and not on_its_way


def _why(state: OrderState, client_id: int, connected: bool) -> str:
    if not connected:
        return "the gateway is not connected; its cancel is sent at the next connection"
    if state.order_id is not None and state.client_id != client_id:
        return f"it belongs to client id {state.client_id}; start with that IBKR_CLIENT_ID to cancel it"
    return f"{state.status.value}: {state.reason or 'the broker has not confirmed its cancel'}"
