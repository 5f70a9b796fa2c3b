"""The kill switch over a real socket: what the gateway received is the judge."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.broker.controlled import Session, acknowledged, facts, place
from tests.waiting import until
from toolkit.broker import sweep
from toolkit.broker.control_files import ControlFiles, new_command
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import ControlError, JournalError
from toolkit.gateway import PaperGateway
from toolkit.orders.controls import ControlState, StateSet, Swept
from toolkit.orders.state import OrderStatus


def test_h44_a_kill_ends_our_orders_and_leaves_those_of_others(
    trade_among_others: Session, gateway: PaperGateway, tmp_path: Path
) -> None:
    async def work(client: IBKRExecClient) -> None:
        other = IBKRExecClient({"port": gateway.port, "client_id": 9, "home": tmp_path / "other"})
        assert await other.connect_async()
        assert await place(other, "theirs") == ""
        for intent_id in ("a", "b", "c"):
            assert await place(client, intent_id) == ""
        await acknowledged(client, "a", "b", "c")
        swept = await client.kill("fire", "ann")
        assert swept is not None
        assert (swept.orders, swept.leftovers) == (3, {})
        assert await place(client, "d") == "KILLED"
        assert {state.status for state in client.ledger if state.intent_id != "d"} == {OrderStatus.CANCELLED}
        assert other.ledger.get("theirs").status is OrderStatus.SUBMITTED  # type: ignore[union-attr]
        await other.disconnect_async()

    trade_among_others(work)
    assert {client_id for client_id, _ in gateway.ledger.cancels} == {2}
    assert "d" not in gateway.ledger.orders


def test_a_kill_holds_after_a_restart_and_ends_by_a_resume_with_name_and_reason(
    trade: Session, home: Path
) -> None:
    trade(lambda client: client.kill("fire", "ann"))

    async def again(client: IBKRExecClient) -> None:
        assert await place(client, "a") == "KILLED"
        assert "KILLED since" in client.health()["control"]
        with pytest.raises(ControlError, match="a name and a reason"):
            await client.controls.order("resume", "ann", "")
        with pytest.raises(ControlError, match="stricter"):
            await client.controls.order("halt", "ann", "")
        await client.controls.order("resume", "ann", "the fire is out")
        assert await place(client, "b") == ""

    trade(again)
    assert [(fact.state.value, fact.by, fact.reason) for fact in facts(home, StateSet)] == [
        ("KILLED", "ann", "fire"),
        ("ACTIVE", "ann", "the fire is out"),
    ]


def test_a_kill_while_the_gateway_is_away_ends_the_orders_at_the_next_connection(
    trade: Session, gateway: PaperGateway, home: Path
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a")
        await acknowledged(client, "a")

    trade(work)
    ControlFiles(home).kill_file.touch()

    async def later(client: IBKRExecClient) -> Swept | None:
        await until(lambda: client.ledger.get("a").final)  # type: ignore[union-attr]
        return await client.controls.swept()

    swept = trade(later)
    assert (swept.orders, swept.leftovers) == (1, {})
    assert len(gateway.ledger.cancels) == 1


def test_a_file_named_kill_is_enough_and_needs_no_one_to_answer(
    trade: Session, home: Path, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        (home / "KILL").touch()
        # Nobody has looked yet: the gate itself sees the file.
        assert await place(client, "a") == "KILLED"
        await until(lambda: client.controls.standing.state is ControlState.KILLED)
        await client.controls.order("resume", "ann", "a mistake")
        assert not (home / "KILL").exists()
        assert await place(client, "b") == ""

    trade(work)
    assert set(gateway.ledger.orders) == {"b"}


def test_a_resume_does_not_lift_a_file_that_was_made_after_it_was_given(trade: Session, home: Path) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.kill("fire")
        given = new_command("resume", "ann", "over", datetime.now(UTC))
        await asyncio.sleep(0.02)
        (home / "KILL").touch()
        fact = await client.controls.obey(given)
        assert "was made later" in fact.why  # type: ignore[union-attr]
        assert client.controls.standing.state is ControlState.KILLED

    trade(work)


def test_an_order_whose_disk_was_slow_does_not_leave_after_a_kill(
    trade: Session, gateway: PaperGateway, home: Path
) -> None:
    """The kill comes between the durable reservation and the socket: the last question stops the order."""

    async def work(client: IBKRExecClient) -> None:
        await client.quote(builders.intent())
        with closing(sqlite3.connect(home / "journal.db", isolation_level=None)) as other:
            other.execute("begin immediate")  # nothing is committed while this lasts
            placing = asyncio.ensure_future(place(client, "a"))
            await until(lambda: (state := client.ledger.get("a")) is not None and state.order_id is not None)
            killing = asyncio.ensure_future(client.kill("fire"))
            await until(lambda: client.controls.standing.state is ControlState.KILLED)
            other.execute("rollback")
        assert await placing == "KILLED"
        swept = await killing
        assert swept is not None
        assert swept.leftovers == {}

    trade(work)
    assert gateway.ledger.requests == []


def test_an_order_that_the_broker_will_not_cancel_is_listed_as_left_over(
    trade: Session, gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PATIENCE", 0.3)

    async def work(client: IBKRExecClient) -> None:
        await place(client, "a")
        await acknowledged(client, "a")
        gateway.faults.add("drop", message="cancelOrder")
        swept = await client.kill("fire")
        assert swept is not None
        assert list(swept.leftovers) == ["a"]
        assert "has not confirmed" in swept.leftovers["a"]

    trade(work)


def test_a_swallowed_cancel_is_sent_once_more(
    trade: Session, gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hazard H14: silence is no confirmation, and no refusal either."""
    monkeypatch.setattr(sweep, "ASK_AGAIN", 0.3)

    async def work(client: IBKRExecClient) -> None:
        await place(client, "a")
        await acknowledged(client, "a")
        gateway.faults.add("drop", message="cancelOrder")
        swept = await client.kill("fire")
        assert swept is not None
        assert swept.leftovers == {}

    trade(work)


def test_orders_of_an_earlier_client_id_are_left_over_and_say_how_to_end_them(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a")
        await acknowledged(client, "a")

    trade(work)

    async def renamed(client: IBKRExecClient) -> None:
        swept = await client.kill("fire")
        assert swept is not None
        assert "start with that IBKR_CLIENT_ID" in swept.leftovers["a"]

    trade(renamed, client_id=3)
    assert gateway.ledger.cancels == []


def test_a_kill_that_cannot_be_journaled_is_in_force_and_known_to_the_next_start(
    gateway: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def work() -> None:
        client = IBKRExecClient({"port": gateway.port})
        assert await client.connect_async()
        with sqlite3.connect(home / "journal.db") as other:
            other.execute("drop table controls")
        with pytest.raises(JournalError):
            await client.kill("fire")
        assert client.controls.standing.state is ControlState.KILLED
        with pytest.raises(JournalError):
            await client.disconnect_async()

    loop_run(work())
    assert ControlFiles(home).killed


def test_the_account_wide_cancel_ends_everybodys_orders_and_only_for_the_account_that_is_named(
    trade_among_others: Session, gateway: PaperGateway, tmp_path: Path
) -> None:
    async def work(client: IBKRExecClient) -> None:
        other = IBKRExecClient({"port": gateway.port, "client_id": 9, "home": tmp_path / "other"})
        assert await other.connect_async()
        await place(other, "theirs")
        await acknowledged(other, "theirs")
        with pytest.raises(ControlError, match="for account DU9, not for DU123456"):
            await client.controls.order("cancel-account", "ann", "", account="DU9")
        await client.controls.order("cancel-account", "ann", "", account="DU123456")
        await until(lambda: other.ledger.get("theirs").final)  # type: ignore[union-attr]
        await other.disconnect_async()

    trade_among_others(work)


def test_a_journal_whose_controls_are_torn_halts(trade: Session, gateway: PaperGateway, home: Path) -> None:
    trade(lambda client: client.kill("fire"))
    with sqlite3.connect(home / "journal.db") as other:
        other.execute("update controls set body = '{' where type = 'StateSet'")

    async def later(client: IBKRExecClient) -> None:
        assert await place(client, "a") == "HALTED"
        assert "by the journal: Row 2 of the journal" in client.health()["control"]

    trade(later)
    assert gateway.ledger.requests == []


def test_a_home_that_cannot_be_looked_into_sends_nothing(trade: Session, home: Path) -> None:
    """What is unreadable forbids; a loop of links stands for a folder without permission."""

    async def work(client: IBKRExecClient) -> None:
        (home / "KILL").symlink_to(home / "KILL")
        assert await place(client, "a") == "KILLED"
        await until(lambda: client.controls.standing.state is ControlState.KILLED)

    trade(work)
