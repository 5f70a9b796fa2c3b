"""One case on its stage: a gateway, a folder, and the services that come and go."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from tests.faults import evidence
from tests.faults.evidence import Verdict
from tests.faults.processes import PATIENCE, Gateway, Service
from toolkit.bus import choose, topics
from toolkit.settings import Settings

SYMBOL: Final = "SPY"
BID, ASK = 450.00, 450.02
PLENTY: Final = 10**6
"""Shares on each side of the quote."""


class Play:
    """
    A paper gateway with SPY at 450.00 to 450.02, and an empty home for services.

    Args:
        folder: for every file of the case.
        options: more settings of the services.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self._folder = folder
        self._services: list[Service] = []
        self.gateway = Gateway(folder / "gateway.state", folder / "gateway.log")
        self.settings = Settings.load(
            ibkr_port=self.gateway.port,
            toolkit_home=folder / "home",
            prometheus_port=0,
            log_level="WARNING",
            **options,
        )
        self.quote(BID, ASK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for service in self._services:
            service.kill()
        self.gateway.kill()

    def serve(self, point: str | None = None) -> Service:
        """Start a service, which kills itself at ``point``."""
        log = self._folder / f"service-{len(self._services) + 1}.log"
        service = Service(self.settings, log, point)
        self._services.append(service)
        return service

    def connect_through(self, port: int) -> None:
        """Let services find the gateway on another port: that of a relay in front of it."""
        self.settings = self.settings.model_copy(update={"ibkr_port": port})

    def restart_gateway(self) -> None:
        """Kill the gateway, and start it again from its state on the same port."""
        self.gateway.kill()
        self.gateway = Gateway(
            self._folder / "gateway.state", self._folder / "gateway.log", self.gateway.port
        )
        self.quote(BID, ASK)

    def send(self, *intents: dict[str, Any]) -> None:
        """Put intents on the bus; what they leave out is a market order to buy one share."""
        rows = [
            row
            if row.get("action") == "CANCEL"
            else {"symbol": SYMBOL, "direction": "BUY", "quantity": 1, "order_type": "MARKET", **row}
            for row in intents
        ]
        choose.send_all(
            self.settings, topics.INTENTS, [(row["intent_id"], msgspec.json.encode(row)) for row in rows]
        )

    def quote(self, bid: float, ask: float, size: int = PLENTY) -> None:
        """Move the market; ``size`` shares stand on each side."""
        self.gateway.do("quote", symbol=SYMBOL, bid=bid, ask=ask, bid_size=size, ask_size=size)

    def print_trade(self, price: float) -> None:
        """Let the last price be this."""
        self.gateway.do("trade", symbol=SYMBOL, price=price, size=100)

    def wait(self, condition: Callable[[], object], within: float = PATIENCE) -> None:
        """Return when something is true; fail when it does not come, or the latest service ends before."""
        end = time.monotonic() + within
        while not condition():
            code = self._services[-1].process.exitcode
            assert code is None, f"the service ended with {code}"
            assert time.monotonic() < end, f"not true after {within:g} s"
            time.sleep(0.02)

    def ordered(self) -> bool:
        """Whether an order has reached the gateway."""
        return bool(self.gateway.ledger().orders)

    def told(self, intent_id: str, status: str) -> bool:
        """Whether a report on the bus gave an intent this status."""
        _, reports, _ = evidence.on_the_bus(self.settings)
        return any(report["intent_id"] == intent_id and report["status"] == status for report in reports)

    def settled(self) -> bool:
        """Whether nothing more is due: see ``evidence.settled``."""
        intents, reports, _ = evidence.on_the_bus(self.settings)
        return evidence.settled(reports, intents, self.gateway.ledger())

    def finish(self, service: Service) -> Verdict:
        """Wait until nothing more is due, end the service, and compare the books."""
        self.wait(lambda: service.ready and self.settled())
        service.end()
        return evidence.judge(self.settings, self.gateway.ledger())
