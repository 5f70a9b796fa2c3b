"""
P6, the model: an order book of a few lines that stands for the broker, and a client of the pure parts.

``Truth`` is all that the broker knows of an order. ``World`` puts beside it the real ledger on a
journal that loses, in a crash, whatever was not flushed; and a wire on which the broker's messages
wait until they are delivered late, twice, in another order, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from tests.builders import CLIENT_ID, at, raw_intent
from toolkit.journal import encoding
from toolkit.journal.evidence import BrokerExecution, BrokerOrder
from toolkit.orders import events
from toolkit.orders.events import AnyEvent
from toolkit.orders.intent import parse
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState, execution_root

COMMISSION = Decimal("0.35")


class Fill(NamedTuple):
    """One execution in force."""

    exec_id: str
    shares: int
    price: Decimal


@dataclass
class Truth:
    """What the broker knows of one order; ``ended`` is its last word, empty while it works."""

    order_id: int
    quantity: int
    ended: str = ""
    fills: dict[str, Fill] = field(default_factory=dict)
    issued: set[str] = field(default_factory=set)
    corrected: bool = False

    @property
    def filled(self) -> int:
        """Shares of all executions in force."""
        return sum(fill.shares for fill in self.fills.values())

    @property
    def value(self) -> Decimal:
        """What they came to, in USD."""
        return sum((fill.shares * fill.price for fill in self.fills.values()), Decimal(0))

    def execute(self, fill: Fill) -> None:
        """Issue an execution, or the correction of one."""
        self.fills[execution_root(fill.exec_id)] = fill
        self.issued.add(fill.exec_id)
        if not self.ended and self.filled >= self.quantity:
            self.ended = "Filled"


class Journal:
    """Rows as JSON, as they stand on disk; a crash keeps the flushed ones and any number of the rest."""

    def __init__(self) -> None:
        self.rows: list[tuple[bytes, bytes | None]] = []
        self.durable = 0

    def append(self, event: AnyEvent, report: dict[str, Any] | None) -> int:
        """See ``ledger.Journal``."""
        body = None if report is None else encoding.encode_report(report)
        self.rows.append((encoding.encode(event), body))
        return len(self.rows)

    def events(self) -> Iterator[AnyEvent]:
        """See ``ledger.Journal``."""
        return iter([encoding.decode(body, row) for row, (body, _) in enumerate(self.rows, 1)])

    def reports(self) -> list[dict[str, Any]]:
        """Every report, oldest first."""
        return [msgspec.json.decode(report) for _, report in self.rows if report is not None]

    def flush(self) -> None:
        """All rows are safe."""
        self.durable = len(self.rows)

    def crash(self, luck: int) -> None:
        """Lose the newest rows; ``luck`` of those that were not flushed had reached the disk."""
        del self.rows[self.durable + luck :]
        self.durable = len(self.rows)


class World:
    """The broker's truth, the wire, and a client with its ledger and journal."""

    def __init__(self) -> None:
        self.truths: dict[str, Truth] = {}
        self.quantities: dict[str, int] = {}
        self.denied: set[str] = set()
        self.wire: list[AnyEvent] = []
        self.connected = True
        self.journal = Journal()
        self.ledger = OrderLedger(self.journal)
        self._seconds = 0
        self._executions = 0

    # ---- the client ---------------------------------------------------------------------------

    def place(self, intent_id: str, *, steps: int = 9) -> None:
        """
        Take an intent as far as ``steps`` goes: received, judged, reserved, safe, written, noted as sent.

        Nothing is written again that may have been written before: what is bound to an order id stays.
        """
        state = self.ledger.get(intent_id)
        raw = raw_intent(intent_id=intent_id, quantity=self.quantities[intent_id])
        if state is None and steps > 0:
            intent = parse(raw, now=at(0))
            state = self.tell(events.Received, intent_id, raw=raw, intent=intent, source="model")
        if state is None or not state.undecided:
            return
        if intent_id in self.denied and steps > 1:
            state = self.tell(events.Denied, intent_id, code="MAX_ORDER_QUANTITY", reason="Too many.")
        elif state.accepted_at is None and steps > 1:
            state = self.tell(events.Accepted, intent_id)
        if state.accepted_at is None or not self.connected:
            return
        if steps > 2:
            order_id = self.ledger.highest_order_id(CLIENT_ID) + 1
            self.tell(events.Reserved, intent_id, order_id=order_id, client_id=CLIENT_ID)
        if steps > 3:
            self.journal.flush()
        if steps > 4:
            assert intent_id not in self.truths, f"{intent_id} was sent twice"
            self.truths[intent_id] = Truth(order_id, self.quantities[intent_id])
            self.say(events.StatusReported, intent_id, word="Submitted", perm_id=order_id)
        if steps > 5:
            self.tell(events.Sent, intent_id, journaled_at=self.now)

    def crash(self, luck: int) -> None:
        """Kill the client and start it again from its journal; it is not connected yet."""
        self.disconnect()
        self.journal.crash(luck)
        self.ledger = OrderLedger(self.journal)

    def disconnect(self) -> None:
        """What is on the wire is never said again."""
        self.connected = False
        self.wire.clear()

    def recover(self) -> None:
        """Connect and ask: executions, then what works or has ended; what is nowhere is lost."""
        self.connected = True
        for intent_id, truth in self.truths.items():
            for fill in truth.fills.values():
                self.tell(events.Executed, intent_id, recovered=True, **self._execution(fill))
            word = truth.ended or "Submitted"
            self.tell(
                events.StatusReported,
                intent_id,
                word="Cancelled" if word == "Rejected" else word,
                perm_id=truth.order_id,
                filled=Decimal(truth.filled),
            )
        for state in self.ledger.working():
            if state.order_id is not None and state.intent_id not in self.truths:
                self.tell(events.Lost, state.intent_id, reason="The broker does not know it.")

    def settle(self) -> None:
        """Everything is delivered, asked and redelivered, until nothing is left to learn."""
        self.recover()
        for intent_id in self.quantities:
            self.place(intent_id)
        self.recover()

    def tell(self, kind: type[Any], intent_id: str, **fields: Any) -> OrderState:
        """Record one fact in the client's ledger."""
        return self.ledger.record(kind(intent_id=intent_id, at=self.now, **fields))

    def deliver(self, event: AnyEvent) -> None:
        """One message of the broker arrives."""
        before = self.ledger.get(event.intent_id)
        after = self.ledger.record(replace(event, at=self.now))
        for root, fill in (before.executions if before is not None else {}).items():
            assert after.executions[root].exec_id >= fill.exec_id, f"{fill.exec_id} was taken back"

    @property
    def now(self) -> Any:
        """A clock that moves with every look at it, UTC."""
        self._seconds += 1
        return at(self._seconds / 1000)

    # ---- the broker ---------------------------------------------------------------------------

    def say(self, kind: type[Any], intent_id: str, **fields: Any) -> None:
        """Put a message on the wire; without a connection nobody will ever hear it."""
        if self.connected:
            self.wire.append(kind(intent_id=intent_id, at=at(0), **fields))

    def fill(self, intent_id: str, shares: int, price: Decimal) -> None:
        """Execute some shares, and say what they cost and how far the order has come."""
        self._executions += 1
        self._execute(intent_id, Fill(f"0001.{self._executions:04x}.01", shares, price))

    def correct(self, intent_id: str, root: str, shares: int) -> None:
        """Replace an execution by one of other size."""
        truth = self.truths[intent_id]
        before = truth.fills[root]
        revision = int(before.exec_id.rpartition(".")[2]) + 1
        truth.corrected = True
        self._execute(intent_id, Fill(f"{root}.{revision:02}", shares, before.price))

    def end(self, intent_id: str, word: str) -> None:
        """Cancel or reject an order: its status, and a code that says why."""
        self.truths[intent_id].ended = word
        filled = Decimal(self.truths[intent_id].filled)
        if word == "Cancelled":
            self.say(events.StatusReported, intent_id, word=word, filled=filled)
            self.say(events.BrokerCancelled, intent_id, code=202, text="Order Canceled")
        else:
            self.say(events.StatusReported, intent_id, word="Inactive")
            self.say(events.BrokerRejected, intent_id, code=201, text="Order rejected")

    def orders(self) -> list[BrokerOrder]:
        """Every order that reached the broker, for the auditor."""
        return [
            BrokerOrder(ref, CLIENT_ID, it.order_id, it.order_id, "SPY", "BUY", Decimal(it.quantity))
            for ref, it in self.truths.items()
        ]

    def executions(self) -> list[BrokerExecution]:
        """Every execution in force, for the auditor."""
        return [
            BrokerExecution(fill.exec_id, ref, "SPY", "BOT", Decimal(fill.shares), fill.price, COMMISSION)
            for ref, truth in self.truths.items()
            for fill in truth.fills.values()
        ]

    def _execute(self, intent_id: str, fill: Fill) -> None:
        truth = self.truths[intent_id]
        truth.execute(fill)
        self.say(events.Executed, intent_id, **self._execution(fill))
        charge = {"exec_id": fill.exec_id, "commission": COMMISSION, "currency": "USD"}
        self.say(events.CommissionCharged, intent_id, **charge)
        filled = Decimal(truth.filled)
        self.say(events.StatusReported, intent_id, word=truth.ended or "Submitted", filled=filled)

    def _execution(self, fill: Fill) -> dict[str, Any]:
        shares = Decimal(fill.shares)
        return {"exec_id": fill.exec_id, "shares": shares, "price": fill.price, "side": "BOT"}
