"""What an operator may press on a desk: kill, halt, reduce only, resume; and what two people release."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, Final

from toolkit.broker.control_files import whoami
from toolkit.desk.view import View
from toolkit.errors import ControlError
from toolkit.intents.ids import fresh_id
from toolkit.orders.approvals import FROM_DESK, again
from toolkit.orders.controls import Swept

KILL_TIMEOUT: Final = 120.0
"""Seconds that a kill may take to cancel and verify all orders; it goes on when they are over."""


def from_desk() -> str:
    """The source of orders that the user of this process sends from a desk."""
    return FROM_DESK + whoami()


class Operator(View):
    """
    Commands that hold for everything that shares this journal, also after a restart.

    From another terminal: ``toolkit kill``, which works while a cell is busy.
    """

    @property
    def control(self) -> str:
        """What may be sent: ACTIVE, REDUCE_ONLY, HALTED or KILLED, since when, by whom and why."""
        return self.ask(lambda: self.engine.client.controls.standing.told)

    def kill(self, reason: str = "", *, by: str | None = None) -> Swept:
        """
        Close intake at once, cancel our working orders one by one, and see each of them end.

        Orders of other programs and manual ones stay (hazard H44). Only ``resume`` ends it.

        Args:
            reason: for the journal.
            by: who presses it; None: the user of this process.

        Returns:
            How many orders there were, and what is left of them and why.

        Raises:
            NotConnectedError: the engine has stopped; ``toolkit kill`` works without it.
            JournalError: it cannot be remembered; it is in force all the same.
        """
        swept = self._call(self.engine.client.kill(reason, by or whoami()), KILL_TIMEOUT)
        assert swept is not None  # an engine that runs has been connected
        return swept

    def halt(self, reason: str = "", *, by: str | None = None) -> None:
        """Send nothing but cancels, and leave what works. Raises ControlError when refused."""
        self._order("halt", reason, by)

    def reduce_only(self, reason: str = "", *, by: str | None = None) -> None:
        """Send only orders that bring a position closer to zero. Raises ControlError when refused."""
        self._order("reduce-only", reason, by)

    def resume(self, reason: str, *, by: str | None = None) -> None:
        """Let orders go again, after a kill too. Raises ControlError: no reason, or it was refused."""
        self._order("resume", reason, by)

    def approve(self, intent_id: str, reason: str, *, by: str | None = None) -> None:
        """
        Let an order that was denied as ``NEEDS_APPROVAL`` go, once, within 15 minutes: see ``release``.

        Args:
            intent_id: of the denied order.
            reason: for the journal.
            by: who approves it, another person than the one who wanted it; None: the user of this process.

        Raises:
            ControlError: it was refused; says why.
        """
        self._order("approve", reason, by, intent_id=intent_id)

    def release(self, intent_id: str) -> str:
        """
        Send a denied order again, as a new one on the same terms, after another person approved it.

        Returns:
            The new order's intent id.

        Raises:
            IntentError: no order is known under this id.
            ControlError: it was denied again; says why.
        """
        raw = again(self.order(intent_id), fresh_id(datetime.now(UTC), secrets.token_hex(4)))
        self._call(self.engine.orchestrator.process_order_intent(raw, source=from_desk()))
        denied = self.order(raw["intent_id"]).denied
        if denied is not None:
            raise ControlError(f"Intent {intent_id} was not released: {denied.reason}")
        return str(raw["intent_id"])

    def _order(self, action: str, reason: str, by: str | None, **terms: Any) -> None:
        self._call(self.engine.client.controls.order(action, by or whoami(), reason, **terms))
