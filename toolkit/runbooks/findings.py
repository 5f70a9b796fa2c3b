"""What a person should read in a session besides its figures: exceptions, limits in force, provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain

import pandas as pd

from toolkit.journal import encoding
from toolkit.orders import controls, events
from toolkit.orders.numbers import exact
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.reports.table import TEXT, TIME, Column, Schema, build
from toolkit.reports.timeline import detail
from toolkit.risk.catalogue import LIMITS
from toolkit.runbooks.session import Session

_Row = tuple[datetime | None, str, str, str]

NOTABLE = (
    events.BrokerRejected,
    events.CancelRefused,
    events.ReplaceRefused,
    events.Noticed,
    events.Overdue,
    events.Mismatched,
    events.Lost,
    events.Resolved,
)
"""Facts that do not belong to an order's ordinary life."""

EXCEPTIONS: Schema = {
    "time": Column(TIME, "UTC, index", lambda row: row[0]),
    "order": Column(TEXT, "intent id", lambda row: row[1]),
    "what": Column(TEXT, "", lambda row: row[2]),
    "detail": Column(TEXT, "in words", lambda row: row[3]),
}


def exceptions(session: Session) -> pd.DataFrame:
    """
    Everything out of the ordinary, oldest first; index ``time``, columns as in ``EXCEPTIONS``.

    Refusals by the broker, notices, late and contradictory answers, orders settled by hand, orders of
    unknown outcome, overfills, commissions that never came, and what operators did.
    """
    facts: list[_Row] = [
        (each.at, each.intent_id, _words(each), detail(each))
        for each in session.events
        if isinstance(each, NOTABLE)
    ]
    states: Iterable[_Row] = chain.from_iterable(_of_state(state) for state in session.states)
    done: list[_Row] = [
        (fact.at, "", _words(fact), _operator(fact))
        for fact in session.controls
        if not isinstance(fact, controls.LimitsSet)
    ]
    return build(EXCEPTIONS, [*facts, *states, *done], "time").sort_index(kind="stable")


def limits_in_force(session: Session) -> pd.DataFrame:
    """The limits last put in force; index ``limit``, columns ``value`` (text) and ``unit``."""
    values = controls.fold(session.controls).limits
    units = {limit.name: limit.unit for limit in LIMITS}
    rows = [
        (name, _limit(value), units.get(name, ""))
        for name, value in values.items()
        if value not in (None, "")
    ]
    return pd.DataFrame(rows, columns=["limit", "value", "unit"]).set_index("limit")


def provenance(history: Sequence[events.AnyEvent]) -> dict[str, str]:
    """
    Which facts a report is made of: their range, and a SHA-256 over all of them as the journal writes them.

    Two reports with the same hash were made of the same facts.
    """
    if not history:
        return {"Journal facts": "none"}
    digest = hashlib.sha256()
    for event in history:
        digest.update(encoding.encode(event) + b"\n")
    first, last = history[0].at, history[-1].at
    return {
        "Journal facts": f"1 to {len(history):,}, {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC",
        "Journal SHA-256": digest.hexdigest(),
    }


def _of_state(state: OrderState) -> list[_Row]:
    found: list[_Row] = []
    at = state.last_fill_at or state.sent_at or state.received_at
    if state.status is OrderStatus.UNKNOWN:
        found.append((at, state.intent_id, "outcome unknown", state.reason))
    if state.quantity and state.filled_quantity > state.quantity:
        told = f"{state.filled_quantity:f} filled of {state.quantity:f}"
        found.append((at, state.intent_id, "filled too much", told))
    if state.final and state.executions and state.known_commission is None:
        found.append((at, state.intent_id, "commission not known", f"{len(state.executions)} executions"))
    return found


def _limit(value: object) -> str:
    """A limit's value for a reader: thousands apart, names in a row."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    try:
        return f"{exact(value):,f}"
    except ValueError:
        return str(value)


def _words(fact: object) -> str:
    """``BrokerRejected`` as ``broker rejected``."""
    name = type(fact).__name__
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def _operator(fact: controls.AnyFact) -> str:
    by = f"by {fact.by}" + (f": {fact.reason}" if fact.reason else "")
    match fact:
        case controls.StateSet():
            return f"{fact.state.value}, {by}"
        case controls.Swept():
            return f"{fact.orders} orders, {len(fact.leftovers)} left over"
        case controls.CommandRefused():
            return f"{fact.action}, {by}; {fact.why}"
    return by
