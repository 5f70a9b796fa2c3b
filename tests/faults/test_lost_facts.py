"""What a journal does not remember: its newest facts are gone, or it is gone altogether (hazards H2, H31)."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.faults.trading import placements, reports_of, rest, run, state, trading
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.journal.audit import audit
from toolkit.journal.reader import JournalReader
from toolkit.orders.events import Accepted, AnyEvent, Received
from toolkit.orders.status import OrderStatus

LoopRun = Callable[[Any], Any]
CHANGE = {"intent_id": "change", "action": "REPLACE", "target_intent_id": builders.INTENT_ID, "quantity": 50}
CANCEL = {"intent_id": "change", "action": "CANCEL", "target_intent_id": builders.INTENT_ID}


def forget(home: Path, last_kind: type[AnyEvent] | None, intent_id: str = builders.INTENT_ID) -> None:
    """Leave the journal as it was when an intent's last such fact became durable; None: leave none."""
    if last_kind is None:
        shutil.move(home / "journal.db", home / "elsewhere.db")
        return
    with JournalReader(home / "journal.db") as journal:
        facts = list(enumerate(journal.events(), 1))
    last = max(n for n, fact in facts if isinstance(fact, last_kind) and fact.intent_id == intent_id)
    with closing(sqlite3.connect(home / "journal.db")) as database, database:
        database.execute("delete from reports where id > ?", (last,))
        database.execute("delete from events where seq > ?", (last,))
        reserved = "select intent_id from events where type = 'Reserved'"
        database.execute(f"delete from orders where intent_id not in ({reserved})")


async def fill(client: IBKRExecClient, gateway: PaperGateway) -> None:
    gateway.market.set_quote("SPY", 439.90, 439.95, 500, 500)
    await until(lambda: state(client).known_commission is not None)


async def cancel(client: IBKRExecClient, _: PaperGateway) -> None:
    await client.cancel_intent(builders.INTENT_ID)
    await until(lambda: state(client).status is OrderStatus.CANCELLED)


async def nothing(_: IBKRExecClient, __: PaperGateway) -> None:
    """The order rests."""


@pytest.mark.parametrize("end", [nothing, fill, cancel], ids=["it rests", "it filled", "it was cancelled"])
@pytest.mark.parametrize("left", [None, Received, Accepted], ids=["gone", "up to Received", "up to Accepted"])
def test_h2_h31_an_order_that_the_journal_forgot_is_not_sent_again(
    left: type[AnyEvent] | None,
    end: Callable[..., Any],
    gateway: PaperGateway,
    home: Path,
    loop_run: LoopRun,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client)
            await end(client, gateway)
        forget(home, left)
        async with trading(gateway) as client:
            assert await client.place_order(builders.raw_intent(limit_price=440)) is None
            assert state(client).reason_code == "SENT_ELSEWHERE"
            # It counts among the orders of others for as long as it lives, also once it was refused.
            rounds = client.health()["reconciliations"]
            client.reconcile_soon("a test")
            await until(lambda: client.health()["reconciliations"] > rounds and client.ready)
            lives = [(each.order_ref, each.remaining) for each in client.market.foreign_orders]
            assert lives == ([(builders.INTENT_ID, Decimal(100))] if end is nothing else [])
            told = f"BUY 100 SPY, reference {builders.INTENT_ID}, Submitted), which this journal never sent"
            assert caplog.text.count(told) == len(lives)
            await rest(client, "another", limit_price=430)
        assert (placements(gateway), placements(gateway, "another")) == (1, 1)

    run(loop_run, work)


@pytest.mark.parametrize("change", [CHANGE, CANCEL], ids=["a change", "a cancel"])
def test_h2_what_was_accepted_and_never_sent_is_refused_at_the_next_start(
    change: dict[str, Any], gateway: PaperGateway, home: Path, loop_run: LoopRun
) -> None:
    """A crash between the verdict on a change and the request that it leads to."""

    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client)
            await client.place_order(change)
            await until(lambda: state(client).final or state(client).quantity == 50)
        forget(home, Accepted, "change")
        async with trading(gateway) as client:
            (report,) = await reports_of(client, "change")
            assert (report["event"], report["reason_code"]) == ("Rejected", "NOT_SENT")
            assert "send a new one" in state(client, "change").reason
        async with trading(gateway) as client:
            assert await reports_of(client, "change") == []
        with JournalReader(home / "journal.db") as journal:
            assert audit(journal.events(), journal.reports()) == []

    run(loop_run, work)
