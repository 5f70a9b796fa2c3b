"""One side's working orders by price, then by time; and the order as the matching engine sees it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from toolkit.gateway.ticks import SCALE, Number, Size, price_units

if TYPE_CHECKING:
    from toolkit.gateway.book import Book
    from toolkit.gateway.links import Group

NEVER = datetime.max.replace(tzinfo=UTC)
MARKET_KEY = -(1 << 80)  # ahead of every limit


class State(IntEnum):
    """Where an order is in the engine."""

    IN_FLIGHT = 0  # sent and not yet live (latency), or just released by its trigger or the open
    WAITING = 1  # for its session to open
    UNTRIGGERED = 2  # a stop that has not fired
    HELD = 3  # outside the market: parked (transmit=False), or until its parent is filled
    CLOSING = 4  # for the close
    WORKING = 5
    FILLED = 6
    CANCELLED = 7


_TERMS = (
    "kind", "quantity", "tif", "extended", "directed", "trigger", "trail", "trail_percent", "offset",
)  # fmt: skip
_TRAIL = ("kind", "trail", "trail_percent", "offset")


class BookOrder:
    """
    One order inside a :class:`~toolkit.gateway.book.Book`.

    Attributes:
        owner: whatever the caller wants to find again in fills.
        side: +1 buy, -1 sell.
        kind: MKT, LMT, STP, STP LMT, TRAIL, TRAIL LIMIT, MOC or LOC.
        limit, stop: prices in units of 1e-8, 0 where the kind has none; those of a trailing stop move.
        trail, trail_percent: how far a trailing stop keeps away, as an amount or a percentage, in
            units of 1e-8; one of them is 0.
        offset: how far beyond its stop the limit of a TRAIL LIMIT is, in units of 1e-8; None: not told.
        extended: may trade 04:00-20:00 New York.
        directed: sent to one exchange instead of SMART.
        taking: entered marketable and no quote has left its limit since (rule R4).
        ahead: shares of the market queued before it, None while unknown (rule R5q).
        key: sort key in its ladder, lower first.
        seq: order of arrival.
        book, parent, children, group, transmit: how it depends on others, see ``links``.
    """

    __slots__ = (
        "ahead",
        "book",
        "children",
        "directed",
        "expires",
        "extended",
        "filled",
        "group",
        "key",
        "kind",
        "limit",
        "live_at",
        "offset",
        "owner",
        "parent",
        "quantity",
        "seq",
        "side",
        "state",
        "stop",
        "taking",
        "tif",
        "trail",
        "trail_percent",
        "transmit",
        "trigger",
        "triggered",
    )

    def __init__(
        self,
        owner: Any,
        side: int,
        kind: str,
        quantity: Size,
        limit: int = 0,
        stop: int = 0,
        tif: str = "DAY",
        *,
        extended: bool = False,
        directed: bool = False,
        trigger: int = 0,
        trail: int = 0,
        trail_percent: int = 0,
        offset: int | None = 0,
    ) -> None:
        self.owner = owner
        self.side = side
        self.kind = kind
        self.quantity = quantity
        self.limit = limit
        self.stop = stop
        self.tif = tif
        # R6: the other types ignore the flag; an opening order waits for the regular open.
        self.extended = extended and kind in ("LMT", "STP LMT", "TRAIL LIMIT") and tif != "OPG"
        self.directed = directed
        self.trigger = trigger
        self.trail = trail
        self.trail_percent = trail_percent
        self.offset = offset
        if kind == "TRAIL LIMIT" and stop:
            self.limit = stop + side * (offset or 0)
        self.book: Book | None = None
        self.parent: BookOrder | None = None
        self.children: tuple[BookOrder, ...] = ()
        self.group: Group | None = None
        self.transmit = True
        self.filled: Size = 0
        self.state = State.IN_FLIGHT
        self.triggered = False
        self.taking = False
        self.ahead: Size | None = None
        self.key = 0
        self.seq = 0
        self.live_at = NEVER
        self.expires: datetime | None = None

    @property
    def remaining(self) -> Size:
        """Shares not yet filled."""
        return self.quantity - self.filled

    @property
    def at_market(self) -> bool:
        """True when it takes any price once live: MKT, and STP or TRAIL after its trigger."""
        return self.kind in ("MKT", "STP", "TRAIL")

    @property
    def is_stop(self) -> bool:
        """True while it waits for, or has had, a trigger."""
        return self.kind in ("STP", "STP LMT", "TRAIL", "TRAIL LIMIT")

    @property
    def trails(self) -> bool:
        """True when its stop follows the market."""
        return self.kind in ("TRAIL", "TRAIL LIMIT")

    @property
    def has_limit(self) -> bool:
        """True when it does not trade beyond its limit."""
        return self.kind in ("LMT", "STP LMT", "TRAIL LIMIT", "LOC")

    @property
    def for_close(self) -> bool:
        """True when it trades at the close only."""
        return self.kind in ("MOC", "LOC")

    def follow(self, observed: int, increment: int) -> bool:
        """
        Move a trailing stop after a price that went its way, and its limit along; False when it stays.

        Between two prices of the grid (``increment``) the stop is put on the one further from the
        market, the limit on the better one.
        """
        distance = self.trail or observed * self.trail_percent // (100 * SCALE)
        stop = observed + self.side * distance
        stop += self.side * (-self.side * stop % increment)
        limit = stop + self.side * (self.offset or 0) if self.has_limit else stop
        limit -= self.side * (self.side * limit % increment)
        if min(stop, limit) <= 0 or (self.stop and self.side * stop >= self.side * self.stop):
            return False
        self.stop, self.limit = stop, limit if self.has_limit else 0
        return True

    def same_place(self, other: BookOrder) -> bool:
        """Whether these terms leave ``other`` its place: only quantity or lifetime differ (R13)."""
        return (
            self.kind == other.kind
            and (not self._says_where or (self.limit, self.stop) == (other.limit, other.stop))
            and self.same_trail(other)
            and self.trigger == other.trigger
            and self.directed == other.directed
            and self.extended == other.extended
            and (self.tif == other.tif or self.tif in ("DAY", "GTC"))
        )

    def take_terms(self, wanted: BookOrder) -> None:
        """Become what ``wanted`` says, fills and history kept; a new type must trigger anew."""
        if wanted.kind != self.kind:
            self.triggered = False
        if wanted._says_where or not self.same_trail(wanted):
            self.stop, self.limit = wanted.stop, wanted.limit
        for name in _TERMS:
            setattr(self, name, getattr(wanted, name))

    def same_trail(self, other: BookOrder) -> bool:
        """Whether both follow the market at the same distance."""
        return all(getattr(self, name) == getattr(other, name) for name in _TRAIL)

    @property
    def _says_where(self) -> bool:
        """False for a trailing stop that is to begin, or to stay, where the market has led it."""
        return bool(self.stop) or not self.trails


def limit_offset(
    kind: str, side: int, offset: Number | None, limit: Number | None, stop: Number | None
) -> int | None:
    """
    How far beyond its stop the limit of a TRAIL LIMIT is, in units of 1e-8; 0 for other kinds.

    Told as such, or as the distance of its limit price from its stop price; None: not told at all.
    """
    if kind != "TRAIL LIMIT":
        return 0
    if offset is not None:
        return price_units(offset)
    return side * (price_units(limit) - price_units(stop)) if limit and stop else None


class Ladder:
    """
    Orders in priority order: lowest key first, then first come first.

    Price levels are a sorted list beside one insertion-ordered dict per level: entering, leaving
    and reading the best are cheap however many orders rest.
    """

    __slots__ = ("_keys", "_levels")

    def __init__(self) -> None:
        self._keys: list[int] = []
        self._levels: dict[int, dict[BookOrder, None]] = {}

    def add(self, order: BookOrder) -> None:
        """Put the order, by its ``key``, behind those of the same key."""
        level = self._levels.get(order.key)
        if level is None:
            self._levels[order.key] = {order: None}
            insort(self._keys, order.key)
        else:
            level[order] = None

    def remove(self, order: BookOrder) -> None:
        """Take the order out; it must be in."""
        level = self._levels[order.key]
        del level[order]
        if not level:
            del self._levels[order.key]
            del self._keys[bisect_left(self._keys, order.key)]

    def first(self) -> BookOrder | None:
        """The order with the highest priority."""
        if not self._keys:
            return None
        return next(iter(self._levels[self._keys[0]]))

    def __iter__(self) -> Iterator[BookOrder]:
        for key in self._keys:
            yield from self._levels[key]

    def up_to(self, key: int) -> list[BookOrder]:
        """All orders whose key is at most ``key``, in priority order."""
        keys = self._keys
        if not keys or keys[0] > key:
            return []
        levels = self._levels
        return [order for k in keys[: bisect_right(keys, key)] for order in levels[k]]
