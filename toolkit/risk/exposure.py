"""
Worst-case exposure: positions, working, in-flight and unknown orders, in the account's currency.

Buys and sells of one contract are counted separately and the larger resulting position is taken,
because any subset of the open orders may fill (risk requirement R0.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.state import OrderState
from toolkit.risk.history import History
from toolkit.risk.order import Order

ZERO = Decimal(0)


class Book(Protocol):
    """What risk needs to know about the account, the market and the time."""

    @property
    def account(self) -> str:
        """Account of orders that name none."""

    @property
    def currency(self) -> str:
        """Currency of the account, ``""`` while unknown."""

    @property
    def history(self) -> History:
        """What was asked of the broker before."""

    def now(self) -> datetime:
        """The time, UTC."""

    def positions(self) -> Mapping[int, Decimal] | None:
        """Contract number -> signed position, in units of the contract; None until the broker told them."""

    def working(self) -> Iterable[OrderState]:
        """Orders that may still trade."""

    def accepted_since(self, since: datetime) -> Iterable[OrderState]:
        """Orders that risk let pass after ``since`` (UTC), newest first, whatever became of them."""

    def instrument(self, intent: Mapping[str, Any]) -> Instrument | None:
        """The contract that an intent names, None while it is not resolved."""

    def by_number(self, con_id: int) -> Instrument | None:
        """The contract with this number, None while it is not known."""

    def quote(self, con_id: int) -> Quote:
        """The latest quote; its sides are None when there is none."""

    def mark(self, con_id: int) -> Decimal | None:
        """The price that values one contract: mid of the quote, else the account's own mark."""

    def rate(self, currency: str) -> Decimal | None:
        """Account currency per unit of ``currency``, 1 for the account's own; None while not known."""


class MissingPriceError(Exception):
    """A contract has no price, so its exposure cannot be measured; ``str()`` names the contract."""


class MissingRateError(Exception):
    """A contract trades in a currency that we cannot convert; ``str()`` says which one."""


class Line(msgspec.Struct):
    """
    One contract: what is held and what is open; not changed once ``lines`` has returned it.

    Attributes:
        name: for sentences.
        position: signed, in units of the contract.
        buys, sells: open quantity of each side, in units of the contract.
        mark: what values it, in price units; None when nothing does.
        rate: account currency per unit of ``currency``; None while not known.
        highest: the highest limit or stop price of its open orders; None when none has one.
        multiplier: currency units per price unit.
    """

    name: str
    currency: str
    multiplier: Decimal
    mark: Decimal | None
    rate: Decimal | None
    position: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO
    highest: Decimal | None = None

    def price(self, *, worst: bool = True) -> Decimal:
        """
        What one unit is worth, in the account's currency.

        Args:
            worst: at the dearest price that it may trade at; else at its mark alone.

        Raises:
            MissingPriceError, MissingRateError: there is no price, or none in that currency.
        """
        mark, highest = self.mark, self.highest if worst else None
        if mark is None and highest is None:
            raise MissingPriceError(self.name)
        # A limit below the market buys at the limit but sells at the market: take the dearer of the two.
        return self.money(max(mark or ZERO, highest or ZERO))

    def money(self, price: Decimal) -> Decimal:
        """
        One unit at a price, in the account's currency.

        Raises:
            MissingRateError: no exchange rate is known.
        """
        if self.rate is None:
            raise MissingRateError(f"{self.name} trades in {self.currency}, and no exchange rate is known")
        return price * self.multiplier * self.rate

    def open(self, sign: int, quantity: Decimal, *prices: Decimal | None) -> None:
        """Count one open order."""
        if sign > 0:
            self.buys += quantity
        else:
            self.sells += quantity
        for price in prices:
            if price is not None and (self.highest is None or price > self.highest):
                self.highest = price


def lines(
    book: Book,
    working: Iterable[OrderState],
    order: Order | None = None,
    instrument: Instrument | None = None,
) -> dict[int, Line] | None:
    """
    Contract number -> what is held and open.

    Args:
        book: positions, contracts and marks.
        working: orders that may still trade.
        order: one more order, counted as if it were open when it is readable; None: what is there.
        instrument: its contract.

    Returns:
        None while the positions are not known.
    """
    held = book.positions()
    if held is None:
        return None
    found: dict[int, Line] = {}
    for con_id, position in held.items():
        line = found[con_id] = _line(book, con_id, book.by_number(con_id))
        line.position = position
    for state in working:
        intent = state.intent
        if intent is None or intent.action != "NEW":
            continue
        known = found.get(state.con_id)
        if known is None:
            known = _line(book, state.con_id, book.by_number(state.con_id))
            # An order of an earlier run may name a contract that was not asked about in this one.
            if book.by_number(state.con_id) is None:
                known.name, known.multiplier = intent.symbol or known.name, state.multiplier
                known.currency, known.rate = intent.currency, book.rate(intent.currency)
            found[state.con_id] = known
        known.open(intent.sign, state.remaining_quantity, intent.limit_price, intent.stop_price)
    if order is not None and instrument is not None:
        line = found.get(instrument.con_id) or _line(book, instrument.con_id, instrument)
        found[instrument.con_id] = line
        if order.quantity is not None and order.sign:
            line.open(order.sign, order.quantity, order.limit_price, order.stop_price)
    return found


def gross_exposure(book: Book) -> Decimal:
    """
    ``gross`` of everything held and open.

    Raises:
        MissingPriceError, MissingRateError: see ``gross``.
    """
    found = lines(book, book.working())
    if found is None:
        raise MissingPriceError("The account, whose positions the broker has not told yet,")
    return gross(found.values())


def gross(found: Iterable[Line]) -> Decimal:
    """
    Sum over all contracts of the largest position that open orders can lead to, times its price.

    Args:
        found: what is held and open.

    Returns:
        Account currency.

    Raises:
        MissingPriceError: a contract with exposure has no price.
        MissingRateError: a contract's currency cannot be converted.
    """
    total = ZERO
    for line in found:
        position = line.position
        worst = max(abs(position + line.buys), abs(position - line.sells), abs(position))
        if worst:
            total += worst * line.price()
    return total


def net(found: Iterable[Line], sign: int) -> Decimal:
    """
    Signed sum of all positions times their prices when every open order of one side fills.

    What offsets the sum counts at its mark, what adds to it at its dearest price.

    Args:
        found: what is held and open.
        sign: +1: the buys fill; -1: the sells fill.

    Returns:
        Account currency.

    Raises:
        MissingPriceError, MissingRateError: see ``gross``.
    """
    total = ZERO
    for line in found:
        after = line.position + line.buys if sign > 0 else line.position - line.sells
        if after:
            total += after * line.price(worst=after * sign > 0)
    return total


def _line(book: Book, con_id: int, instrument: Instrument | None) -> Line:
    mark = book.mark(con_id)
    if instrument is None:
        return Line(name=f"contract {con_id}", currency="", multiplier=Decimal(1), mark=mark, rate=None)
    return Line(
        name=instrument.symbol,
        currency=instrument.currency,
        multiplier=instrument.multiplier,
        mark=mark,
        rate=book.rate(instrument.currency),
    )
