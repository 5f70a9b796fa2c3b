"""
Orders placed, changed and cancelled at random while messages are lost, late, doubled or wrong.

Whatever happened on the way, in the end the client and the gateway hold the same orders on the same
terms, the auditor finds nothing, and exposure was never less than what the gateway could still fill.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests import builders
from tests.waiting import until
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.gateway import PaperGateway
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.runbooks.reconcile import reconcile

QUICK: Final[dict[str, Any]] = {
    "settle_s": 0.02,
    "ack_timeout_s": 0.4,
    "cancel_timeout_s": 0.5,
    "max_messages_per_second": 1000,
    "max_gross_exposure": 1e9,
    "max_open_orders_per_side": 1000,
}
MESSAGES: Final = ("openOrder", "orderStatus", "placeOrder", "cancelOrder", "execDetails", "commissionReport")
CODES: Final = (100, 103, 104, 110, 161, 201, 399, 404, 10147, 10148, 10349, 19999)
CHANGES: Final = (
    {"quantity": 50},
    {"quantity": 150},
    {"limit_price": 441},
    {"limit_price": 450.02},
    {"limit_price": 440.005},
    {"quantity": 120, "limit_price": 450.02},
)


class Day:
    """One client's day at one gateway, as a seed has it."""

    def __init__(self, seed: int, gateway: PaperGateway, home: Path) -> None:
        self.dice = random.Random(seed)
        self.gateway = gateway
        self.config = {"port": gateway.port, "client_id": 2, "home": home, **QUICK}
        self.client = IBKRExecClient(self.config)
        self.orders: list[str] = []

    async def connect(self) -> None:
        await self.client.disconnect_async()
        self.client = IBKRExecClient(self.config)
        assert await self.client.connect_async(), self.client.last_error

    async def step(self, number: int) -> None:
        if not self.client.ready:
            await self.connect()
        dice = self.dice
        acts = [self.change, self.change, self.cancel, self.move, self.trouble]
        act = dice.choice([self.new, *acts]) if self.orders else self.new
        await act(number)

    async def new(self, number: int) -> None:
        self.orders.append(f"order-{number}")
        terms = {"quantity": self.dice.choice([50, 100]), "limit_price": self.dice.choice([440, 450.02])}
        await self.client.place_order(builders.raw_intent(intent_id=self.orders[-1], **terms))

    async def change(self, number: int) -> None:
        target = self.dice.choice(self.orders)
        ids = {"intent_id": f"change-{number}", "action": "REPLACE", "target_intent_id": target}
        await self.client.place_order({**ids, **self.dice.choice(CHANGES)})

    async def cancel(self, _: int) -> None:
        await self.client.cancel_intent(self.dice.choice(self.orders))

    async def move(self, _: int) -> None:
        bid = self.dice.choice([439.0, 449.0, 450.0])
        self.gateway.market.set_quote("SPY", bid, bid + 0.02, self.dice.choice([30, 100]), 50)

    async def trouble(self, _: int) -> None:
        message = self.dice.choice(MESSAGES)
        match self.dice.choice(["drop", "delay", "duplicate", "reset", "error"]):
            case "delay":
                self.gateway.faults.add("delay", message=message, seconds=0.2)
            case "reset":
                self.gateway.faults.add("reset", message="placeOrder", served=self.dice.random() < 0.5)
            case "error":
                before = self.dice.random() < 0.5
                code = self.dice.choice(CODES)
                self.gateway.faults.add("error", message="placeOrder", code=code, before=before)
            case "duplicate" if message != "placeOrder":
                self.gateway.faults.add("duplicate", message=message)
            case _:
                self.gateway.faults.add("drop", message=message)

    def differences(self) -> list[str]:
        """The orders on which client and gateway do not agree."""
        held = {order.order_ref: order for order in self.gateway.exchange.open_orders()}
        found = []
        for state in map(self.state, self.orders):
            order = held.get(state.intent_id)
            # What never arrived stays unknown until a person settles it.
            gone = state.final or (state.status is OrderStatus.UNKNOWN and not state.filled_quantity)
            assert state.intent is not None
            ours = None if gone else (state.quantity, state.intent.limit_price, state.filled_quantity)
            theirs = None if order is None else (order.quantity, order.limit_price, order.filled)
            if ours != theirs or (order is not None and state.change is not None):
                found.append(f"{state.intent_id}: {ours} here, {theirs} there, {state.status}")
        return found

    def state(self, intent_id: str) -> OrderState:
        state = self.client.ledger.get(intent_id)
        assert state is not None
        return state


async def live(seed: int, home: Path) -> None:
    async with PaperGateway(port=0, quotes=None) as gateway:
        gateway.market.set_quote("SPY", 450.00, 450.02, 50, 50)
        day = Day(seed, gateway, home)
        await day.connect()
        for number in range(10):
            await day.step(number)
        gateway.faults.clear()
        await day.connect()
        await until(lambda: not day.differences())
        journal = day.client.journal
        await journal.durable(journal.last_seq)
        now = {state.intent_id: state for state in day.client.ledger}
        assert reconcile(journal.path, gateway.ledger, live=now) == []
        await day.client.disconnect_async()


@pytest.mark.parametrize("seed", [26])
def test_client_and_gateway_agree_after_a_day_of_changes_and_faults(
    seed: int, tmp_path: Path, loop_run: Callable[[Any], Any]
) -> None:
    loop_run(live(seed, tmp_path))


@pytest.mark.faults_all
@pytest.mark.parametrize("seed", range(100))
def test_client_and_gateway_agree_after_any_day_of_changes_and_faults(
    seed: int, tmp_path: Path, loop_run: Callable[[Any], Any]
) -> None:
    loop_run(live(seed, tmp_path))
