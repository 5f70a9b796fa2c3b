"""
The matching engine of one instrument: quotes, prints and own orders in, fills out.

Pure and incremental; ``simulate`` and the exchange both run on it, so they cannot disagree. Rules R1 to
R13 are listed in ``matching``. All comes in time order; at equal stamps quotes, prints, actions (R1).
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from toolkit.gateway.calendar import Hours, Phase
from toolkit.gateway.expiries import Expiries
from toolkit.gateway.ladder import MARKET_KEY, BookOrder, State
from toolkit.gateway.outcomes import Fill, Moved, Outcome
from toolkit.gateway.sides import Side
from toolkit.gateway.ticks import Size
from toolkit.gateway.triggers import LAST, Triggers
from toolkit.gateway.waiting import WaitingRoom, may_trade

IMMEDIATE = frozenset({"IOC", "FOK"})
NOT_LAST = frozenset("IZUWCNH")  # R7: conditions that never set the last price; I is the odd lot


class Book:
    """
    One instrument's market and own orders.

    Args:
        hours: when it trades.
        queue: rule R5q in addition to R5.
        latency: from placing until live.
        triggers: watches its stops.
    """

    __slots__ = (
        "_buy", "_crossed", "_expiries", "_flight", "_hours", "_latency", "_next", "_out",
        "_phase", "_phase_end", "_queue", "_regular_last", "_sell", "_seq", "_triggers", "_waiting",
        "last_print",
    )  # fmt: skip

    def __init__(
        self,
        hours: Hours,
        *,
        queue: bool = False,
        latency: timedelta = timedelta(0),
        triggers: Triggers | None = None,
    ) -> None:
        self._hours = hours
        self._queue = queue
        self._latency = latency
        self._buy, self._sell = Side(1), Side(-1)
        self._crossed = False
        self._triggers = triggers or Triggers(LAST)
        self._waiting = WaitingRoom()
        self._flight: deque[BookOrder] = deque()
        self._expiries = Expiries()
        self._phase = Phase.CLOSED
        self._phase_end: datetime | None = None
        self._next: datetime | None = None  # nothing happens by itself before this
        self._seq = 0
        self._regular_last = 0  # last price of the current session
        self._out: list[Outcome] = []
        self.last_print: tuple[int, Size, datetime, str] | None = None  # eligible as last price

    # ---- market data -------------------------------------------------------------------------

    def quote(self, bid: int, ask: int, bid_size: Size, ask_size: Size, now: datetime) -> list[Outcome]:
        """A new top of the book; a price or size of 0 means that side is missing."""
        if self._next is None or now >= self._next:
            self._roll(now, inclusive=False)
        buy, sell = self._buy, self._sell
        bid_before, ask_before = sell.size, buy.size
        buy.see(ask, ask_size)
        sell.see(bid, bid_size)
        self._crossed = bool(sell.price > buy.price and buy.price)
        if self._crossed:  # R9: fills nothing and changes no status
            return self._take_out()
        buy.settle(sell)
        sell.settle(buy)
        if self._queue:
            buy.see_queue()
            sell.see_queue()
        arrivals = self._waiting.release(self._phase) if self._waiting else []
        if self._triggers.count:
            grew = 0 < bid_before < sell.size, 0 < ask_before < buy.size
            fired = self._triggers.on_quote(sell.price, buy.price, *grew)
            self._out += self._triggers.take_moved(now)
            arrivals = fired + arrivals
        if arrivals:
            self._arrive(arrivals, now)
        else:
            self._match(buy, now)
            self._match(sell, now)
        return self._take_out()

    def trade(
        self, price: int, size: Size, now: datetime, cond: str = "", aggressor: str = ""
    ) -> list[Outcome]:
        """A print; ``aggressor`` is B or S where the venue says who initiated it."""
        if self._next is None or now >= self._next:
            self._roll(now, inclusive=False)
        if self._queue:
            for side, initiator in ((self._buy, "B"), (self._sell, "S")):
                for order, quantity in side.reached_by(price, size, own_side=aggressor == initiator):
                    self._fill(order, quantity, order.limit, "add", now)
        if not NOT_LAST.intersection(cond) and self._near_quote(price):
            self.last_print = (price, size, now, cond)
            if self._phase is Phase.REGULAR and "T" not in cond:
                self._regular_last = price
            fired = self._triggers.on_print(price, size, extended_only="T" in cond)
            self._out += self._triggers.take_moved(now)
            if fired:
                self._arrive(fired, now)
        return self._take_out()

    def advance(self, now: datetime) -> list[Outcome]:
        """Everything that time alone brings up to and including ``now``."""
        if self._next is None or now >= self._next:
            self._roll(now, inclusive=True)
        return self._take_out()

    @property
    def next_due(self) -> datetime | None:
        """When :meth:`advance` next has something to do with an order; None when never."""
        day_end, landing = self._expiries.first(), self.landing
        if day_end is None or landing is None:
            return day_end or landing
        return min(day_end, landing)

    @property
    def landing(self) -> datetime | None:
        """When the next order in flight goes live, None when none is."""
        return self._flight[0].live_at if self._flight else None

    # ---- own orders --------------------------------------------------------------------------

    def place(self, order: BookOrder, now: datetime) -> list[Outcome]:
        """Send an order; it is live after the latency (R1)."""
        self._roll(now, inclusive=True)
        self._seq += 1
        order.seq = self._seq
        if self._latency:
            order.live_at = now + self._latency
            self._flight.append(order)
            self._roll(now, inclusive=True)
        else:
            self._go_live(order, now)
        return self._take_out()

    def cancel(self, order: BookOrder, now: datetime, reason: str = "") -> list[Outcome]:
        """Take an order that is not finished out, at once (R13)."""
        self._roll(now, inclusive=True)
        if order.state < State.FILLED:
            self._end(order, now, reason)
        return self._take_out()

    def release(self, order: BookOrder, now: datetime) -> list[Outcome]:
        """Send a held order; the broker holds it near the market, so it is live at once."""
        self._roll(now, inclusive=True)
        self._seq += 1
        order.seq = self._seq
        self._go_live(order, now)
        return self._take_out()

    def reduce(self, order: BookOrder, remaining: Size, now: datetime) -> list[Outcome]:
        """Leave no more than that of an unfinished order, because its group has traded."""
        self._roll(now, inclusive=True)
        if order.state < State.FILLED:
            self._give_way(order, remaining, now)
        return self._take_out()

    def modify(self, order: BookOrder, wanted: BookOrder, now: datetime) -> list[Outcome]:
        """
        Give an unfinished order the terms of ``wanted``, at once (R13).

        Another price or type makes it a new arrival; another quantity alone keeps its place, and
        one that is already filled completes the order.
        """
        self._roll(now, inclusive=True)
        if order.state >= State.FILLED:
            return self._take_out()
        if wanted.quantity <= order.filled:
            self._detach(order)
            order.quantity = order.filled
            order.state = State.FILLED
            self._out.append(Moved(order, now, State.FILLED))
        elif order.state is State.IN_FLIGHT:
            order.take_terms(wanted)
        elif order.state is State.HELD:
            order.take_terms(wanted)
            self._out.append(Moved(order, now, State.HELD))
        elif wanted.same_place(order):
            self._expiries.remove(order)
            order.take_terms(wanted)
            self._remember_expiry(order, now)
            self._out.append(Moved(order, now, order.state))
            self._match(self._buy, now)
            self._match(self._sell, now)
        else:
            self._detach(order)
            order.take_terms(wanted)
            self._seq += 1
            order.seq = self._seq
            self._go_live(order, now)
        return self._take_out()

    def fill(self, order: BookOrder, price: int, now: datetime) -> list[Outcome]:
        """Fill all that is left of an unfinished order at ``price``, whatever the market says."""
        if order.state < State.FILLED:
            self._fill(order, order.remaining, price, "remove", now)
        return self._take_out()

    # ---- arrival and matching ----------------------------------------------------------------

    def _go_live(self, order: BookOrder, now: datetime) -> None:
        self._remember_expiry(order, now)
        if order.for_close:
            order.state = State.CLOSING
            self._out.append(Moved(order, now, State.CLOSING))
        elif self._tradable(order):
            if order.tif == "OPG" and self._hours.has_opening:
                self._end(order, now, "the opening has passed")
            else:
                self._arrive([order], now)
        elif order.tif in IMMEDIATE:
            self._end(order, now, "the market is closed")
        else:
            self._waiting.add(order)
            self._out.append(Moved(order, now, State.WAITING))

    def _arrive(self, orders: list[BookOrder], now: datetime) -> None:
        """Let orders meet the standing quote together: by price, then by time (R11)."""
        before = len(self._out)
        bid, ask = self._sell.price, self._buy.price
        for order in orders:
            if order.state is State.CANCELLED:  # its group has traded
                continue
            if order.is_stop and not order.triggered and not self._triggers.add(order, bid, ask):
                self._out.append(Moved(order, now, State.UNTRIGGERED))
            else:
                self._enter(order, now)
        self._match(self._buy, now)
        self._match(self._sell, now)
        traded = {o.order for o in self._out[before:] if isinstance(o, Fill)}
        for order in orders:
            if order.state is not State.WORKING:
                continue
            if order.tif in IMMEDIATE or order.tif == "OPG":  # R10
                self._end(order, now, "the rest was not offered")
            elif order not in traded:
                self._out.append(Moved(order, now, State.WORKING))

    def _enter(self, order: BookOrder, now: datetime) -> None:
        side = self._buy if order.side > 0 else self._sell
        order.key = MARKET_KEY if order.at_market else -order.side * order.limit
        marketable = bool(side.price) and order.key <= side.key
        if order.tif == "FOK":
            self._match(side, now)  # who came before it is served first
            offered = side.left if marketable and not self._crossed else 0
            if offered < order.remaining:
                self._end(order, now, "not all of it was offered")
                return
        order.state = State.WORKING
        order.taking = marketable and not order.at_market
        side.ladder.add(order)
        if order.taking:
            side.taking[order] = None
        elif self._queue:
            side.join(order)

    def _match(self, side: Side, now: datetime) -> None:
        if self._crossed:
            return
        reach = side.key
        while side.left:
            order = side.ladder.first()
            if order is None or order.key > reach:
                return
            quantity = min(side.left, order.remaining)
            side.left -= quantity
            if order.at_market or order.taking:  # R3, R4: the opposite quote
                self._fill(order, quantity, side.price, "remove", now)
            else:  # R5: its own limit
                self._fill(order, quantity, order.limit, "add", now)

    def _fill(self, order: BookOrder, quantity: Size, price: int, liquidity: str, now: datetime) -> None:
        before = order.remaining
        order.filled += quantity
        self._out.append(Fill(order, now, quantity, price, liquidity))
        if order.filled == order.quantity:
            self._detach(order)
            order.state = State.FILLED
        elif order.directed and order.at_market:
            self._end(order, now, "an exchange-directed market order does not wait for the rest")
        if order.group is not None:
            for other, remaining in order.group.filled(order, int(before), self):
                self._give_way(other, remaining, now)

    def _give_way(self, order: BookOrder, remaining: Size, now: datetime) -> None:
        if remaining <= 0:
            self._end(order, now, "another order of its group has traded")
        else:
            order.quantity = order.filled + remaining
            self._out.append(Moved(order, now, order.state))

    def _close(self, order: BookOrder, now: datetime) -> None:
        """Trade an order for the close in full at the last price of the session, or end it."""
        at = self._regular_last or (self._buy if order.side > 0 else self._sell).price
        if at and (not order.has_limit or order.side * at <= order.side * order.limit):
            self._fill(order, order.remaining, at, "remove", now)
        else:
            self._end(order, now, "the close did not reach its limit" if at else "there was no close")

    def _near_quote(self, price: int) -> bool:
        bid, ask = self._sell.price, self._buy.price
        return (not bid or price * 1000 >= bid * 995) and (not ask or price * 1000 <= ask * 1005)

    # ---- time --------------------------------------------------------------------------------

    def _roll(self, now: datetime, *, inclusive: bool) -> None:
        """
        Let everything happen that time alone brings, in its order.

        Args:
            now: up to when.
            inclusive: orders that go live exactly at ``now`` do so (after market data of that stamp).
        """
        if self._next is not None and now < self._next and not self._flight:
            return
        if self._phase_end is None:
            self._phase, self._phase_end = self._hours.phase(now)
        while True:
            day_end = self._expiries.first()
            edge = self._phase_end if day_end is None else min(self._phase_end, day_end)
            if self._flight:
                order = self._flight[0]
                live_at = order.live_at
                if live_at < edge and (live_at < now or (inclusive and live_at == now)):
                    self._flight.popleft()
                    if order.state is State.IN_FLIGHT:
                        self._go_live(order, live_at)
                    continue
            if edge > now:
                break
            self._pass_edge(edge)
        self._next = min(edge, self._flight[0].live_at) if self._flight else edge

    def _pass_edge(self, edge: datetime) -> None:
        for order in self._expiries.at(edge):
            if order.for_close and order.state is State.CLOSING:
                self._close(order, edge)
            elif order.state < State.FILLED:
                self._end(order, edge, "the trading day is over")
        if edge == self._phase_end:
            self._regular_last = 0
            self._phase, self._phase_end = self._hours.phase(edge)
            for order in [*self._buy.ladder, *self._sell.ladder, *self._triggers]:
                if not self._tradable(order):
                    self._detach(order)
                    self._remember_expiry(order, edge)
                    self._waiting.add(order)
                    self._out.append(Moved(order, edge, State.WAITING))

    def _tradable(self, order: BookOrder) -> bool:
        return may_trade(self._phase, extended=order.extended)

    def _remember_expiry(self, order: BookOrder, now: datetime) -> None:
        if order.tif in ("DAY", "OPG") or order.for_close:
            end = self._hours.day_end(now, extended=order.extended)
            self._expiries.add(order, end)
            if self._next is not None and end < self._next:
                self._next = end

    # ---- leaving -----------------------------------------------------------------------------

    def _end(self, order: BookOrder, now: datetime, reason: str) -> None:
        self._detach(order)
        order.state = State.CANCELLED
        self._out.append(Moved(order, now, State.CANCELLED, reason))

    def _detach(self, order: BookOrder) -> None:
        """Take the order out of wherever it is; one in flight is skipped when it would land."""
        self._expiries.remove(order)
        if order.state is State.WORKING:
            side = self._buy if order.side > 0 else self._sell
            side.ladder.remove(order)
            if order.taking:
                del side.taking[order]
                order.taking = False
        elif order.state is State.UNTRIGGERED:
            self._triggers.remove(order)
        elif order.state is State.WAITING:
            self._waiting.remove(order)

    def _take_out(self) -> list[Outcome]:
        out, self._out = self._out, []
        return out
