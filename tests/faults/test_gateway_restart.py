"""A gateway process is killed in the middle of a run and started again from what it wrote down."""

from __future__ import annotations

from pathlib import Path

from tests import builders
from tests.gateway.processes import GatewayProcess, free_port
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.gateway import PaperGateway
from toolkit.journal.audit import BrokerExecution, BrokerOrder, audit
from toolkit.journal.reader import JournalReader
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.settings import Settings

ORDERS = 30


def states(engine: Engine) -> list[OrderState]:
    """Every order, read in the engine's own thread."""

    async def read() -> list[OrderState]:
        return list(engine.client.ledger)

    return engine.call(read())


def test_with_the_gateway_killed_in_mid_run_nothing_is_lost_or_doubled_and_nobody_is_needed(
    home: Path, tmp_path: Path
) -> None:
    """What is truly unknowable is listed as Unknown; everything else ends by the broker's own word."""
    port, state = free_port(), tmp_path / "gateway.state"
    options = ("--port", str(port), "--state", str(state), "--seed", "7")
    gateway = GatewayProcess(*options)
    engine = Engine(
        Settings.load(ibkr_port=port),
        settle_s=0.1,
        reconnect_first_s=0.05,
        reconnect_last_s=0.2,
        ack_timeout_s=2,
    )
    try:
        engine.start()
        client = engine.client
        for number in range(ORDERS):
            if number == ORDERS // 2:
                gateway.kill()
                gateway = GatewayProcess(*options)
            kind = builders.market_intent if number % 3 else builders.raw_intent
            raw = kind(intent_id=f"run-{number}", quantity=1)
            engine.call(client.wait_ready())
            engine.call(client.place_order(raw if number % 3 else {**raw, "limit_price": 1}))
        wait_until(lambda: client.ready and client.health()["epoch"] >= 2, deadline=60)

        def settled() -> bool:
            return all(
                order.status is OrderStatus.UNKNOWN
                or order.broker_status == "Submitted"
                or (order.final and (not order.executions or order.known_commission is not None))
                for order in states(engine)
            )

        wait_until(settled, deadline=30)
        live = {order.intent_id: order for order in states(engine)}
    finally:
        engine.stop()
        gateway.kill()
    with PaperGateway(port=0, state=state) as truth, JournalReader(home / "journal.db") as journal:
        ledger = truth.ledger
        orders = [
            BrokerOrder(
                each.order_ref, each.client_id, each.order_id, 0, each.symbol, each.action, each.quantity
            )
            for each in ledger.requests
            if not each.modification and not each.refused
        ]
        fills = [
            BrokerExecution(
                each.exec_id, each.order_ref, each.symbol, each.side, each.shares, each.price, each.commission
            )
            for each in ledger.fills.values()
        ]
        assert audit(journal.events(), journal.reports(), orders, fills, live=live) == []
    arrived = {order.order_ref for order in orders}
    unknown = {name for name, order in live.items() if order.status is OrderStatus.UNKNOWN}
    assert len(live) == ORDERS
    assert unknown == {name for name, order in live.items() if order.order_id is not None} - arrived
    assert len(fills) >= ORDERS // 3
