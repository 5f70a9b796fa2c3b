"""A paper gateway, or a bare echo of its answers, as a process of its own; prints its port."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal

from toolkit.gateway import PaperGateway
from toolkit.gateway.wire import frame

ANSWER = b"".join(
    frame(fields)
    for fields in (
        ["5", *["1"] * 126],
        ["3", *["1"] * 11],
        ["11", *["1"] * 31],
        ["5", *["1"] * 126],
        ["3", *["1"] * 11],
        ["59", "1", "0001.01.01", "1.0", "USD", "", "", ""],
    )
)
"""What a filled market order is answered with, in size and number of messages."""


class Echo(asyncio.Protocol):
    """Answers every frame with the same bytes: what sockets and framing alone cost."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = count = 0
        while len(self._buffer) >= start + 4:
            end = start + 4 + int.from_bytes(self._buffer[start : start + 4], "big")
            if len(self._buffer) < end:
                break
            start, count = end, count + 1
        del self._buffer[:start]
        self._transport.write(ANSWER * count)  # type: ignore[attr-defined]


async def main(kind: str) -> None:
    if kind == "echo":
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        return
    async with PaperGateway(port=0, quotes=None, cash=Decimal(10) ** 12) as gateway:
        gateway.market.set_quote("SPY", 450.00, 450.02, 10**9, 10**9)
        print(gateway.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
