"""When a dead man's switch has to act, judged from one look after the other; no clock, no I/O."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Sight(NamedTuple):
    """
    One look at a journal.

    Attributes:
        owner: id of the process that holds it; None when nobody is seen to.
        died: whether the last owner let go of it without saying so, as a killed process does.
        heard: id of the process that answered at the health port, None when none did.
    """

    owner: int | None
    died: bool = False
    heard: int | None = None


class Finding(Enum):
    """What a look amounts to."""

    WELL = "somebody lives, or the last one stopped as it was told"
    DEAF = "the owner answered once, and has not for too long"
    GONE = "there has been no owner for too long"


class Vigil:
    """
    Looks, added up.

    Args:
        after: seconds without an owner, or of silence, that are too long.
        after_stop: whether an owner that stopped cleanly is missed as well.
        now: seconds, monotonic.
    """

    def __init__(self, after: float, *, after_stop: bool, now: float) -> None:
        self._after = after
        self._after_stop = after_stop
        self._owned_at = now
        self._heard: tuple[int | None, float] = (None, now)
        """who answered last, and when"""
        self._missed = False
        """whether an owner is missed, which only another one ends"""

    def judge(self, sight: Sight, now: float) -> Finding:
        """What this look amounts to, after all before it; ``now`` in seconds, monotonic."""
        if sight.heard is not None:
            self._heard = (sight.heard, now)
        if sight.owner is not None:
            self.owned(now)
            who, at = self._heard
            # Only whoever answered before can be said to have fallen silent.
            silent = who == sight.owner and now - at >= self._after
            return Finding.DEAF if silent else Finding.WELL
        self._missed = self._missed or sight.died or self._after_stop
        if not self._missed:
            self._owned_at = now
        return Finding.GONE if now - self._owned_at >= self._after else Finding.WELL

    def owned(self, now: float) -> None:
        """Somebody turned out to own the journal, whatever was seen."""
        self._owned_at, self._missed = now, False
