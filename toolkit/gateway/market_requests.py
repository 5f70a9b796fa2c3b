"""Contracts and market data: look-ups, snapshots, and ticks whenever something changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from toolkit.gateway import replies, requests
from toolkit.gateway.events import Print, Quote
from toolkit.gateway.fields import decimal
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.requests import ContractQuery, Feed
from toolkit.gateway.schedule import trading_hours

if TYPE_CHECKING:
    from toolkit.gateway.floor import Floor
    from toolkit.gateway.session import Session

BID_SIZE, BID, ASK, ASK_SIZE, LAST, LAST_SIZE, LAST_TIMESTAMP = 0, 1, 2, 3, 4, 5, 45
"""Tick types of the TWS API."""

LIVE = 1
_NO_PRICE = Decimal(-1)
_ZERO = Decimal(0)
_CAN_EXECUTE = 1
_TICK_BY_TICK_KINDS = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}


class Watch(Protocol):
    """A subscription to the market of one contract."""

    con_id: int

    def quote(self, quote: Quote) -> None:
        """A new best bid and offer."""

    def trade(self, trade: Print) -> None:
        """A print."""


class Ticks:
    """
    A stream of ticks: prices with their sizes, and sizes, each only when it has changed.

    A new price is followed by its size alone as well, as the broker does: some clients read sizes
    from there and lose the one that comes with the price.
    """

    __slots__ = ("_req_id", "_session", "_told", "con_id")

    def __init__(self, session: Session, req_id: int, con_id: int) -> None:
        self._session = session
        self._req_id = req_id
        self._told: Quote | None = None
        self.con_id = con_id

    def quote(self, quote: Quote) -> None:
        """Send what is new since the last quote."""
        told = self._told
        if told is None or quote.bid != told.bid:
            self._price(BID, quote.bid, quote.bid_size)
        if told is None or (quote.bid, quote.bid_size) != (told.bid, told.bid_size):
            self._size(BID_SIZE, quote.bid_size)
        if told is None or quote.ask != told.ask:
            self._price(ASK, quote.ask, quote.ask_size)
        if told is None or (quote.ask, quote.ask_size) != (told.ask, told.ask_size):
            self._size(ASK_SIZE, quote.ask_size)
        self._told = quote

    def trade(self, trade: Print) -> None:
        """Send the print as last price and size."""
        seconds = str(int(trade.time.timestamp()))
        self._session.send(replies.tick_string(self._req_id, LAST_TIMESTAMP, seconds))
        self._price(LAST, trade.price, trade.size)

    def _price(self, tick: int, price: Decimal | None, size: Decimal) -> None:
        if price is None:
            reply = replies.tick_price(self._req_id, tick, _NO_PRICE, _ZERO, 0)
        else:
            attributes = 0 if tick == LAST else _CAN_EXECUTE
            told = replies.size_at(self._session.version, size)
            reply = replies.tick_price(self._req_id, tick, price, told, attributes)
        self._session.send(reply)

    def _size(self, tick: int, size: Decimal) -> None:
        told = replies.size_at(self._session.version, size)
        self._session.send(replies.tick_size(self._req_id, tick, told))


class TickByTick:
    """Every single quote, trade or middle of one contract."""

    __slots__ = ("_kind", "_req_id", "_session", "con_id")

    def __init__(self, session: Session, req_id: int, con_id: int, kind: int) -> None:
        self._session = session
        self._req_id = req_id
        self._kind = kind
        self.con_id = con_id

    def quote(self, quote: Quote) -> None:
        """Send a quote as BidAsk, or its middle as MidPoint."""
        bid, ask = quote.bid or _ZERO, quote.ask or _ZERO
        if self._kind == _TICK_BY_TICK_KINDS["BidAsk"]:
            version = self._session.version
            sizes = replies.size_at(version, quote.bid_size), replies.size_at(version, quote.ask_size)
            self._session.send(replies.tick_by_tick_bid_ask(self._req_id, quote.time, bid, ask, *sizes))
        elif self._kind == _TICK_BY_TICK_KINDS["MidPoint"] and bid and ask:
            middle = (bid + ask) / 2
            self._session.send(replies.tick_by_tick_mid_point(self._req_id, quote.time, middle))

    def trade(self, trade: Print) -> None:
        """Send a print as Last or AllLast."""
        if self._kind in {_TICK_BY_TICK_KINDS["Last"], _TICK_BY_TICK_KINDS["AllLast"]}:
            size = replies.size_at(self._session.version, trade.size)
            self._session.send(
                replies.tick_by_tick_last(self._req_id, self._kind, trade.time, trade.price, size, trade.cond)
            )


def tell_quote(quote: Quote | None, watches: Iterable[Watch]) -> None:
    """A quote to those who watch its contract."""
    if quote is not None:
        for watch in watches:
            watch.quote(quote)


def tell_print(trade: Print | None, watches: Iterable[Watch]) -> None:
    """A print to those who watch its contract."""
    if trade is not None:
        for watch in watches:
            watch.trade(trade)


def stop_watching(floor: Floor, watch: Watch) -> None:
    """Forget one subscription."""
    watches = floor.watchers[watch.con_id]
    watches.remove(watch)
    if not watches:
        del floor.watchers[watch.con_id]


def contract_details(session: Session, request: requests.ContractDetails, now: datetime) -> None:
    """Every contract that fits, then the end mark; or error 200."""
    found = _find(session, request.contract)
    if not found:
        _unknown_contract(session, request.req_id)
        return
    for instrument in found:
        hours = trading_hours(session.floor.exchange.hours, now, instrument.time_zone_id)
        session.send(replies.contract_details(session.version, request.req_id, instrument, *hours))
    session.send(replies.contract_details_end(request.req_id))


def matching_symbols(session: Session, request: requests.MatchingSymbols, _: datetime) -> None:
    """Contracts whose symbol or name fits."""
    found = session.floor.universe.search(request.pattern)
    session.send(replies.symbol_samples(session.version, request.req_id, found))


def market_rule(session: Session, request: requests.MarketRule, _: datetime) -> None:
    """Price increments of one rule; none, and an error that says why, of an unknown one."""
    increments = session.floor.universe.market_rule(request.rule_id)
    if increments is None:
        # No id ties the error to the request: clients wait for the rule itself.
        session.error(-1, 200, f"No market rule {request.rule_id} (reqMarketRule)")
    session.send(replies.market_rule(request.rule_id, increments or ()))


def market_data(session: Session, request: requests.MarketData, _: datetime) -> None:
    """A snapshot and its end mark, or a stream that lasts until it is cancelled."""
    instrument = _the_one(session, request.req_id, request.contract)
    if instrument is None or _is_taken(session, Feed.MARKET_DATA, request.req_id):
        return
    session.send(replies.tick_req_params(request.req_id, instrument))
    # Whoever asks for delayed data and may see live data is given live data, and told so.
    session.send(replies.market_data_type(request.req_id, LIVE))
    watch = Ticks(session, request.req_id, instrument.con_id)
    _tell_what_is_known(session, watch)
    if request.snapshot:
        session.send(replies.tick_snapshot_end(request.req_id))
    else:
        _start(session, Feed.MARKET_DATA, request.req_id, watch)


def tick_by_tick(session: Session, request: requests.TickByTick, _: datetime) -> None:
    """A stream of single ticks that lasts until it is cancelled."""
    instrument = _the_one(session, request.req_id, request.contract)
    if instrument is None or _is_taken(session, Feed.TICK_BY_TICK, request.req_id):
        return
    kind = _TICK_BY_TICK_KINDS.get(request.kind)
    if kind is None:
        text = f"reqTickByTickData knows {', '.join(_TICK_BY_TICK_KINDS)}, not '{request.kind}'"
        session.error(request.req_id, 10190, text)
        return
    watch = TickByTick(session, request.req_id, instrument.con_id, kind)
    _start(session, Feed.TICK_BY_TICK, request.req_id, watch)


def _find(session: Session, wanted: ContractQuery) -> list[Instrument]:
    return session.floor.universe.find(
        con_id=wanted.con_id,
        symbol=wanted.symbol,
        sec_type=wanted.sec_type,
        exchange=wanted.exchange,
        currency=wanted.currency,
        primary_exchange=wanted.primary_exchange,
        local_symbol=wanted.local_symbol,
        expiry=wanted.expiry,
        strike=decimal(wanted.strike, "strike"),
        right=wanted.right,
        multiplier=wanted.multiplier,
        trading_class=wanted.trading_class,
    )


def _the_one(session: Session, req_id: int, wanted: ContractQuery) -> Instrument | None:
    """The contract meant; or None, and the client is told."""
    found = _find(session, wanted)
    if len(found) > 1:
        text = "The contract description specified is ambiguous: name its currency, exchange or expiry"
        session.error(req_id, 200, text)
        return None
    if not found:
        _unknown_contract(session, req_id)
        return None
    return found[0]


def _unknown_contract(session: Session, req_id: int) -> None:
    session.error(req_id, 200, "No security definition has been found for the request")


def _is_taken(session: Session, feed: Feed, req_id: int) -> bool:
    """Whether that id, or the last place for a subscription, is taken; if so, the client is told."""
    if (feed, req_id) in session.watches:
        session.error(req_id, 322, f"Error processing request: duplicate ticker id {req_id}")
        return True
    return not session.may_subscribe(req_id)


def _start(session: Session, feed: Feed, req_id: int, watch: Watch) -> None:
    session.watches[feed, req_id] = watch
    session.floor.watchers.setdefault(watch.con_id, []).append(watch)


def _tell_what_is_known(session: Session, watch: Watch) -> None:
    if quote := session.floor.exchange.last_quote(watch.con_id):
        watch.quote(quote)
    if trade := session.floor.exchange.last_print(watch.con_id):
        watch.trade(trade)
