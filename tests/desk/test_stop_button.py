"""The stop button: a real SIGINT in a real kernel, while orders go out to a gateway outside of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.auditing import assert_one_story
from tests.desk.kernel import Kernel
from tests.waiting import wait_until
from toolkit.gateway import PaperGateway

ROWS = 300
SETUP = """
import pathlib, threading, time
import pandas as pd, toolkit
from toolkit.desk.changes import Changes
desk = toolkit.connect(port={port}, max_messages_per_second=40, max_open_orders_per_side=1000)
basket = pd.DataFrame(
    {{"symbol": "SPY", "direction": "BUY", "quantity": 1, "order_type": "LIMIT", "limit_price": 500.0}},
    index=range({rows}),
)
desk.quote("SPY")


def tell():
    while not any(isinstance(one, Changes) for one in desk.engine.client.ledger.listeners):
        time.sleep(0.01)
    pathlib.Path({sign!r}).touch()
"""
WAIT = "threading.Thread(target=tell).start(); desk.wait(timeout=60)"
"""It leaves a sign when it has begun to wait."""


@pytest.fixture
def kernel(home: Path) -> Iterator[Kernel]:
    with closing(Kernel()) as kernel:
        yield kernel


def of(messages: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [message["content"] for message in messages if message["msg_type"] == kind]


def test_the_stop_button_begins_no_further_order_and_says_which_are_live(
    kernel: Kernel, market: PaperGateway, home: Path, tmp_path: Path
) -> None:
    kernel.run(SETUP.format(port=market.port, rows=ROWS, sign=str(tmp_path / "waiting")))

    cell = kernel.begin("desk.submit(basket, batch='stopped')")
    kernel.hear(cell, f"/{ROWS}")  # how far it is
    kernel.manager.interrupt_kernel()
    told = kernel.end(cell)

    (error,) = of(told, "error")
    assert error["ename"] == "KeyboardInterrupt"
    sent = len(market.ledger.orders)
    assert 0 < sent < ROWS
    live, every, unsent = (
        f"{sent} of {sent} orders are live",
        "stay tracked",
        f"{ROWS - sent} more were not sent",
    )
    assert all(words in error["evalue"] for words in (live, every, unsent)), error["evalue"]
    frames = [one["data"]["text/plain"] for one in of(told, "display_data")]
    assert any("Submitted" in frame and "SPY" in frame for frame in frames)

    assert kernel.value("(desk.orders['status'] == 'Submitted').sum()").endswith(f"({sent})")

    cell = kernel.begin(WAIT)
    wait_until((tmp_path / "waiting").exists, deadline=30)
    kernel.manager.interrupt_kernel()
    (error,) = of(kernel.end(cell), "error")
    assert live in error["evalue"]
    assert len(market.ledger.orders) == sent

    kernel.run("desk.close()")
    assert_one_story(home / "journal.db", market)
    assert {len(orders) for orders in market.ledger.orders.values()} == {1}
