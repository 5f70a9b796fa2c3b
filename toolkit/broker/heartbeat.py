"""A round trip through the gateway: proof that it is awake, and how far its clock is from ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from toolkit.errors import NotConnectedError

if TYPE_CHECKING:
    from toolkit.broker.session import Session

log = logging.getLogger(__name__)

SKEW_WORTH_SAYING: Final = 5.0
"""Seconds between the broker's clock and ours that make times hard to compare (hazard H19)."""


class Heartbeat:
    """
    Asks the gateway for the time; a socket that is merely open proves nothing (hazard H4).

    Args:
        session: the connection.
        timeout: seconds that an answer may take.
        clock: gives the time, UTC.
        on_lost: called with a sentence when no answer came in time.

    Attributes:
        last: UTC, when the last answer came; None before the first.
        skew: seconds that the broker's clock is ahead of ours, to the second; None before the first.
    """

    def __init__(
        self,
        session: Session,
        *,
        timeout: float,
        clock: Callable[[], datetime],
        on_lost: Callable[[str], None],
    ) -> None:
        self._session = session
        self._timeout = timeout
        self._clock = clock
        self._on_lost = on_lost
        self._asking: asyncio.Task[None] | None = None
        self.last: datetime | None = None
        self.skew: float | None = None

    async def beat(self) -> None:
        """Make one round trip; those who ask meanwhile wait for the same one."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask())
        await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        try:
            theirs = await self._session.current_time(self._timeout)
        except NotConnectedError:
            if self._session.connected:
                self._on_lost(
                    f"The gateway has not answered for {self._timeout:g} s although its socket is open; "
                    "the connection is given up and made again."
                )
            return
        finally:
            self._asking = None
        self.last = self._clock()
        first, self.skew = self.skew is None, theirs - self.last.timestamp()
        if first and abs(self.skew) > SKEW_WORTH_SAYING:
            log.warning(
                "The broker's clock is %.0f s %s ours; set this machine's clock by NTP.",
                abs(self.skew),
                "ahead of" if self.skew > 0 else "behind",
            )
