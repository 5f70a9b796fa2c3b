"""The numbers of a frame of intents beside what is held, open and quoted, in exact integers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from toolkit.risk.columns import EXACT_INT, Bools, InexactError, Ints, guard, scaled
from toolkit.risk.kinds import Columns, Kind
from toolkit.risk.line import NOTHING, MissingPriceError, MissingRateError
from toolkit.risk.overlay import Overlay
from toolkit.risk.running import Grouping

Floats = NDArray[np.float64]


class Outcome(NamedTuple):
    """Where a rule fails, what it observed, and the limit that it held that against, one per row."""

    failed: Bools
    observed: Floats
    limit: Floats


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
        self._accounts: dict[str, int] = {}
        self.kinds = kinds = columns.kinds
        found = {k.instrument.con_id: k.instrument for k in kinds if k.instrument is not None}
        self.ids = list(found)
        lines = [book.exposure.line(con_id, instrument) for con_id, instrument in found.items()]
        if any(line.mark is None or line.rate is None for line in lines):
            raise InexactError  # an approved limit order may give such a contract a price
        quotes = [book.quote(con_id) for con_id in self.ids]
        factors = [line.multiplier * (line.rate or 0) for line in lines]
        marks = [line.mark or Decimal(0) for line in lines]
        bids = [quote.bid or Decimal(0) for quote in quotes]
        asks = [quote.ask or Decimal(0) for quote in quotes]
        highest = [line.highest or Decimal(0) for line in lines]
        held = [number for line in lines for number in (line.position, line.buys, line.sells)]
        self.quantity_decimals = max(columns.quantity.decimals, decimals_of(held))
        written = [
            price
            for con_id in self.ids
            for state in book.exposure.orders(con_id)
            if state.intent is not None
            for price in (state.intent.limit_price, state.intent.stop_price)
            if price is not None
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
        self.sign = self.by_kind(lambda k: k.order.sign)
        self.contract = self.by_kind(
            lambda k: -1 if k.instrument is None else self.ids.index(k.instrument.con_id)
        )
        # Rows without a contract point at the last one: no open question asks about them.
        self.mark = self._of_contract(marks, self.price_decimals)
        self.bid = self._of_contract(bids, self.price_decimals)
        self.ask = self._of_contract(asks, self.price_decimals)
        self.highest = self._of_contract(highest, self.price_decimals)
        self.factor = self._of_contract(factors, decimals_of(factors))
        self.position = self._of_contract([line.position for line in lines], self.quantity_decimals)
        self.buys = self._of_contract([line.buys for line in lines], self.quantity_decimals)
        self.sells = self._of_contract([line.sells for line in lines], self.quantity_decimals)
        own = np.maximum(np.where(self.has_limit, self.limit, 0), np.where(self.has_stop, self.stop, 0))
        self.dearest = np.maximum(own, 0)
        try:
            total = book.exposure.total()
        except (MissingPriceError, MissingRateError):
            total = NOTHING  # then nothing that adds up is an open question
        self.total = [whole(amount, self.money_decimals) for amount in total]
        self._guard_money()
        self.groups = Grouping(self.contract + 1)

    def by_kind(self, value: Callable[[Kind], int]) -> Ints:
        """A whole number that all rows of a kind share."""
        return np.array([value(kind) for kind in self.kinds], np.int64)[self.kind]

    def flags(self, value: Callable[[Kind], bool]) -> Bools:
        """A truth value that all rows of a kind share."""
        return np.array([value(kind) for kind in self.kinds], bool)[self.kind]

    def floats(self, value: Callable[[Kind], float]) -> Floats:
        """A number that all rows of a kind share."""
        return np.array([value(kind) for kind in self.kinds], np.float64)[self.kind]

    def limits(self, name: str, decimals: int) -> Ints:
        """A limit in units of ``10 ** -decimals``, rounded down; as large as can be where there is none."""

        def limit(kind: Kind) -> int:
            value = kind.limits.numbers.get(name)
            return EXACT_INT if value is None else min(EXACT_INT, scaled(value, decimals))

        return self.by_kind(limit)

    def shown(self, name: str) -> Floats:
        """A limit as it is shown; NaN where it is not in force."""
        return self.floats(lambda kind: float(kind.limits.numbers.get(name, Decimal("NaN"))))

    def at_most(self, observed: Ints, name: str, decimals: int) -> Outcome:
        """Fails where ``observed``, in units of ``10 ** -decimals``, is above a limit."""
        return Outcome(observed > self.limits(name, decimals), observed / 10.0**decimals, self.shown(name))

    def account(self) -> Ints:
        """The account of each row as a code."""
        return self.by_kind(lambda kind: self.account_code(kind.order.account))

    def account_code(self, account: str) -> int:
        """The code of an account, "" being the one that is traded."""
        return self._accounts.setdefault(account or self.book.account, len(self._accounts))

    def _of_contract(self, values: Sequence[Decimal], decimals: int) -> Ints:
        found = [whole(value, decimals) for value in values] or [0]
        return np.array(found, np.int64)[self.contract]

    def _guard_money(self) -> None:
        """Stop when adding up every row at the dearest price could overflow."""
        quantity = sum(
            map(int, (np.abs(each).max(initial=0) for each in (self.position, self.buys, self.sells)))
        )
        quantity += int(np.abs(self.quantity).astype(np.float64).sum())
        dearest = max(
            int(np.abs(each).max(initial=0))
            for each in (self.mark, self.bid, self.ask, self.highest, self.dearest)
        )
        contracts = len(self.ids) or 1
        largest = max(map(abs, self.total), default=0)
        guard(largest + 4 * quantity * dearest * int(self.factor.max(initial=0)) * min(contracts, 2))


def decimals_of(values: Sequence[Decimal]) -> int:
    """Digits after the point that all these numbers need."""
    return max((max(0, -int(value.normalize().as_tuple().exponent)) for value in values), default=0)


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
