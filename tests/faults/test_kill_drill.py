"""Kill drill: a notebook is busy, another process presses the switch, and only our orders end (H44, H48)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import toolkit
from tests.commands import TOOLKIT
from tests.waiting import wait_until
from toolkit.desk.desk import Desk
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import StateSet, Swept
from toolkit.runbooks.reconcile import reconcile

OURS = 200
FOREIGN = 10
LIMITS: dict[str, Any] = {"max_open_orders_per_side": 1000, "max_gross_exposure": 10_000_000}


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    with PaperGateway(port=0, quotes=None) as started:
        for symbol in ("SPY", "QQQ"):
            started.market.set_quote(symbol, 450.00, 450.02, 500, 500)
        yield started


def resting(count: int) -> pd.DataFrame:
    """Buys of one share far below the market, on two contracts."""
    return pd.DataFrame(
        {
            "symbol": [("SPY", "QQQ")[n % 2] for n in range(count)],
            "direction": "BUY",
            "quantity": 1,
            "order_type": "LIMIT",
            "limit_price": [400 - n // 2 for n in range(count)],
        }
    )


def desk(gateway: PaperGateway, home: Path, client_id: int) -> Desk:
    return toolkit.connect(
        host=gateway.host,
        port=gateway.port,
        home=home,
        client_id=client_id,
        max_messages_per_second=1000,
        **LIMITS,
    )


def test_h44_h48_a_kill_from_another_process_ends_our_orders_and_no_others_while_a_cell_sleeps(
    gateway: PaperGateway, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with desk(gateway, home, 2) as ours, desk(gateway, tmp_path / "other", 7) as other:
        other.submit(resting(FOREIGN), batch="theirs")
        ours.submit(resting(OURS), batch="mine")
        wait_until(lambda: all(state.acked_at for state in [*ours.states(), *other.states()]), 30)

        started = time.time()
        kill = subprocess.Popen(
            [*TOOLKIT, "kill", "--reason", "drill", "--by", "tester"],
            env={**os.environ},
            stdout=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + 60
        while kill.poll() is None and time.monotonic() < end:
            time.sleep(0.5)  # the busy cell: this thread does nothing for anybody
        output, _ = kill.communicate(timeout=1)

        states = {state.intent_id: state.status.value for state in ours.states()}
        assert set(states.values()) == {"Cancelled"}, output
        assert {state.status.value for state in other.states()} == {"Submitted"}
        assert f"{OURS} of {OURS} working orders ended" in output
        assert sorted(gateway.ledger.cancels) == sorted((2, state.order_id) for state in ours.states())

        refused = ours.submit(resting(1), batch="after")
        assert ours.order(refused.intent_ids[0]).reason_code == "KILLED"
        live = {state.intent_id: state for state in ours.engine.client.ledger}
    with JournalReader(home / "journal.db") as journal:
        facts = [fact for _, fact in journal.controls()]
    (pressed,) = [fact for fact in facts if isinstance(fact, StateSet)]
    (swept,) = [fact for fact in facts if isinstance(fact, Swept)]
    assert (pressed.by, pressed.reason, swept.orders, swept.leftovers) == ("tester", "drill", OURS, {})
    assert reconcile(home / "journal.db", None, live=live) == []
    with capsys.disabled():
        print(
            f"\nkill drill: {OURS} orders, command to the end {swept.at.timestamp() - started:.2f} s, "
            f"press to last cancel on the wire {swept.seconds:.3f} s"
        )
