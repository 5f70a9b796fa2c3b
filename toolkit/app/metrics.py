"""
Prometheus series of the order plane: facts counted as they come, the rest as the pulse saw it last.

A scrape touches nothing that the engine works on. Labels are bounded: symbols, sides, codes, names of
limits; what is beyond the bound is counted under ``other``. Intents and order ids never become labels,
because a scrape of many thousand series holds up everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from toolkit.app.figures import Figures
from toolkit.app.pulse import Pulse
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.orders.controls import ControlState
from toolkit.orders.events import (
    Accepted,
    AnyEvent,
    BrokerRejected,
    Denied,
    Executed,
    Repeated,
    Sent,
)
from toolkit.orders.ledger import Report
from toolkit.orders.state import OrderState

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds from the socket to the fill."""
DECISION_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
"""Seconds from an intent's receipt to the verdict."""
MOST_LABELS: Final = 200
"""Values that one label takes before the rest is ``other``."""

GAUGES: Final[tuple[tuple[str, str, Callable[[Figures], float]], ...]] = (
    ("toolkit_ready", "1 while orders may be placed.", lambda now: now.ready),
    ("toolkit_link_socket", "1 while the gateway's socket is open.", lambda now: now.socket),
    ("toolkit_link_upstream", "1 while the gateway reaches the broker.", lambda now: now.upstream),
    ("toolkit_orders_working", "Orders that may still trade.", lambda now: now.working),
    (
        "toolkit_orders_unknown",
        "Orders of which nobody can tell what became of them.",
        lambda now: now.unknown,
    ),
    ("toolkit_breaks", "Contracts that a break locks: no new order of them is sent.", lambda now: now.breaks),
    ("toolkit_bus_lag", "Intents that the bus has and we were not given.", lambda now: now.bus_lag),
    ("toolkit_bus_renewals", "How often a silent consumer was made anew.", lambda now: now.bus_renewals),
    ("toolkit_outbox_waiting", "Execution reports that wait for the bus.", lambda now: now.outbox_waiting),
    ("toolkit_foreign_fills", "Fills that belong to no order of ours.", lambda now: now.foreign_fills),
)
"""Name, meaning, and where the pulse's figures have it."""


class Metrics:
    """
    The specification's series, and those that its alerts need.

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
        self.decision_latency = Histogram(
            "toolkit_decision_latency_seconds",
            "Seconds from an intent's receipt to the verdict on it.",
            buckets=DECISION_BUCKETS,
            registry=self.registry,
        )
        self.errors = Counter(
            "toolkit_errors",
            "Messages of the broker's error channel.",
            ["error_code"],
            registry=self.registry,
        )
        self._symbols, self._reasons, self._codes = _Bounded(), _Bounded(), _Bounded()
        client.ledger.listeners.append(self._count)
        client.inbox.code_listeners.append(self._count_code)

    def follow(self, pulse: Pulse) -> None:
        """Add what the pulse sees."""
        self.registry.register(_Seen(pulse))

    def exposition(self) -> bytes:
        """The series as a scrape of ``/metrics`` gets them; for any thread."""
        return generate_latest(self.registry)

    def _count(self, event: AnyEvent, state: OrderState, _report: Report | None) -> None:
        match event:
            case Sent():
                self.placed.labels(self._symbols.of(state.symbol), state.direction).inc()
            case Accepted():
                self._time_decision(event, state)
            case Denied():
                self.rejected.labels(self._reasons.of(event.code)).inc()
                if state.accepted_at is None:  # not taken back on the way to the socket
                    self._time_decision(event, state)
            case Repeated():
                self.rejected.labels("DUPLICATE_INTENT").inc()
            case BrokerRejected():
                self.rejected.labels(self._reasons.of(f"IB{event.code}")).inc()
            case Executed():
                self.fills.labels(self._symbols.of(state.symbol)).inc()
                if state.sent_at is not None and not event.recovered:
                    self.fill_latency.observe(max(0.0, (event.at - state.sent_at).total_seconds()))

    def _time_decision(self, event: Accepted | Denied, state: OrderState) -> None:
        if state.received_at is not None:
            self.decision_latency.observe(max(0.0, (event.at - state.received_at).total_seconds()))

    def _count_code(self, code: int) -> None:
        self.errors.labels(self._codes.of(str(code))).inc()


class _Bounded:
    """Lets the first values of a label through and calls the rest ``other``."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of(self, value: str) -> str:
        if value not in self._known:
            if len(self._known) >= MOST_LABELS:
                return "other"
            self._known.add(value)
        return value


class _Seen:
    """The pulse's figures, collected anew by every scrape."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def collect(self) -> Iterator[Metric]:
        """Every series that is not counted."""
        now, webhook = self._pulse.figures, self._pulse.webhook
        for name, text, value in GAUGES:
            yield GaugeMetricFamily(name, text, value=value(now))
        text = "Seconds that the engine's loop was late, at worst in the last ten."
        yield GaugeMetricFamily("toolkit_loop_lag_seconds", text, value=self._pulse.loop_lag_s)
        control = GaugeMetricFamily("toolkit_control", "1 for what may be sent.", labels=["state"])
        for state in ControlState:
            control.add_metric([state.value], float(state.value == now.control))
        yield control
        used = GaugeMetricFamily("toolkit_limit_used", "Use of an account's limit.", labels=["limit"])
        allowed = GaugeMetricFamily("toolkit_limit_allowed", "The limit itself.", labels=["limit"])
        for name, amount in now.used.items():
            used.add_metric([name], amount)
            allowed.add_metric([name], now.allowed[name])
        yield used
        yield allowed
        if webhook is not None:
            alerts = CounterMetricFamily("toolkit_alerts", "Alerts to the webhook.", labels=["outcome"])
            alerts.add_metric(["delivered"], webhook.delivered)
            alerts.add_metric(["given_up"], webhook.given_up)
            yield alerts
