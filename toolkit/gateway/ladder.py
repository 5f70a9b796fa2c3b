"""One side's working orders by price, then by time; and the order as the matching engine sees it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from toolkit.gateway.ticks import Size

NEVER = datetime.max.replace(tzinfo=UTC)
MARKET_KEY = -(1 << 80)  # ahead of every limit


class State(IntEnum):
    """Where an order is in the engine."""

    IN_FLIGHT = 0  # sent and not yet live (latency), or just released by its trigger or the open
    WAITING = 1  # for its session to open
    UNTRIGGERED = 2  # a stop that has not fired
    WORKING = 3
    FILLED = 4
    CANCELLED = 5


class BookOrder:
    """
    One order inside a :class:`~toolkit.gateway.book.Book`.

    Attributes:
        owner: whatever the caller wants to find again in fills.
        side: +1 buy, -1 sell.
        kind: MKT, LMT, STP or STP LMT.
        limit, stop: prices in units of 1e-8, 0 where the kind has none.
        extended: may trade 04:00-20:00 New York.
        directed: sent to one exchange instead of SMART.
        taking: entered marketable and no quote has left its limit since (rule R4).
        ahead: shares of the market queued before it, None while unknown (rule R5q).
        key: sort key in its ladder, lower first.
        seq: order of arrival.
    """

    __slots__ = (
        "ahead",
        "directed",
        "expires",
        "extended",
        "filled",
        "key",
        "kind",
        "limit",
        "live_at",
        "owner",
        "quantity",
        "seq",
        "side",
        "state",
        "stop",
        "taking",
        "tif",
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
    ) -> None:
        self.owner = owner
        self.side = side
        self.kind = kind
        self.quantity = quantity
        self.limit = limit
        self.stop = stop
        self.tif = tif
        # R6: the other types ignore the flag; an opening order waits for the regular open.
        self.extended = extended and kind in ("LMT", "STP LMT") and tif != "OPG"
        self.directed = directed
        self.trigger = trigger
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
        """True when it takes any price once live: MKT, and STP after its trigger."""
        return self.kind in ("MKT", "STP")

    @property
    def is_stop(self) -> bool:
        """True while it waits for, or has had, a trigger."""
        return self.kind in ("STP", "STP LMT")

    def same_place(self, other: BookOrder) -> bool:
        """Whether these terms leave ``other`` its place: only quantity or lifetime differ (R13)."""
        return (
            self.kind == other.kind
            and self.limit == other.limit
            and self.stop == other.stop
            and self.trigger == other.trigger
            and self.directed == other.directed
            and self.extended == other.extended
            and (self.tif == other.tif or self.tif in ("DAY", "GTC"))
        )

    def take_terms(self, wanted: BookOrder) -> None:
        """Become what ``wanted`` says, fills and history kept; a new type must trigger anew."""
        if wanted.kind != self.kind:
            self.triggered = False
        for name in ("kind", "quantity", "limit", "stop", "tif", "extended", "directed", "trigger"):
            setattr(self, name, getattr(wanted, name))


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
