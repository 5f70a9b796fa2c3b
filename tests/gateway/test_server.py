"""The gateway on real sockets: starting, stopping, and clients that behave badly."""

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from toolkit.errors import GatewayError
from toolkit.gateway import PaperGateway, clock, connection
from toolkit.gateway.wire import MAX_FRAME_BYTES, Hello, Receiver, frame

ROOT = Path(__file__).parents[2]
HELLO = b"API\0" + b"\0\0\0\x09v157..178"
TIMEOUT = 10.0


class Peer:
    """A bare socket that can say anything."""

    def __init__(self, gateway: PaperGateway) -> None:
        self.socket = socket.create_connection((gateway.host, gateway.port), TIMEOUT)
        self._receiver = Receiver()
        self._receiver.feed(HELLO)
        self._frames: list[list[str]] = []

    def say(self, *fields: str) -> None:
        self.socket.sendall(frame(fields))

    def hear(self, kind: str) -> list[str]:
        """The next frame of one kind, those before it dropped. Raises EOFError: closed."""
        while True:
            while self._frames:
                if (fields := self._frames.pop(0))[0] == kind:
                    return fields
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._frames += [it for it in self._receiver.feed(data) if not isinstance(it, Hello)]

    def enter(self, client_id: int = 1) -> "Peer":
        self.socket.sendall(HELLO)
        self.hear("178")
        self.say("71", "2", str(client_id), "")
        self.hear("9")
        return self

    def is_closed(self) -> bool:
        """Whether the gateway closes this connection, within the time of the test."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    def reset(self) -> None:
        """Close the hard way, with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    with PaperGateway(quotes=None) as gateway:
        yield gateway


@pytest.fixture
def peers(gateway) -> Iterator[list[Peer]]:
    opened = [Peer(gateway) for _ in range(2)]
    yield opened
    for peer in opened:
        peer.socket.close()


def test_a_client_may_send_its_hello_byte_by_byte(peers):
    for byte in HELLO:
        peers[0].socket.sendall(bytes([byte]))
    assert peers[0].hear("178")[1].endswith("UTC")


def test_a_request_may_come_in_the_same_packet_as_the_name(peers):
    peers[0].socket.sendall(HELLO)
    peers[0].hear("178")
    peers[0].socket.sendall(frame(["71", "2", "1", ""]) + frame(["49", "1"]))
    assert abs(int(peers[0].hear("49")[2]) - time.time()) < TIMEOUT


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_id_is_free_again_after_its_client_is_gone(gateway, peers, leave):
    peers[0].enter(client_id=5)
    if leave == "close":
        peers[0].socket.close()
    else:
        peers[0].reset()
    deadline = time.monotonic() + TIMEOUT
    while 5 in gateway.floor.sessions and time.monotonic() < deadline:
        time.sleep(0.001)
    peers[1].enter(client_id=5)


def test_a_duplicate_client_id_is_told_326_and_closed_and_the_first_one_stays(peers):
    peers[0].enter(client_id=5)
    peers[1].socket.sendall(HELLO)
    peers[1].hear("178")
    peers[1].say("71", "2", "5", "")
    assert peers[1].hear("4")[2:4] == ["-1", "326"]
    assert peers[1].is_closed()
    peers[0].say("49", "1")
    peers[0].hear("49")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"62\0",
        b"API\0" + b"\0\0\0\x08v100.140",
        b"API\0" + b"\0\0\0\x09v100..150",
        HELLO + (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        HELLO + frame(["61", "1"]),  # a request without a name
        HELLO + frame(["hello"]),
    ],
)
def test_a_peer_that_does_not_speak_the_protocol_is_closed_and_others_are_not(peers, nonsense):
    peers[0].enter()
    peers[1].socket.sendall(nonsense)
    assert peers[1].is_closed()
    peers[0].say("49", "1")
    peers[0].hear("49")


def test_a_refused_hello_gets_no_answer(peers):
    peers[1].socket.sendall(b"API\0" + b"\0\0\0\x09v100..150")
    assert peers[1].socket.recv(100) == b""


def test_a_client_that_never_names_itself_is_closed(monkeypatch):
    monkeypatch.setattr(connection, "HANDSHAKE_SECONDS", 0.05)
    with PaperGateway(quotes=None) as gateway:
        peer = Peer(gateway)
        peer.socket.sendall(HELLO[:7])
        assert peer.is_closed()
        peer.socket.close()


def test_a_client_that_does_not_read_is_cut_off_and_others_are_not(monkeypatch):
    monkeypatch.setattr(connection, "MAX_UNSENT_BYTES", 1 << 16)
    with PaperGateway(quotes=None) as gateway:
        deaf, other = Peer(gateway).enter(1), Peer(gateway).enter(2)
        deadline = time.monotonic() + TIMEOUT
        while 1 in gateway.floor.sessions and time.monotonic() < deadline:
            try:
                deaf.socket.sendall(frame(["81", "7", "a"]) * 200)
            except ConnectionError:
                break
        assert deaf.is_closed()
        other.say("49", "1")
        other.hear("49")
        deaf.socket.close()
        other.socket.close()


def test_an_order_placed_with_latency_fills_when_its_time_has_come():
    with PaperGateway(quotes=None, latency_ms=30) as gateway:
        gateway.market.set_quote("AAPL", 150, 150.02)
        peer = Peer(gateway).enter()
        sent = time.monotonic()
        peer.socket.sendall(market_order("AAPL"))
        peer.hear("11")
        assert time.monotonic() - sent >= 0.03
        peer.socket.close()


def market_order(symbol: str) -> bytes:
    contract = ["0", symbol, "STK", "", "0", "", "", "SMART", "", "USD", "", "", "", ""]
    order = ["BUY", "100", "MKT", "", "", "DAY"]
    return frame(["3", "1", *contract, *order, *[""] * 94])


def test_set_quote_has_filled_what_it_fills_when_it_returns(gateway, peers):
    peers[0].enter().socket.sendall(market_order("AAPL"))
    assert peers[0].hear("3")[2] == "PreSubmitted"
    gateway.market.set_quote("AAPL", 150, 150.02)
    assert gateway.ledger.position("AAPL") == 100
    peers[0].hear("59")


def test_set_quote_of_an_unknown_symbol_is_refused(gateway):
    with pytest.raises(GatewayError, match="NOSUCH"):
        gateway.market.set_quote("NOSUCH", 1, 2)


def test_quotes_may_be_set_from_many_threads(gateway):
    threads = [
        threading.Thread(target=gateway.market.set_quote, args=("AAPL", 150 + n, 151 + n)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    quote = gateway.floor.exchange.last_quote(265598)
    assert quote is not None
    assert quote.ask - quote.bid == 1


def test_synthetic_quotes_move_until_they_are_frozen():
    with PaperGateway(quotes="synthetic", speed=50) as gateway:
        peer = Peer(gateway).enter()
        peer.say(
            *["1", "11", "7", "0", "SPY", "STK"],
            "",
            "0",
            "",
            "",
            "SMART",
            "",
            "USD",
            "",
            "",
            "0",
            "",
            "0",
            "0",
            "",
        )
        first = peer.hear("1")
        while peer.hear("1")[3:6] == first[3:6]:
            pass
        gateway.market.freeze()
        before = gateway.floor.exchange.last_quote(gateway.floor.universe.find(symbol="SPY")[0].con_id)
        gateway.market.set_quote("SPY", 10, 11)
        after = gateway.floor.exchange.last_quote(gateway.floor.universe.find(symbol="SPY")[0].con_id)
        assert before != after
        assert after is not None
        assert (after.bid, after.ask) == (10, 11)
        peer.socket.close()


def test_a_stopped_gateway_no_longer_listens():
    gateway = PaperGateway.start_in_thread(quotes=None)
    address = gateway.host, gateway.port
    gateway.stop()
    gateway.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, TIMEOUT)


def test_a_restarted_gateway_issues_other_ids_than_before(monkeypatch):
    seen = set()
    for seconds in (0, 1):
        with PaperGateway(quotes=None) as gateway:
            gateway.market.set_quote("AAPL", 150, 150.02)
            peer = Peer(gateway).enter()
            peer.socket.sendall(market_order("AAPL"))
            fill = peer.hear("11")
            seen |= {fill[14], fill[21]}
            peer.socket.close()
        monkeypatch.setattr(clock, "datetime", LaterBy(seconds + 1))
    assert len(seen) == 4


class LaterBy:
    """Stands in for ``datetime`` where the clock of a gateway starts."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    def now(self, zone: tzinfo) -> datetime:
        return datetime.now(zone) + timedelta(seconds=self._seconds)


def test_a_gateway_that_is_not_running_says_so():
    gateway = PaperGateway(quotes=None)
    with pytest.raises(GatewayError, match="not running"):
        gateway.market.set_quote("AAPL", 1, 2)


def test_a_busy_port_is_one_sentence(gateway):
    with pytest.raises(GatewayError, match=f"{gateway.port}.*choose another"):
        PaperGateway.start_in_thread(port=gateway.port, quotes=None)


def test_what_breaks_the_market_is_raised_when_the_gateway_stops(monkeypatch):
    gateway = PaperGateway(quotes=None)

    def broken(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(gateway.floor, "refresh", broken)
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the thread may end before or after
        gateway.__enter__()
        gateway.stop()


def test_a_gateway_runs_inside_a_loop_as_well():
    async def main() -> None:
        async with PaperGateway(quotes=None) as gateway:
            reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
            writer.write(HELLO)
            assert int.from_bytes(await reader.readexactly(4), "big") > 0
            gateway.market.set_quote("AAPL", 1, 2)
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())


def test_the_fixture_of_the_plugin_is_a_running_gateway(pytester_free_gateway):
    Peer(pytester_free_gateway).enter().socket.close()


@pytest.fixture
def pytester_free_gateway() -> Iterator[PaperGateway]:
    from toolkit.gateway.pytest_plugin import paper_gateway

    generator = paper_gateway.__wrapped__()  # type: ignore[attr-defined]
    yield next(generator)
    assert next(generator, None) is None


def command(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "toolkit.gateway", *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_command_says_that_it_listens_and_stops_cleanly_on_a_signal(name):
    process = command("--port", "0", "--account", "DU7")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("paper gateway ready on 127.0.0.1:")
        assert line.endswith(" account DU7\n")
        process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "", "")


def test_the_command_on_a_busy_port_is_one_sentence_and_exit_code_3(gateway):
    process = command("--port", str(gateway.port))
    out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (3, "")
    assert err.count("\n") == 1
    assert "choose another --port" in err
