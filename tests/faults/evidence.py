"""What is left after a case, on disk and at the broker, and whether it tells one story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from toolkit.bus import choose, topics
from toolkit.bus.store import Store
from toolkit.gateway.ledger import Ledger
from toolkit.journal.audit import Breach
from toolkit.journal.reader import JournalReader
from toolkit.orders.state import OrderStatus, execution_root
from toolkit.runbooks.reconcile import reconcile
from toolkit.settings import Settings

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


def judge(settings: Settings, ledger: Ledger) -> Verdict:
    """Hold journal, bus and the broker's own ledger against each other."""
    intents, reports, committed = on_the_bus(settings)
    breaches = reconcile(settings.journal_path, ledger, reports=reports)
    with JournalReader(settings.journal_path) as journal:
        states = journal.states()
    # I4: nothing is committed that is not journaled with its outcome.
    for name in intents[:committed]:
        if name not in states or states[name].undecided:
            breaches.append(Breach(4, name, "its offset is committed, but its outcome is not journaled."))
    last = latest(reports)
    sent = ledger.orders
    unknowable = [name for name, report in last.items() if report["status"] == UNKNOWN and name not in sent]
    told = {execution_root(fill["exec_id"]) for report in reports for fill in report["executions"]}
    return Verdict(
        lost=[name for name in dict.fromkeys(intents) if name not in last]
        + [name for name, report in last.items() if not report["final"] and name not in unknowable]
        + [exec_id for exec_id in ledger.fills if execution_root(exec_id) not in told],
        duplicated=[name for name, orders in sent.items() if len(orders) > 1]
        + [name for name, report in last.items() if _listed_twice(report)],
        breaches=[str(breach) for breach in breaches],
        outcomes={name: report["status"] for name, report in last.items()},
        unknowable=unknowable,
    )


def settled(reports: Iterable[Mapping[str, Any]], intents: Iterable[str], ledger: Ledger) -> bool:
    """Whether nothing more is due: every intent has its end, or waits for an operator."""
    last, sent = latest(reports), ledger.orders
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


def latest(reports: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Intent id -> its report with the highest number; what is published twice may come out of order."""
    found: dict[str, Mapping[str, Any]] = {}
    for report in reports:
        before = found.get(report["intent_id"])
        if before is None or before["report_seq"] < report["report_seq"]:
            found[report["intent_id"]] = report
    return found


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


_ALL = 10**9


def _read(record: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(record.value)
    return found


def _listed_twice(report: Mapping[str, Any]) -> bool:
    roots = Counter(execution_root(fill["exec_id"]) for fill in report["executions"])
    return any(count > 1 for count in roots.values())
