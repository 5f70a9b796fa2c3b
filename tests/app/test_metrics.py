"""What a scrape tells, and what it costs the engine."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import pytest

from tests import builders
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.app.metrics import MOST_LABELS
from toolkit.gateway import PaperGateway
from toolkit.orders import events as facts
from toolkit.settings import Settings

ORDERS = 10_000
SYMBOLS = 500


@pytest.fixture
def engine(gateway: PaperGateway, home: object) -> Iterator[Engine]:
    started = Engine(Settings.load(ibkr_port=gateway.port, max_open_orders=50))
    started.start()
    yield started
    started.stop()


def scrape(engine: Engine) -> dict[str, float]:
    """Series with their labels -> value."""
    text = engine.metrics.exposition().decode()
    return {name: float(value) for name, value in re.findall(r"^(toolkit\S+) (\S+)$", text, re.MULTILINE)}


def becomes(engine: Engine, series: str, value: float) -> None:
    wait_until(lambda: scrape(engine)[series] == value)


def test_a_scrape_tells_the_link_the_gate_and_the_controls(engine: Engine, gateway: PaperGateway) -> None:
    becomes(engine, "toolkit_ready", 1)
    now = scrape(engine)
    assert (now["toolkit_link_socket"], now["toolkit_link_upstream"], now["toolkit_breaks"]) == (1, 1, 0)
    assert now['toolkit_control{state="ACTIVE"}'] == 1
    gateway.faults.add("notice", code=1100)
    becomes(engine, "toolkit_link_upstream", 0)
    becomes(engine, "toolkit_ready", 0)
    engine.call(engine.client.kill("drill"))
    becomes(engine, 'toolkit_control{state="KILLED"}', 1)
    assert scrape(engine)['toolkit_control{state="ACTIVE"}'] == 0


def test_a_scrape_tells_decisions_working_orders_and_the_use_of_limits(engine: Engine) -> None:
    client = engine.client
    engine.call(client.place_order(builders.raw_intent(quantity=10, limit_price=440)))
    engine.call(client.place_order(builders.raw_intent(intent_id="huge", quantity=5000)))
    becomes(engine, "toolkit_orders_working", 1)
    now = scrape(engine)
    assert now["toolkit_decision_latency_seconds_count"] == 2
    assert now["toolkit_decision_latency_seconds_sum"] < 5
    assert now['toolkit_limit_used{limit="max_gross_exposure"}'] == pytest.approx(4500.1, rel=0.01)
    assert now['toolkit_limit_allowed{limit="max_gross_exposure"}'] == 1_000_000
    assert now['toolkit_limit_used{limit="max_open_orders"}'] == 1
    assert 'toolkit_limit_used{limit="max_drawdown"}' not in now


def test_a_loop_that_is_stuck_shows_while_it_is_stuck_and_for_a_while_after(engine: Engine) -> None:
    freed = threading.Event()

    async def be_stuck() -> bool:
        return freed.wait(60)

    working = engine.submit(be_stuck())
    wait_until(lambda: scrape(engine)["toolkit_loop_lag_seconds"] > 0.3)
    freed.set()
    assert working.result(10)
    assert scrape(engine)["toolkit_loop_lag_seconds"] > 0.3


def test_ten_thousand_orders_cost_a_scrape_and_a_look_a_moment_and_few_series(engine: Engine) -> None:
    ledger = engine.client.ledger

    async def fill() -> float:
        for n in range(ORDERS):
            name = f"i{n}"
            ledger.record(builders.received(name, symbol=f"S{n % SYMBOLS}"))
            ledger.record(facts.Accepted(intent_id=name, at=builders.at(0.001), con_id=n % SYMBOLS + 1))
        for n in range(SYMBOLS):
            ledger.record(facts.Sent(intent_id=f"i{n}", at=builders.at(1), journaled_at=builders.at(1)))
        began = time.thread_time()
        assert engine.client.health()["orders_working"] == ORDERS
        return time.thread_time() - began

    look = engine.call(fill(), timeout=60)
    becomes(engine, "toolkit_orders_working", ORDERS)
    began = time.thread_time()
    now = scrape(engine)
    cost = time.thread_time() - began
    print(f"look {look * 1e3:.1f} ms, scrape {cost * 1e3:.1f} ms")
    placed = {name: value for name, value in now.items() if name.startswith("toolkit_orders_placed_total{")}
    assert len(placed) == MOST_LABELS + 1
    assert placed['toolkit_orders_placed_total{side="BUY",symbol="other"}'] == SYMBOLS - MOST_LABELS
    assert not any(re.search(r"\bi\d+\b", name) for name in now), "an intent became a label"
    assert (look < 0.1, cost < 0.2) == (True, True), (look, cost)
