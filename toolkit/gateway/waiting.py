"""Orders that wait for their session to open."""

from __future__ import annotations

from toolkit.gateway.calendar import Phase
from toolkit.gateway.ladder import BookOrder, State


class WaitingRoom:
    """Orders by whether they may trade in extended hours."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[bool, dict[BookOrder, None]] = {False: {}, True: {}}

    def __bool__(self) -> bool:
        return bool(self._groups[False] or self._groups[True])

    def add(self, order: BookOrder) -> None:
        """Let it wait."""
        order.state = State.WAITING
        self._groups[order.extended][order] = None

    def remove(self, order: BookOrder) -> None:
        """It waits no longer."""
        del self._groups[order.extended][order]

    def release(self, phase: Phase) -> list[BookOrder]:
        """The orders whose session has come, oldest first; they wait no longer."""
        released: list[BookOrder] = []
        for extended, group in self._groups.items():
            if may_trade(phase, extended=extended):
                released += group
                group.clear()
        for order in released:
            order.state = State.IN_FLIGHT
        released.sort(key=lambda order: order.seq)
        return released


def may_trade(phase: Phase, *, extended: bool) -> bool:
    """Whether an order trades in a phase of the day (R6)."""
    return phase is Phase.REGULAR or (phase is Phase.EXTENDED and extended)
