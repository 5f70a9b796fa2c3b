"""
One intent, step by step: received, resolved, judged, numbered, remembered, written to the socket.

The order of the steps is the promise of this package: the verdict is journaled before an order id is
reserved, and the reservation is on disk before the socket sees the order. A crash in between leaves
a question, never a lost order and never a second one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from toolkit.broker import contracts
from toolkit.broker.inbox import Inbox
from toolkit.broker.market import MarketBook
from toolkit.broker.quotes import QuoteLines
from toolkit.broker.requests import RequestRefusedError
from toolkit.broker.session import Session
from toolkit.errors import IntentError, NotConnectedError
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import CancelRequested, Reserved, Sent
from toolkit.orders.intent import OrderIntent
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.gate import Gate
from toolkit.risk.margin import Margin

log = logging.getLogger(__name__)

DETAILS_TIMEOUT: Final = 10.0
"""Seconds that the gateway has to describe a contract."""
WHAT_IF_TIMEOUT: Final = 2.0
"""Seconds that the gateway has to say what margin an order would leave."""
NOT_CONNECTED: Final = "NOT_CONNECTED"


class Refusal(NamedTuple):
    """Why nothing may be placed: a machine-readable code and a sentence."""

    code: str
    reason: str


class Placement:
    """
    Places and cancels on one connection.

    Args:
        ledger, journal, gate: where facts are recorded, and when they are on disk.
        session, inbox, market, lines: the connection and what it tells.
        client_id: who we are at the gateway.
        clock: gives the time, UTC.
        refusal: why no order may be placed at all, None when orders may.
    """

    def __init__(
        self,
        *,
        ledger: OrderLedger,
        journal: SqliteJournal,
        gate: Gate,
        session: Session,
        inbox: Inbox,
        market: MarketBook,
        lines: QuoteLines,
        client_id: int,
        clock: Callable[[], datetime],
        refusal: Callable[[], Refusal | None],
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self.gate = gate
        self._session = session
        self._inbox = inbox
        self._market = market
        self._lines = lines
        self._client_id = client_id
        self._clock = clock
        self._refusal = refusal
        self._lowest_free_id = max(session.next_valid_id, ledger.highest_order_id(client_id) + 1)
        self._in_progress: dict[str, asyncio.Future[int | None]] = {}
        """intent id -> the placement under way"""

    @property
    def next_order_id(self) -> int:
        """The next order id: above all we used and all the broker mentioned for us (hazard H5)."""
        return max(self._lowest_free_id, self._inbox.highest_order_id + 1)

    async def take(self, raw: Mapping[str, Any], checker: SimpleRiskChecker, source: str) -> int | None:
        """See ``IBKRExecClient.place_order``."""
        state, first = self.gate.receive(raw, source)
        if not first:
            return None
        under_way = self._in_progress.get(state.intent_id)
        if under_way is not None:
            return await asyncio.shield(under_way)
        if not state.undecided:
            return state.order_id if state.denied is None else None
        placement: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._in_progress[state.intent_id] = placement
        order_id = None
        try:
            order_id = await self._advance(state, checker)
        finally:
            del self._in_progress[state.intent_id]
            placement.set_result(order_id)
        return order_id

    async def cancel(self, intent_id: str, by: str) -> bool:
        """See ``IBKRExecClient.cancel_intent``."""
        state = self._ledger.get(intent_id)
        if state is None or state.final:
            log.error("Intent %s has no open order; nothing was cancelled.", intent_id)
            return False
        if not self._session.connected:
            log.error("Intent %s cannot be cancelled: the gateway is not connected.", intent_id)
            return False
        state = self._ledger.record(CancelRequested(intent_id=intent_id, at=self._clock(), by=by))
        if state.order_id is not None:
            await self._session.cancel(state.order_id)
        return True

    async def finish(self) -> None:
        """Wait for the placements under way."""
        if self._in_progress:
            await asyncio.wait(list(self._in_progress.values()))

    async def _advance(self, state: OrderState, checker: SimpleRiskChecker) -> int | None:
        intent = state.intent
        assert intent is not None
        if intent.action == "CANCEL":
            return await self._cancel_target(state)
        if self._turned_away(state, intent):
            return None
        try:
            instrument = await self._resolve(intent)
            quote = await self._lines.quote(instrument)
        except IntentError as error:
            self.gate.deny(state, error.code, str(error))
            return None
        except NotConnectedError as error:
            self.gate.deny(state, NOT_CONNECTED, str(error))
            return None
        state = self._ledger.get(state.intent_id) or state
        if state.final:  # cancelled meanwhile
            return None
        if state.accepted_at is None:
            checker.bind(self._market)
            state = self.gate.decide(state, checker, instrument, quote)
        return None if state.final else await self._transmit(state, intent, instrument)

    def _turned_away(self, state: OrderState, intent: OrderIntent) -> bool:
        """Deny what may not be placed now, whatever risk would say; whether it was denied."""
        refusal = self._refusal()
        if refusal is not None:
            self.gate.deny(state, *refusal)
        elif self.gate.stale(intent):
            self.gate.deny_stale(state)
        else:
            return False
        return True

    async def quote(self, intent: OrderIntent) -> Quote:
        """See ``IBKRExecClient.quote``."""
        return await self._lines.quote(await self._resolve(intent))

    async def what_if(self, intent: OrderIntent) -> Margin:
        """See ``IBKRExecClient.what_if``."""
        instrument = await self._resolve(intent)
        await self._session.order_turn()
        order_id = self.next_order_id
        self._lowest_free_id = order_id + 1
        account = intent.account or self._market.account
        order = contracts.order(intent, order_id, self._client_id, account)
        contract = contracts.contract(instrument, intent.exchange)
        try:
            state = await self._session.what_if(order_id, contract, order, WHAT_IF_TIMEOUT)
        except RequestRefusedError as error:
            return Margin(refusal=str(error))
        return contracts.margin(state)

    async def _resolve(self, intent: OrderIntent) -> Instrument:
        """The contract that an intent names; IntentError when there is none, or more than one."""
        known = self._market.find(intent)
        if known is not None:
            return known
        try:
            found = await self._session.contract_details(contracts.contract_query(intent), DETAILS_TIMEOUT)
        except RequestRefusedError as error:
            raise IntentError(
                f"The broker knows no {intent.sec_type} {intent.symbol or intent.con_id} in "
                f"{intent.currency}: {error}; check symbol, sec_type and currency.",
                field="symbol",
                code="UNKNOWN_CONTRACT",
            ) from error
        if len(found) != 1:
            raise IntentError(
                f"{len(found)} contracts fit {intent.sec_type} {intent.symbol}; "
                "add primary_exchange, expiry, strike, right or con_id.",
                field="symbol",
                code="AMBIGUOUS_CONTRACT",
            )
        return self._market.learn(intent, found[0])

    async def _transmit(self, state: OrderState, intent: OrderIntent, instrument: Instrument) -> int | None:
        """Reserve an order id, make that durable, and write the order to the socket, in this order."""
        await self._session.order_turn()
        # The wait may have been long: the order may be cancelled, too old, or the gateway gone.
        state = self._ledger.get(state.intent_id) or state
        if state.final or self._turned_away(state, intent):
            return None
        order_id = self.next_order_id
        self._lowest_free_id = order_id + 1
        account = intent.account or self._market.account
        state = self._ledger.record(
            Reserved(
                intent_id=state.intent_id,
                at=self._clock(),
                order_id=order_id,
                client_id=self._client_id,
                account=account,
            )
        )
        await self._journal.durable(self._journal.last_seq)
        journaled_at = self._clock()
        try:
            self._session.place(
                order_id,
                contracts.contract(instrument, intent.exchange),
                contracts.order(intent, order_id, self._client_id, account),
            )
        except NotConnectedError as error:
            self.gate.deny(state, NOT_CONNECTED, str(error))
            return None
        self._ledger.record(Sent(intent_id=state.intent_id, at=self._clock(), journaled_at=journaled_at))
        return order_id

    async def _cancel_target(self, state: OrderState) -> int | None:
        assert state.intent is not None
        target_id = state.intent.target_intent_id
        target = self._ledger.get(target_id)
        if target is None:
            self.gate.deny(state, "UNKNOWN_TARGET", f"No order is known for intent {target_id}.")
            return None
        if target.final:
            reason = f"The order of intent {target_id} is {target.status.value} already."
            self.gate.deny(state, "TARGET_FINISHED", reason)
            return None
        if not self._session.connected:
            self.gate.deny(state, NOT_CONNECTED, "The gateway is not connected; nothing was sent.")
            return None
        self.gate.accept_cancel(state)
        await self.cancel(target_id, by=state.intent_id)
        return target.order_id
