"""
The table of fill cases: for each rule, what happens in the market, and what must be filled.

Times are seconds after 12:00 in New York on a Wednesday unless written as a clock (``"09:30:00"``,
``"+1 09:30:00"`` for the next day). Every case runs through ``simulate`` and over a real socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
WEDNESDAY = datetime(2024, 1, 3, tzinfo=NEW_YORK)

Event = dict[str, Any]
Fill = tuple[str, int, float, str]
Moment = float | str


@dataclass(frozen=True)
class Case:
    """
    One row of the table.

    Attributes:
        rule: R1 to R13, or the name of what goes beyond them.
        sentence: what it shows.
        events: as ``simulate`` takes them, with their times still relative.
        fills: (order, shares, price, add or remove), in order.
        final: order -> (status, filled), or (``Rejected``, code).
        errors: order -> the code that refused a cancel or a change of it.
        config: of ``simulate``.
    """

    rule: str
    sentence: str
    events: list[Event]
    fills: list[Fill]
    final: dict[str, tuple[str, int]]
    errors: dict[str, int] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    def dated(self, week: int = 0) -> list[Event]:
        """The events with real times, ``week`` weeks after the first one."""
        return [{**event, "ts": moment(event["ts"], week)} for event in self.events]


def moment(when: Moment, week: int = 0) -> datetime:
    """A time of the table as an instant."""
    days, clock = 0, str(when)
    if not isinstance(when, str):
        days, clock = 0, "12:00:00"
    elif when.startswith("+"):
        days, clock = int(when[1:2]), when[3:]
    day = (WEDNESDAY + timedelta(days=days + 7 * week)).date()
    start = datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=NEW_YORK).astimezone(UTC)
    return start if isinstance(when, str) else start + timedelta(seconds=when)


def quote(ts: Moment, bid: Any = 10.00, ask: Any = 10.02, bid_size: int = 500, ask_size: int = 500) -> Event:
    return {"type": "quote", "ts": ts, "bid": bid, "ask": ask, "bid_size": bid_size, "ask_size": ask_size}


def trade(ts: Moment, price: float, size: int = 100, **more: Any) -> Event:
    return {"type": "trade", "ts": ts, "price": price, "size": size, **more}


def halt(ts: Moment) -> Event:
    return {"type": "halt", "ts": ts}


def resume(ts: Moment) -> Event:
    return {"type": "resume", "ts": ts}


def buy(ts: Moment, name: str = "a", qty: int = 100, **terms: Any) -> Event:
    if "order_type" not in terms:
        kinds = {(False, False): "MKT", (True, False): "LMT", (False, True): "STP", (True, True): "STP LMT"}
        terms["order_type"] = kinds["lmt" in terms, "stop" in terms]
    return {"type": "order", "ts": ts, "id": name, "side": "BUY", "qty": qty, **terms}


def sell(ts: Moment, name: str = "a", qty: int = 100, **terms: Any) -> Event:
    return {**buy(ts, name, qty, **terms), "side": "SELL"}


def cancel(ts: Moment, name: str = "a") -> Event:
    return {"type": "cancel", "ts": ts, "id": name}


def modify(ts: Moment, name: str = "a", **changes: Any) -> Event:
    return {"type": "modify", "ts": ts, "id": name, **changes}


def filled(name: str = "a", qty: int = 100) -> dict[str, tuple[str, int]]:
    return {name: ("Filled", qty)}


def took(price: float, qty: int = 100, name: str = "a") -> Fill:
    return name, qty, price, "remove"


def made(price: float, qty: int = 100, name: str = "a") -> Fill:
    return name, qty, price, "add"


RESTS = {"a": ("Submitted", 0)}
HELD = {"a": ("PreSubmitted", 0)}
GONE = {"a": ("Cancelled", 0)}
QUEUE = {"limit_fill": "queue"}
SLOW = {"latency_ms": 50}
