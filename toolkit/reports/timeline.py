"""One order's life as a frame: what happened, when, and how long each step took."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

import pandas as pd

from toolkit.orders.apply import apply
from toolkit.orders.events import (
    Accepted,
    AnyEvent,
    BrokerCancelled,
    BrokerRejected,
    CancelRefused,
    CancelRequested,
    CommissionCharged,
    Denied,
    Executed,
    Lost,
    Mismatched,
    Noticed,
    Overdue,
    Received,
    Repeated,
    Replaced,
    ReplaceRefused,
    ReplaceRequested,
    Reserved,
    Resolved,
    Sent,
    StatusReported,
)
from toolkit.orders.state import OrderState
from toolkit.reports.table import NUMBER, TEXT, TIME, WHOLE, Column, Schema, build


class Step(NamedTuple):
    """One fact, where the order stood after it, and when the first fact and the one before were learnt."""

    number: int
    event: AnyEvent
    state: OrderState
    start: datetime
    previous: datetime


TIMELINE: Final[Schema] = {
    "step": Column(WHOLE, "index; 1, 2, ...", lambda step: step.number),
    "at": Column(TIME, "UTC", lambda step: step.event.at),
    "event": Column(TEXT, "what happened", lambda step: type(step.event).__name__),
    "status": Column(TEXT, "OrderStatus after it", lambda step: step.state.status.value),
    "detail": Column(TEXT, "in words", lambda step: detail(step.event)),
    "since_previous_ms": Column(NUMBER, "milliseconds", lambda step: _ms(step.previous, step.event.at)),
    "since_start_ms": Column(NUMBER, "milliseconds", lambda step: _ms(step.start, step.event.at)),
}


def timeline_frame(events: Iterable[AnyEvent]) -> pd.DataFrame:
    """One row per fact about one order, in the order given; columns and units as in ``TIMELINE``."""
    steps: list[Step] = []
    state: OrderState | None = None
    for number, event in enumerate(events, 1):
        state = apply(state, event)
        start, previous = (steps[0].event.at, steps[-1].event.at) if steps else (event.at, event.at)
        steps.append(Step(number, event, state, start, previous))
    return build(TIMELINE, steps, "step")


def detail(event: AnyEvent) -> str:
    """What a fact says, in words for a person; ``""`` when its name says it all."""
    match event:
        case Received() | Repeated():
            return f"from {event.source}" if event.source else ""
        case Denied():
            checks = [f"{check.code}: {check.message}" for check in event.decisions if not check.passed]
            return " ".join(checks) or f"{event.code}: {event.reason}"
        case Accepted():
            return f"bid {_price(event.bid)}, ask {_price(event.ask)}"
        case Reserved():
            return f"order {event.order_id} of client {event.client_id}"
        case Sent():
            return "" if event.quote_at is None else f"bid {_price(event.bid)}, ask {_price(event.ask)}"
        case CancelRequested():
            return f"by {event.by}" if event.by else ""
        case ReplaceRequested():
            return f"{_terms(event)}, by {event.by}"
        case Replaced():
            return _terms(event)
        case Overdue() | Mismatched():
            return event.text
        case Lost():
            return event.reason
        case Resolved():
            return f"{event.outcome}, by {event.by}: {event.reason}"
        case StatusReported():
            held = f", held: {event.why_held}" if event.why_held else ""
            return f"{event.word}, {event.filled:f} filled{held}"
        case Executed():
            venue = f" on {event.exchange}" if event.exchange else ""
            return f"{event.side} {event.shares:f} at {event.price:f}{venue} ({event.exec_id})"
        case CommissionCharged():
            figure = "not known yet" if event.commission is None else f"{event.commission:f} {event.currency}"
            return f"{figure} for {event.exec_id}"
        case BrokerRejected() | BrokerCancelled() | CancelRefused() | ReplaceRefused() | Noticed():
            return f"{event.code}: {event.text}"


def _terms(event: ReplaceRequested | Replaced) -> str:
    return f"{event.quantity:f}, limit {_price(event.limit_price)}, stop {_price(event.stop_price)}"


def _price(price: Decimal | None) -> str:
    return "none" if price is None else f"{price:f}"


def _ms(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000
