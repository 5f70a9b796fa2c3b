"""What stands before each row of a frame: what was open at first, and what the rows before it added."""

from __future__ import annotations

from functools import cached_property
from typing import Final, NamedTuple, Self

import numpy as np

from toolkit.risk.columns import Bools, Ints
from toolkit.risk.running import Grouping
from toolkit.risk.tables import Table, type_code, whole

LIVE: Final = ("MARKET", "LIMIT")
"""Order types that meet others; a stop that has not triggered meets nobody."""


class Base(NamedTuple):
    """
    What is open before the first row, by contract and in the table's units.

    Attributes:
        buys, sells: open quantity of each side.
        highest: the highest price of the open orders, 0 without one.
        elsewhere: gross, up and down of all that the table's contracts do not hold.
        orders: rows approved so far.
        bought, sold: the same by contract and side.
        by_strategy: rows approved so far, by strategy.
        bids, reach: by place, see ``places``: the highest price at which an own order buys, and how
            far below ``roof`` one sells.
        roof: above every limit.
        seen: by code of ``Table.economics``: whether such a row was approved.
    """

    buys: Ints
    sells: Ints
    highest: Ints
    elsewhere: tuple[int, ...]
    orders: int
    bought: Ints
    sold: Ints
    by_strategy: Ints
    bids: Ints
    reach: Ints
    roof: int
    seen: Bools

    @classmethod
    def of(cls, table: Table) -> Self:
        """What is open before the first row of a whole frame."""
        contracts = len(table.position)
        own = _own_orders(table)
        roof = 1 + max(int(table.limit.max(initial=0)), *(price for _, _, price in own if price), 0)
        bids, reach = (np.zeros(len(table.accounts) * contracts, np.int64) for _ in range(2))
        for place, sign, price in own:
            if sign > 0:
                bids[place] = max(bids[place], roof if price is None else price)
            else:
                reach[place] = max(reach[place], roof + 1 - (price or 0))
        none = np.zeros(contracts, np.int64)
        base = cls(
            buys=table.open_buys,
            sells=table.open_sells,
            highest=table.highest,
            elsewhere=(0, 0, 0),
            orders=0,
            bought=none,
            sold=none,
            by_strategy=np.zeros(len(table.strategies), np.int64),
            bids=bids,
            reach=reach,
            roof=roof,
            seen=np.zeros(int(table.economics.max(initial=0)) + 1, bool),
        )
        inside = (base.total(table, which) for which in range(3))
        return base._replace(
            elsewhere=tuple(int(all_) - own for all_, own in zip(table.total, inside, strict=True))
        )

    def total(self, table: Table, which: int) -> int:
        """Gross (0), up (1) or down (2) of everything that is open."""
        worth = WORTHS[which](
            table.position, self.buys, self.sells, table.marks, np.maximum(table.marks, self.highest)
        )
        return self.elsewhere[which] + int((worth * table.factors).sum())

    def plus(self, table: Table, approved: Bools) -> Self:
        """The base of the rows that follow those of ``table``."""
        rows = table.take(np.flatnonzero(approved))
        up, down = rows.sign > 0, rows.sign < 0
        live = np.isin(rows.types, LIVE_CODES)
        at = places(rows)
        added = self._replace(
            **{name: getattr(self, name).copy() for name in _BY_PLACE}, orders=self.orders + len(rows)
        )
        np.add.at(added.buys, rows.contract[up], rows.quantity[up])
        np.add.at(added.sells, rows.contract[down], rows.quantity[down])
        np.add.at(added.bought, rows.contract[up], 1)
        np.add.at(added.sold, rows.contract[down], 1)
        added.by_strategy[:] += np.bincount(rows.strategy, minlength=len(table.strategies))
        np.maximum.at(added.highest, rows.contract, rows.dearest)
        bids, offers = self.limits(rows)
        np.maximum.at(added.bids, at[up & live], bids[up & live])
        np.maximum.at(added.reach, at[down & live], self.roof + 1 - offers[down & live])
        added.seen[rows.economics] = True
        return added

    def limits(self, table: Table) -> tuple[Ints, Ints]:
        """What each row would buy at, and sell at, when nothing holds it back."""
        any_price = (table.types == MARKET) | ~table.has_limit
        return np.where(any_price, self.roof, table.limit), np.where(any_price, 0, table.limit)


class Ahead:
    """
    What stands before each row of a table.

    Args:
        table: the rows.
        base: before the first of them.
        approved: which of them count.
    """

    def __init__(self, table: Table, base: Base, approved: Bools) -> None:
        self.table = table
        self.base = base
        self.approved = approved

    @cached_property
    def buys(self) -> Ints:
        """Open buys in each row's contract."""
        table = self.table
        quantity = np.where(self.approved & (table.sign > 0), table.quantity, 0)
        return self.base.buys[table.contract] + table.groups.sums_before(quantity)

    @cached_property
    def sells(self) -> Ints:
        """Open sells in each row's contract."""
        table = self.table
        quantity = np.where(self.approved & (table.sign < 0), table.quantity, 0)
        return self.base.sells[table.contract] + table.groups.sums_before(quantity)

    @cached_property
    def position(self) -> Ints:
        """What is held in each row's contract."""
        return self.table.position[self.table.contract]

    @cached_property
    def orders(self) -> Ints:
        """Approved rows."""
        before: Ints = self.base.orders + np.cumsum(self.approved) - self.approved
        return before

    def orders_of(self, side: int) -> Ints:
        """Approved rows in each row's contract: +1 those that buy, -1 those that sell."""
        base = self.base.bought if side > 0 else self.base.sold
        counted = (self.approved & (self.table.sign == side)).astype(np.int64)
        return base[self.table.contract] + self.table.groups.sums_before(counted)

    @cached_property
    def orders_of_strategy(self) -> Ints:
        """Approved rows of each row's strategy."""
        strategy = self.table.strategy
        return self.base.by_strategy[strategy] + Grouping(strategy).sums_before(
            self.approved.astype(np.int64)
        )

    def exposure(self, which: int) -> Ints:
        """Gross (0), up (1) or down (2) of everything with each row itself, in the table's money."""
        table = self.table
        before = WORTHS[which](
            self.position, self.buys, self.sells, table.marks[table.contract], self._dearest[0]
        )
        step = (self._with_row(which) - before) * table.factor
        added = np.where(self.approved, step, 0)
        so_far: Ints = np.cumsum(added) - added
        return self.base.total(table, which) + so_far + step

    def own(self, which: int) -> Ints:
        """The same of each row's contract alone."""
        return self._with_row(which) * self.table.factor

    def _with_row(self, which: int) -> Ints:
        """The same per unit of ``Table.factor``."""
        table = self.table
        buys = self.buys + np.where(table.sign > 0, table.quantity, 0)
        sells = self.sells + np.where(table.sign < 0, table.quantity, 0)
        return WORTHS[which](self.position, buys, sells, table.marks[table.contract], self._dearest[1])

    @cached_property
    def approved_quantity(self) -> Ints:
        """Quantity of the approved rows in each row's contract."""
        table, base = self.table, self.base
        counted = np.where(self.approved, table.quantity, 0)
        earlier = base.buys - table.open_buys + base.sells - table.open_sells
        return earlier[table.contract] + table.groups.sums_before(counted)

    @cached_property
    def _dearest(self) -> tuple[Ints, Ints]:
        """The dearest price of each row's contract before it, and with it."""
        table = self.table
        named = table.groups.highest_before(np.where(self.approved, table.dearest, 0))
        before = np.maximum(np.maximum(table.marks, self.base.highest)[table.contract], named)
        return before, np.maximum(before, table.dearest)


def places(table: Table) -> Ints:
    """Account and contract of each row as one code."""
    return table.account * len(table.position) + table.contract


def _gross(position: Ints, buys: Ints, sells: Ints, _mark: Ints, worst: Ints) -> Ints:
    most = np.maximum(np.abs(position + buys), np.abs(position - sells))
    worth: Ints = np.maximum(most, np.abs(position)) * worst
    return worth


def _up(position: Ints, buys: Ints, _sells: Ints, mark: Ints, worst: Ints) -> Ints:
    up = position + buys
    worth: Ints = up * np.where(up > 0, worst, mark)
    return worth


def _down(position: Ints, _buys: Ints, sells: Ints, mark: Ints, worst: Ints) -> Ints:
    down = position - sells
    worth: Ints = down * np.where(down < 0, worst, mark)
    return worth


WORTHS: Final = (_gross, _up, _down)
"""The parts of ``line.Worth`` on whole columns, per unit of ``Table.factor``."""
LIVE_CODES: Final = [type_code(word) for word in LIVE]
MARKET: Final = type_code("MARKET")
_BY_PLACE: Final = ("buys", "sells", "highest", "bought", "sold", "by_strategy", "bids", "reach", "seen")


def _own_orders(table: Table) -> list[tuple[int, int, int | None]]:
    """Open orders that may meet a row: place, side, limit; None for the market."""
    found = []
    for con_id, contract in table.places.items():
        for state in table.book.exposure.orders(con_id):
            intent = state.intent
            if intent is None or intent.order_type not in LIVE:
                continue
            account = table.accounts.get(intent.account or table.book.account)
            if account is None:
                continue
            any_price = intent.order_type == "MARKET" or intent.limit_price is None
            price = None if any_price else whole(intent.limit_price, table.price_decimals)  # type: ignore[arg-type]
            found.append((account * len(table.position) + contract, intent.sign, price))
    return found
