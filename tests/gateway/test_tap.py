"""The tap: a line between client and gateway that passes everything on and writes it down."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import IB, MarketOrder, Stock

from tests.waiting import until
from toolkit.errors import GatewayError
from toolkit.gateway import PaperGateway
from toolkit.gateway.tap import Player, Tap
from toolkit.gateway.tape import CLIENT, GATEWAY, Line, Mask, Splitter, read_tape
from toolkit.gateway.wire import frame

HELLO = b"API\0" + (10).to_bytes(4, "big") + b"v157..178 "


async def trade(port: int) -> tuple[float, float]:
    """Buy 100 SPY through this port; gives price and commission."""
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=7, timeout=5, raiseSyncErrors=True)
    order = ib.placeOrder(Stock("SPY", "SMART", "USD"), MarketOrder("BUY", 100))
    await until(lambda: order.fills and order.fills[-1].commissionReport.execId)
    ib.disconnect()
    fill = order.fills[-1]
    return fill.execution.price, fill.commissionReport.commission


@pytest.fixture
def tape(loop_run: Any) -> list[Line]:
    """A recorded session: connect, a market order, its fill."""
    lines: list[Line] = []

    async def record() -> None:
        async with PaperGateway(port=0, quotes=None, account="DU7654321") as gateway:
            gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
            async with Tap("127.0.0.1", 0, target=("127.0.0.1", gateway.port), heard=lines.append) as tap:
                assert await trade(tap.port) == (450.02, 1.0)

    loop_run(record())
    return lines


def test_a_client_trades_through_the_tap_as_if_it_were_not_there(tape: list[Line]) -> None:
    names = [line.name for line in tape]
    assert names[:3] == ["hello", "version", "startApi"]
    for name in ("managedAccounts", "nextValidId", "placeOrder", "execDetails", "commissionReport"):
        assert name in names


def test_account_numbers_do_not_reach_the_recording(tape: list[Line]) -> None:
    text = "".join(line.as_json() for line in tape)
    assert "7654321" not in text
    (accounts,) = [line.fields[-1] for line in tape if line.name == "managedAccounts"]
    assert accounts == "DU0000001"
    assert any(accounts in line.fields for line in tape if line.name == "position")


def test_a_recording_reads_back_as_it_was_written(tape: list[Line]) -> None:
    assert list(read_tape([line.as_json() for line in tape], "tape")) == tape


def test_a_played_recording_is_the_same_session_to_the_client(tape: list[Line], loop_run: Any) -> None:
    async def play() -> tuple[float, float]:
        async with Player("127.0.0.1", 0, tape=tape) as player:
            return await trade(player.port)

    assert loop_run(play()) == (450.02, 1.0)


def test_a_line_that_is_no_message_is_named(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match=r"day\.jsonl line 2"):
        list(read_tape([Line(0.0, 1, CLIENT, "hello", []).as_json(), '{"x": 1}'], "day.jsonl"))


def test_a_recording_without_a_gateway_cannot_be_played() -> None:
    with pytest.raises(GatewayError, match="nothing to play"):
        Player("127.0.0.1", 0, tape=[Line(0.0, 1, CLIENT, "hello", ["v157..178"])])


def test_when_the_gateway_is_away_the_client_is_hung_up_on(loop_run: Any) -> None:
    async def knock() -> bytes:
        async with PaperGateway(port=0, quotes=None) as gateway:
            port = gateway.port
        async with Tap("127.0.0.1", 0, target=("127.0.0.1", port), heard=lambda _: None) as tap:
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

    assert loop_run(knock()) == b""


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0")), min_size=1), max_size=5
    ),
    st.data(),
)
def test_messages_come_out_whole_whatever_the_cut(messages: list[list[str]], data: st.DataObject) -> None:
    stream = HELLO + b"".join(frame(fields) for fields in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    splitter = Splitter(CLIENT)
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += [fields for _, fields in splitter.feed(stream[start:end])]
    assert found[0] == ["v157..178 "]
    assert found[1:] == messages


def test_the_same_account_is_always_masked_the_same_way() -> None:
    mask = Mask()
    assert mask.apply("managedAccounts", ["15", "1", "U1234567,DU7654321"])[-1] == "U0000001,DU0000002"
    assert mask.apply("position", ["61", "DU7654321"]) == ["61", "DU0000002"]
    assert mask.apply("error", ["4", "account U1234567 is closed"])[-1] == "account U0000001 is closed"


def test_the_command_records_to_a_file_and_ends_on_a_signal(tmp_path: Path, loop_run: Any) -> None:
    out = tmp_path / "day.jsonl"

    async def record() -> int | None:
        async with PaperGateway(port=0, quotes=None) as gateway:
            gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
            command = [sys.executable, "-m", "toolkit", "tap", "0", f"127.0.0.1:{gateway.port}", "--out", out]
            process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
            assert process.stderr is not None
            ready = (await process.stderr.readline()).decode()
            await trade(int(ready.rsplit(":", 1)[1]))
            process.terminate()
            return await process.wait()

    assert loop_run(record()) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert {line["sender"] for line in lines} == {CLIENT, GATEWAY}


@pytest.mark.parametrize("words", [["4003"], ["4003", "4002", "--replay", __file__], ["here", "4002"]])
def test_the_command_refuses_what_makes_no_sense(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "toolkit", "tap", *words], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
