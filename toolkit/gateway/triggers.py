"""Stop triggers: which stops fire on a print or a quote (rule R7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from toolkit.gateway.ladder import BookOrder, Ladder, State
from toolkit.gateway.outcomes import Moved
from toolkit.gateway.ticks import US_STOCK_RULE, Rule, Size, increment_at

DOUBLE_BID_ASK, LAST, DOUBLE_LAST, BID_ASK, MIDPOINT = 1, 2, 3, 4, 8
DEFAULT_TRIGGER = {"CASH": BID_ASK, "OPT": DOUBLE_BID_ASK}  # all others: LAST
METHODS = frozenset({0, DOUBLE_BID_ASK, LAST, DOUBLE_LAST, BID_ASK, MIDPOINT})


class Watch:
    """
    The stops of one trigger method, sorted so that only those reached are looked at.

    Args:
        double: two observations in a row must reach the stop, or one whose size grew.
    """

    __slots__ = ("_armed", "_double", "_ladders")

    def __init__(self, *, double: bool) -> None:
        self._double = double
        self._ladders = {1: Ladder(), -1: Ladder()}
        self._armed: dict[BookOrder, None] = {}

    def add(self, order: BookOrder) -> None:
        """Watch an order from now on."""
        self._ladders[order.side].add(order)

    def remove(self, order: BookOrder) -> None:
        """Stop watching it."""
        self._ladders[order.side].remove(order)
        self._armed.pop(order, None)

    def observe(
        self, side: int, reach: int, *, grew: bool = False, extended_only: bool = False
    ) -> list[BookOrder]:
        """
        The orders of one side that fire; they are no longer watched.

        Args:
            side: +1 buys, -1 sells.
            reach: side times the observed price: it reaches every stop with a key up to that.
            grew: the observed size is larger than the one before.
            extended_only: the observation counts for orders with outside_rth only.
        """
        if self._armed:
            for order in [o for o in self._armed if o.side == side and o.key > reach]:
                if order.extended or not extended_only:
                    del self._armed[order]
        fired = []
        for order in self._ladders[side].up_to(reach):
            if extended_only and not order.extended:
                continue
            if not self._double or grew or order in self._armed:
                fired.append(order)
            else:
                self._armed[order] = None
        for order in fired:
            self.remove(order)
        return fired

    def __iter__(self) -> Iterator[BookOrder]:
        yield from self._ladders[1]
        yield from self._ladders[-1]


class Triggers:
    """
    All stops of one instrument that have not fired.

    Args:
        default: what method 0 means for this instrument (stocks 2 last, forex 4 bid/ask).
        rule: the grid on which trailing stops move.
    """

    __slots__ = ("_default", "_last", "_moved", "_print_size", "_rule", "_trails", "_watches", "count")

    def __init__(self, default: int, rule: Rule = US_STOCK_RULE) -> None:
        self._default = default
        self._rule = rule
        self._moved: list[BookOrder] = []
        self._watches = {
            method: Watch(double=method in (DOUBLE_BID_ASK, DOUBLE_LAST)) for method in METHODS - {0}
        }
        self._trails: dict[int, dict[BookOrder, None]] = {method: {} for method in self._watches}
        self._last = {False: 0, True: 0}  # by "with extended-hours prints"
        self._print_size: Size = 0
        self.count = 0

    def add(self, order: BookOrder, bid: int, ask: int) -> bool:
        """
        Watch a stop; True when the standing last price satisfies it, so that it fires at once.

        A trailing stop keeps its distance from what its method observes, the standing quote
        (``bid``, ``ask``; 0 when missing) or last price to begin with.
        """
        method = order.trigger or self._default
        last = self._last[order.extended]
        if order.trails:
            observed = last if method in (LAST, DOUBLE_LAST) else _observed(method, order.side, bid, ask)
            if observed:
                order.follow(observed, increment_at(observed, self._rule))
        if method == LAST and last and order.side * last >= order.side * order.stop:
            order.triggered = True
            return True
        order.state = State.UNTRIGGERED
        self.count += 1
        if order.stop:
            order.key = order.side * order.stop
            self._watches[method].add(order)
        if order.trails:
            self._trails[method][order] = None
        return False

    def remove(self, order: BookOrder) -> None:
        """Forget a stop that is cancelled or changed."""
        method = order.trigger or self._default
        if order.stop:
            self._watches[method].remove(order)
        self._trails[method].pop(order, None)
        self.count -= 1

    def on_print(self, price: int, size: Size, *, extended_only: bool) -> list[BookOrder]:
        """Stops fired by an eligible print, oldest first."""
        grew = 0 < self._print_size < size
        self._print_size = size
        self._last[True] = price
        if not extended_only:
            self._last[False] = price
        if not self.count:
            return []
        fired = []
        for method in (LAST, DOUBLE_LAST):
            for side in (1, -1):
                fired += self._watches[method].observe(
                    side, side * price, grew=grew, extended_only=extended_only
                )
            self._trail(method, price, price, extended_only=extended_only)
        return self._settle(fired)

    def on_quote(self, bid: int, ask: int, bid_grew: bool, ask_grew: bool) -> list[BookOrder]:
        """Stops fired by a quote, oldest first; a missing side is 0 and reaches nothing."""
        if not self.count:
            return []
        nothing = -(1 << 80)
        buy = bid or nothing
        sell = -ask if ask else nothing
        fired = []
        for method in (BID_ASK, DOUBLE_BID_ASK):
            fired += self._watches[method].observe(1, buy, grew=bid_grew)
            fired += self._watches[method].observe(-1, sell, grew=ask_grew)
            self._trail(method, bid, ask)
        if bid and ask:
            middle = self._watches[MIDPOINT]
            fired += middle.observe(1, (bid + ask) // 2)
            fired += middle.observe(-1, -(bid + ask) // 2)
            self._trail(MIDPOINT, bid, ask)
        return self._settle(fired)

    def take_moved(self, now: datetime) -> list[Moved]:
        """The trailing stops that have followed the market since this was last asked."""
        moved, self._moved = self._moved, []
        return [Moved(order, now, State.UNTRIGGERED) for order in moved]

    def __iter__(self) -> Iterator[BookOrder]:
        for watch in self._watches.values():
            yield from watch
        for trails in self._trails.values():
            yield from [order for order in trails if not order.stop]

    def _trail(self, method: int, bid: int, ask: int, *, extended_only: bool = False) -> None:
        """Let the trailing stops of a method follow what it observes, or only those that may trade then."""
        watch = self._watches[method]
        for order in self._trails[method]:
            observed = _observed(method, order.side, bid, ask)
            watched = order.stop
            if order.triggered or not observed:
                continue
            if extended_only and not order.extended:
                continue
            if order.follow(observed, increment_at(observed, self._rule)):
                self._moved.append(order)
                if watched:
                    watch.remove(order)
                order.key = order.side * order.stop
                watch.add(order)

    def _settle(self, fired: list[BookOrder]) -> list[BookOrder]:
        self.count -= len(fired)
        for order in fired:
            order.triggered = True
            order.state = State.IN_FLIGHT
            self._trails[order.trigger or self._default].pop(order, None)
        fired.sort(key=lambda order: order.seq)
        return fired


def _observed(method: int, side: int, bid: int, ask: int) -> int:
    """What a method looks at: buys at the bid, sells at the ask, or halfway; 0 when it is missing."""
    if method == MIDPOINT:
        return (bid + ask) // 2 if bid and ask else 0
    return bid if side > 0 else ask
