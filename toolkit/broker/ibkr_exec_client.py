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

from toolkit.broker.client_config import ClientConfig, is_paper
from toolkit.broker.execution_wrapper import IBKRExecutionWrapper
from toolkit.broker.inbox import Inbox
from toolkit.broker.market import MarketBook
from toolkit.broker.placement import Placement, Refusal
from toolkit.broker.quotes import QuoteLines
from toolkit.broker.requests import RequestRefusedError
from toolkit.broker.session import Session
from toolkit.errors import JournalError, NotConnectedError
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.contract import Quote
from toolkit.orders.events import AnyEvent, Lost
from toolkit.orders.intent import OrderIntent
from toolkit.orders.ledger import OrderLedger, Report
from toolkit.orders.state import OrderState, OrderStatus
from toolkit.risk.checker import SimpleRiskChecker
from toolkit.risk.gate import Gate
from toolkit.risk.margin import Margin

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
        self.risk_checker = SimpleRiskChecker(self.config.limits)
        self.last_error = ""
        self._clock = clock or (lambda: datetime.now(UTC))
        self._journal: SqliteJournal | None = None
        self._ledger: OrderLedger | None = None
        self._market: MarketBook | None = None
        self._inbox: Inbox | None = None
        self._session: Session | None = None
        self._placement: Placement | None = None
        self._ready = asyncio.Event()
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
        except JournalError:
            await self.disconnect_async()
            raise
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
        if self._placement is not None:
            await self._placement.finish()
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
    def gate(self) -> Gate:
        """Where intents are received and judged; NotConnectedError before a connection."""
        return _there(self._placement).gate

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
        return await _there(self._placement).take(raw, checker, source)

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
        return await _there(self._placement).cancel(intent_id, by)

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
        return await _there(self._placement).quote(intent)

    async def what_if(self, intent: OrderIntent) -> Margin:
        """
        What margin an order would leave, as the broker says; nothing is placed.

        Raises:
            IntentError: the broker knows no such contract, or several.
            NotConnectedError: the gateway is not connected, or did not answer within 2 s.
        """
        if not self.ready:
            raise NotConnectedError(self.last_error or "The gateway is not connected.")
        return await _there(self._placement).what_if(intent)

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
            "next_order_id": 0 if self._placement is None else self._placement.next_order_id,
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
        """Whether this is a paper account."""
        return is_paper(self._account, self.config.port)

    # --- starting up and stopping -------------------------------------------------------------------

    @property
    def _account(self) -> str:
        return self.config.account if self._market is None else self._market.account or self.config.account

    def _remember(self) -> Inbox:
        """Open the journal and fold it, unless that was done for an earlier connection."""
        if self._journal is not None:
            return _there(self._inbox)
        self._journal = SqliteJournal(self.config.home / "journal.db")
        self._market = MarketBook(self._clock)
        self._ledger = OrderLedger(self._journal, [self._market.observe])
        self._ledger.listeners.append(self._keep_report)
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
        session, inbox, market, ledger = _there(self._session), self.inbox, self.market, self.ledger
        market.account = account
        market.forget_quotes()
        inbox.lines = QuoteLines(session, market, delayed=self.paper)
        gate = Gate(
            ledger,
            clock=self._clock,
            ttl=timedelta(seconds=self.config.intent_ttl_s),
            account=account,
            paper=self.paper,
        )
        self._placement = Placement(
            ledger=ledger,
            journal=self.journal,
            gate=gate,
            session=session,
            inbox=inbox,
            market=market,
            lines=inbox.lines,
            client_id=self.config.client_id,
            clock=self._clock,
            refusal=self._refusal,
        )
        self.risk_checker.bind(market)

    def _refusal(self) -> Refusal | None:
        """Why no order may be placed on this connection at all, None when orders may."""
        if self.config.read_only:
            return Refusal("READ_ONLY", "IBKR_READ_ONLY is set; unset it to place orders on a paper account.")
        if not self.ready:
            return Refusal("NOT_CONNECTED", "The gateway is not connected; nothing was sent.")
        if not self.paper:
            return Refusal(
                "NOT_ARMED",
                f"Account {self._account} on port {self.config.port} is live, and live trading is not armed.",
            )
        return None

    async def _take_snapshot(self) -> None:
        """
        Ask what happened while we were away, and adopt it.

        Only complete answers prove absence (hazard H3): an order of ours that appears in none of
        them is from then on unknown, and never sent again by itself.
        """
        session, inbox = _there(self._session), _there(self._inbox)
        inbox.seen = set()
        await session.account_updates(self._account, ANSWER_TIMEOUT)
        await session.watch_profit(self._account)
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
