"""One look at the engine, all of one moment, and the status strip that it gives."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.desk.words import clock, milliseconds
from toolkit.orders.contract import Quote
from toolkit.orders.controls import ControlState, Standing

if TYPE_CHECKING:
    from toolkit.broker.market import Position
    from toolkit.broker.placement import Refusal
    from toolkit.desk.desk import Desk


class Glance(NamedTuple):
    """
    What the engine knows besides its orders.

    Attributes:
        running: whether the engine is.
        condition: as ``client.condition`` gives it.
        gateway: ``host:port``.
        gate: why no order may be sent at all; None while some may.
        standing: what operators have put in force.
        currency: of the account.
        lag: seconds that the question waited for the engine.
        positions, quotes: in the broker's words; quotes by contract number.
    """

    running: bool
    condition: Mapping[str, Any]
    gateway: str
    gate: Refusal | None
    standing: Standing
    currency: str
    lag: float
    positions: list[Position]
    quotes: dict[int, Quote]


def look(desk: Desk, timeout: float) -> Glance:
    """
    Ask the engine of a desk, from any thread but its own.

    Raises:
        TimeoutError: it did not answer within ``timeout`` seconds.
    """
    engine, client = desk.engine, desk.engine.client
    asked = time.monotonic()

    def answer() -> Glance:
        market, permission = client.market, client.controls.permission
        return Glance(
            running=engine.running,
            condition=client.condition(),
            gateway=f"{engine.settings.ibkr_host}:{engine.settings.ibkr_port}",
            gate=permission.refusal(),
            standing=permission.standing,
            currency=market.currency,
            lag=time.monotonic() - asked,
            positions=market.held(),
            quotes=market.quotes(),
        )

    return desk.ask(answer, timeout)


def strip_of(
    glance: Glance, *, working: int, unknown: int, now: datetime, last_event: datetime | None, fault: str = ""
) -> dict[str, Any]:
    """
    What the status strip shows; times in ms since 1970.

    Args:
        glance: at the engine.
        working: how many orders may still trade.
        unknown: of how many of them nobody can tell what became.
        now: UTC.
        last_event: when an order last changed, UTC; None: not since the blotter was made.
        fault: what went wrong in the blotter itself.
    """
    condition, standing, token = glance.condition, glance.standing, glance.standing.token
    farms = ", ".join(condition.get("broken_farms", ()))
    active = standing.state is ControlState.ACTIVE
    return {
        "account": condition["account"],
        "mode": "PAPER" if condition["paper"] else "LIVE",
        "address": glance.gateway,
        "closed": not glance.running,
        "gateway": condition.get("socket", False),
        "broker": condition.get("upstream", False) and condition.get("socket", False),
        "data": farms,
        "down_since": condition.get("down_since") or "",
        "gate": "" if glance.gate is None else glance.gate.code,
        "why": "" if glance.gate is None else glance.gate.reason,
        "control": "" if active else standing.state.value,
        "control_told": "" if active else standing.told,
        "armed": None if token is None or token.until <= now else milliseconds(token.until),
        "armed_told": "" if token is None else clock(token.until, None),
        "working": working,
        "unknown": unknown,
        "locked": dict(condition.get("locked", {})),
        "lag": round(glance.lag * 1000),
        "error": fault or condition["error"],
        "now": milliseconds(now),
        "last_event": None if last_event is None else milliseconds(last_event),
    }
