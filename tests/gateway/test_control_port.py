"""The control port of a running gateway, and the command that speaks to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.gateway.test_server import Peer
from toolkit.cli import main
from toolkit.errors import GatewayError
from toolkit.gateway import PaperGateway


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    with PaperGateway(quotes=None, control_port=0) as gateway:
        yield gateway


def port_of(gateway: PaperGateway) -> int:
    assert gateway.control is not None
    return gateway.control.port


def control(gateway: PaperGateway, *words: str) -> Result:
    return CliRunner().invoke(main, ["gateway-control", "--port", str(port_of(gateway)), *words])


def done(gateway: PaperGateway, *words: str) -> str:
    result = control(gateway, *words)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.output


def bare(gateway: PaperGateway, line: bytes) -> list[dict[str, Any]]:
    """What comes back for one line."""
    with socket.create_connection(("127.0.0.1", port_of(gateway)), 5) as peer:
        peer.sendall(line)
        peer.shutdown(socket.SHUT_WR)
        return [json.loads(answer) for answer in peer.makefile("rb")]


@pytest.fixture
def peer(gateway) -> Iterator[Peer]:
    peer = Peer(gateway).enter()
    yield peer
    peer.socket.close()


def test_a_fault_is_added_listed_and_cleared(gateway):
    words = "message=orderStatus", "set={permId: 0}", "times=2"
    assert done(gateway, "fault", "add", "mutate", *words) == "fault 1 is set\n"
    listed = json.loads(done(gateway, "fault", "list"))
    assert listed == {
        "number": 1, "fault": "mutate", "message": "orderStatus", "times": 2, "set": {"permId": 0},
    }  # fmt: skip
    done(gateway, "fault", "clear", "1")
    assert done(gateway, "fault", "list") == ""


def test_an_added_fault_strikes(gateway, peer):
    done(gateway, "fault", "add", "error", "message=currentTime", "code=19999")
    peer.say("49", "1")
    while peer.hear("4")[3] != "19999":
        pass


def test_quotes_and_trades_move_the_market(gateway):
    done(gateway, "quote", "AAPL", "150", "150.02", "--ask-size", "300")
    done(gateway, "trade", "AAPL", "150.01", "50")
    quote, last = gateway.exchange.last_quote(265598), gateway.exchange.last_print(265598)
    assert quote is not None
    assert last is not None
    assert (str(quote.bid), str(quote.ask), quote.ask_size, last.size) == ("150.00", "150.02", 300, 50)


def test_the_market_can_be_frozen(gateway):
    done(gateway, "freeze")
    assert gateway.market.frozen


def test_trading_of_a_symbol_is_halted_and_resumed(gateway):
    done(gateway, "halt", "AAPL")
    assert gateway.exchange.is_halted(265598)
    done(gateway, "resume", "AAPL")
    assert not gateway.exchange.is_halted(265598)


def test_a_notice_reaches_a_client(gateway, peer):
    done(gateway, "notice", "1100", "--text", "gone")
    while (told := peer.hear("4"))[3] != "1100":
        pass
    assert told[4] == "gone"


def test_clients_are_disconnected(gateway, peer):
    done(gateway, "disconnect", "--client", "2")
    peer.say("49", "1")
    peer.hear("49")
    done(gateway, "disconnect", "--client", "1")
    assert peer.is_closed()


def test_order_ids_are_rolled_back_for_the_next_client(gateway, peer):
    gateway.call(lambda _: gateway.exchange.roll_back_ids(-7, 1))
    done(gateway, "roll-ids", "3", "--client", "1")
    peer.say("8", "1", "1")
    assert peer.hear("9")[2] == "5"


def test_the_ledger_is_exported_as_json_lines(gateway):
    gateway.market.set_quote("AAPL", 150, 150.02)
    gateway.faults.add("foreign", symbol="AAPL", quantity=5, owner=7)
    (fill,) = [json.loads(line) for line in done(gateway, "ledger").splitlines()]
    assert (fill["row"], fill["symbol"], fill["shares"], fill["price"]) == ("fill", "AAPL", "5", "150.02")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("fault", "add", "dorp"), "There is no fault 'dorp'; the nearest is drop."),
        (("fault", "add", "drop", "mesage=error"), "the nearest is message."),
        (("fault", "add", "drop", "message"), "should look like field=value"),
        (("fault", "clear", "9"), "No fault with number 9 is set."),
        (("quote", "NOSUCH", "1", "2"), "no single instrument called 'NOSUCH'"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(gateway, words, sentence):
    result = control(gateway, *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_a_gateway_the_command_says_how_to_start_one():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = CliRunner().invoke(main, ["gateway-control", "--port", str(port), "freeze"])
    assert result.exit_code == 3
    assert f"toolkit gateway --control-port {port}" in result.stderr


@pytest.mark.parametrize("line", [b"POST / HTTP/1.1\r\n", b"[]\n", b"\xff\n"])
def test_whoever_does_not_speak_json_lines_is_told_so_and_closed(gateway, line):
    (answer,) = bare(gateway, line + b'{"do": "freeze"}\n')
    assert answer == {"ok": False, "error": "Every line should be one JSON object."}
    assert not gateway.market.frozen


def test_several_commands_may_come_in_one_connection_and_a_bad_one_ends_nothing(gateway):
    answers = bare(gateway, b'{"do": "freze"}\n{"do": "quote", "price": 1}\n{"do": "freeze"}\n')
    assert [answer["ok"] for answer in answers] == [False, False, True]
    assert answers[0]["error"] == "There is no command 'freze'; the nearest is freeze."


def test_a_busy_control_port_is_one_sentence(gateway):
    with pytest.raises(GatewayError, match="choose another --control-port"):
        PaperGateway.start_in_thread(quotes=None, control_port=port_of(gateway))
