"""
A tap on the line between a client and a gateway, and a gateway that plays a recording back.

The tap passes every byte on as it is, in both directions, and tells what it was. The player answers
a client with what the gateway once said, each time after as many messages as the client had sent then.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from typing import Self

from toolkit.errors import GatewayError
from toolkit.gateway.tape import CLIENT, GATEWAY, VERSION, Line, Mask, Splitter
from toolkit.gateway.wire import frame

log = logging.getLogger(__name__)

CHUNK = 1 << 16
"""Bytes read at a time."""

Heard = Callable[[Line], None]
"""Called with every message, in the order in which they passed."""


class _Listener:
    """A port of this machine; what happens on a connection is the subclass's business."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        try:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
        except OSError as error:
            raise GatewayError(f"Cannot listen on {self.host}:{self.port}: {error.strerror}.") from error
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.converse(reader, writer)
        except OSError as error:
            log.warning("A connection to %s:%s ended: %s.", self.host, self.port, error)
        finally:
            await _close(writer)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        raise NotImplementedError


class Tap(_Listener):
    """
    Passes everything on to a gateway and back.

    Args:
        host: address to listen on.
        port: TCP port; 0 picks a free one.
        target: host and port of the gateway.
        heard: told every message, account numbers masked.

    Raises:
        GatewayError: the address cannot be listened on.
    """

    def __init__(self, host: str, port: int, *, target: tuple[str, int], heard: Heard) -> None:
        super().__init__(host, port)
        self._target = target
        self._heard = heard
        self._mask = Mask()
        self._sessions = itertools.count(1)
        self._start = time.monotonic()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect to the gateway, and pass on until either side ends."""
        session = next(self._sessions)
        there, back = await asyncio.open_connection(*self._target)
        pumps = {
            asyncio.ensure_future(self._pump(session, CLIENT, reader, back)),
            asyncio.ensure_future(self._pump(session, GATEWAY, there, writer)),
        }
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in done:
                pump.result()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            await _close(back)

    async def _pump(
        self, session: int, sender: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        splitter = Splitter(sender)
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
            seconds = round(time.monotonic() - self._start, 6)
            for name, fields in splitter.feed(data):
                self._heard(Line(seconds, session, sender, name, self._mask.apply(name, fields)))


class Player(_Listener):
    """
    Plays one recorded connection to every client that comes.

    Args:
        host: address to listen on.
        port: TCP port; 0 picks a free one.
        tape: the recording; its first connection is played.

    Raises:
        GatewayError: the address cannot be listened on, or the gateway says nothing in the recording.
    """

    def __init__(self, host: str, port: int, *, tape: Sequence[Line]) -> None:
        super().__init__(host, port)
        first = min((line.session for line in tape), default=0)
        self._tape = [line for line in tape if line.session == first]
        if not any(line.sender == GATEWAY for line in self._tape):
            raise GatewayError(
                "The recording holds nothing that a gateway said, so there is nothing to play."
            )

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say what the gateway said, each message when the client has said as much as it had then."""
        splitter = Splitter(CLIENT)
        heard = wanted = 0
        for line in self._tape:
            if line.sender == CLIENT:
                wanted += 1
                continue
            while heard < wanted:
                data = await reader.read(CHUNK)
                if not data:
                    return
                heard += len(list(splitter.feed(data)))
            # Before the version is known there are just the two fields of its frame.
            assert line.name != VERSION or len(line.fields) == 2
            writer.write(frame(line.fields))
            await writer.drain()
        while await reader.read(CHUNK):
            pass


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # the peer may have gone first
        await writer.wait_closed()
