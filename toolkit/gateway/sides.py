"""Own orders of one side of a book, and the opposite quote that they trade with."""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.gateway.ladder import MARKET_KEY, BookOrder, Ladder, State
from toolkit.gateway.ticks import Size

UNREACHABLE = MARKET_KEY - 1  # the key of a missing quote: not even market orders reach it


class Side:
    """Own orders of one side, and the opposite quote that they trade with."""

    __slots__ = (
        "joins", "key", "ladder", "left", "own_size", "price", "sign", "size", "taking",
    )  # fmt: skip

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.ladder = Ladder()
        self.taking: dict[BookOrder, None] = {}  # limit orders that are still takers (R4)
        self.price = 0  # opposite quote, 0 when missing
        self.size: Size = 0
        self.left: Size = 0  # of the displayed size, what own orders have not taken (R2)
        self.key = UNREACHABLE  # orders with a key above this do not reach the opposite quote
        self.joins = -MARKET_KEY  # key of the best price on the own side; none: nobody is ahead
        self.own_size: Size = 0

    def see(self, price: int, size: Size) -> None:
        """The opposite quote as displayed now; unchanged, it offers nothing again (R2)."""
        if price <= 0 or size <= 0:
            price, size = 0, 0
        if price != self.price or size != self.size:
            self.price, self.size, self.left = price, size, size
            self.key = -self.sign * price if price else UNREACHABLE

    def settle(self, own: Side) -> None:
        """After an uncrossed quote: who stops taking (R4), and who is ahead of whom (R5q)."""
        self.own_size = own.size
        self.joins = -self.sign * own.price if own.price else -MARKET_KEY
        for order in [o for o in self.taking if o.key > self.key]:
            del self.taking[order]
            order.taking = False
            self.join(order)

    def join(self, order: BookOrder) -> None:
        """Shares queued before an order that starts to rest now."""
        if order.key < self.joins:
            order.ahead = 0  # inside the spread
        elif order.key == self.joins:
            order.ahead = self.own_size
        else:
            order.ahead = None  # behind the best price: unknown until that reaches it

    def see_queue(self) -> None:
        """Cap the queue by what is displayed; a level that the best price left behind is empty."""
        for order in self.ladder.up_to(self.joins):
            if order.key < self.joins:
                order.ahead = 0
            elif order.ahead is None:
                order.ahead = self.own_size
            else:
                order.ahead = min(order.ahead, self.own_size)

    def reached_by(self, price: int, size: Size, *, own_side: bool) -> Iterator[tuple[BookOrder, Size]]:
        """
        Resting orders that a print fills, and how much of each (R5q).

        Args:
            price: of the print.
            size: of the print.
            own_side: it was initiated by this side, so at this very price it met nobody here.
        """
        reach = -self.sign * price
        left = size
        for order in self.ladder.up_to(reach):
            if order.at_market or order.taking or order.state is not State.WORKING:
                continue
            free = left
            if order.key == reach:
                if own_side or order.ahead is None:
                    continue
                free = left - order.ahead
                order.ahead = max(0, order.ahead - left)
            if free > 0:
                quantity = min(free, order.remaining)
                left -= quantity
                yield order, quantity
                if not left:
                    return
