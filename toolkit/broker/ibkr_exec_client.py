"""
The execution client: places and cancels orders at Interactive Brokers and knows their state.

It belongs to the event loop that connected it; ``toolkit.connect`` gives notebooks one that lives
in a thread of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from toolkit.broker import contracts
from toolkit.broker.client_config import LIVE_PORTS, ClientConfig
from toolkit.broker.execution_wrapper import IBKRExecutionWrapper
from toolkit.broker.inbox import Inbox
from toolkit.broker.market import MarketBook
from toolkit.broker.quotes import QuoteLines
from toolkit.broker.requests import RequestRefusedError
from toolkit.broker.session import Session
from toolkit.errors import IntentError, NotConnectedError
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import AnyEvent, CancelRequested, Lost, Reserved, Sent
from toolkit.orders.intent import OrderIntent
from toolkit.orders.ledger import OrderLedger, Report
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.gate import Gate

__all__ = ["IBKRExecClient", "IBKRExecutionWrapper", "OrderState", "OrderStatus"]

log = logging.getLogger(__name__)
T = TypeVar("T")

ANSWER_TIMEOUT: Final = 10.0
"""Seconds that the gateway has for a complete answer to a question."""
KEPT_REPORTS: Final = 100_000
"""Reports kept for ``get_execution_reports``; older ones are in the journal."""


class IBKRExecClient:
    """
    Main client: orders out, facts back, every one of them journaled.

    Args:
        config: see ``ClientConfig``; ``{'host': ..., 'port': ..., 'client_id': ...}`` is enough.
        clock: gives the time, UTC.

    Attributes:
        config: what it was told, merged with the environment.
        risk_checker: judges the orders that are placed without an orchestrator.
        last_error: why the last connection failed or ended, one sentence; ``""`` while all is well.

    Raises:
        ConfigError: ``config`` or the environment is malformed.
    """

    def __init__(
        self, config: Mapping[str, Any] | None = None, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.config = ClientConfig.of(config or {})
        self.risk_checker = SimpleRiskChecker(
            {
                "max_order_quantity": self.config.max_order_quantity,
                "max_gross_exposure": self.config.max_gross_exposure,
            }
        )
        self.last_error = ""
        self._clock = clock or (lambda: datetime.now(UTC))
        self._journal: SqliteJournal | None = None
        self._ledger: OrderLedger | None = None
        self._market: MarketBook | None = None
        self._gate: Gate | None = None
        self._inbox: Inbox | None = None
        self._session: Session | None = None
        self._lines: QuoteLines | None = None
        self._ready = asyncio.Event()
        self._next_order_id = 0
        self._in_progress: dict[str, asyncio.Future[int | None]] = {}
        """intent id -> the placement under way"""
        self._reports: deque[Report] = deque(maxlen=KEPT_REPORTS)
        self._closing: asyncio.Task[None] | None = None

    # --- connection ------------------------------------------------------------------------------

    async def connect_async(self, timeout: float = 10.0) -> bool:
        """
        Open the journal, connect, and learn what happened while we were away.

        Args:
            timeout: seconds for the handshake; the questions after it have their own.

        Returns:
            Whether orders may be placed now; if not, ``last_error`` says why in one sentence.

        Raises:
            JournalError: the journal cannot be opened, or another process owns it.
        """
        await self._close_session()
        first = self._journal is None
        inbox = self._remember()
        config = self.config
        wrapper = IBKRExecutionWrapper(inbox, self._clock)
        session = Session(inbox, wrapper, rate=config.max_messages_per_second)
        self._session = inbox.session = session
        try:
            await session.connect(config.host, config.port, config.client_id, timeout)
            self._open(self._choose_account(session.accounts))
            await self._take_snapshot()
        except (NotConnectedError, RequestRefusedError) as error:
            self.last_error = str(error)
            log.error("%s", error)
            await (self.disconnect_async() if first else self._close_session())
            return False
        self.last_error = ""
        self._ready.set()
        return True

    async def disconnect_async(self) -> None:
        """Close the connection and the journal; orders at the broker stay as they are."""
        await self._close_session()
        if self._in_progress:
            await asyncio.wait(list(self._in_progress.values()))
        if self._journal is not None:
            journal, self._journal = self._journal, None
            journal.close()

    @property
    def ready(self) -> bool:
        """Whether orders may be placed: connected, and what happened before is known."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Return when orders may be placed."""
        await self._ready.wait()

    @property
    def ledger(self) -> OrderLedger:
        """Every order of this journal; NotConnectedError before the first connection."""
        return _there(self._ledger)

    @property
    def journal(self) -> SqliteJournal:
        """The open journal; NotConnectedError while there is none."""
        return _there(self._journal)

    @property
    def inbox(self) -> Inbox:
        """Where the broker's callbacks arrive; NotConnectedError before the first connection."""
        return _there(self._inbox)

    @property
    def market(self) -> MarketBook:
        """Contracts, quotes, positions and account figures; NotConnectedError before a connection."""
        return _there(self._market)

    # --- orders ------------------------------------------------------------------------------------

    async def place_order(self, intent: Mapping[str, Any]) -> int | None:
        """
        Take one order intent all the way to the broker's socket.

        The same intent again returns the first one's order id and sends nothing.

        Returns:
            The broker order id, or None: denied or failed, and the report says why.

        Raises:
            IntentError: the intent has no usable ``intent_id``, so no report could name it.
            JournalError: nothing can be remembered, so nothing was sent.
            NotConnectedError: the client was never connected.
        """
        return await self.process(intent, self.risk_checker)

    async def process(
        self, raw: Mapping[str, Any], checker: SimpleRiskChecker, source: str = "python"
    ) -> int | None:
        """As ``place_order``, judged by ``checker``; a CANCEL intent returns its target's order id."""
        state, first = _there(self._gate).receive(raw, source)
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

    async def cancel_order(self, ibkr_order_id: int) -> bool:
        """
        Ask the broker to cancel one of our orders.

        Returns:
            Whether the request was sent; what comes of it is in the reports.
        """
        state = self.ledger.by_order(self.config.client_id, ibkr_order_id)
        if state is None:
            log.error("Order %s is not one of ours; nothing was cancelled.", ibkr_order_id)
            return False
        return await self.cancel_intent(state.intent_id)

    async def cancel_intent(self, intent_id: str, by: str = "python") -> bool:
        """As ``cancel_order``, by intent id; an order that was not sent yet is cancelled at once."""
        state = self.ledger.get(intent_id)
        if state is None or state.final:
            log.error("Intent %s has no open order; nothing was cancelled.", intent_id)
            return False
        if not self.ready:
            log.error("Intent %s cannot be cancelled: %s", intent_id, self.last_error or "not connected.")
            return False
        state = self.ledger.record(CancelRequested(intent_id=intent_id, at=self._clock(), by=by))
        if state.order_id is not None:
            await _there(self._session).cancel(state.order_id)
        return True

    def get_order_state(self, intent_id: str) -> OrderState | None:
        """
        The order of an intent as it stands now, or None.

        A snapshot: it does not change afterwards. Ask again for a newer one.
        """
        return self.ledger.get(intent_id)

    async def get_execution_reports(self) -> list[dict[str, Any]]:
        """The reports since the last call, oldest first, each with all executions of its order so far."""
        reports, self._reports = self._reports, deque(maxlen=KEPT_REPORTS)
        return [report.full() for report in reports]

    async def quote(self, intent: OrderIntent) -> Quote:
        """
        The latest quote of the contract that an intent names; its sides are None where there is none.

        Raises:
            IntentError: the broker knows no such contract, or several.
            NotConnectedError: the gateway is not connected.
        """
        if not self.ready:
            raise NotConnectedError(self.last_error or "The gateway is not connected.")
        return await _there(self._lines).quote(await self._resolve(intent))

    def health(self) -> dict[str, Any]:
        """How the client is, as plain values."""
        states = () if self._ledger is None else tuple(self._ledger)
        session, inbox = self._session, self._inbox
        return {
            "connected": session is not None and session.connected,
            "ready": self.ready,
            "orders_tracked": len(states),
            "orders_working": sum(state.working for state in states),
            "orders_unknown": sum(state.status is OrderStatus.UNKNOWN for state in states),
            "next_order_id": self._next_order_id,
            "account": self._account,
            "paper": self.paper,
            "read_only": self._refusal() is not None,
            "server_version": 0 if session is None else session.server_version,
            "decode_failures": 0 if inbox is None else inbox.decode_failures,
            "foreign_fills": 0 if inbox is None else inbox.foreign_fills,
            "error": self.last_error,
        }

    @property
    def paper(self) -> bool:
        """Whether this is a paper account: its name starts with D and the port is no live one."""
        return self._account.startswith("D") and self.config.port not in LIVE_PORTS

    # --- one intent, step by step ------------------------------------------------------------------

    async def _advance(self, state: OrderState, checker: SimpleRiskChecker) -> int | None:
        assert state.intent is not None
        if state.intent.action == "CANCEL":
            return await self._cancel_target(state)
        if state.accepted_at is None:
            state = await self._decide(state, checker)
        return None if state.final else await self._transmit(state)

    async def _decide(self, state: OrderState, checker: SimpleRiskChecker) -> OrderState:
        gate = _there(self._gate)
        assert state.intent is not None
        if gate.stale(state.intent):
            return gate.deny_stale(state)
        refusal = self._refusal()
        if refusal is not None:
            return gate.deny(state, *refusal)
        try:
            instrument = await self._resolve(state.intent)
            quote = await _there(self._lines).quote(instrument)
        except IntentError as error:
            return gate.deny(state, error.code, str(error))
        except NotConnectedError as error:
            return gate.deny(state, "NOT_CONNECTED", str(error))
        state = self.ledger.get(state.intent_id) or state
        if state.final:  # cancelled meanwhile
            return state
        checker.bind(self.market)
        return gate.decide(state, checker, instrument, quote)

    async def _resolve(self, intent: OrderIntent) -> Instrument:
        """
        The contract that an intent names.

        Raises:
            IntentError: there is none, or more than one.
            NotConnectedError: the gateway could not answer.
        """
        known = self.market.find(intent)
        if known is not None:
            return known
        query = contracts.contract_query(intent)
        try:
            found = await _there(self._session).contract_details(query, ANSWER_TIMEOUT)
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
        return self.market.learn(intent, found[0])

    async def _transmit(self, state: OrderState) -> int | None:
        """Reserve an order id, make that durable, and write the order to the socket, in this order."""
        session, gate = _there(self._session), _there(self._gate)
        await session.order_turn()
        # The wait may have been long: the order may be cancelled, too old, or the gateway gone.
        state = self.ledger.get(state.intent_id) or state
        intent = state.intent
        assert intent is not None
        if state.final:
            return None
        if gate.stale(intent):
            gate.deny_stale(state)
            return None
        instrument = self.market.by_number(state.con_id)
        if not self.ready or instrument is None:
            gate.deny(state, "NOT_CONNECTED", "The gateway is not connected; nothing was sent.")
            return None
        order_id = self._new_order_id()
        account = intent.account or self._account
        client_id = self.config.client_id
        state = self.ledger.record(
            Reserved(
                intent_id=state.intent_id,
                at=self._clock(),
                order_id=order_id,
                client_id=client_id,
                account=account,
            )
        )
        await self.journal.durable(self.journal.last_seq)
        journaled_at = self._clock()
        try:
            session.place(
                order_id,
                contracts.contract(instrument, intent.exchange),
                contracts.order(intent, order_id, client_id, account),
            )
        except NotConnectedError as error:
            gate.deny(state, "NOT_CONNECTED", str(error))
            return None
        self.ledger.record(Sent(intent_id=state.intent_id, at=self._clock(), journaled_at=journaled_at))
        return order_id

    async def _cancel_target(self, state: OrderState) -> int | None:
        gate = _there(self._gate)
        assert state.intent is not None
        target_id = state.intent.target_intent_id
        target = self.ledger.get(target_id)
        if target is None:
            gate.deny(state, "UNKNOWN_TARGET", f"No order is known for intent {target_id}.")
            return None
        if target.final:
            gate.deny(
                state, "TARGET_FINISHED", f"The order of intent {target_id} is {target.status.value} already."
            )
            return None
        if not self.ready:
            gate.deny(state, "NOT_CONNECTED", "The gateway is not connected; nothing was sent.")
            return None
        gate.accept_cancel(state)
        await self.cancel_intent(target_id, by=state.intent_id)
        return target.order_id

    def _new_order_id(self) -> int:
        """The next order id, above every id that the broker mentioned for our client."""
        order_id = max(self._next_order_id, _there(self._inbox).highest_order_id + 1)
        self._next_order_id = order_id + 1
        return order_id

    def _refusal(self) -> tuple[str, str] | None:
        """Why no order may be placed on this connection at all: (code, sentence), or None."""
        if self.config.read_only:
            return "READ_ONLY", "IBKR_READ_ONLY is set; unset it to place orders on a paper account."
        if not self.ready:
            return "NOT_CONNECTED", "The gateway is not connected; nothing was sent."
        if not self.paper:
            return (
                "NOT_ARMED",
                f"Account {self._account} on port {self.config.port} is live, and live trading is not armed.",
            )
        return None

    # --- starting up and stopping -------------------------------------------------------------------

    @property
    def _account(self) -> str:
        return self.config.account if self._market is None else self._market.account or self.config.account

    def _remember(self) -> Inbox:
        """Open the journal and fold it, unless that was done for an earlier connection."""
        if self._journal is not None:
            return _there(self._inbox)
        self._journal = SqliteJournal(self.config.home / "journal.db")
        self._ledger = OrderLedger(self._journal)
        self._ledger.listeners.append(self._keep_report)
        self._market = MarketBook(self._ledger)
        self._inbox = Inbox(
            self._ledger,
            self._market,
            client_id=self.config.client_id,
            clock=self._clock,
            on_lost=self._lose,
        )
        return self._inbox

    async def _close_session(self) -> None:
        self._ready.clear()
        if self._closing is not None:
            await self._closing
            self._closing = None
        if self._session is not None:
            await self._session.close()

    def _choose_account(self, accounts: list[str]) -> str:
        wanted = self.config.account
        if wanted and wanted not in accounts:
            raise NotConnectedError(
                f"Account {wanted} is not behind this gateway, which has {', '.join(accounts)}; "
                "correct IBKR_ACCOUNT."
            )
        if not wanted and len(accounts) > 1:
            raise NotConnectedError(
                f"The gateway has several accounts ({', '.join(accounts)}); name one in IBKR_ACCOUNT."
            )
        return wanted or accounts[0]

    def _open(self, account: str) -> None:
        session, market, ledger = _there(self._session), self.market, self.ledger
        market.account = account
        self._lines = _there(self._inbox).lines = QuoteLines(session, market, delayed=self.paper)
        self._gate = Gate(
            ledger,
            clock=self._clock,
            ttl=timedelta(seconds=self.config.intent_ttl_s),
            account=account,
            paper=self.paper,
        )
        highest = ledger.highest_order_id(self.config.client_id)
        self._next_order_id = max(session.next_valid_id, highest + 1)
        self.risk_checker.bind(market)

    async def _take_snapshot(self) -> None:
        """
        Ask what happened while we were away, and adopt it.

        Only complete answers prove absence (hazard H3): an order of ours that appears in none of
        them is from then on unknown, and never sent again by itself.
        """
        session, inbox = _there(self._session), _there(self._inbox)
        inbox.seen = set()
        await session.account_updates(self._account, ANSWER_TIMEOUT)
        await session.positions(ANSWER_TIMEOUT)
        await session.executions(ANSWER_TIMEOUT)
        await session.open_orders(ANSWER_TIMEOUT)
        await session.completed_orders(ANSWER_TIMEOUT)
        seen, inbox.seen = inbox.seen, None
        for state in self.ledger.working():
            if state.order_id is not None and state.intent_id not in seen:
                self.ledger.record(
                    Lost(
                        intent_id=state.intent_id,
                        at=self._clock(),
                        reason="The broker knows neither the order nor an execution of it; "
                        "it may never have arrived. It is not sent again.",
                    )
                )

    def _lose(self, reason: str) -> None:
        """The connection is gone or of no use: nothing is placed until a new one tells what happened."""
        if self._ready.is_set():
            log.error("%s", reason)
        self._ready.clear()
        self.last_error = reason
        session = _there(self._session)
        session.requests.fail_all(reason)
        if session.connected and self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(session.close())

    def _keep_report(self, _event: AnyEvent, _state: OrderState, report: Report | None) -> None:
        if report is not None:
            self._reports.append(report)


def _there(thing: T | None) -> T:
    if thing is None:
        raise NotConnectedError("The client is not connected; call connect_async() first.")
    return thing
