"""What an operator may press on a desk: kill, halt, reduce only, resume."""

from __future__ import annotations

from typing import Final

from toolkit.broker.control_files import whoami
from toolkit.desk.view import View
from toolkit.orders.controls import Swept

KILL_TIMEOUT: Final = 120.0
"""Seconds that a kill may take to cancel and verify all orders; it goes on when they are over."""


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

    def _order(self, action: str, reason: str, by: str | None) -> None:
        self._call(self.engine.client.controls.order(action, by or whoami(), reason))
