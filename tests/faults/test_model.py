"""
P6: intents, repeats, cancels, fills, corrections, lost and disordered messages, cuts and crashes, in
any order that hypothesis can think of; after each step and at the end the model has to be right.
"""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.faults.model import World
from toolkit.journal.audit import audit
from toolkit.orders import events
from toolkit.orders.state import OrderStatus

STEPS = 50
"""Steps of one history."""

ANY = st.integers(0, 2**16)
"""Chooses one of however many there are."""

WHOLE = 9
"""More steps than the way of an intent has."""


class OrderLife(RuleBasedStateMachine):
    """The rules are what can happen; what must hold then are the invariants."""

    @initialize(quantities=st.lists(st.integers(1, 300), min_size=2, max_size=4))
    def begin(self, quantities: list[int]) -> None:
        self.world = World()
        for quantity in quantities:
            self.submit(quantity)

    def submit(self, quantity: int, steps: int = WHOLE) -> None:
        name = f"i-{len(self.world.quantities) + 1}"
        self.world.quantities[name] = quantity
        if quantity % 10 == 9:
            self.world.denied.add(name)
        self.world.place(name, steps=steps)

    def pick(self, names: list[str], number: int) -> str:
        return names[number % len(names)]

    @property
    def alive(self) -> list[str]:
        """Orders that work at the broker."""
        return [name for name, truth in self.world.truths.items() if not truth.ended]

    # ---- what we do -----------------------------------------------------------------------------

    @rule(quantity=st.integers(1, 300))
    def send(self, quantity: int) -> None:
        self.submit(quantity)

    @rule(quantity=st.integers(1, 300), steps=st.integers(0, 5), luck=st.integers(0, 6))
    def die_on_the_way(self, quantity: int, steps: int, luck: int) -> None:
        """A crash between any two steps of an intent's way."""
        self.submit(quantity, steps)
        self.world.crash(luck)
        self.world.recover()

    @precondition(lambda self: len(self.world.ledger))
    @rule(number=ANY, other=st.booleans())
    def repeat(self, number: int, other: bool) -> None:
        """The same intent again, or another one under its id."""
        name = self.pick(list(self.world.quantities), number)
        if other and self.world.ledger.get(name) is not None:
            self.world.tell(events.Repeated, name, raw={"intent_id": name, "quantity": 7}, source="model")
        else:
            self.world.place(name)

    @precondition(lambda self: self.world.connected and self.world.ledger.working())
    @rule(number=ANY, obeyed=st.booleans())
    def cancel(self, number: int, obeyed: bool) -> None:
        """The broker cancels, or refuses: it has filled it, does not know it, or is too late."""
        world = self.world
        name = self.pick([state.intent_id for state in world.ledger.working()], number)
        state = world.tell(events.CancelRequested, name, by="model")
        world.journal.flush()
        if state.order_id is None:
            return
        if name in self.alive and obeyed:
            world.say(events.StatusReported, name, word="PendingCancel")
            world.end(name, "Cancelled")
        else:
            world.say(events.CancelRefused, name, code=10148, text="can not be cancelled")

    @precondition(lambda self: self.world.ledger.working())
    @rule(number=ANY)
    def give_up_waiting(self, number: int) -> None:
        """A deadline passes without an answer: the order is unknown until the broker is heard of it."""
        name = self.pick([state.intent_id for state in self.world.ledger.working()], number)
        self.world.tell(events.Lost, name, reason="No answer came in time.")

    # ---- what the broker does -------------------------------------------------------------------

    @precondition(lambda self: self.alive)
    @rule(number=ANY, whole=st.booleans(), price=st.sampled_from(["450.25", "450.2501"]))
    def fill(self, number: int, whole: bool, price: str) -> None:
        """All that is left of an order, or a third of it."""
        name = self.pick(self.alive, number)
        truth = self.world.truths[name]
        left = truth.quantity - truth.filled
        self.world.fill(name, left if whole else -(-left // 3), Decimal(price))

    @precondition(lambda self: any(truth.fills for truth in self.world.truths.values()))
    @rule(number=ANY, shares=st.integers(1, 300))
    def correct(self, number: int, shares: int) -> None:
        fills = [(name, root) for name, truth in self.world.truths.items() for root in truth.fills]
        self.world.correct(*fills[number % len(fills)], shares)

    @precondition(lambda self: self.alive)
    @rule(number=ANY)
    def end_an_order(self, number: int) -> None:
        """The broker cancels by itself; an order without fills may also be rejected."""
        name = self.pick(self.alive, number)
        rejects = number % 3 == 0 and not self.world.truths[name].fills
        self.world.end(name, "Rejected" if rejects else "Cancelled")

    @precondition(lambda self: self.world.truths)
    @rule(number=ANY)
    def remark(self, number: int) -> None:
        self.world.say(events.Noticed, self.pick(list(self.world.truths), number), code=399, text="held")

    # ---- what happens on the way ----------------------------------------------------------------

    @precondition(lambda self: self.world.wire)
    @rule(number=ANY, copies=st.integers(1, 2), keep=st.booleans())
    def deliver(self, number: int, copies: int, keep: bool) -> None:
        """Any message next; perhaps twice, perhaps once more later."""
        wire = self.world.wire
        event = wire[number % len(wire)]
        if not keep:
            wire.remove(event)
        for _ in range(copies):
            self.world.deliver(event)

    @precondition(lambda self: self.world.wire)
    @rule()
    def deliver_all(self) -> None:
        wire, self.world.wire = self.world.wire, []
        for event in wire:
            self.world.deliver(event)

    @precondition(lambda self: self.world.wire)
    @rule(number=ANY)
    def lose_a_message(self, number: int) -> None:
        del self.world.wire[number % len(self.world.wire)]

    @rule(luck=st.none() | st.integers(0, 6), back=st.integers(0, 3))
    def cut(self, luck: int | None, back: int) -> None:
        """The connection is cut, or the client killed (with ``luck``); mostly it comes back at once."""
        if luck is None:
            self.world.disconnect()
        else:
            self.world.crash(luck)
        if back:
            self.world.recover()

    @rule()
    def recover(self) -> None:
        self.world.recover()

    # ---- what must hold --------------------------------------------------------------------------

    @invariant()
    def no_living_order_is_believed_dead(self) -> None:
        for name in self.alive:
            state = self.world.ledger.get(name)
            assert state is not None
            assert state.working, f"{name} works at the broker and is {state.status} here"

    @invariant()
    def nothing_is_believed_that_the_broker_never_said(self) -> None:
        for state in self.world.ledger:
            truth = self.world.truths.get(state.intent_id)
            issued = truth.issued if truth is not None else set()
            assert {fill.exec_id for fill in state.executions.values()} <= issued
            if truth is None and state.order_id is not None:
                assert not state.final, f"{state.intent_id} never arrived and is {state.status}"

    def teardown(self) -> None:
        """Once everything can be asked, the client knows what the broker knows, and tells it."""
        world = self.world
        world.settle()
        for name, truth in world.truths.items():
            state = world.ledger.get(name)
            assert state is not None
            assert (state.filled_quantity, state.filled_value) == (truth.filled, truth.value)
            assert state.status is not OrderStatus.UNKNOWN
            if truth.filled >= truth.quantity:
                assert state.status is OrderStatus.FILLED
            elif not truth.corrected:
                assert state.final == bool(truth.ended)
        reports, live = world.journal.reports(), {state.intent_id: state for state in world.ledger}
        breaches = audit(world.journal.events(), reports, world.orders(), world.executions(), live=live)
        assert breaches == []


def run(histories: int, number: int) -> None:
    """So many histories, from this seed; a failure prints how to have it again."""
    print(f"{histories * STEPS} steps at most, seed {number}")
    run_state_machine_as_test(
        seed(number)(OrderLife),
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            derandomize=False,
            print_blob=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_p6_the_orders_agree_with_the_model_whatever_happens_to_them():
    """H2, H7, H8, H10, H33, H34, H35, H39: thousands of steps, the same ones in every run."""
    run(150, number=2026)


@pytest.mark.faults_all
@pytest.mark.timeout(3600)
def test_p6_a_hundred_thousand_steps_agree_with_the_model():
    run(2000, number=random.SystemRandom().randrange(10**9))
