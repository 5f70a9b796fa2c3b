"""One socket: bytes between a client and its conversation."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from toolkit.errors import WireError
from toolkit.gateway.fault_line import FaultyLine
from toolkit.gateway.session import Session

if TYPE_CHECKING:
    from toolkit.gateway.server import PaperGateway

logger = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
"""How long a client may take to name itself, in seconds."""

MAX_UNSENT_BYTES = 16 << 20
"""How far a client may fall behind before it is cut off, in bytes: a day's orders fit in."""


class Connection(asyncio.Protocol):
    """The socket of one client; what goes wrong here ends this client and no other."""

    transport: asyncio.Transport
    line: FaultyLine

    def __init__(self, gateway: PaperGateway) -> None:
        self._gateway = gateway
        self._session = Session(gateway.floor)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket. asyncio has set TCP_NODELAY: replies are small and waited for."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=MAX_UNSENT_BYTES)
        self.line = FaultyLine(self._gateway, self._session, self.transport)
        self._gateway.attach(self._session, self)
        self._deadline = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self._expire)

    def data_received(self, data: bytes) -> None:
        """Answer what has come, as one batch."""
        try:
            self._session.receive(data, self._gateway.catch_up())
        except WireError as error:
            logger.warning("closed client %s: %s", self._session.client_id, error)
            self.transport.close()
        self._gateway.flush()
        if self._session.ended:
            self.transport.close()

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
        self.line.end()
        self._gateway.detach(self._session)

    def _expire(self) -> None:
        if self._session.client_id < 0:
            logger.warning("closed a client that has not named itself in time")
            self.transport.abort()
