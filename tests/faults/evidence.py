"""What is left after a case, on disk and at the broker, and whether it tells one story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import msgspec

from toolkit.bus import choose, topics
from toolkit.bus.store import Store
from toolkit.journal.audit import Breach, BrokerExecution, BrokerOrder, audit
from toolkit.journal.reader import JournalReader
from toolkit.orders.state import OrderStatus, execution_root
from toolkit.settings import Settings

Rows = list[dict[str, Any]]
UNKNOWN: Final = OrderStatus.UNKNOWN.value


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What became of the intents of one case.

    Attributes:
        lost: intents without an outcome, and executions that no report tells.
        duplicated: orders at the broker beyond the one of an intent, and executions told twice.
        breaches: contradictions that the auditor found.
        outcomes: intent id -> status of its last report.
        unknowable: intents that are Unknown because the broker never had their order.
    """

    lost: list[str]
    duplicated: list[str]
    breaches: list[str]
    outcomes: dict[str, str] = field(default_factory=dict)
    unknowable: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, doubled or contradicted."""
        return not (self.lost or self.duplicated or self.breaches)

    @property
    def summary(self) -> str:
        """In one line."""
        ends = ", ".join(f"{count} {status}" for status, count in Counter(self.outcomes.values()).items())
        found = [*self.lost, *self.duplicated, *self.breaches]
        return (
            f"{ends}; {len(self.unknowable)} for an operator; lost {len(self.lost)}, duplicated "
            f"{len(self.duplicated)}, invariants violated {len(self.breaches)}"
            + "".join(f"\n  {each}" for each in found[:20])
        )


def judge(settings: Settings, ledger: Rows) -> Verdict:
    """
    Hold journal, bus and broker against each other.

    Args:
        settings: say where journal and bus are.
        ledger: the rows that the gateway's control port gives.
    """
    intents, reports, committed = on_the_bus(settings)
    with JournalReader(settings.journal_path) as journal:
        history = list(journal.events())
        states = journal.states()
    orders, executions = at_the_broker(ledger)
    breaches = audit(history, reports, orders, executions)
    # I4: nothing is committed that is not journaled with its outcome.
    for name in intents[:committed]:
        if name not in states or states[name].undecided:
            breaches.append(Breach(4, name, "its offset is committed, but its outcome is not journaled."))
    last = {report["intent_id"]: report for report in reports}
    sent = {order.order_ref for order in orders}
    unknowable = [name for name, report in last.items() if report["status"] == UNKNOWN and name not in sent]
    told = {execution_root(fill["exec_id"]) for report in reports for fill in report["executions"]}
    return Verdict(
        lost=[name for name in dict.fromkeys(intents) if name not in last]
        + [name for name, report in last.items() if not report["final"] and name not in unknowable]
        + [fill.exec_id for fill in executions if execution_root(fill.exec_id) not in told],
        duplicated=[name for name, count in Counter(order.order_ref for order in orders).items() if count > 1]
        + [name for name, report in last.items() if _listed_twice(report)],
        breaches=[str(breach) for breach in breaches],
        outcomes={name: report["status"] for name, report in last.items()},
        unknowable=unknowable,
    )


def settled(reports: Iterable[Mapping[str, Any]], intents: Iterable[str], ledger: Rows) -> bool:
    """Whether nothing more is due: every intent has its end, or waits for an operator."""
    last = {report["intent_id"]: report for report in reports}
    sent = {row["order_ref"] for row in ledger if row["row"] == "order"}
    for name in intents:
        report = last.get(name)
        if report is None:
            return False
        if report["final"]:
            if report["filled_quantity"] and report["commission"] is None:
                return False
        elif report["status"] != UNKNOWN or name in sent:
            return False
    return True


def on_the_bus(settings: Settings) -> tuple[list[str], list[dict[str, Any]], int]:
    """Intent ids in the order of their offsets, reports, and how many intents are committed."""
    store = Store(settings.bus_path)
    try:
        intents = [_read(record)["intent_id"] for record in store.fetch(topics.INTENTS, 0, _ALL)]
        reports = [_read(record) for record in store.fetch(topics.REPORTS, 0, _ALL)]
        return intents, reports, store.committed(choose.GROUP, topics.INTENTS)
    finally:
        store.close()


def committed(settings: Settings) -> int:
    """How many intents the service has committed."""
    store = Store(settings.bus_path)
    try:
        return store.committed(choose.GROUP, topics.INTENTS)
    finally:
        store.close()


def at_the_broker(ledger: Rows) -> tuple[list[BrokerOrder], list[BrokerExecution]]:
    """The gateway's own records, as the auditor takes them."""
    orders = [
        BrokerOrder(
            order_ref=row["order_ref"],
            client_id=row["client_id"],
            order_id=row["order_id"],
            perm_id=0,
            symbol=row["symbol"],
            side=row["action"],
            quantity=Decimal(row["quantity"]),
        )
        for row in ledger
        if row["row"] == "order" and not row["modification"] and not row["what_if"]
    ]
    executions = [
        BrokerExecution(
            exec_id=row["exec_id"],
            order_ref=row["order_ref"],
            symbol=row["symbol"],
            side=row["side"],
            shares=Decimal(row["shares"]),
            price=Decimal(row["price"]),
            commission=Decimal(row["commission"]),
        )
        for row in ledger
        if row["row"] == "fill"
    ]
    return orders, executions


_ALL = 10**9


def _read(record: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(record.value)
    return found


def _listed_twice(report: Mapping[str, Any]) -> bool:
    roots = Counter(execution_root(fill["exec_id"]) for fill in report["executions"])
    return any(count > 1 for count in roots.values())
