"""A relay between a client and the gateway that cuts the line in the middle of a request."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Final, Self

HELLO: Final = b"API\0"
NUMBERS: Final = {"placeOrder": b"3\0", "cancelOrder": b"4\0"}
"""Requests and the message number that each begins with."""


class Cutter:
    """
    Relays everything, but sends only half of the first request of one kind, and then the end.

    Args:
        port: where the gateway listens on this machine.
        request: ``placeOrder`` or ``cancelOrder``.
        how: ``FIN``, ``RST``, or ``hang``: nothing more is relayed until the client gives up, or ``release``.

    Attributes:
        port: where it listens itself.
        struck: whether it has cut the line.
    """

    def __init__(self, port: int, request: str, how: str) -> None:
        self.struck = False
        self._gateway = port
        self._number = NUMBERS[request]
        self._how = how
        self._loop = asyncio.new_event_loop()
        self._release = asyncio.Event()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._relay, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="cutter", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def release(self) -> None:
        """End a line that hangs."""
        self._loop.call_soon_threadsafe(self._release.set)

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        gateway, to_gateway = await asyncio.open_connection("127.0.0.1", self._gateway)
        back = asyncio.create_task(_copy(gateway, to_client))
        try:
            to_gateway.write(await client.readexactly(len(HELLO)))
            while True:
                head = await client.readexactly(4)
                body = await client.readexactly(int.from_bytes(head, "big"))
                if body.startswith(self._number) and not self.struck:
                    to_gateway.write(head + body[: len(body) // 2])
                    await to_gateway.drain()
                    self.struck = True
                    if self._how == "hang":
                        await self._release.wait()
                    break
                to_gateway.write(head + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            back.cancel()
            for writer in (to_gateway, to_client):
                _end(writer, reset=self._how == "RST")

    async def _close(self) -> None:
        self._server.close()
        self._release.set()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
    target.close()


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if not reset:
        writer.close()
        return
    end: socket.socket = writer.get_extra_info("socket")
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
