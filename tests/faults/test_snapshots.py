"""Hazards of asking what happened: answers without an end, collisions, gaps, and what is lost for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.faults.trading import paper_gateway, placements, reports_of, rest, run, state, trading
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderStatus

LoopRun = Callable[[Any], Any]
ENDS = ["execDetailsEnd", "openOrderEnd", "completedOrdersEnd", "positionEnd"]


@pytest.mark.parametrize("end", ENDS)
def test_h3_without_an_end_marker_the_gate_stays_closed_until_the_next_round_has_it(
    end: str, gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client, "live")
        fault = gateway.faults.add("drop", message=end, times=0)
        client = IBKRExecClient(
            {"port": gateway.port, "answer_timeout_s": 0.1, "settle_s": 0.02, "alarm_s": 0.2}
        )
        assert not await client.connect_async()
        try:
            assert client.connected
            assert not client.ready
            assert end in client.last_error
            assert await client.place_order(builders.raw_intent(limit_price=440)) is None
            assert state(client).reason_code == "RECONCILING"
            await until(lambda: "trading stays stopped" in caplog.text)
            assert state(client, "live").status is OrderStatus.SUBMITTED
            gateway.faults.clear(fault)
            await until(lambda: client.ready)
            assert state(client, "live").status is OrderStatus.SUBMITTED
        finally:
            await client.disconnect_async()
        assert len(gateway.ledger.requests) == 1
        assert gateway.ledger.cancels == []

    run(loop_run, work)


def test_h3_an_end_before_its_rows_is_doubted_and_asked_again(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            for name in ("one", "two", "three"):
                await rest(client, name)
            await client.get_execution_reports()
            gateway.faults.add("early_end", message="openOrderEnd")
            rounds = client.health()["reconciliations"]
            client.reconcile_soon("a test")
            await until(lambda: client.health()["reconciliations"] == rounds + 2)
            await until(lambda: client.ready)
            assert {state(client, name).status for name in ("one", "two", "three")} == {OrderStatus.SUBMITTED}
            assert await client.get_execution_reports() == []

    run(loop_run, work)


def test_h7_what_came_during_an_outage_counts_and_what_was_swallowed_is_asked_for_once(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client, "told", limit_price=449.99)
            await rest(client, "ended", limit_price=440)
            await rest(client, "swallowed", limit_price=449.50)
            gateway.faults.add("notice", code=1100)
            await until(lambda: not client.ready)
            assert await client.cancel_intent("ended")
            gateway.market.set_quote("SPY", 449.97, 449.98, 500, 500)
            await until(lambda: state(client, "told").status is OrderStatus.FILLED)
            await until(lambda: state(client, "ended").status is OrderStatus.CANCELLED)
            for message in ("execDetails", "commissionReport", "orderStatus", "openOrder"):
                gateway.faults.add("drop", message=message, order_ref="swallowed", times=0)
            gateway.market.set_quote("SPY", 449.40, 449.42, 500, 500)
            await until(lambda: len(gateway.ledger.fills) == 2)
            gateway.faults.clear()
            assert state(client, "swallowed").status is OrderStatus.SUBMITTED
            await client.get_execution_reports()
            gateway.faults.add("notice", code=1102)
            await until(lambda: client.ready and state(client, "swallowed").status is OrderStatus.FILLED)
            fills = [each for each in await client.get_execution_reports() if each["event"] == "Fill"]
            assert [(each["intent_id"], each["recovered"]) for each in fills] == [("swallowed", True)]

    run(loop_run, work)


def test_h7_a_cancel_that_was_missed_is_reported_as_recovered(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client)
            for message in ("orderStatus", "openOrder", "error"):
                gateway.faults.add("drop", message=message, order_ref=builders.INTENT_ID, times=0)
            await client.cancel_intent(builders.INTENT_ID)
            await until(lambda: gateway.ledger.cancels)
            gateway.faults.clear()
            await client.get_execution_reports()
            client.reconcile_soon("the cancel is not answered")
            await until(lambda: state(client).status is OrderStatus.CANCELLED)
            (report,) = await reports_of(client)
            assert (report["event"], report["recovered"]) == ("Cancelled", True)

    run(loop_run, work)


def test_h8_a_fill_of_an_earlier_run_is_reported_once(gateway: PaperGateway, loop_run: LoopRun) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client, limit_price=449.99)
        gateway.market.set_quote("SPY", 449.90, 449.95, 500, 500)
        async with trading(gateway) as client:
            client.reconcile_soon("asked twice on purpose")
            rounds = client.health()["reconciliations"]
            await until(lambda: client.health()["reconciliations"] > rounds)
            await until(lambda: state(client).known_commission is not None)
            fills = [each for each in await reports_of(client) if each["event"] == "Fill"]
            assert [(each["filled_quantity"], each["recovered"]) for each in fills] == [(100, True)]

    run(loop_run, work)


def test_h8_a_fill_amid_the_questions_of_a_new_connection_is_reported_once(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client, limit_price=449.99)
        gateway.faults.add("delay", message="openOrderEnd", seconds=0.3)
        client = IBKRExecClient({"port": gateway.port, "client_id": 2, "settle_s": 0.05})
        connecting = asyncio.create_task(client.connect_async())
        try:
            await until(lambda: client.connected and client.health()["reconciliations"] == 1)
            assert not client.ready
            gateway.market.set_quote("SPY", 449.90, 449.95, 500, 500)
            assert await connecting, client.last_error
            await until(lambda: state(client).known_commission is not None)
            fills = [each for each in await reports_of(client) if each["event"] == "Fill"]
            assert [each["filled_quantity"] for each in fills] == [100]
        finally:
            await client.disconnect_async()

    run(loop_run, work)


def test_h9_a_swallowed_fill_is_found_by_the_sweep(gateway: PaperGateway, loop_run: LoopRun) -> None:
    async def work() -> None:
        async with trading(gateway, sweep_s=0.1) as client:
            for message in ("execDetails", "commissionReport", "orderStatus"):
                gateway.faults.add("drop", message=message, times=1)
            await client.place_order(builders.market_intent())
            await until(lambda: state(client).status is OrderStatus.FILLED)
            assert all(fill.recovered for fill in state(client).executions.values())
        assert placements(gateway) == 1

    run(loop_run, work)


def test_h7_answers_from_before_an_outage_do_not_open_the_gate_after_it(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway, settle_s=0.3) as client:
            rounds = client.health()["reconciliations"]
            gateway.faults.add("delay", message="positionEnd", seconds=0.2)
            client.reconcile_soon("a round that the outage interrupts")
            await until(lambda: client.health()["reconciliations"] == rounds + 1)
            gateway.faults.add("notice", code=1100)
            gateway.faults.add("notice", code=1102)
            await until(lambda: not client.ready)
            await until(lambda: client.ready)
            assert client.health()["reconciliations"] == rounds + 2

    run(loop_run, work)


def test_h30_requests_at_the_same_time_share_a_round_and_live_messages_are_not_lost(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            rounds = client.health()["reconciliations"]
            gateway.faults.add("delay", message="openOrderEnd", seconds=0.1)
            client.reconcile_soon("a reconnect")
            await until(lambda: client.health()["reconciliations"] == rounds + 1)
            await asyncio.gather(*(rest(client, f"during-{n}") for n in range(5)))
            for trigger in ("a timer", "a button", "a deadline"):
                client.reconcile_soon(trigger)
            await until(lambda: client.health()["reconciliations"] == rounds + 2)
            assert client.ready
            assert {state(client, f"during-{n}").status for n in range(5)} == {OrderStatus.SUBMITTED}
            await rest(client, "afterwards")
            assert client.health()["reconciliations"] == rounds + 2

    run(loop_run, work)


def test_h31_fills_that_the_broker_forgot_leave_an_unknown_order_and_a_locked_symbol_for_a_person(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client, limit_price=449.99)
            gateway.faults.add("close")
            await until(lambda: not client.connected)
            gateway.market.set_quote("SPY", 449.90, 449.95, 500, 500)
            await until(lambda: len(gateway.ledger.fills) == 1)
            gateway.faults.add("lose_executions")
            gateway.faults.add("drop", message="completedOrder", times=0)
            assert await client.connect_async(), client.last_error
            assert state(client).status is OrderStatus.UNKNOWN
            assert "holds 100 of SPY" in client.health()["locked"]["SPY"]
            assert await client.place_order(builders.raw_intent(intent_id="more", limit_price=440)) is None
            assert state(client, "more").reason_code == "SYMBOL_LOCKED"
            client.resolve(
                builders.INTENT_ID, "filled", by="Ada", reason="statement", price=Decimal("449.99")
            )
            builders.assert_filled(state(client), 100, "449.99")
            client.reconcile_soon("resolved")
            await until(lambda: not client.health()["locked"])
        assert placements(gateway) == 1

    run(loop_run, work)


def test_h32_a_completed_row_without_quantities_does_not_take_a_fill_back(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await client.place_order(builders.market_intent())
            await until(lambda: state(client).status is OrderStatus.FILLED)
        gateway.faults.add("mutate", message="completedOrder", set={"totalQuantity": 0}, times=0)
        async with trading(gateway) as client:
            assert state(client).status is OrderStatus.FILLED

    run(loop_run, work)


def test_a_gateway_that_restarts_from_its_state_file_needs_nobody(
    home: Path, tmp_path: Path, loop_run: LoopRun
) -> None:
    """Nothing is lost or doubled but the order that never arrived, which is listed as unknown."""

    async def work() -> None:
        with paper_gateway(state=tmp_path / "state") as before:
            client = IBKRExecClient({"port": before.port, "client_id": 2, "settle_s": 0.05})
            assert await client.connect_async(), client.last_error
            await rest(client, "rests")
            await client.place_order(builders.market_intent(intent_id="filled"))
            await until(lambda: state(client, "filled").known_commission is not None)
            before.faults.add("drop", message="placeOrder", order_ref="vanished")
            await client.place_order(builders.raw_intent(intent_id="vanished", limit_price=440))
            port = before.port
            await asyncio.to_thread(before.stop)
            await until(lambda: not client.connected)
        with PaperGateway(port=port, quotes=None, state=tmp_path / "state") as after:
            assert await client.connect_async(), client.last_error
            statuses = {name: state(client, name).status for name in ("rests", "filled", "vanished")}
            assert statuses == {
                "rests": OrderStatus.SUBMITTED,
                "filled": OrderStatus.FILLED,
                "vanished": OrderStatus.UNKNOWN,
            }
            assert client.health()["orders_unknown"] == 1
            await rest(client, "new")
            assert (placements(after, "vanished"), placements(after, "new")) == (0, 1)
            await client.disconnect_async()

    run(loop_run, work)


def test_h28_h32_a_gateway_that_only_reads_keeps_the_gate_closed_and_says_why_at_once(
    home: Path, loop_run: LoopRun
) -> None:
    async def work() -> None:
        with paper_gateway(read_only=True) as reads_only:
            client = IBKRExecClient({"port": reads_only.port, "settle_s": 0.05})
            assert not await client.connect_async()
            assert "read-only" in client.last_error.lower()
            assert await client.place_order(builders.raw_intent(limit_price=440)) is None
            await client.disconnect_async()
            async with trading(reads_only, read_only=True) as watching:
                assert (await watching.quote(builders.intent())).mid is not None
            assert reads_only.ledger.requests == []

    run(loop_run, work)
