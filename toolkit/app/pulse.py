"""
The engine's pulse: twice a second a look at how things stand, for metrics and for alerts.

It runs in the engine's own loop, so that a scrape reads what was seen last and holds up no order; how
late it comes is how far the loop is behind.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from toolkit.app.alerts import Alert, Condition, Kind, Standing, changes, conditions_of, message
from toolkit.app.figures import Figures, Parts, figures_of
from toolkit.app.webhook import Webhook
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.orders.controls import ControlState
from toolkit.risk.checker import SimpleRiskChecker

BEAT_S: Final = 0.5
"""Seconds between two looks; what lasts shorter is no alert."""
REMEMBERED: Final = 20
"""Looks whose delay counts: ten seconds, so that no scrape misses a stall."""


class Pulse:
    """
    Looks while it runs.

    Args:
        client: what is looked at; connected.
        parts: how intake and publishing are.
        checker: whose limits are in force.
        webhook: takes the alerts; None: nobody asked for them.

    Attributes:
        figures: those of the last look.
        webhook: as given.
    """

    def __init__(
        self,
        client: IBKRExecClient,
        parts: Callable[[], Parts],
        checker: SimpleRiskChecker,
        webhook: Webhook | None,
    ) -> None:
        self._client = client
        self._parts = parts
        self._checker = checker
        self.webhook = webhook
        self._told: dict[Kind, Condition] = {}
        self._late: deque[float] = deque(maxlen=REMEMBERED)
        self._due = time.monotonic()
        self.figures: Figures = self._look(parts())

    @property
    def loop_lag_s(self) -> float:
        """How late the engine's loop was at worst in the last ten seconds, or is by now; for any thread."""
        return max((time.monotonic() - self._due, 0.0, *tuple(self._late)))

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._due = time.monotonic() + BEAT_S
            await asyncio.sleep(BEAT_S)
            self._late.append(time.monotonic() - self._due)
            # The journal is asked how many reports wait, which may take a moment.
            self.figures = self._look(await asyncio.to_thread(self._parts))

    def tell_stopped(self, why: str) -> None:
        """The engine stops by itself; ``why`` is a sentence."""
        since = frozenset({self._client.market.now().isoformat()})
        self._tell([Alert(Condition(Kind.STOPPED, since, f"Nothing trades any more: {why}"), firing=True)])

    def _look(self, parts: Parts) -> Figures:
        health = self._client.health()
        if self.webhook is not None:
            now = conditions_of(self._standing(health))
            self._tell(changes(self._told, now))
            self._told = now
        return figures_of(health, self._client, parts, self._checker)

    def _tell(self, alerts: list[Alert]) -> None:
        market = self._client.market
        for alert in alerts:
            if self.webhook is not None:
                self.webhook.send(message(alert, market.account, market.now()))

    def _standing(self, health: dict[str, Any]) -> Standing:
        standing, down_since = self._client.controls.standing, health["down_since"]
        expected = down_since is None or health["restarting"]
        return Standing(
            down_since=None if expected else datetime.fromisoformat(down_since),
            down_reason=health["error"] or health["reason"],
            locked=health["locked"],
            unknown=[state.intent_id for state in self._client.ledger.unknown()],
            control=standing.state.value,
            control_since=standing.since,
            control_told=standing.told,
            latched=standing.state is ControlState.REDUCE_ONLY and standing.by == "risk",
        )
