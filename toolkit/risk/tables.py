"""The numbers of a frame of intents beside what is held, open and quoted, in exact integers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from toolkit.orders.intent import ORDER_TYPES
from toolkit.risk.columns import EXACT_INT, Bools, InexactError, Ints, guard, scaled
from toolkit.risk.kinds import Columns, Kind
from toolkit.risk.line import NOTHING, MissingPriceError, MissingRateError
from toolkit.risk.overlay import Overlay
from toolkit.risk.running import Grouping

Floats = NDArray[np.float64]
PER_ROW: Final = (
    "kind",
    "quantity",
    "limit",
    "stop",
    "has_limit",
    "has_stop",
    "contract",
    "sign",
    "economics",
)
"""Arrays of a table with one entry per row."""


class Outcome(NamedTuple):
    """
    One rule on every row.

    Attributes:
        failed: where it fails.
        observed: what it observed, in units of ``1 / scale``.
        limit: what it held that against: a limit's name, or a figure per row in the same units.
    """

    failed: Bools
    observed: Ints | Floats
    limit: str | Ints | Floats
    scale: float = 1.0


class Table:
    """
    The numbers of a frame beside what is held, open and quoted.

    Args:
        columns: the rows.
        book: what they are held against.

    Raises:
        InexactError: a number does not fit, or a contract has no price or exchange rate.
    """

    def __init__(self, columns: Columns, book: Overlay) -> None:
        self.kind = columns.kind
        self.book = book
        self.kinds = kinds = columns.kinds
        self._vectors: dict[Any, NDArray[Any]] = {}
        found = {k.instrument.con_id: k.instrument for k in kinds if k.instrument is not None}
        self.ids = list(found)
        lines = [book.exposure.line(con_id, instrument) for con_id, instrument in found.items()]
        marks = [line.mark for line in lines]
        if any(mark is None or mark < 0 for mark in marks) or any(line.rate is None for line in lines):
            raise InexactError  # an approved limit order may give such a contract a price
        quotes = [book.quote(con_id) for con_id in self.ids]
        bids, asks = ([getattr(quote, side) for quote in quotes] for side in ("bid", "ask"))
        factors = [line.multiplier * (line.rate or 0) for line in lines]
        highest = [line.highest for line in lines]
        held = [number for line in lines for number in (line.position, line.buys, line.sells)]
        self.quantity_decimals = max(columns.quantity.decimals, decimals_of(held))
        written = [
            price
            for con_id in self.ids
            for state in book.exposure.orders(con_id)
            if state.intent is not None
            for price in (state.intent.limit_price, state.intent.stop_price)
        ]
        self.price_decimals = max(
            columns.limit.decimals,
            columns.stop.decimals,
            decimals_of([*marks, *bids, *asks, *highest, *written]),
        )
        self.money_decimals = self.quantity_decimals + self.price_decimals + decimals_of(factors)

        self.quantity = columns.quantity.at(self.quantity_decimals)
        self.limit = columns.limit.at(self.price_decimals)
        self.stop = columns.stop.at(self.price_decimals)
        self.has_limit, self.has_stop = columns.limit.known, columns.stop.known
        self.places = {con_id: place for place, con_id in enumerate(self.ids)}
        self.contract = self.by_kind(
            "contract",
            lambda k: len(self.ids) if k.instrument is None else self.places[k.instrument.con_id],
        )
        """place in ``ids``; one beyond them when it is not known"""
        self.sign = self.by_kind("sign", lambda k: k.order.sign)
        self.economics = self.kind
        """rows with the same code are the same order; the kind alone until somebody asks"""
        self.marks, self.bids, self.asks, self.highest = (
            _per_contract(values, self.price_decimals) for values in (marks, bids, asks, highest)
        )
        self.factors = _per_contract(factors, decimals_of(factors))
        self.position, self.open_buys, self.open_sells = (
            _per_contract([getattr(line, name) for line in lines], self.quantity_decimals)
            for name in ("position", "buys", "sells")
        )
        try:
            total = book.exposure.total()
        except (MissingPriceError, MissingRateError):
            total = NOTHING  # then nothing that adds up is an open question
        parts = (total.gross, total.up, total.down)
        self.total = tuple(whole(amount, self.money_decimals) for amount in parts)
        accounts = sorted({kind.order.account or book.account for kind in kinds})
        self.accounts = {account: code for code, account in enumerate(accounts)}
        self.strategies = {name: code for code, name in enumerate({kind.order.strategy for kind in kinds})}
        self._guard_money()

    def take(self, rows: slice | Ints) -> Self:
        """These rows of the table, in their order."""
        part = copy.copy(self)
        for name in ("groups", "dearest", "types", "account", "strategy", "factor"):
            part.__dict__.pop(name, None)
        for name in PER_ROW:
            setattr(part, name, getattr(self, name)[rows])
        return part

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def groups(self) -> Grouping:
        """The rows by contract."""
        return Grouping(self.contract)

    @cached_property
    def dearest(self) -> Ints:
        """The highest price that a row names; 0 without one."""
        own = np.maximum(np.where(self.has_limit, self.limit, 0), np.where(self.has_stop, self.stop, 0))
        return np.maximum(own, 0)

    @cached_property
    def types(self) -> Ints:
        """The order type of each row as a code."""
        return self.by_kind("types", lambda kind: type_code(kind.order.order_type))

    @cached_property
    def account(self) -> Ints:
        """The account of each row as a code."""
        return self.by_kind("account", lambda k: self.accounts[k.order.account or self.book.account])

    @cached_property
    def strategy(self) -> Ints:
        """The strategy of each row as a code."""
        return self.by_kind("strategy", lambda k: self.strategies[k.order.strategy])

    @cached_property
    def factor(self) -> Ints:
        """Account currency per price unit of each row's contract."""
        return self.factors[self.contract]

    def touch(self) -> Ints:
        """The side of the quote that each row would meet."""
        return np.where(self.sign > 0, self.asks[self.contract], self.bids[self.contract])

    def by_kind(self, what: str, value: Callable[[Kind], int]) -> Ints:
        """A whole number that all rows of a kind share; ``what`` names it."""
        return self._vector(what, value, np.int64)[self.kind]

    def flags(self, what: str, value: Callable[[Kind], bool]) -> Bools:
        """A truth value that all rows of a kind share; ``what`` names it."""
        return self._vector(what, value, np.bool_)[self.kind]

    def floats(self, what: str, value: Callable[[Kind], float]) -> Floats:
        """A number that all rows of a kind share; ``what`` names it."""
        return self._vector(what, value, np.float64)[self.kind]

    def limits(self, name: str, decimals: int) -> Ints:
        """A limit in units of ``10 ** -decimals``, rounded down; as large as can be where there is none."""

        def limit(kind: Kind) -> int:
            value = kind.limits.numbers.get(name)
            return EXACT_INT if value is None else min(EXACT_INT, scaled(value, decimals))

        return self.by_kind(f"{name} at {decimals}", limit)

    def at_most(self, observed: Ints, name: str, decimals: int) -> Outcome:
        """Fails where ``observed``, in units of ``10 ** -decimals``, is above a limit."""
        return Outcome(observed > self.limits(name, decimals), observed, name, 10.0**decimals)

    def _vector(self, what: str, value: Callable[[Kind], Any], dtype: Any) -> NDArray[Any]:
        found = self._vectors.get(what)
        if found is None:
            found = self._vectors[what] = np.array([value(kind) for kind in self.kinds], dtype)
        return found

    def _guard_money(self) -> None:
        """Stop when adding up every row at the dearest price could overflow."""
        held = (self.position, self.open_buys, self.open_sells)
        quantity = sum(int(np.abs(each).max()) for each in held)
        quantity += int(np.abs(self.quantity).astype(np.float64).sum())
        prices = (self.marks, self.bids, self.asks, self.highest, self.dearest)
        dearest = max(int(np.abs(each).max(initial=0)) for each in prices)
        largest = max(map(abs, self.total), default=0)
        contracts = len(self.ids) or 1
        guard(int(largest) + 4 * quantity * dearest * int(self.factors.max()) * min(contracts, 2))


def type_code(word: str) -> int:
    """An order type as a number; all that are not known share one."""
    return ORDER_TYPES.index(word) if word in ORDER_TYPES else len(ORDER_TYPES)


def decimals_of(values: Sequence[Decimal | None]) -> int:
    """Digits after the point that all these numbers need."""
    known = (value for value in values if value is not None)
    return max((max(0, -int(value.normalize().as_tuple().exponent)) for value in known), default=0)


def whole(value: Decimal, decimals: int) -> int:
    """
    A number in units of ``10 ** -decimals``.

    Raises:
        InexactError: it has more decimals, or is too large.
    """
    shifted = value.scaleb(decimals)
    found = int(shifted)
    if found != shifted:
        raise InexactError
    guard(found)
    return found


def _per_contract(values: Sequence[Decimal | None], decimals: int) -> Ints:
    """One number per contract; the last one is for rows whose contract is not known."""
    return np.array([*(whole(value or Decimal(0), decimals) for value in values), 0], np.int64)
