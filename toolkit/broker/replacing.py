"""
A REPLACE intent, step by step: its turn, its verdict, the change remembered, then written to the socket.

A change is one more message about an order that lives, so nothing here can end it: a change that is
late, refused or lost leaves the order, and its exposure, as they are (hazards H6, H14, H15, H43).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from toolkit.broker.order_watch import OrderWatch
from toolkit.broker.pacing import Lane
from toolkit.broker.session import Session
from toolkit.errors import IntentError, NotConnectedError
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import ReplaceRefused, ReplaceRequested
from toolkit.orders.intent import OrderIntent
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.replacement import as_raw, changed
from toolkit.orders.state import OrderState
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.gate import Gate

BETWEEN_CHANGES: Final = timedelta(seconds=1)
"""Least time between two changes of one order (hazard H43)."""

Find = Callable[[OrderIntent], Awaitable[tuple[Instrument, Quote]]]
"""Gives the contract and quote of an intent; IntentError or NotConnectedError when it cannot."""


class Replacing:
    """
    Changes orders on one connection, each one change at a time.

    Args:
        ledger, journal, gate: where facts are recorded, and when they are on disk.
        session, watch: the connection, and what becomes of an order on it.
        clock: gives the time, UTC.
        client_id: who we are at the gateway; nobody else may change its orders.
        find: gives the contract and quote of an intent.
        turned_away: denies what may not be sent now; whether it did.
    """

    def __init__(
        self,
        *,
        ledger: OrderLedger,
        journal: SqliteJournal,
        gate: Gate,
        session: Session,
        watch: OrderWatch,
        clock: Callable[[], datetime],
        client_id: int,
        find: Find,
        turned_away: Callable[[OrderState, OrderIntent, Instrument | None], bool],
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._gate = gate
        self._session = session
        self._watch = watch
        self._clock = clock
        self._client_id = client_id
        self._find = find
        self._turned_away = turned_away
        self._turns: dict[str, asyncio.Lock] = {}
        """target -> held by the change in work"""
        self._latest: dict[str, str] = {}
        """target -> the REPLACE intent that came last; those before it that still wait are given up"""

    async def take(self, state: OrderState, checker: SimpleRiskChecker) -> int | None:
        """Take one received REPLACE intent; its target's order id, or None: denied."""
        intent = state.intent
        assert intent is not None
        target_id = intent.target_intent_id
        self._latest[target_id] = state.intent_id
        async with self._turns.setdefault(target_id, asyncio.Lock()):
            try:
                return await self._replace(state, intent, checker)
            except IntentError as error:
                self._gate.deny(state, error.code, str(error))
            except NotConnectedError as error:
                self._gate.deny(state, "NOT_CONNECTED", str(error))
            finally:
                if self._latest[target_id] == state.intent_id:
                    del self._latest[target_id], self._turns[target_id]
        return None

    async def _replace(
        self, state: OrderState, intent: OrderIntent, checker: SimpleRiskChecker
    ) -> int | None:
        if self._turned_away(state, intent, None):
            return None
        target = await self._when_ready(state.intent_id, intent.target_intent_id)
        instrument, quote = await self._find(changed(target, intent, state.raw))
        await self._session.order_turn(Lane.REPLACE)
        # The waits may have been long: the order may be finished, or on its way out, by now.
        target = self._changeable(intent.target_intent_id)
        after = changed(target, intent, state.raw)
        if self._turned_away(state, intent, instrument):
            return None
        order = as_raw(target, after, state.intent_id)
        if self._gate.decide(state, checker, instrument, quote, order=order).denied is not None:
            return None
        self._ledger.record(
            ReplaceRequested(
                intent_id=target.intent_id,
                at=self._clock(),
                by=state.intent_id,
                quantity=after.quantity,
                limit_price=after.limit_price,
                stop_price=after.stop_price,
            )
        )
        await self._journal.durable(self._journal.last_seq)
        # The disk may have been slow: whoever pressed the kill switch meanwhile must not see it leave.
        if self._turned_away(state, intent, instrument):
            refused = self._ledger.get(state.intent_id)
            self._give_up(target, "" if refused is None else refused.reason)
            return None
        self._send(target, after, instrument)
        return target.order_id

    def _send(self, target: OrderState, after: OrderIntent, instrument: Instrument) -> None:
        """Write the change to the socket, unless the order is on its way out or the gateway gone."""
        order_id = target.order_id
        assert order_id is not None
        try:
            account = self._changeable(target.intent_id).account
            self._session.place(after, instrument, order_id, account)
        except (IntentError, NotConnectedError) as error:
            self._give_up(target, str(error))

    def _give_up(self, target: OrderState, reason: str) -> None:
        """The change never left; its order keeps its terms."""
        self._ledger.record(ReplaceRefused(intent_id=target.intent_id, at=self._clock(), code=0, text=reason))

    async def _when_ready(self, replace_id: str, target_id: str) -> OrderState:
        """The target once it may be changed: acknowledged, no change pending, the last one a second ago."""
        target = self._changeable(target_id)
        patience = self._watch.deadlines.cancel.total_seconds()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._watch.when(target_id, _settled), patience)
        target = self._changeable(target_id)
        if not _settled(target):
            raise IntentError(
                f"The broker has not answered the last message about the order of intent {target_id} yet.",
                code="TARGET_BUSY",
            )
        if target.replace_requested_at is not None:
            early = BETWEEN_CHANGES - (self._clock() - target.replace_requested_at)
            await asyncio.sleep(max(0.0, early.total_seconds()))
        if self._latest[target_id] != replace_id:
            raise IntentError(
                f"A later change of the same order, {self._latest[target_id]}, took its place.",
                code="SUPERSEDED",
            )
        return target

    def _changeable(self, target_id: str) -> OrderState:
        """The target as it stands; IntentError when it can not be changed any more, or not by us."""
        target = self._ledger.get(target_id)
        if target is None or target.intent is None or target.intent.action != "NEW":
            raise IntentError(f"No order is known for intent {target_id}.", code="UNKNOWN_TARGET")
        if target.final or target.broker_status == "Filled":  # whose executions are on their way
            ended = target.status.value if target.final else target.broker_status
            reason = f"The order of intent {target_id} is {ended} already."
            raise IntentError(reason, code="TARGET_FINISHED")
        if target.cancel_requested:
            raise IntentError(f"A cancel of intent {target_id} is pending.", code="CANCEL_PENDING")
        if target.lost:
            reason = f"The order of intent {target_id} is unknown: {target.lost}"
            raise IntentError(reason, code="TARGET_LOST")
        if target.order_id is not None and target.client_id != self._client_id:
            raise IntentError(
                f"The order of intent {target_id} belongs to client {target.client_id}; "
                "set IBKR_CLIENT_ID to that.",
                code="OTHER_CLIENT",
            )
        return target


def _settled(target: OrderState) -> bool:
    ended = target.final or target.cancel_requested or bool(target.lost)
    return ended or (target.sent_at is not None and not target.silent and target.change is None)
