"""What can be measured of a running engine, as plain values; taken in its own loop, read by any thread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.line import MissingPriceError, MissingRateError, Worth
from toolkit.risk.usage import used_by_account

Parts = Mapping[str, Mapping[str, Any]]
"""Part of the orchestrator -> how it is, see ``OrderOrchestrator.health``."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """
    One look.

    Attributes:
        ready: whether orders may be placed.
        working, unknown: orders that may still trade, and those of which nobody can tell what became of them.
        socket, upstream: whether the gateway's socket is open, and the broker behind it in reach.
        control: ACTIVE, REDUCE_ONLY, HALTED or KILLED.
        breaks: contracts that an incident locks.
        foreign_fills: fills of other programs, or of the broker itself.
        bus_lag, bus_renewals, outbox_waiting: intents not taken, consumers made anew, reports not
            published; NaN while the bus does not say, or there is none.
        used, allowed: name of an account's limit -> its use and the limit itself, in its own unit; NaN where
            the use cannot be measured.
    """

    ready: bool
    working: int
    unknown: int
    socket: bool
    upstream: bool
    control: str
    breaks: int
    foreign_fills: int
    bus_lag: float
    bus_renewals: float
    outbox_waiting: float
    used: dict[str, float]
    allowed: dict[str, float]


def figures_of(
    health: Mapping[str, Any], client: IBKRExecClient, parts: Parts, checker: SimpleRiskChecker
) -> Figures:
    """
    How things stand.

    Args:
        health: of the client, asked just now.
        client: connected at least once.
        parts: of the orchestrator.
        checker: whose limits are in force.
    """
    limits = checker.limits.numbers
    used = {name: _number(amount) for name, amount in _used(client) if name in limits}
    return Figures(
        ready=health["ready"],
        working=health["orders_working"],
        unknown=health["orders_unknown"],
        socket=health["socket"],
        upstream=health["upstream"],
        control=client.controls.standing.state.value,
        breaks=len(health["locked"]),
        foreign_fills=health["foreign_fills"],
        bus_lag=_number(parts.get("bus", {}).get("lag")),
        bus_renewals=_number(parts.get("bus", {}).get("renewals")),
        outbox_waiting=_number(parts.get("outbox", {}).get("waiting")),
        used=used,
        allowed={name: float(limits[name]) for name in used},
    )


def _used(client: IBKRExecClient) -> list[tuple[str, Decimal | None]]:
    book = client.market
    worth: Worth | None = None
    try:
        worth = book.exposure.total()
    except (MissingPriceError, MissingRateError):
        worth = None  # a use that cannot be measured is told as such
    return list(used_by_account(book, worth, book.exposure.count))


def _number(value: Decimal | int | None) -> float:
    return math.nan if value is None else float(value)
