"""
Worst-case exposure: positions, working, in-flight and unknown orders, in the account's currency.

Buys and sells of one contract are counted separately and the larger resulting position is taken,
because any subset of the open orders may fill (risk requirement R0.3). The sums are kept up to date
as facts come in, so that judging one order does not depend on how many others are open.
"""

from __future__ import annotations

import copy
import heapq
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from msgspec.structs import replace

from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import AnyEvent
from toolkit.orders.state import OrderState
from toolkit.risk.history import History
from toolkit.risk.line import NOTHING, ZERO, Line, MissingPriceError, MissingRateError, Worth, dearest
from toolkit.risk.profit import Profit


class Prices(Protocol):
    """What values a contract."""

    def by_number(self, con_id: int) -> Instrument | None:
        """The contract with this number, None while it is not known."""

    def mark(self, con_id: int) -> Decimal | None:
        """The price that values one contract: mid of the quote, else the account's own mark."""

    def rate(self, currency: str) -> Decimal | None:
        """Account currency per unit of ``currency``, 1 for the account's own; None while not known."""


class Book(Prices, Protocol):
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

    @property
    def profit(self) -> Profit:
        """What the account made today."""

    @property
    def exposure(self) -> Exposure:
        """What is held and open."""

    def now(self) -> datetime:
        """The time, UTC."""

    def instrument(self, intent: Mapping[str, Any]) -> Instrument | None:
        """The contract that an intent names, None while it is not resolved."""

    def quote(self, con_id: int) -> Quote:
        """The latest quote; its sides are None when there is none."""


class Exposure:
    """
    What is held and open in every contract.

    Args:
        prices: values the contracts; it says so with ``touch`` when a value changes.

    Attributes:
        known: whether the broker has told all positions; an unknown position is not a flat one.
    """

    def __init__(self, prices: Prices) -> None:
        self.known = False
        self.count = 0
        """orders that may still trade"""
        self._prices = prices
        self._holdings: dict[int, _Holding] = {}
        self._worths: dict[int, Worth | MissingPriceError | MissingRateError] = {}
        self._unmeasured: dict[int, MissingPriceError | MissingRateError] = {}
        self._total = NOTHING
        self._touched: set[int] = set()

    def copy(self, prices: Prices) -> Exposure:
        """The same positions and orders, to go on from apart from this one, valued by ``prices``."""
        other = Exposure(prices)
        other.known, other.count = self.known, self.count
        other._holdings = {con_id: holding.copy() for con_id, holding in self._holdings.items()}
        other.touch_all()
        return other

    # --- facts

    def observe(self, _event: AnyEvent, state: OrderState) -> None:
        """Follow one order; ``state`` is how it stands now."""
        con_id = state.con_id
        if not state.working:
            holding = self._holdings.get(con_id)
            if holding is not None and state.intent_id in holding.orders:
                holding.drop(state.intent_id)
                self.count -= 1
                self.touch(con_id)
        elif state.intent is not None and state.intent.action == "NEW":
            holding = self._holding(con_id)
            self.count += state.intent_id not in holding.orders
            holding.put(state)
            self.touch(con_id)

    def hold(self, con_id: int, change: Decimal) -> None:
        """A position changed by so many units of the contract."""
        self._holding(con_id).position += change
        self.touch(con_id)

    def touch(self, con_id: int) -> None:
        """What values a contract may have changed."""
        if con_id in self._holdings:
            self._touched.add(con_id)

    def touch_all(self) -> None:
        """What values any contract may have changed: rates, or the account's currency."""
        self._touched.update(self._holdings)

    # --- questions

    def line(self, con_id: int, instrument: Instrument | None = None, without: str = "") -> Line:
        """
        What is held and open in one contract, as it is valued now.

        Args:
            con_id: its number.
            instrument: the contract, when it is known better than by its number.
            without: an intent whose order is left out.
        """
        holding = self._holdings.get(con_id, _NO_HOLDING)
        prices = self._prices
        instrument = instrument or prices.by_number(con_id)
        some = next(iter(holding.orders.values()), None)
        # An order of an earlier run may name a contract that was not asked about in this one.
        if instrument is not None:
            name, currency, multiplier = instrument.symbol, instrument.currency, instrument.multiplier
        elif some is not None and some.intent is not None:
            name, currency, multiplier = some.symbol, some.intent.currency, some.multiplier
        else:
            name, currency, multiplier = f"contract {con_id}", "", Decimal(1)
        rate = prices.rate(currency)
        line = Line(
            name=name or f"contract {con_id}",
            currency=currency,
            multiplier=multiplier,
            mark=prices.mark(con_id),
            rate=rate,
            position=holding.position,
            buys=holding.buys,
            sells=holding.sells,
            buy_orders=holding.buy_orders,
            sell_orders=holding.sell_orders,
            highest=holding.highest(without),
        )
        left_out = holding.orders.get(without)
        return line if left_out is None else _without(line, left_out)

    def contracts(self) -> list[int]:
        """Numbers of the contracts with a position or an open order."""
        return [con_id for con_id, held in self._holdings.items() if held.position or held.orders]

    def orders(self, con_id: int, without: str = "") -> Collection[OrderState]:
        """Orders in one contract that may still trade, oldest first."""
        orders = self._holdings.get(con_id, _NO_HOLDING).orders
        return [state for intent_id, state in orders.items() if intent_id != without]

    def others(self, con_id: int) -> Worth:
        """
        Everything but one contract.

        Raises:
            MissingPriceError, MissingRateError: another contract with exposure cannot be measured.
        """
        self._refresh()
        for number, error in self._unmeasured.items():
            if number != con_id:
                raise error
        own = self._worths.get(con_id)
        return self._total.plus(own, -1) if isinstance(own, Worth) else self._total

    def total(self) -> Worth:
        """
        Everything.

        Raises:
            MissingPriceError, MissingRateError: a contract with exposure cannot be measured.
        """
        if not self.known:
            raise MissingPriceError("The account, whose positions the broker has not told yet,")
        return self.others(_NO_CONTRACT)

    def _refresh(self) -> None:
        for con_id in self._touched:
            before = self._worths.get(con_id)
            if isinstance(before, Worth):
                self._total = self._total.plus(before, -1)
            self._unmeasured.pop(con_id, None)
            try:
                worth = self.line(con_id).worth()
            except (MissingPriceError, MissingRateError) as error:
                self._worths[con_id] = self._unmeasured[con_id] = error
            else:
                self._worths[con_id] = worth
                self._total = self._total.plus(worth)
        self._touched.clear()

    def _holding(self, con_id: int) -> _Holding:
        found = self._holdings.get(con_id)
        if found is None:
            found = self._holdings[con_id] = _Holding()
        return found


class _Holding:
    """One contract's position and open orders, with their sums."""

    __slots__ = ("_prices", "buy_orders", "buys", "orders", "position", "sell_orders", "sells")

    def __init__(self) -> None:
        self.position = self.buys = self.sells = ZERO
        self.buy_orders = self.sell_orders = 0
        self.orders: dict[str, OrderState] = {}
        self._prices: list[tuple[Decimal, str]] = []
        """heap of (- highest price, intent id); entries of orders that changed since are stale"""

    def put(self, state: OrderState) -> None:
        """Count an order as it stands now."""
        before = self.orders.get(state.intent_id)
        if before is not None:
            self._count(before, -1)
        self.orders[state.intent_id] = state
        self._count(state, 1)
        price = _price(state)
        if price is not None and (before is None or price != _price(before)):
            heapq.heappush(self._prices, (-price, state.intent_id))

    def copy(self) -> _Holding:
        """The same, apart from this one."""
        other = copy.copy(self)
        other.orders, other._prices = dict(self.orders), list(self._prices)
        return other

    def drop(self, intent_id: str) -> None:
        """Forget an order that can no longer trade."""
        self._count(self.orders.pop(intent_id), -1)

    def highest(self, without: str = "") -> Decimal | None:
        """The highest price of the open orders; None when none has one."""
        if without in self.orders:
            return dearest(*(_price(state) for name, state in self.orders.items() if name != without))
        prices = self._prices
        while prices:
            price, intent_id = prices[0]
            state = self.orders.get(intent_id)
            if state is not None and _price(state) == -price:
                return -price
            heapq.heappop(prices)
        return None

    def _count(self, state: OrderState, times: int) -> None:
        assert state.intent is not None
        if state.intent.sign > 0:
            self.buys += times * state.remaining_quantity
            self.buy_orders += times
        else:
            self.sells += times * state.remaining_quantity
            self.sell_orders += times


_NO_HOLDING = _Holding()
_NO_CONTRACT = 0
"""No contract has this number."""


def _price(state: OrderState) -> Decimal | None:
    assert state.intent is not None
    return dearest(state.intent.limit_price, state.intent.stop_price)


def _without(line: Line, state: OrderState) -> Line:
    assert state.intent is not None
    quantity = state.remaining_quantity
    if state.intent.sign > 0:
        return replace(line, buys=line.buys - quantity, buy_orders=line.buy_orders - 1)
    return replace(line, sells=line.sells - quantity, sell_orders=line.sell_orders - 1)
