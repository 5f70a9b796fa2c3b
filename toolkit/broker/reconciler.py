"""
Asks the broker what happened, until every answer is complete, and records what the answers prove.

One task per connection, so that questions never collide (hazard H30); requests that come while it
asks are answered by one more round. What is decided is in ``reconcile``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from toolkit.broker.client_config import Timing
from toolkit.broker.inbox import DUPLICATE_LIVE, Inbox
from toolkit.broker.market import MarketBook
from toolkit.broker.reconcile import Answer, Break, Evidence, missing, settle
from toolkit.broker.requests import RequestRefusedError
from toolkit.broker.session import Session
from toolkit.errors import NotConnectedError
from toolkit.orders.events import Lost
from toolkit.orders.ledger import OrderLedger

log = logging.getLogger(__name__)

LAST_RETRY: Final = 30.0
"""Seconds, at most, between rounds that were not answered completely; they double from the settle time."""

POSITION_BREAK: Final = "POSITION_BREAK"


class Reconciler:
    """
    Keeps what we know of one connection's broker complete.

    Args:
        session, inbox, market, ledger: the connection, and where its facts go.
        clock: gives the time, UTC.
        timing: how long answers may take, and how often to ask unasked.
        trading: whether orders may be placed here; without, completed orders need not be told.
        on_change: called when ``known`` changed.
        on_lost: called with a sentence when the task itself failed, which only a mistake of ours can do.
        cancel_twins: cancels what still lives of an order that the broker has twice.

    Attributes:
        known: whether the last round was answered completely, so that orders may be placed.
        problem: why it was not, one sentence; ``""`` otherwise.
        rounds: how many were asked.
    """

    def __init__(
        self,
        *,
        session: Session,
        inbox: Inbox,
        market: MarketBook,
        ledger: OrderLedger,
        clock: Callable[[], datetime],
        timing: Timing,
        trading: bool,
        on_change: Callable[[], None],
        on_lost: Callable[[str], None],
        cancel_twins: Callable[[str], Awaitable[object]],
    ) -> None:
        self._session = session
        self._inbox = inbox
        self._market = market
        self._ledger = ledger
        self._clock = clock
        self._timing = timing
        self._trading = trading
        self._on_change = on_change
        self._on_lost = on_lost
        self._cancel_twins = cancel_twins
        self._asked = asyncio.Event()
        self._not_before = 0.0
        self._outages = 0
        self._settled = asyncio.Event()
        self._failed = asyncio.Event()
        self._broken: dict[tuple[str, int], Break] = {}
        """(account, contract number) -> the break that the last round found"""
        self._task: asyncio.Task[None] | None = None
        self.known = False
        self.problem = ""
        self.rounds = 0

    async def start(self) -> bool:
        """Begin; returns when all is known, or False as soon as an answer was not complete."""
        self._asked.set()
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)
        waits = [asyncio.ensure_future(event.wait()) for event in (self._settled, self._failed)]
        await asyncio.wait({*waits, self._task}, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return self.known

    def soon(self, reason: str, *, after: float = 0.0, forget: bool = False) -> None:
        """
        Ask again; what is asked for while a round is under way shares the next one.

        Args:
            reason: why, for the log.
            after: seconds that the broker has to settle first.
            forget: what is known is void until the answers are complete (the broker was out of reach).
        """
        log.info("The broker is asked what happened: %s", reason)
        self._not_before = max(self._not_before, asyncio.get_running_loop().time() + after)
        if forget:
            self._outages += 1
            self._set(known=False, problem=reason)
        self._asked.set()

    async def stop(self) -> None:
        """End; what is not settled is for the next connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- the task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):  # nobody asked: the periodic sweep
                await asyncio.wait_for(self._asked.wait(), self._timing.sweep_s)
            full = self._asked.is_set()
            await asyncio.sleep(max(0.0, self._not_before - loop.time()))
            self._asked.clear()
            try:
                await self._until_complete(full)
            except NotConnectedError as error:
                self._set(known=False, problem=str(error))
                return

    async def _until_complete(self, full: bool) -> None:
        """Rounds, further and further apart, until one is complete and leaves nothing in doubt."""
        loop = asyncio.get_running_loop()
        began, alarmed, retry = loop.time(), False, self._timing.settle_s
        outages = self._outages
        doubted: frozenset[str] = frozenset()
        while True:
            evidence = await self._round(full)
            if evidence.problem:
                self._set(known=False, problem=evidence.problem)
                log.error("Not all is known, so nothing is placed: %s", evidence.problem)
                if not alarmed and loop.time() - began >= self._timing.alarm_s:
                    alarmed = True
                    log.critical(
                        "For %.0f s the gateway has not told all orders, executions and positions; "
                        "trading stays stopped until it does: %s",
                        loop.time() - began,
                        evidence.problem,
                    )
                await asyncio.sleep(retry)
                retry, full = min(LAST_RETRY, retry * 2), True
                continue
            for event in settle(self._ledger.working(), evidence, doubted=doubted, now=self._clock()):
                if isinstance(event, Lost):
                    log.critical("Intent %s: %s", event.intent_id, event.reason)
                self._inbox.record(event)
            fresh = self._in_doubt(evidence) - doubted
            suspicious = self._compare_positions()
            if not fresh and not suspicious:
                break
            doubted |= fresh
            full = full or bool(fresh)
            await asyncio.sleep(self._timing.settle_s)
        # After an outage meanwhile these answers are void; the round that it asked for follows.
        if outages == self._outages:
            self._set(known=True, problem="")
        await self._end_twins()

    async def _end_twins(self) -> None:
        """Cancel what the broker has twice until it ended; then its contract is free again (hazard H6)."""
        twins = self._inbox.twins()
        for intent_id in twins:
            await self._cancel_twins(intent_id)
        held = {state.con_id for intent_id in twins if (state := self._ledger.get(intent_id)) is not None}
        for con_id in self._market.locked_by(DUPLICATE_LIVE) - held:
            self._market.unlock(con_id, DUPLICATE_LIVE)

    def _in_doubt(self, evidence: Evidence) -> frozenset[str]:
        """Orders that this round should have shown and did not, other than those known to be unknown."""
        states = missing(self._ledger.working(), evidence)
        return frozenset(state.intent_id for state in states if not state.lost)

    async def _round(self, full: bool) -> Evidence:
        """
        Ask every question once, whatever became of the one before.

        Raises:
            NotConnectedError: the socket is gone.
        """
        self.rounds += 1
        inbox, market, session = self._inbox, self._market, self._session
        asked_at = inbox.begin_round(self._clock())
        problems: list[str] = []

        async def ask(question: Callable[[float], Awaitable[None]], *, needed: bool = True) -> Answer:
            rows = inbox.rows
            try:
                await question(self._timing.answer_timeout_s)
            except (NotConnectedError, RequestRefusedError) as error:
                if not session.connected:
                    raise NotConnectedError(str(error)) from error
                if needed:
                    problems.append(str(error))
                return Answer.PARTIAL if inbox.rows > rows else Answer.FAILED
            return Answer.COMPLETE

        orders = completed = Answer.FAILED
        try:
            executions = await ask(session.executions)
            if full:
                market.foreign_orders.begin()
                orders = await ask(session.open_orders)
                market.foreign_orders.end(complete=orders is Answer.COMPLETE)
                completed = await ask(session.completed_orders, needed=self._trading)
            market.begin_positions()
            positions = await ask(session.positions)
            if positions is Answer.COMPLETE:
                market.end_positions()
        finally:
            seen = inbox.end_round()
        return Evidence(
            asked_at=asked_at,
            executions=executions,
            open_orders=orders,
            completed=completed,
            positions=positions,
            seen=seen,
            problem=" ".join(problems),
        )

    def _compare_positions(self) -> bool:
        """Hold positions against executions; returns whether a difference has to be looked at again."""
        market = self._market
        quiet_since = self._clock() - timedelta(seconds=self._timing.settle_s)
        found = {
            (each.account, each.con_id): each
            for each in self._inbox.positions.compare(market.by_account(), quiet_since)
        }
        before, self._broken = self._broken, found
        for key in before.keys() - found.keys():
            if market.unlock(key[1], POSITION_BREAK):
                log.warning("The position in contract %s is explained again; its lock is off.", key[1])
        suspicious = False
        for key, each in found.items():
            if before.get(key) != each:
                suspicious = True
            elif each.con_id not in market.locked_by(POSITION_BREAK):
                self._lock(each)
        return suspicious

    def _lock(self, found: Break) -> None:
        instrument = self._market.by_number(found.con_id)
        name = f"contract {found.con_id}" if instrument is None else instrument.symbol
        reason = (
            f"The broker holds {found.told} of {name} in {found.account}, but its executions add up to "
            f"{found.expected}: no new order of it is sent until that is explained or accepted."
        )
        self._market.lock(found.con_id, POSITION_BREAK, reason)
        log.critical("%s", reason)

    def accept_positions(self, con_id: int) -> bool:
        """Take the broker's word for the positions of a contract; returns whether one was in question."""
        breaks = [each for each in self._broken.values() if each.con_id == con_id]
        for each in breaks:
            self._inbox.positions.accept(each)
            del self._broken[each.account, each.con_id]
        return self._market.unlock(con_id, POSITION_BREAK) or bool(breaks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("Reconciliation failed.", exc_info=error)
            self._set(known=False, problem=f"Reconciliation failed ({error!r}).")
            self._on_lost(f"Reconciliation failed ({error!r}); connect again.")

    def _set(self, *, known: bool, problem: str) -> None:
        self.known, self.problem = known, problem
        if known:
            self._settled.set()
        else:
            self._failed.set()
        self._on_change()
