"""
Prometheus series of the order plane, counted from the ledger's facts.

Labels stay few: symbols, sides, reason codes. Intents and order ids never become labels, because a
scrape of many thousand series holds up everything else.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.orders.events import (
    AnyEvent,
    BrokerRejected,
    Denied,
    Executed,
    Repeated,
    Sent,
)
from toolkit.orders.ledger import Report
from toolkit.orders.state import OrderState, OrderStatus

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds from the socket to the fill."""


class Metrics:
    """
    The specification's series, and how many orders are open or in doubt.

    Args:
        client: whose facts are counted from now on; it has been connected.
    """

    def __init__(self, client: IBKRExecClient) -> None:
        self.registry = CollectorRegistry()
        self.placed = Counter(
            "toolkit_orders_placed",
            "Orders written to the broker's socket.",
            ["symbol", "side"],
            registry=self.registry,
        )
        self.rejected = Counter(
            "toolkit_orders_rejected",
            "Intents we denied or the broker rejected.",
            ["reason"],
            registry=self.registry,
        )
        self.fills = Counter("toolkit_fills", "Executions.", ["symbol"], registry=self.registry)
        self.fill_latency = Histogram(
            "toolkit_fill_latency_seconds",
            "Seconds from the socket to an execution.",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.errors = Counter(
            "toolkit_errors",
            "Messages of the broker's error channel.",
            ["error_code"],
            registry=self.registry,
        )
        for name, text, count in (
            ("toolkit_orders_working", "Orders that may still trade.", lambda: len(client.ledger.working())),
            (
                "toolkit_orders_unknown",
                "Orders of which nobody can tell what became of them.",
                lambda: sum(s.status is OrderStatus.UNKNOWN for s in client.ledger.working()),
            ),
            ("toolkit_ready", "1 while orders may be placed.", lambda: float(client.ready)),
        ):
            Gauge(name, text, registry=self.registry).set_function(count)
        client.ledger.listeners.append(self._count)
        client.inbox.code_listeners.append(self._count_code)

    def follow(self, health: Callable[[], dict[str, dict[str, Any]]]) -> None:
        """Add how far intake and publishing are behind, as ``OrderOrchestrator.health`` tells it."""

        def figure(part: str, name: str) -> float:
            value = health().get(part, {}).get(name)
            return math.nan if value is None else float(value)

        for series, text, part, name in (
            ("toolkit_bus_lag", "Intents that the bus has and we were not given.", "bus", "lag"),
            ("toolkit_bus_renewals", "How often a silent consumer was made anew.", "bus", "renewals"),
            ("toolkit_outbox_waiting", "Execution reports that wait for the bus.", "outbox", "waiting"),
        ):
            gauge = Gauge(series, text, registry=self.registry)
            gauge.set_function(functools.partial(figure, part, name))

    def exposition(self) -> bytes:
        """The series as a scrape of ``/metrics`` gets them; for any thread."""
        return generate_latest(self.registry)

    def _count(self, event: AnyEvent, state: OrderState, _report: Report | None) -> None:
        match event:
            case Sent():
                self.placed.labels(state.symbol, state.direction).inc()
            case Denied():
                self.rejected.labels(event.code).inc()
            case Repeated():
                self.rejected.labels("DUPLICATE_INTENT").inc()
            case BrokerRejected():
                self.rejected.labels(f"IB{event.code}").inc()
            case Executed():
                self.fills.labels(state.symbol).inc()
                if state.sent_at is not None and not event.recovered:
                    self.fill_latency.observe(max(0.0, (event.at - state.sent_at).total_seconds()))

    def _count_code(self, code: int) -> None:
        self.errors.labels(str(code)).inc()
