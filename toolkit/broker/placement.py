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

from ib_async import Contract, ContractDetails

from toolkit.broker import contracts
from toolkit.broker.first_order import FirstOrder
from toolkit.broker.inbox import Inbox
from toolkit.broker.market import MarketBook
from toolkit.broker.order_watch import OrderWatch
from toolkit.broker.pacing import Lane
from toolkit.broker.quotes import QuoteLines
from toolkit.broker.replacing import Replacing
from toolkit.broker.requests import RequestRefusedError
from toolkit.broker.session import Session
from toolkit.errors import IntentError, NotConnectedError
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.deadlines import Deadlines
from toolkit.orders.events import CancelRequested, Reserved, Sent
from toolkit.orders.intent import OrderIntent
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.gate import Gate
from toolkit.risk.margin import Margin
from toolkit.risk.order import Order

log = logging.getLogger(__name__)

DETAILS_TIMEOUT: Final = 10.0
"""Seconds that the gateway has to describe a contract."""
WHAT_IF_TIMEOUT: Final = 2.0
"""Seconds that the gateway has to say what margin an order would leave."""
NOT_CONNECTED: Final = "NOT_CONNECTED"
SENT_ELSEWHERE: Final = "SENT_ELSEWHERE"


class Refusal(NamedTuple):
    """Why nothing may be placed: a machine-readable code and a sentence."""

    code: str
    reason: str


GATEWAY_READ_ONLY: Final = Refusal(
    "GATEWAY_READ_ONLY",
    "The gateway takes no orders: untick Read-Only API in its API settings, then connect again.",
)


class Placement:
    """
    Places and cancels on one connection.

    Args:
        ledger, journal, gate: where facts are recorded, and when they are on disk.
        session, inbox, market, lines: the connection and what it tells.
        deadlines: how long the broker has for its answers.
        reconcile: asks the broker for the whole truth; takes the reason.
        client_id: who we are at the gateway.
        clock: gives the time, UTC.
        refusal: why an order may not be placed as things stand, None when it may; its contract is None
            while it is not resolved.
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
        deadlines: Deadlines,
        reconcile: Callable[[str], None],
        client_id: int,
        clock: Callable[[], datetime],
        refusal: Callable[[OrderState, Instrument | None], Refusal | None],
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
        self._watch = watch = OrderWatch(
            ledger, deadlines, clock=clock, record=inbox.record, reconcile=reconcile
        )
        self._first = FirstOrder(ledger, watch)
        self._replacing = Replacing(
            ledger=ledger,
            journal=journal,
            gate=gate,
            session=session,
            watch=watch,
            clock=clock,
            client_id=client_id,
            find=self._find,
            turned_away=self._turned_away,
        )
        watch.start()
        inbox.reads_only = False  # it may have been set right since the last connection
        self._previewed: set[tuple[int, int]] = set()
        """(contract number, side) of which the broker has told on this connection what margin it takes"""
        self._lookups: dict[str, asyncio.Future[list[ContractDetails]]] = {}
        """question -> its answer under way"""
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

    def stop(self) -> None:
        """The connection is over: nobody waits for its answers any more."""
        self._watch.stop()

    async def finish(self) -> None:
        """Wait for the placements under way."""
        if self._in_progress:
            await asyncio.wait(list(self._in_progress.values()))

    async def _advance(self, state: OrderState, checker: SimpleRiskChecker) -> int | None:
        intent = state.intent
        assert intent is not None
        if intent.action == "CANCEL":
            return await self._cancel_target(state)
        if intent.action == "REPLACE":
            return await self._replacing.take(state, checker)
        if self._turned_away(state, intent):
            return None
        try:
            instrument, quote = await self._find(intent)
            limits = checker.limits_of(Order.read(state.raw), instrument)
            if intent.sign < 0 and "allow_unlocated_short" in limits.in_force:
                await self._lines.shortable(instrument)
        except IntentError as error:
            self.gate.deny(state, error.code, str(error))
            return None
        except NotConnectedError as error:
            self.gate.deny(state, NOT_CONNECTED, str(error))
            return None
        state = self._ledger.get(state.intent_id) or state
        if state.final or self._locked(state, instrument):  # cancelled meanwhile
            return None
        if state.accepted_at is None:
            checker.bind(self._market)
            if self._margin_due(state, checker, instrument):
                await self._ask_margin(intent, instrument)
                state = self._ledger.get(state.intent_id) or state
                if state.final or self._turned_away(state, intent, instrument):  # it took a while
                    return None
            try:
                state = self.gate.decide(state, checker, instrument, quote)
            finally:
                self._market.margins.pop(state.intent_id, None)
        if state.final:
            return None
        alone, order_id = await self._first.turn(), None
        try:
            order_id = await self._transmit(state, intent, instrument)
        finally:
            if alone:
                self._first.sent(None if order_id is None else state.intent_id)
        return order_id

    def _turned_away(
        self, state: OrderState, intent: OrderIntent, instrument: Instrument | None = None
    ) -> bool:
        """Deny what may not be placed now, whatever risk would say; whether it was denied."""
        refusal = self._refusal(state, instrument) or (GATEWAY_READ_ONLY if self._inbox.reads_only else None)
        if refusal is not None:
            self.gate.deny(state, *refusal)
        elif self.gate.stale(intent):
            self.gate.deny_stale(state)
        elif state.intent_id in self._inbox.foreign_refs:
            reason = (
                f"The broker has an order of intent {state.intent_id} already, sent from another journal, "
                "which alone can report it; it is not sent again."
            )
            log.critical("%s", reason)
            self.gate.deny(state, SENT_ELSEWHERE, reason)
        else:
            return False
        return True

    def _locked(self, state: OrderState, instrument: Instrument) -> bool:
        """Deny an order of a contract that an incident locks; whether it was denied."""
        reason = self._market.locked(instrument.con_id)
        if reason:
            self.gate.deny(state, "SYMBOL_LOCKED", reason)
        return bool(reason)

    async def quote(self, intent: OrderIntent) -> Quote:
        """See ``IBKRExecClient.quote``."""
        return (await self._find(intent))[1]

    async def _find(self, intent: OrderIntent) -> tuple[Instrument, Quote]:
        instrument = await self._resolve(intent)
        return instrument, await self._lines.quote(instrument)

    def _margin_due(self, state: OrderState, checker: SimpleRiskChecker, instrument: Instrument) -> bool:
        """Whether the broker has to be asked what margin an order would leave (RISK.md, control 20)."""
        numbers = checker.limits.numbers  # both limits are the account's alone
        if "min_excess_liquidity" not in numbers:
            return False
        order = Order.read(state.raw)
        if order.quantity is None:
            return False
        if (instrument.con_id, order.sign) not in self._previewed:
            return True
        above, price = numbers.get("what_if_above"), order.limit_price or self._market.mark(instrument.con_id)
        rate = self._market.rate(instrument.currency)
        if above is None:
            return False
        return price is None or rate is None or order.quantity * price * instrument.multiplier * rate > above

    async def _ask_margin(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Keep the broker's answer for the verdict; no answer is kept as such (hazard H40)."""
        try:
            margin = await self.what_if(intent)
        except NotConnectedError:
            margin = Margin()
        self._market.margins[intent.intent_id] = margin
        if margin.excess is not None:
            self._previewed.add((instrument.con_id, intent.sign))

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
            found = await self._details(contracts.contract_query(intent))
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

    async def _details(self, query: Contract) -> list[ContractDetails]:
        """The contracts that fit; orders of one contract that come at once ask once."""
        key = repr(query)
        asking = self._lookups.get(key)
        if asking is None:
            asking = asyncio.ensure_future(self._session.contract_details(query, DETAILS_TIMEOUT))
            self._lookups[key] = asking
            asking.add_done_callback(lambda _: self._lookups.pop(key))
        return await asyncio.shield(asking)

    async def _transmit(self, state: OrderState, intent: OrderIntent, instrument: Instrument) -> int | None:
        """Reserve an order id, make that durable, and write the order to the socket, in this order."""
        exposure = self._market.exposure
        reduces = exposure.known and exposure.line(instrument.con_id, instrument).shrinks(intent.sign)
        await self._session.order_turn(Lane.REDUCE if reduces else Lane.ORDER)
        # The wait may have been long: the order may be cancelled, too old, or the gateway gone.
        state = self._ledger.get(state.intent_id) or state
        if state.final or self._turned_away(state, intent, instrument) or self._locked(state, instrument):
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
        # The disk may have been slow: whoever pressed the kill switch meanwhile must not see it leave.
        if self._turned_away(state, intent, instrument):
            return None
        try:
            self._session.place(intent, instrument, order_id, account)
        except NotConnectedError as error:
            self.gate.deny(state, NOT_CONNECTED, str(error))
            return None
        met = self._market.quote(instrument.con_id).told
        self._ledger.record(
            Sent(intent_id=state.intent_id, at=self._clock(), journaled_at=journaled_at, **met)
        )
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
