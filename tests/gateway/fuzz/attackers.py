"""
Many bad clients at once, as a process of its own: ``python -m tests.gateway.fuzz.attackers``.

It prints one JSON object when it is done: how many attacks of each kind, bytes sent, and every
attack after which the gateway stayed silent.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import time
from collections import Counter

from tests.gateway.fuzz.garbage import HELLO, PROBE, PROBE_ID, Attack, attack
from toolkit.gateway.wire import Hello, Receiver

AT_ONCE = 12
"""Connections at a time."""

PATIENCE = 30.0
"""Seconds in which the gateway has to answer or to close, however busy the machine is."""


class Campaign:
    """
    All attacks of one seed.

    Attributes:
        kinds: kind -> attacks made.
        sent: bytes sent.
        silent: attacks, by number and kind, that were neither answered nor closed.
    """

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._seed = seed
        self._next = 0
        self.kinds: Counter[str] = Counter()
        self.sent = 0
        self.silent: list[str] = []

    async def run(self, seconds: float, pause: float) -> None:
        """Attack from all sides until the time is over; ``pause`` seconds between a worker's attacks."""
        end = time.monotonic() + seconds

        async def worker() -> None:
            while time.monotonic() < end:
                number, self._next = self._next, self._next + 1
                await self._make(number, attack(self._seed, number))
                await asyncio.sleep(pause)

        async with asyncio.TaskGroup() as workers:
            for _ in range(AT_ONCE):
                workers.create_task(worker())

    async def _make(self, number: int, plan: Attack) -> None:
        self.kinds[plan.kind] += 1
        loop = asyncio.get_running_loop()
        with socket.socket() as peer:
            peer.setblocking(False)
            if not plan.reads:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await loop.sock_connect(peer, ("127.0.0.1", self._port))
            heard = asyncio.Event()
            heard_at = [time.monotonic()]
            listening = loop.create_task(_listen(peer, heard, heard_at)) if plan.reads else None
            try:
                async with asyncio.timeout(PATIENCE if plan.reads else 5.0):
                    await self._say(peer, plan)
                if plan.end == "probe":
                    async with asyncio.timeout(PATIENCE):
                        await heard.wait()
            except ConnectionError:
                pass  # closed by the gateway, as it may
            except TimeoutError:
                # Whoever asks for a gigabyte of answers may still be hearing them.
                if plan.reads and time.monotonic() - heard_at[0] > PATIENCE / 2:
                    self.silent.append(f"attack {number} ({plan.kind})")
            finally:
                if listening is not None:
                    listening.cancel()
                    await asyncio.wait({listening})
                    if not listening.cancelled():
                        listening.result()
            if plan.end == "reset":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _say(self, peer: socket.socket, plan: Attack) -> None:
        loop = asyncio.get_running_loop()
        for chunk in plan.chunks:
            await loop.sock_sendall(peer, chunk)
            self.sent += len(chunk)
            if plan.pause:
                await asyncio.sleep(plan.pause)
        await asyncio.sleep(plan.linger)
        if plan.end == "probe":
            await loop.sock_sendall(peer, PROBE)


async def _listen(peer: socket.socket, heard: asyncio.Event, heard_at: list[float]) -> None:
    """Take what comes; ``heard`` is set by the answer to the probe, or by the end of the connection."""
    receiver = Receiver()
    receiver.feed(HELLO)
    loop = asyncio.get_running_loop()
    try:
        while data := await loop.sock_recv(peer, 1 << 16):
            heard_at[0] = time.monotonic()
            replies = [item for item in receiver.feed(data) if not isinstance(item, Hello)]
            if any(fields[:2] == ["79", PROBE_ID] for fields in replies):
                heard.set()
    except ConnectionError:
        pass
    finally:
        heard.set()


def main(port: int, seed: int, seconds: float, pause: float) -> None:
    campaign = Campaign(port, seed)
    asyncio.run(campaign.run(seconds, pause))
    print(json.dumps({"kinds": campaign.kinds, "bytes": campaign.sent, "silent": campaign.silent}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
