"""
One client's conversation, from its first byte: bytes in, replies out.

No socket and no clock. What is to be sent collects in the session and in ``Floor.pending``, so
that everything one batch of events causes leaves in one write.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from toolkit.errors import WireError
from toolkit.gateway import (
    account_requests,
    contract_requests,
    history_requests,
    lookups,
    market_requests,
    order_requests,
    replies,
    requests,
)
from toolkit.gateway.account_requests import Stream
from toolkit.gateway.api_settings import ONLY_CLIENT_ZERO, READ_ONLY, Pacing
from toolkit.gateway.events import Refused
from toolkit.gateway.floor import Floor
from toolkit.gateway.request_reader import read_request, request_id
from toolkit.gateway.requests import Feed
from toolkit.gateway.watches import Watch, stop_watching
from toolkit.gateway.wire import Hello, Receiver, negotiate

logger = logging.getLogger(__name__)

_END = object()
_FARM_NOTICES = (
    (2104, "Market data farm connection is OK:paper"),
    (2106, "HMDS data farm connection is OK:paper"),
    (2158, "Sec-def data farm connection is OK:paper"),
)
_PACED_BY_US = "+PACEAPI"
"""Connect option with which a client asks to be slowed down rather than cut off."""

MAX_SUBSCRIPTIONS = 1000
"""Most subscriptions that one client may have at a time, of all kinds together."""

MAX_WARNINGS = 20
"""Most mistakes of one client that are logged: a log must not grow as fast as a client can write."""

_RECEIVE_BLOCK = 4096
"""Official Python clients read so many bytes at once, see :meth:`Session.take_output`."""


class Session:
    """
    One client of the floor.

    Attributes:
        version: server version this client was told; 0 until it said hello.
        client_id: -1 until it named itself.
        ended: nothing more is read; the connection is to be closed once the output is sent.
        hears_positions: it asked for positions.
        binds: orders made by hand are to become its own.
        position_feeds: request id -> positions of one account.
        streams: account values, summaries and profits.
        watches: market data.
        market_data_type: the kind that it wants, 1 live to 4 delayed frozen.
        unfinished: what is left of an answer of many rows, see :meth:`go_on`.
        intercept: asked before each request whether it has been dealt with; None: nobody is.
    """

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.version = 0
        self.client_id = -1
        self.ended = False
        self.hears_positions = False
        self.binds = False
        self.position_feeds: dict[int, requests.PositionsMulti] = {}
        self.streams: dict[tuple[Feed, int], Stream] = {}
        self.watches: dict[tuple[Feed, int], Watch] = {}
        self.market_data_type = 1
        self.intercept: Callable[[list[str], datetime], bool] | None = None
        self.unfinished: Iterator[None] | None = None
        self._receiver = Receiver()
        self._output: list[bytes] = []
        self._warnings = 0
        pace = floor.settings.pace
        self._pacing = None if pace is None else Pacing(pace)

    def receive(self, data: bytes, now: datetime) -> None:
        """
        Take bytes from the client and answer what they complete.

        Raises:
            WireError: the client does not follow the protocol: close it, it cannot be understood.
        """
        for item in self.feed(data):
            if self.ended:
                return
            self.take(item, now)
            while self.unfinished is not None:
                self.go_on()

    def feed(self, data: bytes | memoryview) -> list[Hello | list[str]]:
        """What these bytes complete, to be taken one by one. Raises WireError as :meth:`receive` does."""
        return self._receiver.feed(data)

    def take(self, item: Hello | list[str], now: datetime) -> None:
        """Answer the hello, or begin to answer one request. Raises WireError as :meth:`receive` does."""
        if isinstance(item, Hello):
            self.version = negotiate(item)
            if _PACED_BY_US in item.options:
                self._pacing = None
            self.send(replies.server_version(self.version, now))
        elif self._pacing and (refusal := self._pacing.refuse(now)):
            self.error(-1, *refusal)
            self.ended = True
        elif self.intercept is None or not self.intercept(item, now):
            self._begin(item, now)

    def go_on(self) -> None:
        """Send the next row of an unfinished answer."""
        if self.unfinished is not None and next(self.unfinished, _END) is _END:
            self.unfinished = None

    def send(self, reply: bytes) -> None:
        """Have a reply sent with the others of this batch."""
        self._output.append(reply)
        self.floor.pending.add(self)

    def error(self, req_id: int, code: int, text: str) -> None:
        """Have an error sent; ``req_id`` is a request id, an order id, or -1."""
        self.send(replies.error(self.version, req_id, code, text))

    def warn(self, text: str) -> None:
        """Log a mistake of this client, unless it has made too many."""
        self._warnings += 1
        if self._warnings <= MAX_WARNINGS:
            last = "; its further mistakes are not logged" if self._warnings == MAX_WARNINGS else ""
            logger.warning("client %s: %s%s", self.client_id, text, last)

    def may_subscribe(self, req_id: int) -> bool:
        """Whether there is room for one more subscription; if not, the client is told."""
        if len(self.watches) + len(self.streams) + len(self.position_feeds) < MAX_SUBSCRIPTIONS:
            return True
        self.error(req_id, 101, "Max number of tickers has been reached")
        return False

    def take_output(self) -> bytes:
        """
        All that is to be sent now, and forget it.

        Official Python clients lose a burst whose length is a multiple of 4096 bytes and after
        which nothing comes for a second; a harmless notice makes it another length.
        """
        length = sum(map(len, self._output))
        if self.client_id >= 0 and length and length % _RECEIVE_BLOCK == 0:
            self._output.append(replies.error(self.version, -1, *_FARM_NOTICES[1]))
        output = b"".join(self._output)
        self._output.clear()
        return output

    def answer(self, fields: list[str], now: datetime) -> None:
        """Answer one request to its end. Raises WireError as :meth:`receive` does."""
        self._begin(fields, now)
        while self.unfinished is not None:
            self.go_on()

    def _begin(self, fields: list[str], now: datetime) -> None:
        try:
            request = read_request(fields, self.version)
        except WireError as error:
            self._refuse_malformed(fields, error)
            return
        if isinstance(request, requests.StartApi):
            self._start(request)
        elif self.client_id < 0:
            raise WireError("The client sent a request before it named itself (startApi).")
        elif self.floor.settings.read_only and _is_for_traders(request):
            self.error(-1, *READ_ONLY)
        else:
            try:
                self.unfinished = _HANDLERS[type(request)](self, request, now)
                self.go_on()
            except WireError as error:
                self._refuse_malformed(fields, error)

    def _start(self, request: requests.StartApi) -> None:
        if self.client_id >= 0:
            raise WireError("The client sent startApi twice.")
        if request.client_id < 0:
            raise WireError("The client named itself with a negative client id.")
        self.client_id = request.client_id
        if refusal := self.floor.enter(self):
            self.error(-1, *refusal)
            self.ended = True
            return
        self.send(replies.managed_accounts(self.floor.accounts))
        _next_id(self)
        for code, text in _FARM_NOTICES:
            self.error(-1, code, text)

    def _refuse_malformed(self, fields: list[str], error: WireError) -> None:
        """Answer a request that cannot be read; the stream itself is sound, so it goes on."""
        self.warn(f"unreadable request: {error}")
        text = f"Error reading request. {error}"
        req_id = request_id(fields)
        if fields[0] == "3" and req_id >= 0:
            self.floor.publish([Refused(self.client_id, req_id, 320, text)])
        else:
            self.error(req_id, 320, text)


def _next_id(session: Session, *_: object) -> None:
    largest = session.floor.exchange.largest_order_id(session.client_id)
    session.send(replies.next_valid_id(largest + 1))


def _managed_accounts(session: Session, *_: object) -> None:
    session.send(replies.managed_accounts(session.floor.accounts))


def _current_time(session: Session, _: object, now: datetime) -> None:
    session.send(replies.current_time(now))


def _is_for_traders(request: requests.Request) -> bool:
    """
    Whether a client in read-only mode may not ask this; orders themselves have their own answer.

    Source: users' logs of what ib_insync asks at its start, and what it leaves out when told that
    the gateway is read-only.
    """
    match request:
        case requests.OpenOrders(everyone=False) | requests.CompletedOrders():
            return True
        case requests.AutoOpenOrders() | requests.GlobalCancel():
            return True
    return False


def _auto_open_orders(session: Session, request: requests.AutoOpenOrders, _: datetime) -> None:
    """Client 0 hears of the orders made by hand, now and later, and may change and cancel them."""
    if session.client_id != 0:
        session.error(-1, *ONLY_CLIENT_ZERO)
        return
    session.binds = request.bind
    for event in session.floor.bind() if request.bind else ():
        order_requests.tell_order(session, event)


def _needs_no_answer(*_: object) -> None:
    """The protocol has none (log level), or nothing is left to cancel (head timestamp)."""


def _unsupported(session: Session, request: requests.Unsupported, _: datetime) -> None:
    session.warn(f"no support for request {request.name}")
    text = f"The paper gateway does not support request {request.name}"
    session.error(request.req_id, request.code, text)


def _unsubscribe(session: Session, request: requests.Unsubscribe, _: datetime) -> None:
    key = request.feed, request.req_id
    watch = session.watches.pop(key, None)
    if watch is not None:
        stop_watching(session.floor, watch)
    stream = session.streams.pop(key, None)
    feed = None
    if request.feed == Feed.POSITIONS:
        feed = session.position_feeds.pop(request.req_id, None)
    if watch is None and stream is None and feed is None:
        text = f"Can't find EId with tickerId:{request.req_id} ({request.feed})"
        session.error(request.req_id, 366 if request.feed == Feed.HISTORY else 300, text)


_HANDLERS: dict[type[requests.Request], Callable[[Session, Any, datetime], Iterator[None] | None]] = {
    requests.PlaceOrder: order_requests.place,
    requests.CancelOrder: order_requests.cancel,
    requests.GlobalCancel: order_requests.cancel_all,
    requests.OpenOrders: order_requests.open_orders,
    requests.CompletedOrders: order_requests.completed_orders,
    requests.Executions: order_requests.executions,
    requests.AutoOpenOrders: _auto_open_orders,
    requests.AccountUpdates: account_requests.updates,
    requests.AccountUpdatesMulti: account_requests.updates_multi,
    requests.AccountSummary: account_requests.summary,
    requests.Positions: account_requests.positions,
    requests.PositionsMulti: account_requests.positions_multi,
    requests.Pnl: account_requests.pnl,
    requests.PnlSingle: account_requests.pnl_single,
    requests.ContractDetails: contract_requests.contract_details,
    requests.MatchingSymbols: contract_requests.matching_symbols,
    requests.MarketRule: contract_requests.market_rule,
    requests.MarketData: market_requests.market_data,
    requests.MarketDataType: market_requests.market_data_type,
    requests.HistoricalData: history_requests.historical_data,
    requests.HeadTimestamp: history_requests.head_timestamp,
    requests.CancelHeadTimestamp: _needs_no_answer,
    requests.TickByTick: market_requests.tick_by_tick,
    requests.Unsubscribe: _unsubscribe,
    requests.NextId: _next_id,
    requests.ManagedAccounts: _managed_accounts,
    requests.CurrentTime: _current_time,
    requests.ServerLogLevel: _needs_no_answer,
    requests.LookUp: lookups.answer,
    requests.Unsupported: _unsupported,
}
