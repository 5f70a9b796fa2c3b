"""One socket: bytes between a client and its conversation."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, cast

from toolkit.errors import WireError
from toolkit.gateway.fault_line import FaultyLine
from toolkit.gateway.session import Session
from toolkit.gateway.wire import Hello

if TYPE_CHECKING:
    from toolkit.gateway.server import PaperGateway

logger = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
"""How long a client may take to name itself, in seconds."""

CLOSING_SECONDS = 5.0
"""How long a client may take to read its last replies, in seconds, before it is cut off."""

MAX_UNSENT_BYTES = 16 << 20
"""How far a client may fall behind before it is cut off, in bytes: a day's orders fit in."""


TURN_SECONDS = 0.005
"""How long one client may be served while others wait, in seconds; then they have their turn."""

READ_BYTES = 1 << 14
"""Most bytes taken from a client at once: small, because all frames in them are taken apart in one turn."""


class Connection(asyncio.BufferedProtocol):
    """The socket of one client; what goes wrong here ends this client and no other."""

    transport: asyncio.Transport
    line: FaultyLine

    def __init__(self, gateway: PaperGateway) -> None:
        self._gateway = gateway
        self._session = Session(gateway.floor)
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._waiting: deque[Hello | list[str]] = deque()
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket. asyncio has set TCP_NODELAY: replies are small and waited for."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=MAX_UNSENT_BYTES)
        self.line = FaultyLine(self._gateway, self._session, self.transport)
        self._gateway.attach(self._session, self)
        self._deadline = self._loop.call_later(HANDSHAKE_SECONDS, self.refuse_unnamed)

    def get_buffer(self, _: int) -> memoryview:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        """Answer what has come, unless the turn for that is on its way."""
        scheduled = self._busy
        try:
            self._waiting.extend(self._session.feed(self._buffer[:size]))
        except WireError as error:
            self._refuse(error)
        if not scheduled:
            self._take_turn()

    @property
    def _busy(self) -> bool:
        """Whether a request waits, or an answer of many rows is not at its end."""
        return bool(self._waiting) or self._session.unfinished is not None

    def _forget(self) -> None:
        self._waiting.clear()
        self._session.unfinished = None

    def _take_turn(self) -> None:
        """Answer requests for a while, as one batch. While some are left, nothing more is read."""
        waiting, session, time = self._waiting, self._session, self._loop.time
        now, end = self._gateway.catch_up(), time() + TURN_SECONDS
        try:
            while self._busy and not session.ended:
                if session.unfinished is None:
                    session.take(waiting.popleft(), now)
                else:
                    session.go_on()
                if time() >= end:
                    break
        except WireError as error:
            self._refuse(error)
        self._gateway.flush()
        if session.ended:
            self._close()
        if self.transport.is_closing():
            self._forget()
        elif self._busy:
            self.transport.pause_reading()
            self._loop.call_soon(self._take_turn)
        elif not self.line.frozen:
            self.transport.resume_reading()

    def _refuse(self, error: WireError) -> None:
        logger.warning("closed client %s: %s", self._session.client_id, error)
        self._close()

    def _close(self) -> None:
        """Close once the last replies are read. A client that does not read would keep its id for ever."""
        self.transport.close()
        self._deadline.cancel()
        self._deadline = self._loop.call_later(CLOSING_SECONDS, self.transport.abort)

    def write(self, output: bytes) -> None:
        """Send what the session has to say, as far as no fault stands in the way."""
        if self.line.busy or self._gateway.faults:
            self.line.write(output)
        else:
            self.transport.write(output)

    def pause_writing(self) -> None:
        """The client does not read. Waiting for it would hold its replies in memory for ever."""
        logger.warning("closed client %s: it does not read", self._session.client_id)
        self.transport.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """Closed by either side, gently or not: the client id is free again."""
        self._deadline.cancel()
        self._forget()
        self.line.end()
        self._gateway.detach(self._session)

    @property
    def unnamed(self) -> bool:
        """Whether its client has not named itself yet, and may still do so."""
        return self._session.client_id < 0 and not self.transport.is_closing()

    def refuse_unnamed(self) -> None:
        """Cut off a client that takes too long, or one of too many, to name itself."""
        if self.unnamed:
            logger.warning("closed a client that has not named itself in time")
            self.transport.abort()
