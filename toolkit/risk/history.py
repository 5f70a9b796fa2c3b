"""What was asked of the broker before: counts of the day, usual quantities, recent fills."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from toolkit.orders.events import Accepted, AnyEvent, CancelRequested, Executed, ReplaceRequested, Sent
from toolkit.orders.state import OrderState
from toolkit.risk.line import ZERO

USUAL_ORDERS: Final = 20
"""Orders of a strategy whose median quantity is what is usual for it."""
ENOUGH_ORDERS: Final = 5
"""Orders before which nothing is usual."""
FILL_WINDOW: Final = timedelta(minutes=1)
REMEMBERED_FILLS: Final = 1000
"""Fills of one strategy in one contract that are remembered within the window."""


class _Quantities:
    """The last ``USUAL_ORDERS`` quantities, in order of time and in order of size."""

    __slots__ = ("_by_size", "_by_time")

    def __init__(self) -> None:
        self._by_time: deque[Decimal] = deque()
        self._by_size: list[Decimal] = []

    def append(self, quantity: Decimal) -> None:
        """Take one more, and forget the oldest when there are too many."""
        self._by_time.append(quantity)
        insort(self._by_size, quantity)
        if len(self._by_time) > USUAL_ORDERS:
            del self._by_size[bisect_left(self._by_size, self._by_time.popleft())]

    def median(self) -> Decimal | None:
        """The middle one, or half way between the two in the middle; None while there are too few."""
        count, middle = len(self._by_size), len(self._by_size) // 2
        if count < ENOUGH_ORDERS:
            return None
        high = self._by_size[middle]
        low = high if count % 2 else self._by_size[middle - 1]
        return low if low == high else (low + high) / 2

    def copy(self) -> _Quantities:
        """The same, apart from this one."""
        other = _Quantities()
        other._by_time, other._by_size = self._by_time.copy(), self._by_size.copy()
        return other


class History:
    """
    Counts over the facts of one journal; ``observe`` wants them all, oldest first.

    A day is a UTC day, of the time at which we learnt a fact.
    """

    def __init__(self) -> None:
        self._day = date.min
        self._messages = 0
        self._executed: set[str] = set()
        self._accepted: list[OrderState] = []
        self._orders: Counter[int] = Counter()
        """contract number -> orders accepted today"""
        self._quantity_today: defaultdict[int, Decimal] = defaultdict(Decimal)
        """contract number -> quantity accepted today, and what changes of orders were to add"""
        self._quantities: defaultdict[str, _Quantities] = defaultdict(_Quantities)
        """strategy -> quantities of its last orders"""
        self._fills: defaultdict[tuple[str, int], deque[datetime]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED_FILLS)
        )
        """(strategy, contract number) -> when its last fills were learnt"""

    def observe(self, event: AnyEvent, state: OrderState) -> None:
        """Count one fact; ``state`` is the order after it."""
        intent = state.intent
        if intent is None or intent.action != "NEW":
            return
        today = self._is_today(event.at)
        match event:
            case Accepted():
                self.accept(state)
                self._quantities[intent.strategy_id].append(intent.quantity)
            case Sent():
                self._messages += today
            case ReplaceRequested():
                self._messages += today
                more = event.quantity - intent.quantity
                if today and more > 0:
                    self._quantity_today[state.con_id] += more
            case CancelRequested() if state.order_id is not None:
                self._messages += today
            case Executed():
                if today:
                    self._executed.add(event.intent_id)
                self._fills[intent.strategy_id, state.con_id].append(event.at)

    def accept(self, state: OrderState) -> None:
        """Count one order that risk let pass; what is usual for its strategy stays as it was."""
        if state.accepted_at is not None and state.intent is not None:
            if self._is_today(state.accepted_at):
                self._orders[state.con_id] += 1
                self._quantity_today[state.con_id] += state.intent.quantity
            self._accepted.append(state)

    def copy(self) -> History:
        """The same history, to go on from apart from this one."""
        other = History()
        other._day, other._messages = self._day, self._messages
        other._executed, other._orders = set(self._executed), Counter(self._orders)
        other._quantity_today.update(self._quantity_today)
        other._accepted = list(self._accepted)
        for strategy, quantities in self._quantities.items():
            other._quantities[strategy] = quantities.copy()
        for key, times in self._fills.items():
            other._fills[key].extend(times)
        return other

    def accepted_since(self, since: datetime) -> Sequence[OrderState]:
        """Orders that risk let pass after ``since`` (UTC), newest first, as they were then."""
        newest: list[OrderState] = []
        for state in reversed(self._accepted):
            if state.accepted_at is None or state.accepted_at <= since:
                break
            newest.append(state)
        return newest

    def accepted_within(self, window: timedelta, now: datetime, strategy: str | None = None) -> int:
        """How many orders, of one strategy or of all, risk let pass less than ``window`` ago."""
        count, since = 0, now - window
        for state in reversed(self._accepted):
            if state.accepted_at is None or state.accepted_at <= since:
                break
            count += strategy is None or (state.intent is not None and state.intent.strategy_id == strategy)
        return count

    def orders(self, con_id: int, now: datetime) -> int:
        """Orders accepted today in one contract."""
        return self._orders[con_id] if now.date() == self._day else 0

    def quantity(self, con_id: int, now: datetime) -> Decimal:
        """Quantity of the orders accepted today in one contract, and what changes of orders were to add."""
        return self._quantity_today[con_id] if now.date() == self._day else ZERO

    def efficiency(self, now: datetime, *, one_more: bool = True) -> Decimal:
        """
        Today's order-efficiency ratio: (orders + changes + cancels) / (orders with a fill + 1).

        The broker calls a ratio above 20 excessive (Interactive Brokers, knowledge base 1343).

        Args:
            now: UTC.
            one_more: count one more order, which has no fill yet.
        """
        today = now.date() == self._day
        messages, executed = (self._messages, len(self._executed)) if today else (0, 0)
        return Decimal(messages + one_more) / (executed + 1)

    def usual_quantity(self, strategy: str) -> Decimal | None:
        """Median quantity of a strategy's last orders; None while there are too few."""
        quantities = self._quantities.get(strategy)
        return None if quantities is None else quantities.median()

    def fills(self, strategy: str, con_id: int, now: datetime) -> int:
        """Fills of a strategy in one contract within the last minute."""
        times = self._fills.get((strategy, con_id))
        return 0 if times is None else sum(now - at < FILL_WINDOW for at in times)

    def _is_today(self, at: datetime) -> bool:
        """Whether a fact is of the newest day seen so far, which starts at zero."""
        if at.date() > self._day:
            self._day = at.date()
            self._messages = 0
            self._executed.clear()
            self._orders.clear()
            self._quantity_today.clear()
        return at.date() == self._day
