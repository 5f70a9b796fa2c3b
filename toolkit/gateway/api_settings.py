"""The settings of the API that the broker's gateway has in a dialog, and what they forbid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from toolkit.errors import ConfigError

MAX_MESSAGES_PER_SECOND = 50
"""Most messages that one client may send per second of real time (TWS API documentation)."""

READ_ONLY = (
    321,
    "Error validating request.-'bY' : cause - The API interface is currently in Read-Only mode.",
)
"""Code and text for orders, and for questions about one's own orders, in read-only mode."""

ONLY_CLIENT_ZERO = (
    321,
    "Error validating request.-'bM' : cause - Only the default client (i.e 0) can auto bind orders.",
)
"""Code and text for a client other than 0 that wants orders made by hand."""


LIVE, DELAYED = "live", "delayed"
"""What market data an account has subscribed: live data, or none, and then sees delayed data."""


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """
    What one gateway allows its clients.

    Attributes:
        read_only: orders are refused, and so are questions about one's own orders.
        master_client_id: the client that hears of the orders and fills of all; None: there is none.
        pace: how long a second of real time takes at the gateway; None: clients may send as fast
            as they like.
        market_data: ``live`` or ``delayed``.

    Raises:
        ConfigError: for another kind of market data.
    """

    read_only: bool = False
    master_client_id: int | None = None
    pace: timedelta | None = None
    market_data: str = LIVE

    def __post_init__(self) -> None:
        if self.market_data not in (LIVE, DELAYED):
            raise ConfigError(f"Market data is {self.market_data!r}; choose {LIVE} or {DELAYED}.")


class Pacing:
    """
    Counts the messages of one client against the limit; no clock, time is given.

    A token bucket: it holds the messages of one second and fills up again in one second. A window
    that slides would punish clients that keep to the limit for a few milliseconds of delay on the
    way. How the real gateway counts is not known.
    """

    __slots__ = ("_allowance", "_pace", "_seen")

    def __init__(self, pace: timedelta) -> None:
        self._pace = pace
        self._allowance = float(MAX_MESSAGES_PER_SECOND)
        self._seen: datetime | None = None

    def refuse(self, now: datetime) -> tuple[int, str] | None:
        """Count a message; the error code and text if it is one too many."""
        if self._seen is not None:
            refill = MAX_MESSAGES_PER_SECOND * ((now - self._seen) / self._pace)
            self._allowance = min(self._allowance + refill, MAX_MESSAGES_PER_SECOND)
        self._seen = now
        if self._allowance < 1:
            return 100, (
                f"Max rate of messages per second has been exceeded:"
                f"max={MAX_MESSAGES_PER_SECOND} rec={MAX_MESSAGES_PER_SECOND + 1} (1)"
            )
        self._allowance -= 1
        return None
