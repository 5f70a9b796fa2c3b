"""
The paper gateway itself: sockets and the clock around the floor.

Everything runs in one event loop. Bytes from a client, the next quotes, a deadline of the exchange:
each is one batch, after which every client that has to hear of it gets one write.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from toolkit.errors import GatewayError
from toolkit.gateway.api_settings import ApiSettings
from toolkit.gateway.clock import Clock
from toolkit.gateway.connection import Connection
from toolkit.gateway.control import Market
from toolkit.gateway.control_port import ControlPort
from toolkit.gateway.day import Day
from toolkit.gateway.derivatives import universe_of
from toolkit.gateway.exchange_config import ExchangeConfig
from toolkit.gateway.fault_desk import Faults
from toolkit.gateway.floor import Floor
from toolkit.gateway.instruments import Universe
from toolkit.gateway.interference import PracticeExchange
from toolkit.gateway.ledger import Ledger
from toolkit.gateway.market import QuoteSource, open_market
from toolkit.gateway.replay import MarketQuote
from toolkit.gateway.session import Session
from toolkit.gateway.state import State
from toolkit.gateway.threaded import Threaded

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.05
"""How often the market moves and account streams are looked at, in seconds of real time."""


MAX_UNNAMED = 64
"""Most connections that have not named their client; beyond that the oldest makes room for the newest."""


class PaperGateway(Threaded):
    """
    A server for the TWS socket protocol with a simulated exchange behind it.

    Use it as ``async with PaperGateway() as gateway`` inside a loop, or as
    ``with PaperGateway() as gateway`` (or :meth:`start_in_thread`) to have it in its own thread.

    Args:
        host: address to listen on.
        port: TCP port; 0 picks a free one.
        account: account code, or several separated by commas.
        pacing: cut off a client that sends more than 50 messages a second (error 100).
        read_only: refuse orders (error 321).
        master_client_id: the client that hears of the orders and fills of all clients.
        quotes: ``synthetic``, a CSV file to replay, or None: only ``market.set_quote`` moves prices.
        seed: seed of the synthetic quotes.
        speed: seconds at the gateway per second of real time.
        latency_ms: milliseconds from an order's arrival until it is in the market.
        market_data: ``live``, or ``delayed`` for accounts without a subscription.
        hours: ``always``, or ``regular`` for exchange sessions.
        cash: what each account starts with, in USD.
        limit_fill: ``quote`` (resting limits fill on quotes only) or ``queue`` (on prints too).
        commission_plan: ``fixed`` or ``tiered``.
        symbols: a CSV file with what can be traded, see ``Universe.from_csv``; None: the shipped table.
        universe: what can be traded, when it is not in a file.
        clock: a clock of one's own, for example a ``ManualClock``; ``speed`` does not apply to it.
        faults: YAML file with what is to go wrong, see :mod:`toolkit.gateway.faults`.
        control_port: TCP port on this machine for ``toolkit gateway-control``; 0 picks a free one.
        state: file in which it remembers orders, executions, positions and ids over its own end.

    Attributes:
        port: the port it listens on, once started.
        market: sets quotes.
        faults: what is to go wrong.
        control: takes commands from other processes; None without a control port.
        ledger: the orders received and fills issued.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        account: str = "DU123456",
        pacing: bool = False,
        read_only: bool = False,
        master_client_id: int | None = None,
        market_data: str = "live",
        quotes: str | Path | None = "synthetic",
        seed: int = 1,
        speed: float = 1.0,
        latency_ms: float = 0.0,
        hours: str = "always",
        cash: Decimal = Decimal(1_000_000),
        limit_fill: str = "quote",
        commission_plan: str = "fixed",
        symbols: str | Path | None = None,
        universe: Universe | None = None,
        clock: Clock | None = None,
        state: str | Path | None = None,
        faults: str | Path | None = None,
        control_port: int | None = None,
    ) -> None:
        super().__init__()
        self.host = host
        self.port = port
        self.accounts = tuple(code.strip() for code in account.split(",") if code.strip())
        if not self.accounts:
            raise GatewayError("The paper gateway needs an account code, for example DU123456.")
        if speed <= 0:
            raise GatewayError(f"The speed of the paper gateway must be above 0, not {speed}.")
        self.faults = Faults(self)
        if faults is not None:
            self.faults.load(faults)
        self.control = None if control_port is None else ControlPort(self, control_port)
        self.clock = clock or Clock(speed)
        self._state = None if state is None else State(state)
        if self._state is not None and self._state.then is not None:
            self.clock.not_before(self._state.then)
        now = self.clock.now()
        instruments = universe
        if instruments is None:
            instruments = universe_of(now.date()) if symbols is None else Universe.from_csv(symbols)
        self._source: QuoteSource | None = (
            None if quotes is None else open_market(quotes, instruments, seed, now)
        )
        # Execution and permanent ids carry the start time: a client's journal outlives this process.
        run = self._state.run if self._state is not None else None
        config = ExchangeConfig(
            limit_fill=limit_fill,
            latency_ms=latency_ms,
            commission_plan=commission_plan,
            run=int(now.timestamp()) if run is None else run,
        )
        self.exchange = PracticeExchange(instruments, self.accounts, cash, hours, config)
        pace = timedelta(seconds=speed) if pacing else None
        settings = ApiSettings(read_only, master_client_id, pace, market_data)
        self.floor = Floor(self.exchange, instruments, self.accounts, now, settings)
        if self._source is not None:
            self.floor.past = self._source.past
        if self._state is not None:
            self._remember(self._state, config.run, now)
        self.market = Market(self)
        self.connections: dict[Session, Connection] = {}
        self._server: asyncio.Server | None = None
        self._running: asyncio.Task[None] | None = None
        self._due = self.floor.next_due(now)
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._thread_id = 0

    @property
    def ledger(self) -> Ledger:
        """The orders received and the fills issued."""
        return self.floor.ledger

    # ---- life -----------------------------------------------------------------------------

    async def start(self) -> None:
        """
        Listen.

        Raises:
            GatewayError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Connection(self), self.host, self.port)
        except OSError as error:
            self._forget_state()
            raise GatewayError(
                f"The paper gateway cannot listen on {self.host}:{self.port} "
                f"({error.strerror}): choose another --port."
            ) from error
        self._loop = loop
        self._thread_id = threading.get_ident()
        self.port = self._server.sockets[0].getsockname()[1]
        self._running = loop.create_task(self._run(), name="paper gateway market")
        try:
            if self.control is not None:
                await self.control.start()
            self.faults.begin(loop)
        except GatewayError:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop listening and cut off every client. Raises what stopped the market, if it did."""
        if self._server is None or self._running is None:
            return
        self._server.close()
        if self.control is not None:
            await self.control.close()
        for connection in tuple(self.connections.values()):
            connection.transport.abort()
        self._running.cancel()
        ticking, self._running = self._running, None
        await self._server.wait_closed()
        await self._empty.wait()
        self._forget_state()
        with suppress(asyncio.CancelledError):
            await ticking

    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set. Raises what stopped the market, if that comes first."""
        if self._running is None:
            raise GatewayError("The paper gateway has not been started.")
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait({waiting, self._running}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def attach(self, session: Session, connection: Connection) -> None:
        """A client has connected; for its connection."""
        self.connections[session] = connection
        self._empty.clear()
        unnamed = [each for each in self.connections.values() if each.unnamed]
        if len(unnamed) > MAX_UNNAMED:
            unnamed[0].refuse_unnamed()

    def detach(self, session: Session) -> None:
        """A client is gone, and its client id free again; for its connection."""
        self.connections.pop(session, None)
        self.floor.leave(session)
        if not self.connections:
            self._empty.set()

    # ---- what happens -------------------------------------------------------------------------

    def call(self, action: Callable[[datetime], None]) -> None:
        """
        Do something on the floor as one batch, given the gateway's time; from any thread.

        Raises:
            GatewayError: the gateway is not running.
        """
        if self._loop is None or self._running is None:
            raise GatewayError("The paper gateway is not running: start it first.")

        def batch() -> None:
            action(self.catch_up())
            self.flush()

        if threading.get_ident() == self._thread_id:
            batch()
        else:
            asyncio.run_coroutine_threadsafe(_awaited(batch), self._loop).result()

    def catch_up(self) -> datetime:
        """
        The time now, with everything done that was to be done by then.

        The first step of every batch: what a deadline or midnight ends is over before anything else.
        """
        now = self.clock.now()
        if self._due <= now:
            self.floor.advance(now)
        return now

    def later(self, seconds: float, action: Callable[[datetime], None]) -> None:
        """Do something on the floor after a while; from the gateway's own thread."""

        def act() -> None:
            if self._running is not None:
                self.call(action)

        asyncio.get_running_loop().call_later(seconds, act)

    def roll_back_ids(self, count: int, client_id: int | None = None) -> None:
        """Make nextValidId fall back by ``count`` for one client or all."""
        for client in self.exchange.roll_back_ids(count, client_id):
            if self._state is not None:
                self._state.note_client(client)

    def flush(self) -> None:
        """Send what has collected, one write a client, and see when the exchange is due next."""
        if self._state is not None:
            self._state.save(self.exchange, self.ledger, self.floor.day.start, self.clock.now())
        pending = self.floor.pending
        while pending:
            session = pending.pop()
            output = session.take_output()
            if connection := self.connections.get(session):
                connection.write(output)
        due, before = self.floor.next_due(self.clock.now()), self._due
        self._due = due
        if due < before:
            self._wake.set()

    async def _run(self) -> None:
        """Move the market at every tick, and the exchange whenever something is due there."""
        loop = asyncio.get_running_loop()
        next_tick = loop.time()
        while True:
            now = self.catch_up()
            if loop.time() >= next_tick:
                next_tick = loop.time() + TICK_SECONDS
                self._move_market(now)
                self.floor.refresh(now)
            self.flush()
            self._wake.clear()
            pause = min(next_tick - loop.time(), self.clock.seconds_until(self._due))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    def _remember(self, state: State, run: int, now: datetime) -> None:
        """Be where the file is, and let the time pass that has passed since."""
        try:
            state.begin(self.exchange, self.ledger, run, now)
        except GatewayError:
            state.close()
            raise
        self.floor.note = state.note
        self.floor.day = Day(self.exchange, self.accounts, now, state.day)
        self.floor.advance(now)

    def _forget_state(self) -> None:
        if self._state is not None:
            self._state.close()

    def _move_market(self, now: datetime) -> None:
        if self._source is None or self.market.frozen:
            return
        for move in self._source.moves_until(now):
            if isinstance(move, MarketQuote):
                sizes = move.bid_size, move.ask_size
                self.floor.quote(move.con_id, move.bid, move.ask, *sizes, now)
            else:
                self.floor.trade(move.con_id, move.price, move.size, now, move.cond)


async def _awaited(action: Callable[[], None]) -> None:
    action()
