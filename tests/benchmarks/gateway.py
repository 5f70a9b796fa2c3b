"""How fast the paper gateway is: orders over a real socket, its own CPU, quotes, replay, memory."""

from __future__ import annotations

import csv
import gzip
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from ib_async import Contract, Order
from ib_async.client import Client

from tests.benchmarks.measure import Figure, cpu_seconds, interleaved, resident_mb
from toolkit.gateway.events import Order as GatewayOrder
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.instruments import Universe
from toolkit.gateway.market import SyntheticMarket
from toolkit.gateway.matching import simulate
from toolkit.gateway.wire import frame

ROOT = Path(__file__).resolve().parents[2]
REAL_DAY = ROOT.parent / "shared" / "data" / "quotes_XXX_20180102.csv.gz"
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
_COMMISSION = b"59\x00"
"""How the last message of a filled order begins."""


@contextmanager
def process(kind: str) -> Iterator[tuple[int, int]]:
    """A gateway or an echo in its own process: (pid, port)."""
    command = [sys.executable, "-m", "tests.benchmarks.gateway_process", kind]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as run:
        assert run.stdout is not None
        yield run.pid, int(run.stdout.readline())
        run.communicate("")


class Driver:
    """A bare socket that sends market orders, encoded beforehand, and counts what comes back."""

    def __init__(self, port: int, handshake: bool) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._next_id = 1
        if handshake:
            self._socket.sendall(b"API\0" + struct.pack(">I", 9) + b"v157..178" + frame(["71", "2", "1", ""]))
            self._read_until(b"9\x00", 1)

    def orders(self, count: int) -> float:
        """Send this many market orders at once; seconds until the last one's commission is in."""
        first, self._next_id = self._next_id, self._next_id + count
        burst = b"".join(_placed(number) for number in range(first, first + count))
        start = time.perf_counter()
        self._socket.setblocking(False)
        sent = done = 0
        while done < count:
            if sent < len(burst):
                with suppress(BlockingIOError):
                    sent += self._socket.send(burst[sent : sent + 65536])
            done += self._take(_COMMISSION)
        self._socket.setblocking(True)
        return time.perf_counter() - start

    def close(self) -> None:
        self._socket.close()

    def _read_until(self, prefix: bytes, count: int) -> None:
        while count > 0:
            count -= self._take(prefix)

    def _take(self, prefix: bytes) -> int:
        """Read what is there; how many messages begin with ``prefix``."""
        try:
            self._buffer += self._socket.recv(1 << 18)
        except BlockingIOError:
            return 0
        found = start = 0
        size = len(self._buffer)
        while size >= start + 4:
            end = start + 4 + int.from_bytes(self._buffer[start : start + 4], "big")
            if size < end:
                break
            found += self._buffer.startswith(prefix, start + 4)
            start = end
        self._buffer = self._buffer[start:]
        return found


def _template() -> list[str]:
    """The fields that ib_async sends for a market order at version 178."""
    client = Client(None)
    sent: list[str] = []
    client._serverVersion = 178
    client.connState = Client.CONNECTED
    client.sendMsg = sent.append  # type: ignore[method-assign]
    contract = Contract(symbol="SPY", secType="STK", exchange="SMART", currency="USD")
    order = Order(action="BUY", totalQuantity=100, orderType="MKT", tif="DAY", orderRef="benchmark")
    client.placeOrder(0, contract, order)
    return sent[0].split("\0")[:-1]


_FIELDS = _template()


def _placed(order_id: int) -> bytes:
    return frame([_FIELDS[0], str(order_id), *_FIELDS[2:]])


def throughput(rounds: int, count: int) -> list[Figure]:
    """Market orders pipelined to filled and charged, against the same bytes from a bare echo."""
    with process("gateway") as (pid, port), process("echo") as (_, echo_port):
        gateway, echo = Driver(port, handshake=True), Driver(echo_port, handshake=False)
        gateway.orders(count)
        echo.orders(count)
        cpu: list[float] = []

        def timed() -> float:
            before = cpu_seconds(pid)
            seconds = gateway.orders(count)
            cpu.append((cpu_seconds(pid) - before) / count * 1e6)
            return count / seconds

        speeds, ratios = interleaved(rounds, timed, lambda: count / echo.orders(count))
        gateway.close()
        echo.close()
    return [
        Figure("market orders to filled, over a socket", speeds, "/s", "bare echo", ratios, ">= 8,000/s"),
        Figure("gateway's own CPU per market order", cpu, "us", goal="<= 120 us"),
    ]


def quoting(rounds: int) -> Figure:
    """CPU share of a market of 1,000 symbols at 5 quotes a second, taken by the exchange."""
    instruments = Universe()
    values = []
    for _ in range(rounds):
        exchange = Exchange(instruments, ["DU1"], Decimal(10) ** 9, "always")
        market = SyntheticMarket(instruments, 1, NOW)
        moves, now = [], NOW
        while len(moves) < 5_000:
            now += timedelta(seconds=1)
            moves += list(market.quotes_until(now))
        market = SyntheticMarket(instruments, 1, NOW)
        start, taken, now = time.process_time(), 0, NOW
        while taken < 5_000:
            now += timedelta(seconds=1)
            for move in market.quotes_until(now):
                exchange.quote(move.con_id, move.bid, move.ask, move.bid_size, move.ask_size, now)
                taken += 1
        values.append((time.process_time() - start) * 5_000 / taken * 100)
    return Figure("5,000 synthetic quotes a second", values, "% of a core", goal="< 40 %")


def replay(rounds: int) -> Figure | None:
    """A recorded day of 43,000 quotes as fast as possible; None where the recording is not there."""
    if not REAL_DAY.exists():
        return None
    with gzip.open(REAL_DAY, "rt") as file:
        rows = [{"type": "quote", "ts": row.pop("ts_utc"), **row} for row in csv.DictReader(file)]
    values = []
    for _ in range(rounds):
        start = time.perf_counter()
        simulate(rows)
        values.append(time.perf_counter() - start)
    return Figure("a recorded day replayed", values, "s", goal="< 2 s")


def memory(count: int) -> Figure:
    """Memory of resting orders, in a process of its own."""
    code = f"from tests.benchmarks.gateway import held_mb; print(held_mb({count}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return Figure(f"{count:,} resting orders held", [float(done.stdout)], "MB", goal="< 200 MB for 100,000")


def held_mb(count: int) -> float:
    """What ``count`` resting orders add to this process, in MB."""
    instruments = Universe()
    (spy,) = instruments.find(symbol="SPY")
    exchange = Exchange(instruments, ["DU1"], Decimal(10) ** 15, "always")
    exchange.quote(spy.con_id, Decimal(450), Decimal("450.02"), Decimal(100), Decimal(100), NOW)
    before = resident_mb(os.getpid())
    for number in range(1, count + 1):
        order = GatewayOrder(
            client_id=1,
            order_id=number,
            account="DU1",
            instrument=spy,
            action="BUY",
            quantity=Decimal(1),
            order_type="LMT",
            limit_price=Decimal(400),
        )
        exchange.place(order, NOW)
    assert len(exchange.open_orders()) == count
    return resident_mb(os.getpid()) - before


def run(*, quick: bool) -> list[Figure]:
    """Every figure of the paper gateway."""
    rounds = 3 if quick else 9
    figures = throughput(rounds, 1_000 if quick else 3_000)
    figures.append(quoting(rounds))
    played = replay(rounds)
    if played is not None:
        figures.append(played)
    figures.append(memory(20_000 if quick else 100_000))
    return figures
