"""Market data: live, delayed or frozen; snapshots, streams, and single ticks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from toolkit.gateway import replies, requests
from toolkit.gateway.calendar import Phase
from toolkit.gateway.contract_requests import the_one
from toolkit.gateway.delay import DELAY
from toolkit.gateway.history import day_until
from toolkit.gateway.requests import Feed
from toolkit.gateway.watches import DELAYED, LIVE, TICK_BY_TICK_KINDS, TickByTick, Ticks, Watch

if TYPE_CHECKING:
    from toolkit.gateway.delay import DelayLine
    from toolkit.gateway.exchange import Exchange
    from toolkit.gateway.floor import Floor
    from toolkit.gateway.session import Session

_KINDS = frozenset({1, 2, 3, 4})  # live, frozen, delayed, delayed frozen
_IS_FROZEN, _IS_DELAYED = frozenset({2, 4}), frozenset({3, 4})

_NO_SUCH_KIND = 321, "Error validating request.-'bW' : cause - The market data type is 1, 2, 3 or 4."
SHORTABLE = "236"
"""Generic tick that is answered with what can be borrowed; other generic ticks are not answered."""
_WRONG_GENERIC_TICK = 321, "Error validating request.-'bW' : cause - Incorrect generic tick list of 236 for "
_NOT_SUBSCRIBED = (
    354,
    "Requested market data is not subscribed. Delayed market data is available (reqMarketDataType 3).",
)
_DISPLAYING_DELAYED = 10167, "Requested market data is not subscribed. Displaying delayed market data."
_NO_TICK_BY_TICK = 10189, "Failed to request tick-by-tick data: No market data permissions."


def market_data(session: Session, request: requests.MarketData, now: datetime) -> None:
    """A snapshot and its end mark, or a stream that lasts until it is cancelled."""
    instrument = the_one(session, request.req_id, request.contract)
    if instrument is None or _is_taken(session, Feed.MARKET_DATA, request.req_id):
        return
    kind = _kind(session, now)
    if kind is None:
        session.error(request.req_id, *_NOT_SUBSCRIBED)
        return
    generic = {tick.strip() for tick in request.generic_ticks.split(",")}
    if SHORTABLE in generic and instrument.sec_type != "STK":
        session.error(request.req_id, _WRONG_GENERIC_TICK[0], _WRONG_GENERIC_TICK[1] + instrument.sec_type)
        return
    if kind in _IS_DELAYED:
        session.error(request.req_id, *_DISPLAYING_DELAYED)
    session.send(replies.tick_req_params(request.req_id, instrument))
    session.send(replies.market_data_type(request.req_id, kind))
    types = DELAYED if kind in _IS_DELAYED else LIVE
    borrows = SHORTABLE in generic
    watch = Ticks(session, request.req_id, instrument.con_id, types, borrows=borrows)
    _begin(session.floor, watch, now)
    if request.snapshot:
        session.send(replies.tick_snapshot_end(request.req_id))
    else:
        _start(session, Feed.MARKET_DATA, request.req_id, watch)


def market_data_type(session: Session, request: requests.MarketDataType, _: datetime) -> None:
    """The kind of data that later requests of this client are for."""
    if request.kind not in _KINDS:
        session.error(-1, *_NO_SUCH_KIND)
        return
    session.market_data_type = request.kind


def tick_by_tick(session: Session, request: requests.TickByTick, _: datetime) -> None:
    """A stream of single ticks that lasts until it is cancelled."""
    instrument = the_one(session, request.req_id, request.contract)
    if instrument is None or _is_taken(session, Feed.TICK_BY_TICK, request.req_id):
        return
    kind = TICK_BY_TICK_KINDS.get(request.kind)
    if kind is None:
        text = f"reqTickByTickData knows {', '.join(TICK_BY_TICK_KINDS)}, not '{request.kind}'"
        session.error(request.req_id, 10190, text)
        return
    if session.floor.delay is not None:
        session.error(request.req_id, *_NO_TICK_BY_TICK)
        return
    watch = TickByTick(session, request.req_id, instrument.con_id, kind, request.ignore_size)
    _start(session, Feed.TICK_BY_TICK, request.req_id, watch)


def _is_taken(session: Session, feed: Feed, req_id: int) -> bool:
    """Whether that id, or the last place for a subscription, is taken; if so, the client is told."""
    if (feed, req_id) in session.watches:
        session.error(req_id, 322, f"Error processing request: duplicate ticker id {req_id}")
        return True
    return not session.may_subscribe(req_id)


def _start(session: Session, feed: Feed, req_id: int, watch: Watch) -> None:
    session.watches[feed, req_id] = watch
    session.floor.watchers.setdefault(watch.con_id, []).append(watch)


def _begin(floor: Floor, watch: Ticks, now: datetime) -> None:
    """Tell what is known by now, or was by then."""
    source: Exchange | DelayLine = floor.delay or floor.exchange
    then = now - DELAY if floor.delay else now
    day = day_until(floor, watch.con_id, then)
    watch.begin(day, source.last_quote(watch.con_id), source.last_print(watch.con_id))
    watch.lendable(floor.lendable(watch.con_id))
    if floor.exchange.is_halted(watch.con_id):
        watch.halted(halted=True)


def _kind(session: Session, now: datetime) -> int | None:
    """
    The kind of data that a client gets; None: none.

    Whoever asks for delayed data and may see live data is given live data. Frozen data is what the
    market said last before it closed; while it is open it is not frozen.
    """
    asked, floor = session.market_data_type, session.floor
    closed = floor.exchange.hours.phase(now)[0] is Phase.CLOSED
    if floor.delay is None:
        return 2 if closed and asked in _IS_FROZEN else 1
    if asked not in _IS_DELAYED:
        return None
    return 4 if closed and asked in _IS_FROZEN else 3
