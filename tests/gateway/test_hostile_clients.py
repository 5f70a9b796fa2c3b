"""What a client may not do to the others: keep them waiting, fill up memory or log, hold on to its id."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from tests.gateway.test_server import HELLO, TIMEOUT, Peer
from tests.waiting import wait_until
from toolkit.gateway import PaperGateway, connection, server, session
from toolkit.gateway.order_form import place_order_fields
from toolkit.gateway.wire import frame


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    with PaperGateway(quotes=None) as gateway:
        gateway.market.set_quote("AAPL", 150, 150.02)
        yield gateway


def order(order_id: int) -> bytes:
    contract = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
    terms = {"action": "BUY", "totalQuantity": "1", "orderType": "LMT", "lmtPrice": "1", "tif": "DAY"}
    return frame(place_order_fields({"orderId": str(order_id), **contract, **terms}))


@contextmanager
def held(gateway: PaperGateway) -> Iterator[None]:
    """The gateway does nothing meanwhile, so that what clients write is there for it all at once."""
    holding, done = threading.Event(), threading.Event()

    def hold(_: datetime) -> None:
        holding.set()
        done.wait(TIMEOUT)

    thread = threading.Thread(target=gateway.call, args=(hold,))
    thread.start()
    holding.wait(TIMEOUT)
    yield
    done.set()
    thread.join(TIMEOUT)


def test_a_client_in_a_hurry_has_its_turn_and_then_the_others_have_theirs(gateway, monkeypatch):
    monkeypatch.setattr(connection, "TURN_SECONDS", 0.0)
    greedy, modest = Peer(gateway).enter(1), Peer(gateway).enter(2)
    with held(gateway):
        greedy.socket.sendall(b"".join(map(order, range(1, 41))))
        modest.socket.sendall(order(1))
    wait_until(lambda: len(gateway.ledger.requests) == 41)
    arrived = [request.client_id for request in gateway.ledger.requests]
    assert arrived.index(2) <= 2
    greedy.socket.close()
    modest.socket.close()


def test_requests_that_wait_for_their_turn_are_answered_in_order(gateway, monkeypatch):
    monkeypatch.setattr(connection, "TURN_SECONDS", 0.0)
    peer = Peer(gateway).enter()
    peer.socket.sendall(b"".join(frame(["81", str(n), "a"]) for n in range(3000)))
    assert [int(peer.hear("79")[1]) for _ in range(3000)] == list(range(3000))
    peer.socket.close()


def test_subscriptions_have_a_limit_and_an_ended_one_makes_room(gateway, monkeypatch):
    monkeypatch.setattr(session, "MAX_SUBSCRIPTIONS", 4)
    peer = Peer(gateway).enter()
    for req_id in ("11", "12"):
        contract = ["0", "AAPL", "STK", "", "0", "", "", "SMART", "", "USD", "", ""]
        peer.say("1", "11", req_id, *contract, "0", "", "0", "0", "")
    peer.say("62", "1", "13", "All", "NetLiquidation")
    peer.say("74", "1", "14", "", "")
    for req_id, asks in (("15", ["92", "15", "", ""]), ("16", ["76", "1", "16", "", "", "0"])):
        peer.say(*asks)
        while (error := peer.hear("4"))[3] != "101":
            assert error[2] == "-1"
        assert error[2] == req_id
    peer.say("75", "1", "14")
    peer.say("92", "17", "", "")
    assert peer.hear("94")[1] == "17"
    peer.socket.close()


def test_too_many_clients_without_a_name_make_room_oldest_first(gateway, monkeypatch):
    monkeypatch.setattr(server, "MAX_UNNAMED", 3)
    named = Peer(gateway).enter(1)
    unnamed = []
    for count in range(1, 6):
        unnamed.append(Peer(gateway))
        wait_until(lambda count=count: len(gateway.connections) == 1 + min(count, 3))
    assert unnamed[0].is_closed()
    assert unnamed[1].is_closed()
    unnamed[4].enter(2)
    named.say("49", "1")
    named.hear("49")
    for peer in (named, *unnamed):
        peer.socket.close()


def test_a_client_that_is_closed_and_does_not_read_does_not_keep_its_id(gateway, monkeypatch):
    monkeypatch.setattr(connection, "CLOSING_SECONDS", 0.05)
    deaf = Peer(gateway).enter(5)
    deaf.socket.sendall(frame(["81", "7", "a"]) * 10_000)
    deaf.socket.sendall(b"\0\0\0\0")
    wait_until(lambda: 5 not in gateway.floor.sessions)
    other = Peer(gateway).enter(5)
    deaf.socket.close()
    other.socket.close()


def test_the_mistakes_of_one_client_do_not_fill_the_log(gateway, caplog):
    peer = Peer(gateway).enter()
    with caplog.at_level(logging.WARNING):
        peer.socket.sendall(frame(["999", "1"]) * 100)
        for _ in range(100):
            while peer.hear("4")[3] != "505":
                pass
    assert len(caplog.messages) == session.MAX_WARNINGS
    assert caplog.messages[-1].endswith("its further mistakes are not logged")
    peer.socket.close()


def test_a_hello_in_many_pieces_and_requests_behind_it_need_no_turn_of_their_own(gateway, monkeypatch):
    monkeypatch.setattr(connection, "READ_BYTES", 7)
    peer = Peer(gateway)
    peer.socket.sendall(HELLO)
    peer.hear("178")
    peer.socket.sendall(frame(["71", "2", "3", ""]) + order(1) + frame(["49", "1"]))
    peer.hear("49")
    assert len(gateway.ledger.requests) == 1
    peer.socket.close()


def test_an_answer_of_many_rows_lets_others_have_their_turn_between_two_of_them(gateway, monkeypatch):
    curious, modest = Peer(gateway).enter(1), Peer(gateway).enter(2)
    curious.socket.sendall(b"".join(map(order, range(1, 301))))
    wait_until(lambda: len(gateway.ledger.requests) == 300)
    monkeypatch.setattr(connection, "TURN_SECONDS", 0.0)
    turns: list[int] = []
    take_turn = connection.Connection._take_turn

    def note(self: connection.Connection) -> None:
        turns.append(self._session.client_id)
        take_turn(self)

    monkeypatch.setattr(connection.Connection, "_take_turn", note)
    with held(gateway):
        curious.say("16", "1")
        modest.say("49", "1")
    modest.hear("49")
    curious.hear("53")
    assert turns.count(1) >= 300
    assert turns.index(2) <= 2
    for peer in (curious, modest):
        peer.socket.close()
