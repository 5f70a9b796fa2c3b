"""
Watches over the connections of one client: the link, the heartbeat, the snapshots, and so the gate.

Orders may be placed while the socket is open, the gateway reaches the broker, and every question
about what happened was answered completely since either of them was last in doubt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from toolkit.broker.client_config import ClientConfig
from toolkit.broker.heartbeat import Heartbeat
from toolkit.broker.inbox import Inbox
from toolkit.broker.link import (
    Effect,
    Link,
    connected,
    connecting,
    disconnected,
    escalation,
    heed,
    in_restart_window,
)
from toolkit.broker.market import MarketBook
from toolkit.broker.reconciler import Reconciler
from toolkit.broker.session import Session
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.report import iso

log = logging.getLogger(__name__)

BEATS_WHILE_HEARD = 6
"""Even a gateway that talks is asked for the time after so many intervals: talk may be old news."""


class Watch:
    """
    The health of one client's connections, from its first to its last.

    Args:
        inbox, market, ledger: where facts go.
        config: how patient to be, and when the gateway restarts.
        clock: gives the time, UTC.
        on_gate: called whenever the gate may have opened or closed.
        on_lost: gives a connection up, with the sentence that says why.
        cancel: cancels the order of an intent.

    Attributes:
        link: what is known of the link.
        epoch: the number of the connection, 0 before the first.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        market: MarketBook,
        ledger: OrderLedger,
        config: ClientConfig,
        clock: Callable[[], datetime],
        on_gate: Callable[[], None],
        on_lost: Callable[[str], None],
        cancel: Callable[[str], Awaitable[object]],
    ) -> None:
        self._inbox = inbox
        self._market = market
        self._ledger = ledger
        self._config = config
        self._timing = config.timing
        self._clock = clock
        self._on_gate = on_gate
        self._on_lost = on_lost
        self._cancel = cancel
        self._session: Session | None = None
        self._reconciler: Reconciler | None = None
        self._heartbeat: Heartbeat | None = None
        self._rounds = 0
        self._escalated = 0
        self._task: asyncio.Task[None] | None = None
        self.link = Link()
        self.epoch = 0

    # --- one connection after another

    def connecting(self) -> None:
        """An attempt to connect begins."""
        self.link = connecting(self.link)
        self._market.quotes_broken = False

    def unreachable(self, reason: str, client_id_in_use: bool) -> None:
        """It failed; who cannot have its own client id cannot cancel its own orders (hazard H24)."""
        self.link = disconnected(replace(self.link, port=0), reason, self._clock())
        if client_id_in_use and self._escalated == 0:
            self._escalated = 1
            log.critical("NO_CONTROL: %s %s", reason, self._live_orders())

    async def begin(self, session: Session, *, trading: bool) -> bool:
        """
        The handshake is done: ask what happened.

        Returns:
            Whether all is known; if not, it is asked for again and again in the background.
        """
        self.epoch += 1
        self._session = session
        self.link = connected(self.link)
        self._heartbeat = session.heartbeat = Heartbeat(
            session,
            timeout=self._timing.heartbeat_timeout_s,
            clock=self._clock,
            on_lost=self._on_lost,
        )
        session.silence = self._timing.heartbeat_s
        self._reconciler = Reconciler(
            session=session,
            inbox=self._inbox,
            market=self._market,
            ledger=self._ledger,
            clock=self._clock,
            timing=self._timing,
            trading=trading,
            on_change=self._on_gate,
            on_lost=self._on_lost,
            cancel_twins=self._cancel,
        )
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return await self._reconciler.start()

    async def end(self) -> None:
        """The connection is given up; a next one may follow."""
        reconciler, self._reconciler = self._reconciler, None
        self._session = self._heartbeat = None
        if self.link.socket:
            self.on_lost("The connection was closed.")
        if reconciler is not None:
            self._rounds += reconciler.rounds
            await reconciler.stop()
        self._on_gate()

    async def close(self) -> None:
        """No connection will follow."""
        await self.end()
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # --- what is heard

    def on_link(self, code: int, text: str) -> None:
        """Take one message of the error channel that is about no order and no question."""
        before = self.link
        self.link, effects = heed(before, code, text, self._clock())
        self._market.quotes_broken = bool(self.link.broken_farms)
        if Effect.LOST in effects:
            log.error("The broker is out of reach; nothing new is sent: %s", self.link.reason)
            self._on_gate()
        if Effect.DATA_LOST in effects and self._inbox.lines is not None:
            self._inbox.lines.forget()
        if Effect.RECOVERED in effects and self._reconciler is not None:
            log.warning("The broker is back; asking what happened meanwhile: %s", text)
            reason = f"The broker was out of reach ({code}); its answers are awaited."
            self._reconciler.soon(reason, after=self._timing.settle_s, forget=True)
        if Effect.MOVED in effects:
            self._on_lost(f"The gateway gives up this port: {text} (code {code})")

    def on_lost(self, reason: str) -> None:
        """The socket is gone or given up."""
        self.link = disconnected(self.link, reason, self._clock())

    def soon(self, reason: str) -> None:
        """Ask the broker what is true, as soon as it is there; requests at the same time are one."""
        if self._reconciler is not None:
            self._reconciler.soon(reason)

    def accept_positions(self, con_id: int) -> bool:
        """See ``Reconciler.accept_positions``."""
        return self._reconciler is not None and self._reconciler.accept_positions(con_id)

    # --- what follows

    @property
    def open(self) -> bool:
        """Whether orders may be placed as far as the link and what is known go."""
        reconciler, session = self._reconciler, self._session
        if session is None or reconciler is None:
            return False
        return session.connected and self.link.up and reconciler.known

    @property
    def problem(self) -> tuple[str, str]:
        """Why not: a machine-readable code and a sentence; two empty texts while the gate is open."""
        if self.open:
            return "", ""
        if not self.link.socket:
            return "NOT_CONNECTED", self.link.reason or "The gateway is not connected; nothing was sent."
        if not self.link.upstream:
            return "UPSTREAM_DOWN", f"The gateway has lost the broker: {self.link.reason}"
        known = "" if self._reconciler is None else self._reconciler.problem
        return "RECONCILING", known or "The broker has not told yet what happened; nothing was sent."

    @property
    def restarting(self) -> bool:
        """Whether the gateway is about to restart, or has just done so (hazard H4)."""
        if self._config.restart_at is None:
            return False
        width = timedelta(seconds=self._timing.restart_window_s)
        return in_restart_window(self._clock(), self._config.restart_at, width)

    def health(self) -> dict[str, Any]:
        """The link as plain values, times in ISO 8601 UTC."""
        beat, reconciler = self._heartbeat, self._reconciler
        return {
            "socket": self.link.socket,
            "upstream": self.link.upstream,
            "epoch": self.epoch,
            "down_since": iso(self.link.down_since),
            "restarting": self.restarting,
            "broken_farms": sorted(self.link.broken_farms),
            "last_round_trip": None if beat is None else iso(beat.last),
            "clock_skew_s": None if beat is None else beat.skew,
            "reconciliations": self._rounds + (0 if reconciler is None else reconciler.rounds),
            "locked": self._market.locks(),
            "foreign_orders": len(self._market.foreign_orders),
            "reason": self.problem[1],
        }

    # --- the task

    async def _run(self) -> None:
        """Escalate an outage, and ask a silent gateway whether it is awake."""
        beat_every = self._timing.heartbeat_s
        loop = asyncio.get_running_loop()
        last_beat = loop.time()
        while True:
            await asyncio.sleep(min(1.0, beat_every / 2))
            self._escalate()
            session, heartbeat = self._session, self._heartbeat
            if session is None or heartbeat is None or not session.connected:
                continue
            if session.silent_for >= beat_every or loop.time() - last_beat >= BEATS_WHILE_HEARD * beat_every:
                last_beat = loop.time()
                await heartbeat.beat()

    def _escalate(self) -> None:
        steps = self._timing.escalate_after_s
        reached = escalation(self.link, self._clock(), steps)
        if self.link.down_since is None:
            self._escalated = 0
        elif reached > self._escalated:
            self._escalated = reached
            level = (logging.WARNING, logging.ERROR, logging.CRITICAL)[min(reached, 3) - 1]
            log.log(
                level,
                "The broker has been out of reach for %.0f s: %s %s",
                steps[reached - 1],
                self.link.reason,
                self._live_orders(),
            )

    def _live_orders(self) -> str:
        working = [state for state in self._ledger.working() if state.order_id is not None]
        if not working:
            return "No order of ours is live."
        names = ", ".join(f"{state.intent_id} ({state.status.value})" for state in working[:20])
        more = f" and {len(working) - 20} more" if len(working) > 20 else ""
        return f"{len(working)} orders of ours may be live: {names}{more}."
