"""
The trading floor: where the conversations with all clients meet the one exchange.

Every event of the exchange passes through :meth:`Floor.publish`, which writes it into the ledger
and tells those who may hear it. No sockets and no clock: ``now`` is always given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from toolkit.gateway import account_requests, order_requests, watches
from toolkit.gateway.api_settings import DELAYED, ApiSettings
from toolkit.gateway.calendar import Hours
from toolkit.gateway.day import Day
from toolkit.gateway.delay import DelayLine
from toolkit.gateway.events import (
    AccountChanged,
    CommissionCharged,
    Event,
    Executed,
    Noticed,
    OrderUpdated,
    PositionChanged,
    Print,
    Quote,
    Refused,
)
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.instruments import Universe
from toolkit.gateway.ledger import Ledger
from toolkit.gateway.past import Past
from toolkit.gateway.ticks import Number, exact, quantity, size_of

if TYPE_CHECKING:
    from toolkit.gateway.session import Session

PLENTY = Decimal(1_000_000)
"""Shares of every stock that can be borrowed, until somebody says otherwise."""
MAX_CLIENTS = 32
"""Most clients that one gateway serves at a time, as the broker's does."""


class Floor:
    """
    One exchange, its instruments and accounts, and the clients that are connected now.

    Attributes:
        settings: what clients may do.
        sessions: client id -> its conversation, once it has named itself.
        watchers: contract id -> the market data subscriptions to it.
        delay: where market data waits until it may be told; None: it is told at once.
        pending: conversations that have something to be sent; whoever owns the sockets empties it.
        ledger: what truly happened.
        executions_since: UTC; earlier fills are no longer told.
        past: what an instrument (by its contract id) did before the market began, where that is known.
        refreshing: when the account streams are told.
        day: the broker's day that it is.
        note: told of all events first; whoever keeps the memory of the gateway sets it.
    """

    def __init__(
        self,
        exchange: Exchange,
        universe: Universe,
        accounts: Sequence[str],
        now: datetime,
        settings: ApiSettings = ApiSettings(),  # noqa: B008 - frozen
    ) -> None:
        self.exchange = exchange
        self.universe = universe
        self.accounts = tuple(accounts)
        self.settings = settings
        self.ledger = Ledger()
        self.sessions: dict[int, Session] = {}
        self._lendable: dict[int, Decimal] = {}
        self.watchers: dict[int, list[watches.Watch]] = {}
        self.delay = DelayLine() if settings.market_data == DELAYED else None
        self.pending: set[Session] = set()
        self.executions_since = datetime.min.replace(tzinfo=UTC)
        self.past: Callable[[int, Hours], Past | None] = lambda *_: None
        self.note: Callable[[Sequence[Event]], None] | None = None
        self.refreshing = account_requests.Refresh(now)
        self.day = Day(exchange, self.accounts, now)

    def enter(self, session: Session) -> tuple[int, str] | None:
        """Let a conversation in under its client id; otherwise the error code and text."""
        if session.client_id in self.sessions:
            return 326, (
                "Unable to connect as the client id is already in use. Retry with a unique client id."
            )
        if len(self.sessions) >= MAX_CLIENTS:
            return 502, f"Couldn't connect: the gateway serves {MAX_CLIENTS} clients already."
        self.sessions[session.client_id] = session
        return None

    def leave(self, session: Session) -> None:
        """Forget a conversation and its subscriptions; its orders live on."""
        if self.sessions.get(session.client_id) is session:
            del self.sessions[session.client_id]
        for watch in session.watches.values():
            watches.stop_watching(self, watch)
        session.watches.clear()
        self.pending.discard(session)

    def quote(
        self,
        con_id: int,
        bid: Number | None,
        ask: Number | None,
        bid_size: Number | None,
        ask_size: Number | None,
        now: datetime,
    ) -> None:
        """A new best bid and offer of one instrument; None means that side is missing."""
        events = self.exchange.quote(con_id, bid, ask, bid_size, ask_size, now)
        if con_id in self.watchers or self.delay is not None:
            self._tell(self.exchange.last_quote(con_id))
        if events:
            self.publish(events)

    def trade(
        self, con_id: int, price: Number, size: Number, now: datetime, cond: str = "", aggressor: str = ""
    ) -> None:
        """A print of one instrument, unless it is halted; ``aggressor`` B or S where that is known."""
        if self.exchange.is_halted(con_id):
            return
        heard = con_id in self.watchers or self.delay is not None
        before = self.exchange.last_print(con_id) if heard else None
        events = self.exchange.trade(con_id, price, size, now, cond, aggressor)
        if heard:
            trade = self.exchange.last_print(con_id)
            if trade is before:  # it has not set the last price
                trade = Print(con_id, exact(price), quantity(size_of(size)), now, cond, last=False)
            self._tell(trade)
        if events:
            self.publish(events)

    def halt(self, con_id: int, now: datetime, *, halted: bool) -> None:
        """Stop the trading of an instrument, or resume it."""
        events = self.exchange.halt(con_id, now, halted=halted)
        watches.tell_halted(self.watchers.get(con_id, ()), halted=halted)
        self.publish(events)

    def lendable(self, con_id: int) -> Decimal:
        """Shares of a stock that can be borrowed."""
        return self._lendable.get(con_id, PLENTY)

    def lend(self, con_id: int, shares: Decimal) -> None:
        """From now on so many shares of a stock can be borrowed."""
        self._lendable[con_id] = shares
        watches.tell_lendable(self.watchers.get(con_id, ()), shares)

    def advance(self, now: datetime) -> None:
        """Let time pass, each midnight at its moment."""
        while (midnight := self.day.ends) <= now:
            self.publish(self.exchange.advance(midnight))
            self.day.begin(midnight)
            self.refreshing.touch()
        self.publish(self.exchange.advance(now))

    def next_due(self, now: datetime) -> datetime:
        """When :meth:`advance` has something to do next."""
        due = self.exchange.next_due(now)
        return self.day.ends if due is None else min(due, self.day.ends)

    def refresh(self, now: datetime) -> None:
        """Tell what has become due: delayed market data, and changes of account values and profits."""
        if self.delay is not None:
            for tick in self.delay.come_out(now):
                watches.tell(tick, self.watchers.get(tick.con_id, ()))
        account_requests.refresh(self, now)

    def bind(self) -> list[OrderUpdated]:
        """Make the orders made by hand those of client 0; what it is to be told."""
        events = self.exchange.bind()
        if self.note is not None:
            self.note(events)
        return events

    def publish(self, events: Sequence[Event]) -> None:
        """Tell each event to those who may hear it. All events of the exchange pass through here."""
        if self.note is not None:
            self.note(events)
        fills: dict[str, Executed] = {}
        for event in events:
            match event:
                case OrderUpdated():
                    for listener in self._listeners(event.order.client_id, event.order.order_id):
                        order_requests.tell_order(listener, event)
                case Executed():
                    fills[event.exec_id] = event
                    for listener in self._listeners(event.client_id, event.order_id):
                        order_requests.tell_fill(listener, event)
                case CommissionCharged():
                    fill = fills[event.exec_id]
                    self.ledger.record_fill(fill, event)
                    for listener in self._listeners(fill.client_id, fill.order_id):
                        order_requests.tell_commission(listener, event)
                case PositionChanged():
                    for listener in self.sessions.values():
                        account_requests.tell_position(listener, event)
                case AccountChanged():
                    self.refreshing.touch()
                case Noticed(order_id=0):
                    pass  # the order was made by hand, in the broker's own window
                case Refused() | Noticed():
                    if session := self.sessions.get(event.client_id):
                        order_requests.tell_error(session, event)

    def _tell(self, tick: Quote | Print | None) -> None:
        """Pass the market's news on, now or later."""
        if tick is None:
            return
        if self.delay is not None:
            self.delay.put(tick)
        else:
            watches.tell(tick, self.watchers.get(tick.con_id, ()))

    def _listeners(self, client_id: int, order_id: int) -> list[Session]:
        """Who hears of an order and its fills: its client, unless made by hand, and the master client."""
        own, master = self.sessions.get(client_id) if order_id else None, self.settings.master_client_id
        heard_by = [own] if own else []
        if master is not None and master != client_id and master in self.sessions:
            heard_by.append(self.sessions[master])
        return heard_by
