"""
The first order of a connection travels alone (hazard H12).

A gateway that has just started may meet it with a dialog that nobody sees, and lose whatever comes
behind. So the next order waits until the first is acknowledged or refused, or its time is over.
"""

from __future__ import annotations

import asyncio
import logging

from toolkit.broker.order_watch import OrderWatch
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState

log = logging.getLogger(__name__)


class FirstOrder:
    """
    Lets orders of one connection pass: one, and all others once its fate is known.

    Args:
        ledger, watch: what became of it.
    """

    def __init__(self, ledger: OrderLedger, watch: OrderWatch) -> None:
        self._ledger = ledger
        self._watch = watch
        self._turn = asyncio.Lock()
        self._over = False

    async def turn(self) -> bool:
        """Wait for the right to send; True for who goes alone, and then has to call ``sent``."""
        await self._turn.acquire()
        if not self._over:
            return True
        self._turn.release()
        return False

    def sent(self, intent_id: str | None) -> None:
        """The lone order is on its way; None: it was not sent, and the next one is the first."""
        if intent_id is None:
            self._turn.release()
        else:
            self._watch.when(intent_id, _answered).add_done_callback(lambda _: self._open(intent_id))

    def _open(self, intent_id: str) -> None:
        state = self._ledger.get(intent_id)
        if state is not None and state.lost:
            log.critical(
                "The first order of this connection was not acknowledged: possible dialog in the gateway; "
                "look at its window and confirm what it asks."
            )
        self._over = True
        self._turn.release()


def _answered(state: OrderState) -> bool:
    return state.final or bool(state.lost) or (state.sent_at is not None and not state.silent)
