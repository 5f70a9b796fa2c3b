"""What subscribers are told of the market: ticks when something changes, or every single one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Protocol

from toolkit.gateway import replies
from toolkit.gateway.events import Print, Quote

if TYPE_CHECKING:
    from toolkit.gateway.floor import Floor
    from toolkit.gateway.history import Day
    from toolkit.gateway.session import Session


class TickTypes(NamedTuple):
    """The numbers under which one stream tells its values."""

    bid_size: int
    bid: int
    ask: int
    ask_size: int
    last: int
    last_timestamp: int
    open: int
    high: int
    low: int
    close: int
    volume: int


LIVE = TickTypes(0, 1, 2, 3, 4, 45, 14, 6, 7, 9, 8)
DELAYED = TickTypes(69, 66, 67, 70, 68, 88, 76, 72, 73, 75, 74)
"""Tick types of the TWS API."""
HALTED = 49
"""Tick type that says whether trading is halted."""
SHORTABLE, SHORTABLE_SHARES = 46, 89
"""Tick types that say how easily shares can be borrowed, and how many there are."""
EASY, TO_LOCATE, NONE = Decimal(3), Decimal(2), Decimal(1)
"""Values of ``SHORTABLE``: at least ``EASY_SHARES`` are there, fewer, none."""
EASY_SHARES = 1000

_NO_PRICE = Decimal(-1)
_ZERO = Decimal(0)
_CAN_EXECUTE = 1
TICK_BY_TICK_KINDS = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}


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

    __slots__ = ("_borrows", "_day", "_last", "_req_id", "_session", "_told", "_types", "con_id")

    def __init__(
        self, session: Session, req_id: int, con_id: int, types: TickTypes, *, borrows: bool = False
    ) -> None:
        self._borrows = borrows
        self._session = session
        self._req_id = req_id
        self._types = types
        self._told: Quote | None = None
        self._last: Decimal | None = None
        self._day: Day | None = None
        self.con_id = con_id

    def begin(self, day: Day, quote: Quote | None, trade: Print | None) -> None:
        """Send what is known at the beginning; the print is in the day already."""
        if quote is not None:
            self.quote(quote)
        if trade is not None:
            self.trade(trade)
        self._tell_day(day)

    def quote(self, quote: Quote) -> None:
        """Send what is new since the last quote."""
        told, types = self._told, self._types
        if told is None or quote.bid != told.bid:
            self._price(types.bid, quote.bid, quote.bid_size)
        if told is None or (quote.bid, quote.bid_size) != (told.bid, told.bid_size):
            self._size(types.bid_size, quote.bid_size)
        if told is None or quote.ask != told.ask:
            self._price(types.ask, quote.ask, quote.ask_size)
        if told is None or (quote.ask, quote.ask_size) != (told.ask, told.ask_size):
            self._size(types.ask_size, quote.ask_size)
        self._told = quote

    def trade(self, trade: Print) -> None:
        """Send a print that sets the last price as that, and its size."""
        if not trade.last:
            return
        at = trade.time.timestamp()
        self._session.send(replies.tick_string(self._req_id, self._types.last_timestamp, str(int(at))))
        self._price(self._types.last, trade.price, trade.size)
        if self._day is not None:
            self._tell_day(self._day.after(trade.price, trade.size, at, self._last))
        self._last = trade.price

    def halted(self, *, halted: bool) -> None:
        """Send that trading has stopped, or that it goes on."""
        self._session.send(replies.tick_generic(self._req_id, HALTED, Decimal(halted)))

    def lendable(self, shares: Decimal) -> None:
        """Send how many shares can be borrowed, to a client that asked for it."""
        if not self._borrows:
            return
        level = EASY if shares >= EASY_SHARES else TO_LOCATE if shares else NONE
        self._session.send(replies.tick_generic(self._req_id, SHORTABLE, level))
        self._size(SHORTABLE_SHARES, shares)

    def _tell_day(self, day: Day) -> None:
        """Send what is new of the day."""
        before, types = self._day, self._types
        if day.volume and (before is None or day.volume != before.volume):
            self._size(types.volume, day.volume)
        for tick, value, told in (
            (types.open, day.open, before and before.open),
            (types.high, day.high, before and before.high),
            (types.low, day.low, before and before.low),
            (types.close, day.close, before and before.close),
        ):
            if value is not None and value != told:
                self._price(tick, value, _ZERO)
        self._day = day

    def _price(self, tick: int, price: Decimal | None, size: Decimal) -> None:
        if price is None:
            reply = replies.tick_price(self._req_id, tick, _NO_PRICE, _ZERO, 0)
        else:
            attributes = _CAN_EXECUTE if tick in (LIVE.bid, LIVE.ask) else 0
            told = replies.size_at(self._session.version, size)
            reply = replies.tick_price(self._req_id, tick, price, told, attributes)
        self._session.send(reply)

    def _size(self, tick: int, size: Decimal) -> None:
        told = replies.size_at(self._session.version, size)
        self._session.send(replies.tick_size(self._req_id, tick, told))


class TickByTick:
    """
    Every single quote, trade or middle of one contract.

    Args:
        session: whom to tell.
        req_id: under which id.
        con_id: of the contract.
        kind: one of the numbers in ``TICK_BY_TICK_KINDS``.
        ignore_size: whether a quote at the same prices is none.
    """

    __slots__ = ("_ignore_size", "_kind", "_req_id", "_session", "_told", "con_id")

    def __init__(self, session: Session, req_id: int, con_id: int, kind: int, ignore_size: bool) -> None:
        self._session = session
        self._req_id = req_id
        self._kind = kind
        self._ignore_size = ignore_size
        self._told: object = None
        self.con_id = con_id

    def quote(self, quote: Quote) -> None:
        """Send a quote as BidAsk, or its middle, when that has moved, as MidPoint."""
        bid, ask = quote.bid or _ZERO, quote.ask or _ZERO
        if self._kind == TICK_BY_TICK_KINDS["BidAsk"]:
            if self._ignore_size and self._is_told((bid, ask)):
                return
            version = self._session.version
            sizes = replies.size_at(version, quote.bid_size), replies.size_at(version, quote.ask_size)
            self._session.send(replies.tick_by_tick_bid_ask(self._req_id, quote.time, bid, ask, *sizes))
        elif self._kind == TICK_BY_TICK_KINDS["MidPoint"] and bid and ask:
            middle = (bid + ask) / 2
            if self._is_told(middle):
                return
            self._session.send(replies.tick_by_tick_mid_point(self._req_id, quote.time, middle))

    def trade(self, trade: Print) -> None:
        """Send a print as AllLast, or as Last when it sets the last price."""
        wanted = TICK_BY_TICK_KINDS["Last" if trade.last else "AllLast"]
        if self._kind in {wanted, TICK_BY_TICK_KINDS["AllLast"]}:
            size = replies.size_at(self._session.version, trade.size)
            self._session.send(
                replies.tick_by_tick_last(self._req_id, self._kind, trade.time, trade.price, size, trade.cond)
            )

    def _is_told(self, news: object) -> bool:
        told, self._told = self._told, news
        return news == told


def tell(tick: Quote | Print, watches: Iterable[Watch]) -> None:
    """A quote or a print to those who watch its contract."""
    for watch in watches:
        if isinstance(tick, Quote):
            watch.quote(tick)
        else:
            watch.trade(tick)


def tell_halted(watches: Iterable[Watch], *, halted: bool) -> None:
    """A halt, or its end, to those who watch the ticks of its contract."""
    for watch in watches:
        if isinstance(watch, Ticks):
            watch.halted(halted=halted)


def tell_lendable(watches: Iterable[Watch], shares: Decimal) -> None:
    """How many shares can be borrowed, to those who asked for it."""
    for watch in watches:
        if isinstance(watch, Ticks):
            watch.lendable(shares)


def stop_watching(floor: Floor, watch: Watch) -> None:
    """Forget one subscription."""
    watches = floor.watchers[watch.con_id]
    watches.remove(watch)
    if not watches:
        del floor.watchers[watch.con_id]
