"""Kill switch, halts and arming over a real socket: what the gateway received is the judge."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests import builders
from tests.waiting import until
from toolkit.broker import sweep
from toolkit.broker.control_files import ControlFiles, new_command
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import ControlError, JournalError
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import ControlState, LimitsSet, StateSet, Swept
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.risk.checker import SimpleRiskChecker

Session = Callable[..., Any]


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    with PaperGateway(port=0, quotes=None) as started:
        started.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        yield started


@pytest.fixture
def trade(gateway: PaperGateway, home: Path, loop_run: Any) -> Session:
    """Runs ``await work(client)`` on a connected client, and closes it."""
    return trader(gateway, loop_run)


def trader(gateway: PaperGateway, loop_run: Any) -> Session:
    def run(work: Callable[[IBKRExecClient], Awaitable[Any]], **config: Any) -> Any:
        async def session() -> Any:
            client = IBKRExecClient({"port": gateway.port, "client_id": 2, **config})
            assert await client.connect_async(timeout=5), client.last_error
            try:
                return await work(client)
            finally:
                await client.disconnect_async()

        return loop_run(session())

    return run


async def place(client: IBKRExecClient, intent_id: str, **changes: Any) -> str:
    """Place an order, by default one that rests; the code that it was denied with, ``""`` when it was not."""
    await client.place_order(builders.raw_intent(intent_id=intent_id, **{"limit_price": 400, **changes}))
    state = client.get_order_state(intent_id)
    assert state is not None
    return state.reason_code if state.denied else ""


async def acknowledged(client: IBKRExecClient, *intent_ids: str) -> None:
    await until(lambda: all(client.ledger.get(each).acked_at for each in intent_ids))  # type: ignore[union-attr]


def facts(home: Path, kind: type[Any]) -> list[Any]:
    with JournalReader(home / "journal.db") as journal:
        return [fact for _, fact in journal.controls() if isinstance(fact, kind)]


# --- kill --------------------------------------------------------------------------------------------


def test_h44_a_kill_ends_our_orders_and_leaves_those_of_others(
    trade: Session, gateway: PaperGateway, tmp_path: Path
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

    trade(work)
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
    trade: Session, gateway: PaperGateway
) -> None:
    """The kill comes between the durable reservation and the socket: the last question stops the order."""

    async def work(client: IBKRExecClient) -> None:
        await client.quote(builders.intent())
        placing = asyncio.ensure_future(place(client, "a"))
        await until(lambda: (state := client.ledger.get("a")) is not None and state.order_id is not None, 10)
        killing = asyncio.ensure_future(client.kill("fire"))
        assert await placing == "KILLED"
        swept = await killing
        assert swept is not None
        assert swept.leftovers == {}

    trade(lambda client: _with_slow_disk(client, work))
    assert gateway.ledger.requests == []


async def _with_slow_disk(client: IBKRExecClient, work: Callable[[IBKRExecClient], Awaitable[None]]) -> None:
    """Every commit of the journal is held up until the next event-loop turns have passed."""
    other = sqlite3.connect(client.config.home / "journal.db", isolation_level=None)
    working = asyncio.ensure_future(work(client))
    try:
        while not working.done():
            other.execute("begin immediate")
            await asyncio.sleep(0.1)
            other.execute("rollback")
            await asyncio.sleep(0.02)
    finally:
        other.close()
    working.result()


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
    trade: Session, gateway: PaperGateway, tmp_path: Path
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

    trade(work)


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


# --- halt and reduce only ------------------------------------------------------------------------------


def test_a_halt_sends_nothing_but_cancels_and_leaves_what_works(
    trade: Session, gateway: PaperGateway
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a")
        await acknowledged(client, "a")
        await client.controls.order("halt", "ann", "news")
        assert await place(client, "b") == "HALTED"
        assert gateway.ledger.cancels == []
        assert await client.cancel_intent("a")
        await until(lambda: client.ledger.get("a").final)  # type: ignore[union-attr]

    trade(work)
    assert set(gateway.ledger.orders) == {"a"}


def test_reduce_only_lets_a_position_be_closed_and_not_turned(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a", quantity=100, limit_price=460)
        await until(lambda: sum(p.quantity for p in client.market.held()) == 100)
        await client.controls.order("reduce-only", "ann", "news")
        assert await place(client, "more", quantity=1) == "REDUCE_ONLY"
        assert await place(client, "turn", quantity=101, direction="SELL") == "REDUCE_ONLY"
        assert await place(client, "close", quantity=100, direction="SELL", limit_price=500) == ""
        assert await place(client, "again", quantity=1, direction="SELL") == "REDUCE_ONLY"

    trade(work)
    assert set(gateway.ledger.orders) == {"a", "close"}


@pytest.mark.parametrize(("quantity", "code"), [(100, ""), (101, "REDUCE_ONLY")])
def test_a_change_is_judged_as_the_order_that_it_would_make(trade: Session, quantity: int, code: str) -> None:
    async def work(client: IBKRExecClient) -> None:
        await place(client, "a", quantity=100, limit_price=460)
        await until(lambda: sum(p.quantity for p in client.market.held()) == 100)
        await place(client, "close", quantity=50, direction="SELL", limit_price=500)
        await client.controls.order("reduce-only", "ann", "news")
        target = client.ledger.get("close")
        assert target is not None
        assert target.intent is not None
        change = replace(
            target.intent,
            intent_id="more",
            action="REPLACE",
            target_intent_id="close",
            quantity=Decimal(quantity),
        )
        refusal = client.controls.permission.refusal(OrderState(intent_id="more", intent=change))
        assert (refusal.code if refusal else "") == code

    trade(work)


class Lenient(SimpleRiskChecker):
    def validate(self, intent: dict[str, Any]) -> bool:
        return True


def test_no_checker_can_overrule_the_switch(trade: Session, gateway: PaperGateway) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("reduce-only", "ann", "news")
        assert await client.process(builders.raw_intent(), Lenient()) is None

    trade(work)
    assert gateway.ledger.requests == []


# --- arming --------------------------------------------------------------------------------------------


@pytest.fixture
def live() -> Iterator[PaperGateway]:
    with PaperGateway(port=0, account="U1234567,U7654321", quotes=None) as started:
        started.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        yield started


def arming(live: PaperGateway, **changes: Any) -> dict[str, Any]:
    end = datetime.now(UTC) + timedelta(hours=1)
    terms = {"account": "U1234567", "port": live.port, "until": end, "max_notional": Decimal(50_000)}
    return {**terms, **changes}


LIVE = {"account": "U1234567", "read_only": False}


def test_a_live_account_receives_orders_while_armed_and_none_before_or_after(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def work(client: IBKRExecClient) -> None:
        assert await place(client, "before") == "NOT_ARMED"
        await client.controls.order("arm", "ann", "go", **arming(live))
        assert await place(client, "armed") == ""
        await client.controls.order("disarm", "ann", "lunch")
        assert await place(client, "disarmed") == "NOT_ARMED"

    trader(live, loop_run)(work, **LIVE)
    assert set(live.ledger.orders) == {"armed"}


def test_arming_ends_at_its_time_and_is_asked_at_the_send(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    now = [datetime.now(UTC)]

    async def work() -> None:
        client = IBKRExecClient({"port": live.port, **LIVE}, clock=lambda: now[0])
        assert await client.connect_async()
        await client.controls.order("arm", "ann", "go", **arming(live, until=now[0] + timedelta(hours=1)))
        assert await place(client, "in-time") == ""
        now[0] += timedelta(hours=1)
        assert await place(client, "late") == "NOT_ARMED"
        await client.disconnect_async()

    loop_run(work())
    assert set(live.ledger.orders) == {"in-time"}


@pytest.mark.parametrize("changes", [{"account": "U7654321"}, {"port": 4001}])
def test_a_token_for_another_account_or_port_arms_nothing(
    live: PaperGateway, home: Path, loop_run: Any, changes: dict[str, Any]
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live, **changes))
        assert await place(client, "a") == "NOT_ARMED"

    trader(live, loop_run)(work, **LIVE)
    assert live.ledger.requests == []


def test_an_order_for_an_account_that_is_not_armed_is_refused(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live))
        assert await place(client, "a", account="U7654321") == "NOT_ARMED"
        assert await place(client, "b", account="U9999999") == "NOT_ARMED"

    trader(live, loop_run)(work, **LIVE)
    assert live.ledger.requests == []


def test_the_armed_amount_is_used_up_by_what_was_sent_also_across_a_restart(
    live: PaperGateway, home: Path, loop_run: Any
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live))
        assert await place(client, "a", quantity=100, limit_price=400) == ""

    async def again(client: IBKRExecClient) -> None:
        assert await place(client, "b", quantity=26, limit_price=400) == "ARMED_NOTIONAL"
        assert await place(client, "c", quantity=25, limit_price=400) == ""
        await client.controls.order("arm", "ann", "more", **arming(live))
        assert await place(client, "d", quantity=26, limit_price=400) == ""

    run = trader(live, loop_run)
    run(work, **LIVE)
    run(again, **LIVE)
    assert set(live.ledger.orders) == {"a", "c", "d"}


@pytest.mark.parametrize("read_only", [None, True])
def test_arming_does_not_overrule_read_only_which_live_accounts_are_by_default(
    live: PaperGateway, home: Path, loop_run: Any, read_only: bool | None
) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live))
        assert await place(client, "a") == "READ_ONLY"

    trader(live, loop_run)(work, **{**LIVE, "read_only": read_only})
    assert live.ledger.requests == []


def test_a_kill_disarms(live: PaperGateway, home: Path, loop_run: Any) -> None:
    async def work(client: IBKRExecClient) -> None:
        await client.controls.order("arm", "ann", "go", **arming(live))
        await client.kill("fire")
        await client.controls.order("resume", "ann", "over")
        assert await place(client, "a") == "NOT_ARMED"

    trader(live, loop_run)(work, **LIVE)
    assert live.ledger.requests == []


# --- limits on record ----------------------------------------------------------------------------------


def test_limits_are_journaled_when_they_come_into_force_with_what_they_were(
    trade: Session, home: Path
) -> None:
    async def nothing(client: IBKRExecClient) -> None:
        pass

    trade(nothing, max_order_quantity=500)
    trade(nothing, max_order_quantity=500)
    trade(nothing, max_order_quantity=200)
    first, second = facts(home, LimitsSet)
    assert (first.limits["max_order_quantity"], first.changed) == ("500", {})
    assert (second.limits["max_order_quantity"], second.changed) == ("200", {"max_order_quantity": "500"})
    assert second.limits_hash != first.limits_hash
    assert second.by


def test_limits_of_another_checker_are_journaled_before_it_judges(trade: Session, home: Path) -> None:
    async def work(client: IBKRExecClient) -> str:
        await client.process(builders.raw_intent(), SimpleRiskChecker({"max_order_quantity": 7}))
        state = client.get_order_state(builders.INTENT_ID)
        assert state is not None
        return state.reason_code

    assert trade(work) == "MAX_ORDER_QUANTITY"
    assert [fact.limits["max_order_quantity"] for fact in facts(home, LimitsSet)] == ["1000", "7"]
