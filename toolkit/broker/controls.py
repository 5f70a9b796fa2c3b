"""
The one door for the operators' commands: decide, journal, act.

It belongs to the client's event loop. A kill is in force in memory before it is on disk, everything
that loosens is on disk before it is in force.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from toolkit.broker.client_config import ClientConfig
from toolkit.broker.control_files import ControlFiles, new_command, whoami
from toolkit.broker.market import MarketBook
from toolkit.broker.permission import Permission
from toolkit.broker.placement import Placement, Refusal
from toolkit.broker.session import Session
from toolkit.broker.sweep import sweep
from toolkit.errors import ConfigError, ControlError, JournalError, NotConnectedError
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.approvals import approve
from toolkit.orders.controls import (
    AccountCancelled,
    AnyFact,
    Command,
    CommandRefused,
    ControlState,
    LimitsSet,
    Standing,
    StateSet,
    Swept,
    apply,
    decide,
    fold,
    objection,
    refused,
)
from toolkit.orders.events import Decision
from toolkit.orders.ledger import OrderLedger
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.limits import Limits
from toolkit.risk.loss import watch

log = logging.getLogger(__name__)

LOOK: Final = 0.05
"""Seconds between two looks for an operator's files; the gate itself looks for ``KILL`` at every order."""


class Controls:
    """
    Kill switch, arming and limits of one journal.

    Args:
        journal, ledger, market: what is remembered, our orders, account and positions.
        config: which account, port and client id; where operators leave files.
        clock: gives the time, UTC.

    Attributes:
        permission: what is asked before every order.
    """

    def __init__(
        self,
        journal: SqliteJournal,
        ledger: OrderLedger,
        market: MarketBook,
        config: ClientConfig,
        clock: Callable[[], datetime],
    ) -> None:
        self._files = ControlFiles(config.home)
        self.permission = Permission(
            fold(journal.controls()), ledger, market, config=config, clock=clock, files=self._files
        )
        self._journal = journal
        self._ledger = ledger
        self._market = market
        market.approvals.granted = self.standing.approvals
        self._config = config
        self._clock = clock
        self._placement: Placement | None = None
        self._session: Session | None = None
        self._limits_seen = {self.standing.limits_hash}
        self._checkers: dict[int, SimpleRiskChecker] = {}
        """Every checker that judges orders here, by its identity."""
        self._sweeping: asyncio.Task[Swept] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._latching = False
        self._latched: asyncio.Task[None] | None = None

    @property
    def standing(self) -> Standing:
        """What is in force."""
        return self.permission.standing

    # --- commands --------------------------------------------------------------------------------

    async def order(self, action: str, by: str, reason: str, **terms: Any) -> None:
        """
        Give a command now, in this process, and see it obeyed; ``terms`` are more fields of ``Command``.

        Raises:
            ControlError: it was not obeyed; says why.
            JournalError: as ``obey``.
        """
        fact = await self.obey(new_command(action, by, reason, self._clock(), **terms))
        if isinstance(fact, CommandRefused):
            raise ControlError(fact.why)

    async def obey(self, command: Command) -> AnyFact:
        """
        Decide a command, once, and act on it; what it became is durable when this returns.

        A kill starts to cancel our orders and does not wait for that: see ``swept``.

        Returns:
            The fact that it became, ``CommandRefused`` with a sentence when it was not obeyed.

        Raises:
            JournalError: it could not be remembered; a kill is in force all the same.
        """
        if command.action == "limits":
            return await self._change_limits(command)
        now = self._clock()
        if command.action == "approve":
            order, used = self._ledger.get(command.intent_id), self._market.approvals.used
            fact: AnyFact = approve(self.standing, order, used, command, now)
        else:
            fact = decide(self.standing, command, now)
        account = self.permission.account
        if isinstance(fact, StateSet | AccountCancelled) and command.account not in ("", account):
            fact = refused(command, f"It is for account {command.account}, not for {account}.", now)
        if isinstance(fact, StateSet) and fact.state is ControlState.ACTIVE:
            problem = self._files.lift(command)
            fact = refused(command, problem, now) if problem else fact
        if isinstance(fact, StateSet) and fact.state is ControlState.KILLED:
            await self._kill(command, fact)
        else:
            await self._remember(fact)
        if isinstance(fact, AccountCancelled):
            assert self._session is not None  # the account matched, so a gateway has told it
            await self._session.cancel_account()
        level = logging.WARNING if isinstance(fact, CommandRefused) else logging.CRITICAL
        told = self.standing.told if isinstance(fact, StateSet) else "done"
        said = fact.why if isinstance(fact, CommandRefused) else told
        log.log(level, "%s by %s (%s): %s", command.action, command.by, command.reason or "no reason", said)
        return fact

    async def swept(self) -> Swept | None:
        """What the latest kill left behind, once it is known; None when there was none."""
        if self._sweeping is not None:
            return await asyncio.shield(self._sweeping)
        return self.standing.swept

    async def use_limits(self, checker: SimpleRiskChecker, reason: str, by: str = "") -> None:
        """
        Journal the limits that a checker enforces, unless they are the last ones or were seen before.

        Args:
            checker: judges orders here from now on.
            reason: why, for the journal.
            by: who; "" for the user of this process.
        """
        self._checkers[id(checker)] = checker
        if checker.limits_hash not in self._limits_seen:
            self._limits_seen.add(checker.limits_hash)
            await self._remember(self._limits_fact(checker, by or whoami(), reason, ""))

    # --- the connection ------------------------------------------------------------------------------

    def watch(self) -> None:
        """Look for operators' files from now on."""
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch())
            self._watching.add_done_callback(_tell_failure)

    def connected(
        self, placement: Placement, session: Session, problem: Callable[[], Refusal | None]
    ) -> None:
        """
        There is a connection and its orders are known: a kill goes on where it could not before.

        Args:
            placement: cancels on it.
            session: it.
            problem: why it takes no order at all, now and later; None when it does.
        """
        self._placement, self._session = placement, session
        self.permission.connected(session, problem)
        if self.standing.state is ControlState.KILLED:
            self._start_sweep()

    def latch_losses(self, limits: Callable[[], Limits]) -> None:
        """From now on a loss beyond its limit is a reduce-only command; a person alone takes it back."""
        if not self._latching:
            self._latching = True
            watch(self._market.profit, limits, self._latch)

    def _latch(self, loss: Decision) -> None:
        busy = self._latched is not None and not self._latched.done()
        if self.standing.state is ControlState.ACTIVE and not busy:
            latched = self.order("reduce-only", "risk", loss.message)
            self._latched = asyncio.get_running_loop().create_task(latched)
            self._latched.add_done_callback(_tell_failure)

    async def close(self) -> None:
        """Stop looking and sweeping; what is in force stays."""
        tasks = [task for task in (self._watching, self._sweeping, self._latched) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._watching = self._sweeping = self._latched = None

    # --- inside --------------------------------------------------------------------------------------

    async def _kill(self, command: Command, fact: StateSet) -> None:
        self._put_in_force(fact)
        self._start_sweep()
        try:
            await asyncio.wrap_future(self._journal.append_control(fact))
        except JournalError:
            # The next start must know, and there is no journal to tell it.
            self._files.leave(command)
            raise

    async def _change_limits(self, command: Command) -> AnyFact:
        """Change them in every checker, or in none."""
        why = objection(self.standing, command, self._clock())
        if not self._checkers:
            why = why or "Nothing here enforces limits yet; connect first."
        try:
            changed = [
                (checker, SimpleRiskChecker({**checker.config, **command.limits}))
                for checker in (() if why else self._checkers.values())
            ]
        except ConfigError as error:
            why, changed = str(error), []
        fact: LimitsSet | CommandRefused | None = refused(command, why, self._clock()) if why else None
        if fact is not None:
            await self._remember(fact)
        for checker, example in changed:
            # Several checkers with the same limits are one fact.
            if not isinstance(fact, LimitsSet) or fact.limits_hash != example.limits_hash:
                fact = self._limits_fact(example, command.by, command.reason, command.id)
                await self._remember(fact)
            checker.change(command.limits)
            self._limits_seen.add(checker.limits_hash)
        assert fact is not None  # there is a reason not to, or a checker
        log.critical("limits by %s (%s): %s", command.by, command.reason, why or command.limits)
        return fact

    def _limits_fact(self, checker: SimpleRiskChecker, by: str, reason: str, command: str) -> LimitsSet:
        new, old = checker.limits_in_force, self.standing.limits
        return LimitsSet(
            at=self._clock(),
            by=by,
            reason=reason,
            command=command,
            limits_hash=checker.limits_hash,
            limits=new,
            changed={name: old.get(name) for name in {**old, **new} if old.get(name) != new.get(name)}
            if self.standing.limits_hash
            else {},
        )

    async def _remember(self, fact: AnyFact) -> None:
        await asyncio.wrap_future(self._journal.append_control(fact))
        self._put_in_force(fact)

    def _put_in_force(self, fact: AnyFact) -> None:
        self.permission.standing = apply(self.standing, fact)
        self._market.approvals.granted = self.standing.approvals

    def _start_sweep(self) -> None:
        if self._placement is not None and (self._sweeping is None or self._sweeping.done()):
            self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
            self._sweeping.add_done_callback(_tell_failure)

    async def _sweep(self) -> Swept:
        clock = asyncio.get_running_loop().time
        began = clock()

        async def cancel(intent_id: str) -> bool:
            assert self._placement is not None
            try:
                return await self._placement.cancel(intent_id, by="kill")
            except NotConnectedError:
                return False

        done = await sweep(
            self._ledger,
            self._config.client_id,
            cancel,
            lambda: self._session is not None and self._session.connected,
            clock,
        )
        swept = Swept(
            at=self._clock(),
            by=self.standing.by,
            orders=done.orders,
            leftovers=done.leftovers,
            seconds=None if done.last_cancel is None else round(done.last_cancel - began, 3),
        )
        for intent_id, why in done.leftovers.items():
            log.critical("The kill left the order of %s: %s.", intent_id, why)
        await self._remember(swept)
        return swept

    async def _watch(self) -> None:
        told = ""
        while True:
            try:
                await self._look()
            except JournalError as error:
                log.critical("An operator's command could not be remembered: %s", error)
                return
            except OSError as error:
                if str(error) != told:
                    log.critical("Operators' files cannot be read, so they do not reach us: %s", error)
                told = str(error)
            await asyncio.sleep(LOOK)

    async def _look(self) -> None:
        kill = self._files.kill()
        unheard = kill is not None and kill.id not in self.standing.commands
        if kill is not None and (unheard or self.standing.state is not ControlState.KILLED):
            await self.obey(kill)
        for path, command in self._files.requests():
            if command is None:
                log.error("%s holds no command; it is removed.", path)
            elif command.id not in self.standing.commands:
                await self.obey(command)
            path.unlink(missing_ok=True)


def _tell_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("The controls failed; cancel in TWS, and start again.", exc_info=task.exception())
