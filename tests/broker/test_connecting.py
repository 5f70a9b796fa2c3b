"""Connecting, and what is said when it fails: each reason is one sentence that names what to do."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.broker.controlled import Session
from tests.broker.waits import settled
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import ConfigError, JournalLockedError, NotConnectedError
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderState


@contextmanager
def listener(answer: bytes | None, *, close: bool = False) -> Iterator[int]:
    """A port that is no gateway: it answers with some bytes, closes, or stays silent."""
    server = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        if answer is not None:
            peer.sendall(answer)
        if close:
            peer.recv(100)
            peer.close()
        else:
            held.append(peer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for peer in held:
            peer.close()


def refusal(loop_run: Any, port: int, **config: Any) -> str:
    async def work() -> str:
        client = IBKRExecClient({"port": port, **config})
        assert not await client.connect_async(timeout=0.5)
        assert client.health()["error"] == client.last_error
        return client.last_error

    return str(loop_run(work()))


def test_a_closed_port_is_named_with_what_to_start(home: Path, loop_run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert f"nothing listens on 127.0.0.1:{port}" in refusal(loop_run, port)


def test_a_gateway_that_never_answers_is_given_up_after_the_timeout(home: Path, loop_run: Any) -> None:
    with listener(None) as port:
        assert "did not answer within 0.5 s" in refusal(loop_run, port)


def test_a_port_that_is_no_gateway_is_recognised_by_its_answer(home: Path, loop_run: Any) -> None:
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert "not like TWS or IB Gateway" in refusal(loop_run, port)


def test_a_port_that_hangs_up_in_the_handshake_is_recognised(home: Path, loop_run: Any) -> None:
    with listener(None, close=True) as port:
        assert "closed the connection during the handshake" in refusal(loop_run, port)


def test_h24_a_client_id_in_use_is_said_at_once_and_not_after_a_timeout(
    gateway: PaperGateway, home: Path, tmp_path: Path, trade: Session
) -> None:
    async def work(_: IBKRExecClient) -> str:
        second = IBKRExecClient({"port": gateway.port, "client_id": 2, "home": tmp_path / "other"})
        assert not await second.connect_async(timeout=5)
        return second.last_error

    assert "Client id 2 is already in use" in trade(work)


def test_an_account_that_the_gateway_does_not_have_is_refused(
    gateway: PaperGateway, home: Path, loop_run: Any
) -> None:
    assert "DU777 is not behind this gateway" in refusal(loop_run, gateway.port, account="DU777")


def test_a_journal_that_another_client_holds_is_refused_with_the_owners_pid(
    gateway: PaperGateway, trade: Session
) -> None:
    async def work(_: IBKRExecClient) -> None:
        second = IBKRExecClient({"port": gateway.port, "client_id": 3})
        with pytest.raises(JournalLockedError, match=r"pid|process"):
            await second.connect_async()

    trade(work)


def test_a_client_that_never_connected_says_what_to_call(home: Path, loop_run: Any) -> None:
    with pytest.raises(NotConnectedError, match="connect_async"):
        loop_run(IBKRExecClient().place_order(builders.market_intent()))


def test_an_unknown_client_setting_is_refused_with_the_nearest_name(home: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'client_id'"):
        IBKRExecClient({"clientid": 2})


def test_when_the_gateway_goes_away_nothing_more_is_placed_and_health_says_so(
    gateway: PaperGateway, trade: Session
) -> None:
    async def work(client: IBKRExecClient) -> OrderState:
        await asyncio.to_thread(gateway.stop)
        await until(lambda: not client.ready)
        assert "lost" in client.health()["error"]
        assert await client.place_order(builders.market_intent()) is None
        return await settled(client)

    assert trade(work).reason_code == "NOT_CONNECTED"
