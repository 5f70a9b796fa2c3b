"""
A journal and a connection to the gateway, which may be lost and made again while the journal stays open.

What the connection tells goes to ``inbox``, what keeps it honest is ``watch``; ``IBKRExecClient`` adds
the orders.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from toolkit.broker.client_config import ClientConfig, is_paper
from toolkit.broker.controls import Controls
from toolkit.broker.execution_wrapper import IBKRExecutionWrapper
from toolkit.broker.inbox import Inbox
from toolkit.broker.market import MarketBook
from toolkit.broker.placement import Placement
from toolkit.broker.quote_recorder import QuoteRecorder
from toolkit.broker.requests import RequestRefusedError
from toolkit.broker.session import Session
from toolkit.broker.watch import Watch
from toolkit.errors import JournalError, NotConnectedError
from toolkit.journal.quotes import FILE, QuoteWriter
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import OrderLedger, Report
from toolkit.orders.state import OrderState
from toolkit.risk.gate import Gate

log = logging.getLogger(__name__)
T = TypeVar("T")


class BrokerConnection(ABC):
    """
    Opens the journal, connects, asks what happened, and closes both.

    Args:
        config: see ``ClientConfig``.
        clock: gives the time, UTC.

    Attributes:
        config: what it was told, merged with the environment.
        last_error: why the gate is closed, one sentence; ``""`` while all is well.

    Raises:
        ConfigError: ``config`` or the environment is malformed.
    """

    def __init__(
        self, config: Mapping[str, Any] | None = None, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.config = ClientConfig.of(config or {})
        self.last_error = ""
        self._clock = clock or (lambda: datetime.now(UTC))
        self._journal: SqliteJournal | None = None
        self._ledger: OrderLedger | None = None
        self._market: MarketBook | None = None
        self._inbox: Inbox | None = None
        self._session: Session | None = None
        self._placement: Placement | None = None
        self._watch: Watch | None = None
        self._controls: Controls | None = None
        self._recorder: QuoteRecorder | None = None
        self._ready = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    # --- connection ------------------------------------------------------------------------------

    async def connect_async(self, timeout: float = 10.0) -> bool:
        """
        Open the journal, connect, and learn what happened while we were away.

        Args:
            timeout: seconds for the handshake; the questions after it have their own.

        Returns:
            Whether orders may be placed now; if not, ``last_error`` says why in one sentence. While
            ``connected`` the gateway is there but did not tell all: it is asked again in the background.

        Raises:
            JournalError: the journal cannot be opened, or another process owns it.
        """
        try:
            return await self.open(timeout)
        except NotConnectedError as error:
            log.error("%s", error)
            return False

    async def open(self, timeout: float = 10.0) -> bool:
        """
        As ``connect_async``, but a connection that cannot be made is raised instead of logged.

        Raises:
            ClientIdTakenError: another program has our client id.
            NotConnectedError: the gateway cannot be reached, or closed the connection.
            JournalError: the journal cannot be opened, or another process owns it.
        """
        await self._close_session()
        first = self._journal is None
        inbox, watch, config = self._remember(), there(self._watch), self.config
        session = Session(
            inbox,
            IBKRExecutionWrapper(inbox, self._clock),
            rate=config.max_messages_per_second,
            fast=config.fast_codec,
        )
        self._session = inbox.session = session
        watch.connecting()
        try:
            await session.connect(config.host, self.port, config.client_id, timeout)
            self._open(_choose_account(config.account, session.accounts))
            await session.account_updates(self._account, config.timing.answer_timeout_s)
            await session.watch_profit(self._account)
            if await watch.begin(session, trading=not config.read_only):
                return self.ready
            if session.connected:
                return False
            failure = NotConnectedError(self.last_error or "The gateway closed the connection.")
        except JournalError:
            await self.disconnect_async()
            raise
        except RequestRefusedError as error:
            failure = NotConnectedError(str(error))
        except NotConnectedError as error:
            failure = error
        watch.unreachable(str(failure), session.client_id_refused)
        await (self.disconnect_async() if first else self._close_session())
        self.last_error = str(failure)
        raise failure

    async def disconnect_async(self) -> None:
        """Close the connection and the journal; orders at the broker stay as they are."""
        await self._close_session()
        if self._watch is not None:
            await self._watch.close()
        if self._placement is not None:
            await self._placement.finish()
        if self._controls is not None:
            await self._controls.close()
        if self._recorder is not None:
            await self._recorder.close()
        if self._journal is not None:
            journal, self._journal = self._journal, None
            journal.close()

    @property
    def connected(self) -> bool:
        """Whether the socket to the gateway is open; ``ready`` needs more."""
        return self._session is not None and self._session.connected

    async def wait_disconnected(self) -> None:
        """Return when there is no connection."""
        while self.connected:
            await there(self._session).wait_closed()

    @property
    def ready(self) -> bool:
        """Whether orders may be placed: the broker is in reach, and what happened before is known."""
        return self._ready.is_set()

    @property
    def port(self) -> int:
        """The gateway's port: the configured one, or where it said that it moved to (code 1300)."""
        moved = 0 if self._watch is None else self._watch.link.port
        return moved or self.config.port

    async def wait_ready(self) -> None:
        """Return when orders may be placed."""
        await self._ready.wait()

    @property
    def ledger(self) -> OrderLedger:
        """Every order of this journal; NotConnectedError before the first connection."""
        return there(self._ledger)

    @property
    def journal(self) -> SqliteJournal:
        """The open journal; NotConnectedError while there is none."""
        return there(self._journal)

    @property
    def gate(self) -> Gate:
        """Where intents are received and judged; NotConnectedError before a connection."""
        return there(self._placement).gate

    @property
    def controls(self) -> Controls:
        """Kill switch, arming and limits; NotConnectedError before the first connection."""
        return there(self._controls)

    @property
    def inbox(self) -> Inbox:
        """Where the broker's callbacks arrive; NotConnectedError before the first connection."""
        return there(self._inbox)

    @property
    def market(self) -> MarketBook:
        """Contracts, quotes, positions and account figures; NotConnectedError before a connection."""
        return there(self._market)

    @property
    def recorder(self) -> QuoteRecorder:
        """Who writes down the quotes around our orders; NotConnectedError before the first connection."""
        return there(self._recorder)

    @property
    def paper(self) -> bool:
        """Whether this is a paper account."""
        return is_paper(self._account, self.port)

    # --- what a connection leads to

    @abstractmethod
    def _open(self, account: str) -> None:
        """The handshake is done: be ready to place orders of ``account`` once the gate opens."""

    @abstractmethod
    async def cancel_intent(self, intent_id: str, by: str = "python") -> bool:
        """Cancel the order of an intent."""

    @abstractmethod
    def _keep_report(self, event: AnyEvent, state: OrderState, report: Report | None) -> None:
        """Hear a change of an order."""

    def reconcile_soon(self, reason: str) -> None:
        """
        Ask the broker what became of our orders; several requests at once are one.

        Args:
            reason: why, one sentence for the log.
        """
        there(self._watch).soon(reason)

    # --- starting up and stopping

    @property
    def _account(self) -> str:
        return self.config.account if self._market is None else self._market.account or self.config.account

    def _remember(self) -> Inbox:
        """Open the journal and fold it, unless that was done for an earlier connection."""
        if self._journal is not None:
            return there(self._inbox)
        self._journal = SqliteJournal(self.config.home / "journal.db")
        self._market = MarketBook(self._clock)
        self._ledger = OrderLedger(self._journal, [self._market.observe])
        self._recorder = QuoteRecorder(QuoteWriter(self.config.home / FILE), self._market, self._clock)
        self._recorder.start()
        self._ledger.listeners += [self._keep_report, self._recorder.hear]
        self._inbox = Inbox(
            self._ledger,
            self._market,
            client_id=self.config.client_id,
            clock=self._clock,
            on_lost=self._lose,
            on_link=self._on_link,
            on_incident=self.reconcile_soon,
            patience=self.config.timing.deadlines.cancel,
        )
        self._watch = Watch(
            inbox=self._inbox,
            market=self._market,
            ledger=self._ledger,
            config=self.config,
            clock=self._clock,
            on_gate=self._on_gate,
            on_lost=self._lose,
            cancel=self.cancel_intent,
        )
        self._controls = Controls(self._journal, self._ledger, self._market, self.config, self._clock)
        self._controls.watch()
        return self._inbox

    async def _close_session(self) -> None:
        self._ready.clear()
        if self._placement is not None:
            self._placement.stop()
        if self._closing is not None:
            await self._closing
            self._closing = None
        if self._session is not None:
            await self._session.close()
        if self._watch is not None:
            await self._watch.end()

    def _on_link(self, code: int, text: str) -> None:
        there(self._watch).on_link(code, text)

    def _on_gate(self) -> None:
        """The gate may have opened or closed."""
        watch = there(self._watch)
        if watch.open:
            self.last_error = ""
            self._ready.set()
        else:
            self._ready.clear()
            self.last_error = watch.problem[1]

    def _lose(self, reason: str) -> None:
        """The connection is gone or of no use: nothing is placed until a new one tells what happened."""
        if self._ready.is_set():
            log.error("%s", reason)
        there(self._watch).on_lost(reason)
        self._on_gate()
        session = there(self._session)
        session.requests.fail_all(reason)
        if session.connected and self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(session.close())


def _choose_account(wanted: str, accounts: list[str]) -> str:
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


def there(thing: T | None) -> T:
    """What exists from the first connection on; NotConnectedError before that."""
    if thing is None:
        raise NotConnectedError("The client is not connected; call connect_async() first.")
    return thing
