"""Hazards of the link: frozen gateways, outages that nobody notices, ids that are taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests import builders
from tests.faults.trading import paper_gateway, placements, rest, run, state, trading
from tests.waiting import until, wait_until
from toolkit.app.engine import Engine
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderStatus
from toolkit.settings import Settings

LoopRun = Callable[[Any], Any]
AWAKE = {"heartbeat_s": 0.1, "heartbeat_timeout_s": 0.5}


@pytest.mark.parametrize("served", [True, False], ids=["it arrived", "it did not arrive"])
def test_h4_an_order_into_a_mute_gateway_is_found_or_left_unknown_and_never_sent_twice(
    served: bool, gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway, **AWAKE) as client:
            gateway.faults.add("mute", message="placeOrder", served=served)
            await client.place_order(builders.raw_intent(limit_price=440))
            await until(lambda: not client.connected)
            assert "has not answered" in client.last_error
            assert state(client).status is OrderStatus.PENDING_SUBMIT
            gateway.faults.clear()
            assert await client.connect_async(), client.last_error
            if served:
                assert state(client).status is OrderStatus.SUBMITTED
                assert state(client).perm_id
            else:
                assert state(client).status is OrderStatus.UNKNOWN
                assert "toolkit resolve" in state(client).reason
            await client.place_order(builders.raw_intent(limit_price=440))
        assert placements(gateway) == served

    run(loop_run, work)


def test_h4_a_silent_gateway_is_asked_whether_it_is_awake_before_an_order_is_written(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway, heartbeat_s=3600, heartbeat_timeout_s=0.2) as client:
            await client.quote(builders.intent())  # so that nothing is left to ask but the time
            gateway.faults.add("mute", served=True)
            client.inbox.session.silence = 0.0
            assert await client.place_order(builders.raw_intent(limit_price=440)) is None
            assert state(client).reason_code == "NOT_CONNECTED"
        assert placements(gateway) == 0

    run(loop_run, work)


def test_h4_no_order_is_sent_around_the_gateways_daily_restart(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway, restart_at=f"{datetime.now(UTC):%H:%M}") as client:
            assert await client.place_order(builders.raw_intent(limit_price=440)) is None
            assert state(client).reason_code == "RESTART_WINDOW"
        assert placements(gateway) == 0

    run(loop_run, work)


def test_h21_h22_an_outage_closes_the_gate_once_escalates_and_ends_by_itself(
    gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway, escalate_after_s=[0.05, 0.1, 0.15], heartbeat_s=0.1) as client:
            await rest(client, "live")
            for _ in range(50):
                gateway.faults.add("notice", code=1100)
            await until(lambda: not client.ready)
            assert client.connected
            assert await client.place_order(builders.raw_intent(limit_price=440)) is None
            assert state(client).reason_code == "UPSTREAM_DOWN"
            out = "The broker has been out of reach for"
            await until(lambda: sum(out in line.getMessage() for line in caplog.records) == 3)
            levels = [line.levelno for line in caplog.records if out in line.getMessage()]
            assert levels == [logging.WARNING, logging.ERROR, logging.CRITICAL]
            assert "live (Submitted)" in caplog.text
            assert caplog.text.count("nothing new is sent") == 1
            rounds = client.health()["reconciliations"]
            gateway.faults.add("notice", code=1102)
            await until(lambda: client.ready)
            assert client.health()["reconciliations"] == rounds + 1
            assert await client.place_order(builders.raw_intent(intent_id="after", limit_price=440))

    run(loop_run, work)


@pytest.mark.parametrize("codes", [(2110, 1102), (1100, 1101), (1102,)], ids=str)
def test_h22_each_end_of_an_outage_leads_to_one_round_of_questions(
    codes: tuple[int, ...], gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            await rest(client)
            rounds = client.health()["reconciliations"]
            for code in codes:
                gateway.faults.add("notice", code=code)
            await until(lambda: not client.ready)
            await until(lambda: client.ready)
            assert client.health()["reconciliations"] == rounds + 1
            assert state(client).status is OrderStatus.SUBMITTED
            assert client.health()["epoch"] == 1

    run(loop_run, work)


def test_h22_after_1101_quotes_are_subscribed_anew(gateway: PaperGateway, loop_run: LoopRun) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            assert (await client.quote(builders.intent())).mid is not None
            instrument = client.market.find(builders.intent())
            assert instrument is not None
            gateway.faults.add("notice", code=1101)
            await until(lambda: not client.ready)
            assert client.market.quote(instrument.con_id).mid is None
            await until(lambda: client.ready)
            assert (await client.quote(builders.intent())).mid is not None

    run(loop_run, work)


def test_h37_a_stop_that_the_broker_triggers_late_is_named_while_it_sleeps_and_fills_once(
    gateway: PaperGateway, loop_run: LoopRun, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with trading(gateway, escalate_after_s=[0.05, 0.1, 0.15], heartbeat_s=0.1) as client:
            stop = {"order_type": "STOP", "limit_price": None, "stop_price": 451}
            await client.place_order(builders.raw_intent(**stop))
            await until(lambda: state(client).status is OrderStatus.PRE_SUBMITTED)
            gateway.faults.add("notice", code=1100, text="The broker resets.")
            gateway.market.set_quote("SPY", 451.48, 451.50, 500, 500)
            await until(lambda: f"{builders.INTENT_ID} (PreSubmitted)" in caplog.text)
            assert state(client).open_quantity == 100
            gateway.faults.add("notice", code=1102)
            gateway.market.trade("SPY", 451.50, 100)
            await until(lambda: state(client).known_commission is not None)
            builders.assert_filled(state(client), 100, "451.5")
        assert placements(gateway) == 1

    run(loop_run, work)


def test_h22_1300_leads_to_the_port_that_the_gateway_moved_to(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        with paper_gateway() as moved:
            async with trading(gateway) as client:
                text = f"Socket port has been reset. Please connect on the new port - {moved.port}"
                gateway.faults.add("notice", code=1300, text=text)
                await until(lambda: not client.connected)
                assert await client.connect_async(), client.last_error
                await rest(client)
            assert (placements(gateway), placements(moved)) == (0, 1)

    run(loop_run, work)


def test_h23_flapping_farms_close_no_connection_and_hide_quotes_while_they_are_broken(
    gateway: PaperGateway, loop_run: LoopRun
) -> None:
    async def work() -> None:
        async with trading(gateway) as client:
            gateway.market.set_quote("QQQ", 400.00, 400.02)
            await rest(client, "live", symbol="QQQ", limit_price=390)
            assert (await client.quote(builders.intent())).mid is not None
            heard: list[int] = []
            client.inbox.code_listeners.append(heard.append)
            for _ in range(20):
                gateway.faults.add("notice", code=2103)
                gateway.faults.add("notice", code=2104)
            gateway.faults.add("notice", code=2103)
            await until(lambda: heard.count(2103) == 21)
            assert client.ready
            assert await client.place_order(builders.market_intent(intent_id="blind")) is None
            assert state(client, "blind").reason_code == "NO_PRICE"
            gateway.faults.add("notice", code=2104)
            await until(lambda: not client.health()["broken_farms"])
            assert await client.place_order(builders.market_intent(intent_id="sighted"))
            assert client.health()["epoch"] == 1
            assert state(client, "live").status is OrderStatus.SUBMITTED

    run(loop_run, work)


def test_h24_a_client_id_that_is_taken_is_waited_for_and_never_exchanged(
    gateway: PaperGateway, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings.load(ibkr_port=gateway.port)
    engine = Engine(settings, reconnect_first_s=0.02, reconnect_last_s=0.05, settle_s=0.05)
    engine.start()
    try:
        engine.call(engine.client.place_order(builders.raw_intent(limit_price=440)))
        wait_until(lambda: state(engine.client).acked_at)
        gateway.faults.add("refuse", times=5)
        gateway.faults.add("close")
        wait_until(lambda: engine.client.health()["epoch"] == 2 and engine.client.ready)
        alarms = [line.getMessage() for line in caplog.records if "NO_CONTROL" in line.getMessage()]
        assert len(alarms) == 1
        assert f"{builders.INTENT_ID} (Submitted)" in alarms[0]
        assert caplog.text.count("Client id 2 is already in use") >= 5
        assert engine.call(engine.client.cancel_intent(builders.INTENT_ID))
        wait_until(lambda: state(engine.client).status is OrderStatus.CANCELLED)
    finally:
        engine.stop()
    assert {order.client_id for order in gateway.ledger.requests} == {2}


def test_health_tells_link_epoch_round_trip_and_reason(gateway: PaperGateway, loop_run: LoopRun) -> None:
    async def work() -> None:
        async with trading(gateway, **AWAKE) as client:
            await until(lambda: client.health()["last_round_trip"])
            health = client.health()
            assert (health["socket"], health["upstream"], health["epoch"]) == (True, True, 1)
            assert abs(health["clock_skew_s"]) < 5
            assert health["reason"] == ""
            await asyncio.to_thread(gateway.stop)
            await until(lambda: not client.ready)
            assert "lost" in client.health()["reason"]
            assert client.health()["down_since"] is not None

    run(loop_run, work)
