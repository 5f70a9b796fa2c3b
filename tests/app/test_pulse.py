"""From something that goes wrong at a real socket to the alert at a real HTTP server."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests import builders
from tests.app.receiver import Receiver, receiving
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.errors import ConfigError
from toolkit.gateway import PaperGateway
from toolkit.settings import Settings

PATIENCE = 30.0
QUICK = {
    "sweep_s": 0.1,
    "settle_s": 0.05,
    "ack_timeout_s": 0.3,
    "reconnect_first_s": 1.0,
    "reconnect_last_s": 1.0,
    "max_drawdown": 1000,
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def engine(receiver: Receiver, gateway: PaperGateway, home: object) -> Iterator[Engine]:
    settings = Settings.load(ibkr_port=gateway.port, alert_webhook_url=receiver.url)
    started = Engine(settings, **QUICK)
    started.start()
    yield started
    started.stop()


def told(receiver: Receiver, alert: str, status: str = "firing") -> dict[str, object]:
    """Wait for one alert."""
    wait_until(lambda: receiver.of(alert, status), PATIENCE)
    return receiver.of(alert, status)[0]


def test_a_position_break_is_told_within_five_seconds_and_again_when_it_is_settled(
    engine: Engine, gateway: PaperGateway, receiver: Receiver
) -> None:
    """Risk control 26."""
    client = engine.client
    engine.call(client.place_order(builders.market_intent()))
    wait_until(lambda: builders.INTENT_ID in {s.intent_id for s in client.ledger if s.final}, PATIENCE)
    gateway.faults.add("drop", message="execDetails", times=0)
    gateway.faults.add("liquidate", symbol="SPY")
    wait_until(lambda: client.market.locks(), PATIENCE)
    found = time.monotonic()
    alert = told(receiver, "PositionBreak")
    assert time.monotonic() - found < 5
    assert alert["subjects"] == ["SPY"]
    assert "holds 0 of SPY in DU****56" in str(alert["summary"])
    gateway.faults.clear()
    told(receiver, "PositionBreak", "resolved")


def test_a_lost_link_is_told_and_so_is_its_return(
    engine: Engine, gateway: PaperGateway, receiver: Receiver
) -> None:
    gateway.faults.add("close")
    alert = told(receiver, "LinkLost")
    assert "The connection to the gateway was lost" in str(alert["text"])
    assert alert["account"] == "DU****56"
    told(receiver, "LinkLost", "resolved")


def test_h22_a_broker_out_of_reach_behind_a_good_socket_is_a_lost_link(
    engine: Engine, gateway: PaperGateway, receiver: Receiver
) -> None:
    gateway.faults.add("notice", code=1100)
    assert "1100" in str(told(receiver, "LinkLost")["summary"])


def test_an_order_that_nobody_answers_for_is_told_by_its_name(
    engine: Engine, gateway: PaperGateway, receiver: Receiver
) -> None:
    gateway.faults.add("drop", message="placeOrder")
    engine.call(engine.client.place_order(builders.raw_intent(limit_price=440)))
    assert told(receiver, "OrdersUnknown")["subjects"] == [builders.INTENT_ID]


def test_a_kill_and_a_resume_are_told(engine: Engine, receiver: Receiver) -> None:
    engine.call(engine.client.kill("drill", by="ann"))
    assert "by ann: drill" in str(told(receiver, "Killed")["summary"])
    engine.call(engine.client.controls.order("resume", "ann", "drill over"))
    told(receiver, "Killed", "resolved")


def test_a_loss_beyond_its_limit_is_told(engine: Engine, receiver: Receiver) -> None:
    engine.call(_lose(engine, 2000))
    assert "fallen from the day's highest value by 2,000" in str(told(receiver, "LossLatch")["summary"])


def test_an_engine_that_stops_by_itself_says_so_before_it_is_gone(engine: Engine, receiver: Receiver) -> None:
    engine.orchestrator.fail(ConfigError("The disk is full."))
    assert told(receiver, "EngineStopped")["summary"] == "Nothing trades any more: The disk is full."


async def _lose(engine: Engine, amount: int) -> None:
    """The broker values the account at so much less than a moment ago."""
    market = engine.client.market
    value, currency = market.values[market.account, "NetLiquidation"]
    market.figure(market.account, "NetLiquidation", str(float(value) - amount), currency)
