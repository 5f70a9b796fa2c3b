"""
The auditor: do the journal, the reports and the broker's own records tell one story?

Pure. It takes plain sequences, trusts none of them, and says every contradiction in one sentence.
The invariants, by number:

    1   at most one broker order per intent
    2   the fills in journal and reports are the broker's, each execution once, corrections applied
    3   no broker order without an earlier journaled approval, and on the approved terms
    4   no record of the intents' topic is committed without a journaled outcome, or a dead letter
    5   a final order changes only by fills and corrections
    6   every intent reaches a report in bounded time
    7   after the kill switch nothing is sent but cancels, and neither while trading is halted
    8   positions from reports are the broker's
    9   a commission is the broker's or unknown, never invented
    10  replaying the journal gives the live states exactly
    11  the reports of an intent are numbered 1, 2, ... without holes
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from toolkit.journal.evidence import Breach, BrokerExecution, BrokerOrder, Case, TakenRecord, gather
from toolkit.orders.controls import AnyFact, ControlState, Standing, apply
from toolkit.orders.events import (
    Accepted,
    AnyEvent,
    CommissionCharged,
    Denied,
    Received,
    ReplaceRequested,
    Reserved,
    Sent,
)
from toolkit.orders.ledger import fold
from toolkit.orders.numbers import plain
from toolkit.orders.state import OrderState, execution_root

__all__ = ["CHECKS", "Breach", "BrokerExecution", "BrokerOrder", "TakenRecord", "audit"]


def audit(
    events: Iterable[AnyEvent],
    reports: Iterable[Mapping[str, Any]],
    broker_orders: Iterable[BrokerOrder] | None = None,
    broker_executions: Iterable[BrokerExecution] | None = None,
    *,
    taken: Iterable[TakenRecord] = (),
    controls: Iterable[tuple[int, AnyFact]] = (),
    live: Mapping[str, OrderState] | None = None,
    as_of: datetime | None = None,
    within: timedelta = timedelta(minutes=1),
) -> list[Breach]:
    """
    Every contradiction, in the order of the invariants.

    Args:
        events: the journal, oldest first.
        reports: the reports of the same journal, from it or from the topic (repeats are no harm).
        broker_orders: every new order that the journal's clients sent, at the broker; None: not asked.
        broker_executions: every execution of those orders; None: not asked.
        taken: every record of the intents' topic that the orchestrators committed.
        controls: what operators did, each with the number of the newest fact before it
            (``JournalReader.controls``).
        live: the ledger's states by intent id, to hold the replay against; None leaves that out.
        as_of: UTC; an intent received less than ``within`` before it may still wait for its report.
            None: none may.
        within: how soon after its arrival an intent must have a report.
    """
    case = gather(
        events,
        reports,
        broker_orders,
        broker_executions,
        taken=taken,
        controls=controls,
        live=live,
        as_of=as_of,
        within=within,
    )
    return [breach for check in CHECKS for breach in check(case)]


def one_order_per_intent(case: Case) -> Iterator[Breach]:
    """I1, in the journal and at the broker."""
    held: dict[tuple[int, int], str] = {}
    reserved: Counter[str] = Counter()
    for event in case.events:
        if isinstance(event, Reserved):
            reserved[event.intent_id] += 1
            first = held.setdefault((event.client_id, event.order_id), event.intent_id)
            if first != event.intent_id:
                yield Breach(
                    1,
                    event.intent_id,
                    f"holds order {event.order_id} of client {event.client_id}, as does {first}.",
                )
    for intent_id, count in reserved.items():
        if count > 1:
            yield Breach(1, intent_id, f"{count} order ids were reserved for it.")
    changes = Counter(event.intent_id for event in case.events if isinstance(event, ReplaceRequested))
    sent: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for order in case.orders or ():
        sent[order.order_ref].append((order.client_id, order.order_id))
    for intent_id, ids in sent.items():
        # A change that meets a finished order arrives like a new one, under the old id, and is refused.
        if len(set(ids)) > 1 or len(ids) > 1 + changes[intent_id]:
            yield Breach(1, intent_id, f"{len(ids)} orders reached the broker.")


def fills_are_the_brokers(case: Case) -> Iterator[Breach]:
    """I2, in the journal and in the reports."""
    for intent_id, reports in case.reports.items():
        for report in reports:
            listed = Counter(execution_root(fill["exec_id"]) for fill in report["executions"])
            for root, count in listed.items():
                if count > 1:
                    yield Breach(
                        2, intent_id, f"report {report['report_seq']} lists execution {root} {count} times."
                    )
    if case.executions is None:
        return
    for intent_id in {**case.states, **case.reports, **case.executions}:
        issued = {root: _terms(fill) for root, fill in case.executions.get(intent_id, {}).items()}
        state = case.states.get(intent_id)
        journaled = {} if state is None else {root: _terms(fill) for root, fill in state.executions.items()}
        for place, told in (("journal", journaled), ("reports", _reported(case.reports.get(intent_id, [])))):
            for root in {**issued, **told}:
                if issued.get(root) != told.get(root):
                    yield Breach(
                        2,
                        intent_id,
                        f"execution {root} is {_shown(issued.get(root))} at the broker, "
                        f"but {_shown(told.get(root))} in the {place}.",
                    )


def orders_were_approved(case: Case) -> Iterator[Breach]:
    """I3, in the journal and at the broker."""
    approved: set[str] = set()
    quantities: dict[str, set[Decimal]] = defaultdict(set)
    reserved: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for event in case.events:
        match event:
            case Received(intent=intent) if intent is not None:
                quantities[event.intent_id].add(intent.quantity)
            case ReplaceRequested():
                quantities[event.intent_id].add(event.quantity)
                if event.by not in approved:
                    what = f"its change by {event.by} was requested without approval."
                    yield Breach(3, event.intent_id, what)
            case Accepted():
                approved.add(event.intent_id)
            case Denied():
                approved.discard(event.intent_id)
            case Reserved():
                reserved[event.intent_id].add((event.client_id, event.order_id))
                if event.intent_id not in approved:
                    yield Breach(3, event.intent_id, f"order {event.order_id} was reserved without approval.")
            case Sent() if event.intent_id not in reserved:
                yield Breach(3, event.intent_id, "it was sent without a reserved order id.")
    for order in case.orders or ():
        if (order.client_id, order.order_id) not in reserved.get(order.order_ref, ()):
            yield Breach(
                3,
                order.order_ref,
                f"the broker has order {order.order_id} of client {order.client_id}, which the journal "
                "never reserved for it.",
            )
            continue
        intent = case.states[order.order_ref].intent
        # An intent may name its contract by number alone; the broker's quantity may be any approved one.
        held = order.quantity in quantities[order.order_ref]
        asked = None if intent is None else (intent.direction, intent.symbol or order.symbol)
        if asked != (order.side, order.symbol) or not held:
            terms = " or ".join(f"{quantity:f}" for quantity in sorted(quantities[order.order_ref]))
            yield Breach(
                3,
                order.order_ref,
                f"the broker has {order.side} {order.quantity} {order.symbol}, approved was "
                f"{'nothing readable' if asked is None else f'{asked[0]} {terms} {asked[1]}'}.",
            )


def committed_records_have_outcomes(case: Case) -> Iterator[Breach]:
    """I4."""
    for record in case.taken:
        state = case.states.get(record.intent_id) if record.intent_id else None
        subject = record.intent_id or record.source
        if state is None and not record.buried:
            yield Breach(4, subject, f"{record.source} is committed, but nobody remembers it.")
        elif state is not None and state.undecided:
            yield Breach(4, subject, f"{record.source} is committed, but undecided.")


def final_orders_stay(case: Case) -> Iterator[Breach]:
    """I5, as the reports tell it."""
    for intent_id, reports in case.reports.items():
        for before, after in pairwise(reports):
            moved = after["status"] != before["status"]
            done = before["final"] and before["status"] not in _HANDED_ON
            if done and moved and after["event"] not in _REVIVALS:
                yield Breach(
                    5,
                    intent_id,
                    f"it was {before['status']} in report {before['report_seq']} and became "
                    f"{after['status']} by {after['event']}.",
                )


def intents_reach_a_report(case: Case) -> Iterator[Breach]:
    """I6."""
    received: dict[str, datetime] = {}
    answered: dict[str, datetime] = {}
    states: dict[str, OrderState] = {}
    for event in case.events:
        if isinstance(event, Received):
            received.setdefault(event.intent_id, event.at)
        states[event.intent_id], report = fold(states.get(event.intent_id), event)
        if report is not None and report.sequence:
            answered.setdefault(event.intent_id, event.at)
    for intent_id, at in received.items():
        reported = answered.get(intent_id)
        if intent_id not in case.reports or reported is None:
            if case.as_of is None or case.as_of - at > case.within:
                yield Breach(6, intent_id, f"received {at.isoformat()}, it has no report.")
        elif reported - at > case.within:
            waited = (reported - at).total_seconds()
            yield Breach(6, intent_id, f"its first report came after {waited:g} s.")


def nothing_is_sent_after_a_kill(case: Case) -> Iterator[Breach]:
    """I7, in the journal, and at the broker for orders that were turned away at the last moment."""
    standing, pending = Standing(), list(case.controls)
    refused: dict[str, str] = {}
    sent: set[str] = set()
    for number, event in enumerate(case.events, 1):
        while pending and pending[0][0] < number:
            standing = apply(standing, pending.pop(0)[1])
        match event:
            case Sent():
                sent.add(event.intent_id)
            case Denied() if event.code in _CLOSED:
                refused[event.intent_id] = event.code
        if isinstance(event, Reserved | Sent | ReplaceRequested) and standing.state.value in _CLOSED:
            what = {Reserved: "given an order id", Sent: "sent"}.get(type(event), "changed")
            yield Breach(7, event.intent_id, f"it was {what} although the state was {standing.told}.")
    for order in case.orders or ():
        if order.order_ref in refused and order.order_ref not in sent:
            code = refused[order.order_ref]
            yield Breach(7, order.order_ref, f"it was denied as {code}, but the broker has an order of it.")


def positions_are_the_brokers(case: Case) -> Iterator[Breach]:
    """I8, from the quantity that each intent's last report calls filled."""
    if case.executions is None:
        return
    told: dict[str, Decimal] = defaultdict(Decimal)
    for intent_id, reports in case.reports.items():
        last = reports[-1]
        filled = Decimal(str(last["filled_quantity"]))
        # An intent may name its contract by number alone.
        named = [fill.symbol for fill in case.executions.get(intent_id, {}).values()]
        symbol = last["symbol"] or "".join(named[:1])
        told[symbol] += filled if last["side"] == "BUY" else -filled
    issued: dict[str, Decimal] = defaultdict(Decimal)
    for fills in case.executions.values():
        for fill in fills.values():
            issued[fill.symbol] += fill.shares if fill.side == "BOT" else -fill.shares
    for symbol in {**told, **issued}:
        if told[symbol] != issued[symbol]:
            yield Breach(
                8,
                symbol,
                f"the reports add up to a position of {told[symbol]:f}, the broker's fills to "
                f"{issued[symbol]:f}.",
            )


def commissions_are_the_brokers(case: Case) -> Iterator[Breach]:
    """I9, journal against broker and reports against journal."""
    charged: dict[str, set[Decimal]] = defaultdict(set)
    issued = {
        fill.exec_id: fill.commission for fills in (case.executions or {}).values() for fill in fills.values()
    }
    for event in case.events:
        if isinstance(event, CommissionCharged) and event.commission is not None:
            charged[event.exec_id].add(event.commission)
            if event.exec_id in issued and issued[event.exec_id] != event.commission:
                yield Breach(
                    9,
                    event.intent_id,
                    f"execution {event.exec_id} cost {event.commission} in the journal, at the broker "
                    f"{_amount(issued[event.exec_id])}.",
                )
    for intent_id, reports in case.reports.items():
        for report in reports:
            for fill in report["executions"]:
                known = {plain(amount) for amount in charged.get(fill["exec_id"], ())}
                if fill["commission"] is not None and fill["commission"] not in known:
                    yield Breach(
                        9,
                        intent_id,
                        f"report {report['report_seq']} says execution {fill['exec_id']} cost "
                        f"{fill['commission']}, which the broker never said.",
                    )
        state = case.states.get(intent_id)
        total = None if state is None else state.known_commission
        told = reports[-1]["commission"]
        if told != (None if total is None else plain(total)):
            yield Breach(
                9,
                intent_id,
                f"its last report says a commission of {_amount(told)}, its facts {_amount(total)}.",
            )


def replay_is_live(case: Case) -> Iterator[Breach]:
    """I10."""
    if case.live is None:
        return
    for intent_id in {**case.states, **case.live}:
        replayed, live = case.states.get(intent_id), case.live.get(intent_id)
        if replayed is None or live is None:
            place = "the journal" if live is None else "the live ledger"
            yield Breach(10, intent_id, f"only {place} knows it.")
        elif replayed != live:
            fields = [
                name
                for name in OrderState.__struct_fields__
                if getattr(replayed, name) != getattr(live, name)
            ]
            yield Breach(10, intent_id, f"replayed and live state differ in {', '.join(fields)}.")


def report_numbers_have_no_holes(case: Case) -> Iterator[Breach]:
    """I11, also against the number of reports that the facts give rise to."""
    for intent_id in {**case.states, **case.reports}:
        state = case.states.get(intent_id)
        due = 0 if state is None else state.reports
        numbers = [report["report_seq"] for report in case.reports.get(intent_id, [])]
        if numbers != list(range(1, due + 1)):
            told = ", ".join(map(str, numbers)) or "none"
            yield Breach(11, intent_id, f"its facts make {due} reports, but the numbers found are: {told}.")


CHECKS: Final[tuple[Callable[[Case], Iterator[Breach]], ...]] = (
    one_order_per_intent,
    fills_are_the_brokers,
    orders_were_approved,
    committed_records_have_outcomes,
    final_orders_stay,
    intents_reach_a_report,
    nothing_is_sent_after_a_kill,
    positions_are_the_brokers,
    commissions_are_the_brokers,
    replay_is_live,
    report_numbers_have_no_holes,
)

_CLOSED = frozenset({ControlState.HALTED.value, ControlState.KILLED.value})
_FILLS = frozenset({"Fill", "PartialFill", "Correction"})
_REVIVALS = _FILLS | {"Recovered"}
"""What may follow a final report; ``Recovered`` when the broker overrules how a person settled an order."""
_HANDED_ON = frozenset({"PendingCancel", "PendingSubmit"})
"""Where a CANCEL or REPLACE intent ends; that it was not sent after all may follow."""
_Terms = tuple[str, int | float, int | float]
"""Side, shares and price of an execution, as a report carries them."""


def _reported(reports: Iterable[Mapping[str, Any]]) -> dict[str, _Terms]:
    """Execution root -> the terms in force, over all reports of one intent."""
    latest: dict[str, Mapping[str, Any]] = {}
    for report in reports:
        for fill in report["executions"]:
            root = execution_root(fill["exec_id"])
            if root not in latest or latest[root]["exec_id"] <= fill["exec_id"]:
                latest[root] = fill
    return {root: (fill["side"], fill["shares"], fill["price"]) for root, fill in latest.items()}


def _terms(fill: Any) -> _Terms:
    return fill.side, plain(fill.shares), plain(fill.price)


def _shown(terms: _Terms | None) -> str:
    return "missing" if terms is None else f"{terms[0]} {terms[1]} at {terms[2]}"


def _amount(value: object) -> str:
    return "unknown" if value is None else str(value)
