"""Hazards of what is told about one order: late, early, empty, in another order, or twice for two orders."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.faults.trading import paper_gateway, placements, reports_of, rest, run, state, trading
from tests.waiting import until
from toolkit.gateway import PaperGateway
from toolkit.gateway.clock import ManualClock
from toolkit.orders.events import CommissionCharged, Executed
from toolkit.orders.status import OrderStatus

LoopRun = Callable[[Any], Any]
ID = builders.INTENT_ID
NO_NUMBER = "1.7976931348623157E308"
NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)
MIDNIGHT = datetime(2026, 1, 6, 5, tzinfo=UTC)
"""In New York, on a Monday."""


def test_h6_the_fills_of_two_orders_for_one_intent_are_all_counted(
    gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            order = await rest(client, limit_price=449.50)
            gateway.faults.add("drop", message="cancelOrder", times=0)
            gateway.faults.add("twin")
            assert await client.replace_order(order.order_id or 0, limit_price=449.40)
            await until(lambda: "DUPLICATE_LIVE" in caplog.text)
            gateway.market.set_quote("SPY", 449.30, 449.35, 500, 500)
            await until(lambda: state(client).filled_quantity == 200)
            assert "OVERFILL" in caplog.text
            assert "SPY" in client.health()["locked"]
            await until(lambda: sum(held.quantity for held in client.market.held()) == 200)
            client.reconcile_soon("both have filled")
            rounds = client.health()["reconciliations"]
            await until(lambda: client.health()["reconciliations"] > rounds and client.ready)
            # The position is explained: both fills are ours.
            assert "its executions add up to" not in caplog.text

    run(loop_run, work)


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago"])
def test_h9_every_form_of_a_fills_time_is_one_fill_whatever_the_hosts_zone(
    zone: str, gateway: PaperGateway, loop_run: LoopRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = {"20260105 12:00:00 UTC", "20260105-12:00:00", "20260105  12:00:00", "20260105 12:00:00"}
    elsewhere = {"20260105 13:00:00 MET", "20260105 07:00:00 US/Eastern", "20260105 12:00:00 Universal"}
    odd = {"20260105 12:00:00 Nowhere/Zone", ""}

    async def work() -> None:
        async with trading(gateway) as client:
            for n, text in enumerate([*noon, *elsewhere, *odd]):
                gateway.faults.add("mutate", message="execDetails", set={"time": text})
                await client.place_order(builders.market_intent(intent_id=f"fill-{n}", quantity=1))
                await until(lambda n=n: state(client, f"fill-{n}").status is OrderStatus.FILLED)
            facts = [fact for fact in client.journal.events() if isinstance(fact, Executed)]
            times = {fact.time_text: fact.time for fact in facts}
            expected = dict.fromkeys(noon | elsewhere, datetime(2026, 1, 5, 12, tzinfo=UTC))
            assert times == {**expected, **dict.fromkeys(odd)}
            assert len(facts) == len(times)

    with monkeypatch.context() as host:
        host.setenv("TZ", zone)
        time.tzset()
        run(loop_run, work)
    time.tzset()


def test_h14_an_order_that_fills_in_part_while_its_cancel_is_pending_keeps_that_part(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client)
            gateway.faults.add("drop", message="cancelOrder")
            assert await client.cancel_intent(ID)
            assert (state(client).status, state(client).open_quantity) == (OrderStatus.PENDING_CANCEL, 100)
            gateway.market.set_quote("SPY", 439.90, 440.00, 30, 30)
            await until(lambda: state(client).filled_quantity == 30)
            assert (state(client).status, state(client).final) == (OrderStatus.PENDING_CANCEL, False)
            assert await client.cancel_intent(ID)
            await until(lambda: state(client).status is OrderStatus.CANCELLED)
            assert (state(client).filled_quantity, state(client).open_quantity) == (30, 70)

    run(loop_run, work)


def test_h14_an_order_that_fills_while_its_cancel_is_pending_is_filled(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client)
            gateway.faults.add("drop", message="cancelOrder")
            assert await client.cancel_intent(ID)
            gateway.market.set_quote("SPY", 439.90, 440.00, 500, 500)
            await until(lambda: state(client).status is OrderStatus.FILLED)
            assert not await client.cancel_intent(ID)
            assert [each["event"] for each in await reports_of(client) if each["final"]][:1] == ["Fill"]
        assert gateway.ledger.cancels == []

    run(loop_run, work)


def test_h29_an_unknown_contract_refuses_its_own_intent_and_no_other_order(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            before = await rest(client)
            assert await client.place_order(builders.raw_intent(intent_id="no", symbol="NOSUCH")) is None
            assert state(client, "no").reason_code == "UNKNOWN_CONTRACT"
            assert state(client) == before

    run(loop_run, work)


def test_h32_a_completed_order_that_names_nobody_is_matched_to_nobody(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    """Its contract, side and quantity would fit, but that is a guess."""

    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client)
            for message in ("orderStatus", "openOrder", "error"):
                gateway.faults.add("drop", message=message, order_ref=ID, times=0)
            gateway.faults.add("mutate", message="completedOrder", set={"permId": 0, "orderRef": ""}, times=0)
            await client.cancel_intent(ID)
            await until(lambda: gateway.ledger.cancels)
            client.reconcile_soon("the cancel is not answered")
            await until(lambda: state(client).status is OrderStatus.UNKNOWN)
            gateway.faults.clear()
            client.reconcile_soon("now it is named")
            await until(lambda: state(client).status is OrderStatus.CANCELLED)

    run(loop_run, work)


def test_h33_an_order_without_a_permanent_id_at_first_is_known_by_it_later(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            for message in ("openOrder", "orderStatus"):
                gateway.faults.add("mutate", message=message, set={"permId": 0}, times=0)
            assert (await rest(client, limit_price=449.99)).perm_id == 0
            await rest(client, "other", limit_price=430)
            gateway.faults.clear()
            gateway.faults.add("mutate", message="execDetails", set={"orderId": 0, "orderRef": ""})
            client.reconcile_soon("the permanent id is not known")
            await until(lambda: state(client).perm_id)
            gateway.market.set_quote("SPY", 449.90, 449.95, 500, 500)
            await until(lambda: state(client).status is OrderStatus.FILLED)
            assert state(client, "other").filled_quantity == 0

    run(loop_run, work)


def test_h35_an_order_that_was_called_refused_and_works_is_working(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            gateway.faults.add("error", message="placeOrder", code=201, text="No.", before=True)
            await client.place_order(builders.raw_intent(limit_price=440))
            await until(lambda: state(client).status is OrderStatus.SUBMITTED)
            assert (state(client).working, state(client).reason) == (True, "")
            assert client.risk_checker.current_exposure == pytest.approx(100 * 450.01)
            told = [(each["event"], each["recovered"]) for each in await reports_of(client)]
            assert told == [("Accepted", False), ("Rejected", False), ("Recovered", True)]
            assert await client.cancel_intent(ID)
            await until(lambda: state(client).status is OrderStatus.CANCELLED)

    run(loop_run, work)


def test_h36_a_stop_rests_presubmitted_until_it_is_triggered(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await client.place_order(builders.raw_intent(order_type="STOP", limit_price=None, stop_price=451))
            await until(lambda: state(client).status is OrderStatus.PRE_SUBMITTED)
            assert (state(client).working, state(client).open_quantity) == (True, 100)
            gateway.market.trade("SPY", 451.00, 100)
            await until(lambda: state(client).status is OrderStatus.FILLED)
        assert placements(gateway) == 1

    run(loop_run, work)


def test_h36_the_end_of_the_day_ends_an_order_and_leaves_what_it_had_filled(
    home: Path, loop_run: LoopRun
) -> None:
    clock = ManualClock(NOON)

    async def work() -> None:
        with paper_gateway(clock=clock) as gateway:
            async with trading(gateway) as client:
                gateway.market.set_quote("SPY", 450.00, 450.02, 30, 30)
                await client.place_order(builders.raw_intent(limit_price=450.02))
                await until(lambda: state(client).known_commission is not None)
                assert state(client).status is OrderStatus.PARTIALLY_FILLED
                clock.set(MIDNIGHT + timedelta(seconds=1))
                await until(lambda: state(client).status is OrderStatus.CANCELLED)
                assert (state(client).filled_quantity, state(client).remaining_quantity) == (30, 70)

    run(loop_run, work)


def test_h39_a_commission_that_comes_before_its_fill_is_told_once_with_it(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            gateway.faults.add("reorder", message="execDetails", behind="commissionReport")
            await client.place_order(builders.market_intent())
            await until(lambda: state(client).known_commission == 1)
            facts = [fact for fact in client.journal.events() if isinstance(fact, CommissionCharged)]
            assert len(facts) == 1
            assert [each["event"] for each in await reports_of(client)][-1] == "Commission"

    run(loop_run, work)


@pytest.mark.parametrize(
    ("text", "known"), [(NO_NUMBER, None), ("-1", None), ("-0.2", Decimal("-0.2")), ("0", Decimal(0))]
)
def test_h39_what_stands_for_no_commission_is_none_and_a_rebate_or_nothing_is_a_figure(
    text: str, known: Decimal | None, gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            gateway.faults.add("mutate", message="commissionReport", set={"commission": text})
            await client.place_order(builders.market_intent())
            await until(lambda: state(client).commissions)
            assert state(client).status is OrderStatus.FILLED
            assert state(client).known_commission == known
            fills = [each for each in await reports_of(client) if each["event"] == "Fill"]
            assert [each["commission"] for each in fills] == [None]

    run(loop_run, work)


def test_h43_risk_stops_before_the_brokers_own_limit_of_orders_on_one_side(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        gateway.faults.add("side_limit", limit=20)
        async with trading(gateway, max_gross_exposure=1e9) as client:
            names = [f"order-{n}" for n in range(25)]
            for name in names:
                await client.place_order(builders.raw_intent(intent_id=name, limit_price=440))
            codes = {state(client, name).reason_code for name in names if state(client, name).final}
            assert codes == {"MAX_OPEN_ORDERS_PER_SIDE"}
        assert 0 < len(gateway.ledger.requests) <= 20
        assert {request.refused for request in gateway.ledger.requests} == {0}

    run(loop_run, work)
