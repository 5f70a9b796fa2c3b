"""What the auditor looks at: three witnesses' records, put in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from toolkit.orders.controls import AnyFact
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import fold_all
from toolkit.orders.state import OrderState, execution_root


class BrokerOrder(NamedTuple):
    """One new order that reached the broker from an audited client; ``side`` BUY or SELL."""

    order_ref: str
    client_id: int
    order_id: int
    perm_id: int
    symbol: str
    side: str
    quantity: Decimal


class BrokerExecution(NamedTuple):
    """One execution the broker issued; ``side`` BOT or SLD, ``commission`` None while it is not known."""

    exec_id: str
    order_ref: str
    symbol: str
    side: str
    shares: Decimal
    price: Decimal
    commission: Decimal | None


class TakenRecord(NamedTuple):
    """
    One record of the intents' topic below the offset that the orchestrators committed.

    ``source`` is ``topic/partition@offset``, ``intent_id`` is ``""`` when it has none that can be read,
    ``buried`` says whether it is among the dead letters.
    """

    source: str
    intent_id: str
    buried: bool


class Breach(NamedTuple):
    """One contradiction: the number of the invariant, the intent or symbol, and a sentence."""

    invariant: int
    subject: str
    message: str

    def __str__(self) -> str:
        return f"I{self.invariant} {self.subject}: {self.message}"


@dataclass(frozen=True)
class Case:
    """The records of one audit."""

    events: list[AnyEvent]
    states: dict[str, OrderState]
    """intent id -> what its facts add up to"""
    reports: dict[str, list[Mapping[str, Any]]]
    """intent id -> its reports by number, without repeats; rejections of a repeated id are left out"""
    orders: list[BrokerOrder] | None
    executions: dict[str, dict[str, BrokerExecution]] | None
    """order ref -> execution id up to its last dot -> the execution in force"""
    taken: list[TakenRecord]
    controls: list[tuple[int, AnyFact]]
    """what operators did, each with the number of the newest fact before it"""
    live: Mapping[str, OrderState] | None
    as_of: datetime | None
    within: timedelta


def gather(
    events: Iterable[AnyEvent],
    reports: Iterable[Mapping[str, Any]],
    broker_orders: Iterable[BrokerOrder] | None,
    broker_executions: Iterable[BrokerExecution] | None,
    *,
    taken: Iterable[TakenRecord],
    controls: Iterable[tuple[int, AnyFact]],
    live: Mapping[str, OrderState] | None,
    as_of: datetime | None,
    within: timedelta,
) -> Case:
    """The records in order; arguments as in ``audit.audit``."""
    history = list(events)
    return Case(
        history,
        fold_all(history),
        _by_intent(reports),
        None if broker_orders is None else list(broker_orders),
        None if broker_executions is None else _effective(broker_executions),
        list(taken),
        list(controls),
        live,
        as_of,
        within,
    )


def _effective(executions: Iterable[BrokerExecution]) -> dict[str, dict[str, BrokerExecution]]:
    effective: dict[str, dict[str, BrokerExecution]] = defaultdict(dict)
    for fill in executions:
        of_order, root = effective[fill.order_ref], execution_root(fill.exec_id)
        if root not in of_order or of_order[root].exec_id < fill.exec_id:
            of_order[root] = fill
    return effective


def _by_intent(reports: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    by_intent: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    seen: dict[str, Mapping[str, Any]] = {}
    for report in reports:
        if report["report_seq"] and seen.get(report["execution_id"]) != report:
            seen[report["execution_id"]] = report
            by_intent[report["intent_id"]].append(report)
    for of_intent in by_intent.values():
        of_intent.sort(key=lambda report: int(report["report_seq"]))
    return by_intent
