"""
Worst-case exposure: positions, working, in-flight and unknown orders, in the account's currency.

Buys and sells of one contract are counted separately and the larger resulting position is taken,
because any subset of the open orders may fill (risk requirement R0.3).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.numbers import exact
from toolkit.orders.state import OrderState

ZERO = Decimal(0)


class Book(Protocol):
    """What risk needs to know about the account and the market."""

    @property
    def currency(self) -> str:
        """Currency of the account, ``""`` while unknown."""

    def positions(self) -> Mapping[int, Decimal]:
        """Contract number -> signed position, in units of the contract."""

    def working(self) -> Iterable[OrderState]:
        """Orders that may still trade."""

    def instrument(self, intent: Mapping[str, Any]) -> Instrument | None:
        """The contract that an intent names, None while it is not resolved."""

    def by_number(self, con_id: int) -> Instrument | None:
        """The contract with this number, None while it is not known."""

    def quote(self, con_id: int) -> Quote:
        """The latest quote; its sides are None when there is none."""

    def mark(self, con_id: int) -> Decimal | None:
        """The price that values one contract: mid of the quote, else the account's own mark."""


class MissingPriceError(Exception):
    """A contract has no price, so its exposure cannot be measured; ``str()`` names the contract."""


class MissingRateError(Exception):
    """A contract trades in a currency that we cannot convert; ``str()`` names contract and currency."""


def gross_exposure(book: Book, intent: Mapping[str, Any] | None = None) -> Decimal:
    """
    Sum over all contracts of the largest position that open orders can lead to, times its price.

    Args:
        book: positions, open orders and prices.
        intent: one more order, counted as if it were open; None measures what is there.

    Returns:
        Account currency.

    Raises:
        MissingPriceError: a contract with exposure has no price.
        MissingRateError: a contract's currency is not the account's.
    """
    lines: dict[int, list[Decimal]] = {}
    """contract number -> [position, open buys, open sells]"""
    limits: dict[int, Decimal] = {}
    """contract number -> highest limit or stop price among its open orders"""
    for con_id, position in book.positions().items():
        lines[con_id] = [position, ZERO, ZERO]
    for state in book.working():
        order = state.intent
        if order is None or order.action != "NEW":
            continue
        line = lines.setdefault(state.con_id, [ZERO, ZERO, ZERO])
        line[1 if order.sign > 0 else 2] += state.remaining_quantity
        _raise_limit(limits, state.con_id, order.limit_price, order.stop_price)
    if intent is not None:
        instrument = book.instrument(intent)
        if instrument is None:
            raise MissingPriceError(str(intent.get("symbol") or intent.get("con_id") or "the contract"))
        line = lines.setdefault(instrument.con_id, [ZERO, ZERO, ZERO])
        line[1 if intent.get("direction") == "BUY" else 2] += exact(intent.get("quantity"))
        _raise_limit(limits, instrument.con_id, *(_price(intent, name) for name in _PRICES))
    return sum((_value(book, con_id, line, limits.get(con_id)) for con_id, line in lines.items()), ZERO)


_PRICES = ("limit_price", "stop_price")


def _value(book: Book, con_id: int, line: list[Decimal], limit: Decimal | None) -> Decimal:
    position, buys, sells = line
    worst = max(abs(position + buys), abs(position - sells), abs(position))
    if not worst:
        return ZERO
    instrument = book.by_number(con_id)
    mark = book.mark(con_id)
    name = instrument.symbol if instrument is not None else f"contract {con_id}"
    if mark is None and limit is None:
        raise MissingPriceError(name)
    if instrument is not None and book.currency and instrument.currency != book.currency:
        raise MissingRateError(f"{name} trades in {instrument.currency}, the account is in {book.currency}")
    # A limit below the market buys at the limit but sells at the market: take the dearer of the two.
    price = max(mark or ZERO, limit or ZERO)
    return worst * price * (Decimal(1) if instrument is None else instrument.multiplier)


def _raise_limit(limits: dict[int, Decimal], con_id: int, *prices: Decimal | None) -> None:
    for price in prices:
        if price is not None:
            limits[con_id] = max(price, limits.get(con_id, ZERO))


def _price(intent: Mapping[str, Any], name: str) -> Decimal | None:
    value = intent.get(name)
    return None if value is None else exact(value)
