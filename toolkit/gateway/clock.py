"""The one clock of a gateway: everything else is given its time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from toolkit.errors import GatewayError


class Clock:
    """UTC, or time that passes ``speed`` times as fast from now on; it never goes backwards."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._start = datetime.now(UTC)
        self._zero = time.monotonic()

    def now(self) -> datetime:
        """The moment at the gateway."""
        return self._start + timedelta(seconds=(time.monotonic() - self._zero) * self._speed)

    def not_before(self, moment: datetime) -> None:
        """Go on from ``moment`` if it shows an earlier one: what was written down stays the past."""
        self._start += max(moment - self.now(), timedelta(0))

    def seconds_until(self, moment: datetime) -> float:
        """Seconds of real time until the clock shows this moment, 0 if it is past."""
        return max(0.0, (moment - self.now()).total_seconds() / self._speed)


class ManualClock(Clock):
    """A clock that stands still until it is set, for a test that owns the time of its gateway."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._now = start

    def now(self) -> datetime:
        """The moment it was last set to."""
        return self._now

    def not_before(self, moment: datetime) -> None:
        """Show ``moment`` if it shows an earlier one."""
        self._now = max(self._now, moment)

    def set(self, moment: datetime) -> None:
        """
        Show this moment from now on.

        Raises:
            GatewayError: it is earlier than the one shown: time at a gateway never goes backwards.
        """
        if moment < self._now:
            raise GatewayError(f"The clock shows {self._now} and cannot be set back to {moment}.")
        self._now = moment

    def seconds_until(self, moment: datetime) -> float:
        """0 once it shows the moment; else longer than anybody waits."""
        return 0.0 if moment <= self._now else float("inf")
