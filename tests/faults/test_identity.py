"""Hazards of identity: ids that roll back, orders that double, fills and orders that are not ours."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests import builders
from tests.faults.trading import placements, reports_of, rest, run, state, trading
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.events import Executed
from toolkit.orders.state import OrderStatus

LoopRun = Callable[[Any], Any]


def held(client: IBKRExecClient) -> Decimal:
    """Our position in SPY as the broker told it."""
    return sum((held.quantity for held in client.market.held()), Decimal(0))


async def filled(client: IBKRExecClient, intent_id: str = builders.INTENT_ID, **changes: Any) -> None:
    """Buy at the market and wait for the fill and the position."""
    before = held(client)
    await client.place_order(builders.market_intent(**{"intent_id": intent_id, **changes}))
    await until(lambda: state(client, intent_id).known_commission is not None)
    await until(lambda: held(client) != before)


async def round_after(client: IBKRExecClient, reason: str) -> None:
    """One complete round of questions."""
    rounds = client.health()["reconciliations"]
    client.reconcile_soon(reason)
    await until(lambda: client.health()["reconciliations"] > rounds and client.ready)


def test_h5_ids_go_on_above_our_own_when_the_gateway_rolls_back(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway, ack_timeout_s=0.05) as client:
            await rest(client, "first")
            gateway.faults.add("drop", message="placeOrder", times=4)
            lost = [f"lost-{n}" for n in range(4)]
            numbers = [
                await client.place_order(builders.raw_intent(intent_id=n, limit_price=440)) for n in lost
            ]
            gateway.faults.add("roll_ids", count=4)
            gateway.faults.add("reset")
            await until(lambda: not client.connected)
            assert await client.connect_async(), client.last_error
            assert {state(client, name).status for name in lost} == {OrderStatus.UNKNOWN}
            fresh = await rest(client, "new")
            assert fresh.order_id is not None
            assert fresh.order_id > max(number or 0 for number in numbers)
            assert await client.cancel_intent("new")
            await until(lambda: state(client, "new").status is OrderStatus.CANCELLED)
            assert {state(client, name).status for name in lost} == {OrderStatus.UNKNOWN}
            assert state(client, "first").status is OrderStatus.SUBMITTED
        assert [placements(gateway, name) for name in lost] == [0, 0, 0, 0]

    run(loop_run, work)


@pytest.mark.parametrize(
    "changes",
    [{"permId": 4711, "orderRef": ""}, {"conId": 4711, "orderId": 4711}, {"side": "SLD", "orderId": 4711}],
    ids=["permanent id", "contract", "side"],
)
def test_h5_a_fill_under_our_number_or_name_that_does_not_fit_is_not_taken_for_ours(
    changes: dict[str, Any], gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client, limit_price=449.99)
            gateway.faults.add("mutate", message="execDetails", set=changes)
            gateway.market.set_quote("SPY", 449.90, 449.95, 500, 500)
            await until(lambda: client.health()["foreign_fills"] == 1)
            assert "it is not taken for ours" in caplog.text
            assert state(client).filled_quantity == 0
            await round_after(client, "a fill that does not fit")
            assert state(client).status is OrderStatus.FILLED

    run(loop_run, work)


def test_h6_two_live_orders_for_one_intent_are_an_alarm_a_lock_and_both_cancelled(
    gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            order = await rest(client, limit_price=449.50)
            gateway.faults.add("twin")
            assert await client.replace_order(order.order_id or 0, limit_price=449.40)
            await until(lambda: "DUPLICATE_LIVE" in caplog.text)
            assert "DUPLICATE_LIVE" in client.health()["locked"]["SPY"]
            assert await client.place_order(builders.raw_intent(intent_id="more", limit_price=440)) is None
            assert state(client, "more").reason_code == "SYMBOL_LOCKED"
            # Cancelling "the order" ends the second one; the first lives on and must not look ended.
            await until(lambda: len(gateway.exchange.open_orders()) == 1)
            await round_after(client, "the twin was cancelled")
            assert not state(client).final
            gateway.market.set_quote("SPY", 449.30, 449.35, 500, 500)
            await until(lambda: state(client).status is OrderStatus.FILLED)
            await round_after(client, "the twin has filled")
            assert client.health()["locked"] == {}

    run(loop_run, work)


def test_h25_orders_of_others_are_known_counted_and_never_touched(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        gateway.faults.add("foreign", symbol="SPY", quantity=7, limit=400.0)
        gateway.faults.add("foreign", symbol="SPY", action="SELL", quantity=9, limit=500.0, owner=0)
        async with trading(gateway) as client:
            await rest(client)
            await round_after(client, "a look at everybody's orders")
            orders = sorted(client.market.foreign_orders, key=lambda each: each.side)
            assert [(each.side, each.remaining, each.limit_price, each.client_id) for each in orders] == [
                ("BUY", 7, 400, 999),
                ("SELL", 9, 500, 0),
            ]
            assert {each.symbol for each in orders} == {"SPY"}
            gateway.market.set_quote("SPY", 500.00, 500.02, 500, 500)
            await round_after(client, "one of them has filled")
            assert [each.side for each in client.market.foreign_orders] == ["BUY"]
        assert gateway.ledger.cancels == []

    run(loop_run, work)


def test_h25_exposure_counts_the_orders_of_everybody(gateway: PaperGateway, loop_run: LoopRun) -> None:
    """Two made by hand, which share order id 0, one of client 7, and ours."""

    async def work() -> None:
        for quantity, owner in ((10, 0), (20, 0), (40, 7)):
            gateway.faults.add("foreign", symbol="SPY", quantity=quantity, limit=400.0, owner=owner)
        async with trading(gateway) as client:
            await rest(client)
            await round_after(client, "a look at everybody's orders")
            assert sorted(each.remaining for each in client.market.foreign_orders) == [10, 20, 40]
            assert client.risk_checker.current_exposure == pytest.approx(170 * 450.01)

    run(loop_run, work)


def test_h26_a_liquidation_is_told_and_explains_its_position(
    gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await filled(client)
            await round_after(client, "a baseline")
            gateway.faults.add("liquidate", symbol="SPY")
            await until(lambda: held(client) == 0)
            await round_after(client, "somebody sold")
            assert "SLD 100 SPY" in caplog.text
            assert client.health()["foreign_fills"] == 1
            assert client.health()["locked"] == {}
            assert state(client).status is OrderStatus.FILLED

    run(loop_run, work)


def test_h26_a_position_that_no_execution_explains_locks_its_symbol_until_it_is_accepted(
    gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway, sweep_s=0.1) as client:
            await filled(client)
            gateway.faults.add("drop", message="execDetails", times=0)
            gateway.faults.add("liquidate", symbol="SPY")
            await until(lambda: "SPY" in client.health()["locked"])
            assert "holds 0 of SPY in DU123456, but its executions add up to 100" in caplog.text
            assert await client.place_order(builders.market_intent(intent_id="more")) is None
            assert state(client, "more").reason_code == "SYMBOL_LOCKED"
            gateway.faults.clear()
            assert client.accept_positions("SPY")
            assert client.health()["locked"] == {}
            await filled(client, "after")

    run(loop_run, work)


@pytest.mark.parametrize(
    "changes",
    [{"orderId": 0}, {"orderId": 2147483647, "clientId": 0}, {"orderId": 0, "orderRef": ""}],
    ids=["reference alone", "as by hand", "permanent id alone"],
)
def test_h33_a_fill_that_names_its_order_in_one_way_only_is_matched_once(
    changes: dict[str, Any], gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client, limit_price=449.99)
            gateway.faults.add("mutate", message="execDetails", set=changes)
            gateway.market.set_quote("SPY", 449.90, 449.95, 500, 500)
            await until(lambda: state(client).status is OrderStatus.FILLED)
            fills = [each for each in await reports_of(client) if each["event"] == "Fill"]
            assert [each["filled_quantity"] for each in fills] == [100]
            assert client.health()["foreign_fills"] == 0

    run(loop_run, work)


def test_h33_a_fill_before_anything_names_its_order_waits_for_it(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            for message in ("openOrder", "orderStatus"):
                gateway.faults.add("delay", message=message, seconds=0.2, times=0)
            gateway.faults.add("mutate", message="execDetails", set={"orderId": 0, "orderRef": ""})
            await client.place_order(builders.market_intent())
            await until(lambda: client.health()["foreign_fills"] == 1)
            await until(lambda: state(client).status is OrderStatus.FILLED)
            assert client.health()["foreign_fills"] == 0
            await until(lambda: state(client).known_commission == 1)

    run(loop_run, work)


def test_h34_a_correction_is_one_report_and_replaces_its_fill(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await filled(client)
            await client.get_execution_reports()
            gateway.faults.add("correct", price=450.10)
            await until(lambda: state(client).avg_fill_price == Decimal("450.1"))
            await round_after(client, "told again")
            corrections = [each for each in await reports_of(client) if each["event"] == "Correction"]
            assert [each["filled_quantity"] for each in corrections] == [100]
            assert client.health()["locked"] == {}

    run(loop_run, work)


def test_h34_more_filled_than_ordered_is_an_incident_and_not_clamped(
    gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            gateway.faults.add("duplicate", message="execDetails", set={"execId": "ffff.01.01"})
            await client.place_order(builders.market_intent())
            await until(lambda: state(client).filled_quantity == 200)
            assert "OVERFILL" in client.health()["locked"]["SPY"]
            alarms = [line for line in caplog.records if line.levelname == "CRITICAL"]
            assert [line.getMessage().startswith("OVERFILL: 200 of intent") for line in alarms] == [True]
            assert state(client).remaining_quantity == 0

    run(loop_run, work)


def test_h35_repeated_late_and_unheard_of_statuses_change_nothing(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            gateway.faults.add("duplicate", message="orderStatus", copies=3, times=0)
            late = {"status": "Submitted", "filled": 0, "remaining": 100, "avgFillPrice": 0}
            gateway.faults.add("duplicate", message="orderStatus", set=late, times=0)
            gateway.faults.add("duplicate", message="orderStatus", set={"status": "FooBar"}, times=0)
            await client.place_order(builders.market_intent())
            await until(lambda: state(client).known_commission is not None)
            await round_after(client, "so that everything was heard")
            builders.assert_filled(state(client), 100, "450.02")
            events = [each["event"] for each in await reports_of(client)]
            assert events.count("Fill") == 1
            assert events[-2:] == ["Fill", "Commission"]

    run(loop_run, work)


def test_h9_a_fill_with_an_unreadable_time_is_booked_and_its_own_text_kept(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        time = "20260105 12:00:00 Nowhere/Zone"
        async with trading(gateway) as client:
            gateway.faults.add("mutate", message="execDetails", set={"time": time})
            await filled(client)
            facts = [event for event in client.journal.events() if isinstance(event, Executed)]
            assert [(each.time, each.time_text) for each in facts] == [(None, time)]
            (fill,) = (await reports_of(client))[-1]["executions"]
            assert fill["time_unsure"]
            assert client.health()["decode_failures"] == 0

    run(loop_run, work)


def test_h9_a_message_that_cannot_be_read_costs_a_connection_and_no_fill(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            gateway.faults.add("mutate", message="execDetails", set={"shares": "a lot"})
            await client.place_order(builders.market_intent())
            await until(lambda: not client.connected)
            assert client.health()["decode_failures"] == 1
            assert await client.connect_async(), client.last_error
            builders.assert_filled(state(client), 100, "450.02")

    run(loop_run, work)
