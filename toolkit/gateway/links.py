"""
Orders that depend on each other: brackets, and groups in which one cancels all.

A bracket's children name their parent. They are held until the parent is filled to the last share,
and go with it when it is cancelled; the children of one parent form a group of kind 2. Orders sent
with ``transmit=False`` are parked; one that is transmitted takes the parked orders of its family
along. A group's kinds, as the broker numbers them:

- 1 cancel: the first fill of one order, whole or partial, cancels the others.
- 2 reduce with block: a fill reduces the others in proportion, before they can trade themselves.
- 3 reduce without block: the same, but a quote that reaches several orders fills them all.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from toolkit.gateway.ladder import BookOrder, State
from toolkit.gateway.outcomes import Moved, Outcome

if TYPE_CHECKING:
    from toolkit.gateway.book import Book

CANCEL, REDUCE_WITH_BLOCK, REDUCE = 1, 2, 3
GROUP_KINDS = frozenset({0, CANCEL, REDUCE_WITH_BLOCK, REDUCE})  # 0: not said, taken as 1
MISSING_PARENT = 10006


class Ties(NamedTuple):
    """
    How a new order depends on others.

    Attributes:
        parent: name of its parent order, None without.
        group: name of its group, None without.
        kind: of the group.
        transmit: False parks it.
    """

    parent: Hashable = None
    group: Hashable = None
    kind: int = 0
    transmit: bool = True


ALONE = Ties()


class Group:
    """Orders of which one's fills cancel or reduce the others."""

    __slots__ = ("_late", "kind", "members")

    def __init__(self, kind: int) -> None:
        self.kind = kind or CANCEL
        self.members: list[BookOrder] = []
        self._late: list[tuple[BookOrder, int, int]] = []

    def filled(self, order: BookOrder, before: int, book: Book) -> list[tuple[BookOrder, int]]:
        """
        One order traded; ``before`` is what remained of it until then.

        Returns:
            What must remain of which orders of the same book, at once. The rest is told later, by
            :meth:`take_late`: other books hear of it when this one is done.
        """
        after = 0 if self.kind == CANCEL else int(order.remaining)
        at_once = []
        for other in self.members:
            if other is order or other.state >= State.FILLED:
                continue
            if other.book is book and self.kind != REDUCE:
                at_once.append((other, int(other.remaining) * after // before))
            else:
                self._late.append((other, before, after))
        return at_once

    def take_late(self) -> list[tuple[BookOrder, int, int]]:
        """Orders that have to be reduced in the proportion before : after, and forget them."""
        late, self._late = self._late, []
        return late


class Links:
    """All brackets and groups of one exchange; between its books and whoever asks them."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, Group] = {}
        self.used = False

    def admit(
        self, order: BookOrder, book: Book, now: datetime, ties: Ties = ALONE, parent: BookOrder | None = None
    ) -> list[Outcome]:
        """
        Send an order to its book, or hold it.

        Args:
            order: a new one.
            book: where it trades.
            now: the time.
            ties: what it depends on.
            parent: the order that ``ties.parent`` names; None when that one is filled.
        """
        self.tie(order, book, ties, parent)
        if ties == ALONE:
            return self.follow(book.place(order, now), now)
        if not ties.transmit:
            return [self._hold(order, now)]
        return self.transmit(order, now)

    def tie(self, order: BookOrder, book: Book, ties: Ties, parent: BookOrder | None) -> None:
        """Say what an order depends on, and no more; arguments as of :meth:`admit`."""
        order.book = book
        if ties == ALONE:
            return
        self.used = True
        order.transmit = ties.transmit
        if ties.group is not None:
            self._join(order, ties.group, ties.kind)
        elif ties.parent is not None:
            self._join(order, ("children of", ties.parent), REDUCE_WITH_BLOCK)
        if parent is not None:
            order.parent = parent
            parent.children = (*parent.children, order)

    def transmit(self, order: BookOrder, now: datetime) -> list[Outcome]:
        """Send an order and the parked ones that it depends on."""
        out: list[Outcome] = []
        order.transmit = True
        parent = order.parent
        if parent is None or parent.state is State.FILLED:
            assert order.book is not None
            out += order.book.place(order, now)
        else:
            out.append(self._hold(order, now))
            if not parent.transmit:
                for sibling in parent.children:
                    if not sibling.transmit:
                        sibling.transmit = True
                        out.append(self._hold(sibling, now))
                out += self.transmit(parent, now)
        return self.follow(out, now)

    def follow(self, outcomes: list[Outcome], now: datetime) -> list[Outcome]:
        """What the outcomes of one book mean for linked orders, added behind them."""
        if not self.used:
            return outcomes
        place = 0
        while place < len(outcomes):
            order = outcomes[place].order
            place += 1
            if order.group is not None:
                for other, before, after in order.group.take_late():
                    assert other.book is not None
                    outcomes += other.book.reduce(other, int(other.remaining) * after // before, now)
            if order.children and order.state >= State.FILLED:
                children, order.children = order.children, ()
                for child in children:
                    outcomes += self._after_parent(child, now, filled=order.state is State.FILLED)
        return outcomes

    def _after_parent(self, child: BookOrder, now: datetime, *, filled: bool) -> list[Outcome]:
        assert child.book is not None
        if child.state is not State.HELD:
            return []
        if not filled:
            return child.book.cancel(child, now, "its parent order has ended")
        return child.book.release(child, now) if child.transmit else []

    def _hold(self, order: BookOrder, now: datetime) -> Moved:
        order.state = State.HELD
        return Moved(order, now, State.HELD)

    def _join(self, order: BookOrder, name: Hashable, kind: int) -> None:
        group = self._groups.get(name)
        if group is None or all(member.state >= State.FILLED for member in group.members):
            group = self._groups[name] = Group(kind)
        group.members = [member for member in group.members if member.state < State.FILLED]
        group.members.append(order)
        order.group = group
