"""A look at a gateway: shake hands, ask for the time, leave. Nothing is subscribed, placed or journaled."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from toolkit.broker.client_config import is_paper
from toolkit.broker.execution_wrapper import IBKRExecutionWrapper
from toolkit.broker.session import CLIENT_ID_IN_USE, Session

RATE = 10.0
"""Messages per second that we allow ourselves."""


class Sighting(NamedTuple):
    """
    What a gateway said.

    Attributes:
        port: where it answered.
        accounts: the accounts behind it.
        server_version: the protocol version agreed on.
        clock_error_s: seconds by which our clock is ahead of the second that the gateway named; negative
            when it is behind.
        clock_step_s: seconds by which somebody set our clock meanwhile.
    """

    port: int
    accounts: tuple[str, ...]
    server_version: int
    clock_error_s: float
    clock_step_s: float

    def is_paper(self, account: str) -> bool:
        """Whether orders of this account are played, not traded."""
        return is_paper(account, self.port)


def look(host: str, port: int, client_id: int, timeout: float) -> Sighting:
    """
    Connect, ask, and disconnect; blocks.

    Args:
        host: where the gateway listens.
        port: its API port.
        client_id: who we are there; a number that nobody uses.
        timeout: seconds for the handshake, and for the answer after it.

    Raises:
        NotConnectedError: it is not there, or does not answer like a gateway.
    """
    return asyncio.run(_look(host, port, client_id, timeout))


async def _look(host: str, port: int, client_id: int, timeout: float) -> Sighting:
    listener = _Listener()
    wrapper = IBKRExecutionWrapper(listener, lambda: datetime.now(UTC))
    session = listener.session = Session(listener, wrapper, rate=RATE)
    wall, steady = time.time(), time.monotonic()
    await session.connect(host, port, client_id, timeout)
    try:
        asked = time.time()
        theirs = await session.current_time(timeout)
        answered, elapsed = time.time(), time.monotonic() - steady
        accounts, version = tuple(session.accounts), session.server_version
    finally:
        await session.close()
    return Sighting(
        port, accounts, version, clock_error(theirs, asked, answered), (answered - wall) - elapsed
    )


def clock_error(theirs: int, asked: float, answered: float) -> float:
    """
    How far our clock is outside the second that the gateway named.

    Args:
        theirs: seconds since 1970, cut to a whole number.
        asked: our time before the question, seconds since 1970.
        answered: our time after the answer, seconds since 1970.

    Returns:
        Seconds, positive when ours is ahead; 0 when both can be right.
    """
    if answered < theirs:
        return answered - theirs
    return max(0.0, asked - (theirs + 1))


class _Listener:
    """Hears the handshake and the time, and nothing else; satisfies ``execution_wrapper.Broker``."""

    session: Session

    def intent_of(self, *_identity: object) -> str | None:
        """No order is ours."""
        return None

    def intent_of_execution(self, _exec_id: str) -> str | None:
        """No execution is ours."""
        return None

    def record(self, _event: object) -> None:
        """There is nothing to record."""

    def on_error(self, _request_id: int, code: int, _text: str) -> None:
        """Only a refusal of our client id matters."""
        if code == CLIENT_ID_IN_USE:
            self.session.refuse_client_id()

    def on_open_order(self, intent_id: str | None, shown: object) -> None:
        """Orders are not looked at."""

    def on_foreign_execution(self, fill: object) -> None:
        """Fills of others are not looked at."""

    def on_reply(self, name: str, *values: Any) -> None:
        """Only the time was asked for."""
        if name == "currentTime":
            self.session.requests.row(name, *values)
            self.session.requests.end(name)

    def on_decode_failure(self, error: BaseException | None, message: str) -> None:
        """The question stays unanswered and runs into its time limit."""

    def on_disconnected(self) -> None:
        """The question will not be answered any more."""
        self.session.requests.fail_all("The gateway closed the connection.")
