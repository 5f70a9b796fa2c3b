"""
What risk needs to know beyond the orders: contracts, quotes, positions and account figures.

A plain memory of the broker's pushes, kept by the execution client; no sockets here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from ib_async import Contract, ContractDetails
from msgspec.structs import replace

from toolkit.broker import contracts
from toolkit.broker.foreign import ForeignOrder, ForeignOrders
from toolkit.orders.approvals import Approvals
from toolkit.orders.contract import IDENTITY, Instrument, Quote
from toolkit.orders.events import AnyEvent
from toolkit.orders.intent import OrderIntent
from toolkit.orders.numbers import readable
from toolkit.orders.state import OrderState
from toolkit.risk.exposure import Exposure
from toolkit.risk.history import History
from toolkit.risk.holding import OpenOrder
from toolkit.risk.line import dearest
from toolkit.risk.margin import Margin
from toolkit.risk.profit import Profit

NO_QUOTE: Final = Quote()
ONE: Final = Decimal(1)
SHORTABLE_SHARES: Final = 89
"""Tick type of the shares that the broker has to lend, told to who asks for generic tick 236."""
DELAYED: Final = 66
"""Tick types from here on carry delayed quotes."""

_SIDES: Final = {
    1: ("bid", "bid_size"),
    2: ("ask", "ask_size"),
    0: ("", "bid_size"),
    3: ("", "ask_size"),
    66: ("bid", "bid_size"),
    67: ("ask", "ask_size"),
    69: ("", "bid_size"),
    70: ("", "ask_size"),
}
"""Tick type (live, then delayed) -> the side of the quote it sets: (price field, size field)"""


_CLOSES: Final = frozenset({9, 75})
"""Tick types of the close of the day before, live and delayed."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """
    One position as the broker reports it.

    Attributes:
        quantity: signed, in units of the contract.
        average_cost: per unit, in the contract's currency.
        mark: the broker's market price; None until it told one.
        unrealized_pnl, realized_pnl: account currency; None until told.
    """

    account: str
    instrument: Instrument
    quantity: Decimal
    average_cost: Decimal
    mark: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None


class MarketBook:
    """
    Contracts, quotes, positions and account figures; satisfies ``toolkit.risk.exposure.Book``.

    Args:
        clock: gives the time, UTC.

    Attributes:
        account: the one that is traded, ``""`` before the connection.
        foreign_orders: open orders of others, which may move the positions too (hazard H25).
        profit: what the account made today.
        history, exposure, approvals: what the facts about our orders add up to; see ``observe``.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.history = History()
        self.profit = Profit()
        self.exposure = Exposure(self)
        self.approvals = Approvals()
        self._instruments: dict[int, Instrument] = {}
        """contract number -> contract"""
        self._resolved: dict[tuple[object, ...], Instrument] = {}
        """what an intent says about its contract -> contract"""
        self._named: dict[tuple[object, ...], Instrument] = {}
        """the same, as raw intents write it; a short cut"""
        self._quotes: dict[int, Quote] = {}
        self._marks: dict[int, Decimal] = {}
        """contract number -> the broker's own mark of a position"""
        self._positions: dict[tuple[str, int], Position] = {}
        """(account, contract number) -> position"""
        self._rates: dict[str, Decimal] = {}
        """currency -> account currency per unit of it"""
        self.values: dict[tuple[str, str], tuple[str, str]] = {}
        """(account, key) -> (value, currency), as the broker writes them"""
        self.account = ""
        self.margins: dict[str, Margin] = {}
        """intent id -> the broker's answer, while the intent is judged"""
        self.foreign_orders = ForeignOrders(self._follow_foreign)
        self._quotes_broken = False
        self._told: set[tuple[str, int]] = set()
        """positions mentioned since the last question for all of them"""
        self._locks: dict[int, dict[str, str]] = {}
        """contract number -> kind of incident -> one sentence"""

    def copy(self) -> MarketBook:
        """The book as it stands now, apart from this one, so that another thread may read it."""
        now = self._clock()
        other = MarketBook(lambda: now)
        for name in ("_instruments", "_resolved", "_quotes", "_marks", "_positions", "_rates", "values"):
            setattr(other, name, dict(getattr(self, name)))
        other.account, other._quotes_broken = self.account, self._quotes_broken
        other.profit = self.profit.copy()
        other.history, other.exposure = self.history.copy(), self.exposure.copy(other)
        other.approvals = self.approvals.copy()
        return other

    def observe(self, event: AnyEvent, state: OrderState) -> None:
        """Take one fact about our orders; ``OrderLedger`` tells them all, its journal's first."""
        self.history.observe(event, state)
        self.exposure.observe(event, state)
        self.approvals.observe(event, state)

    # --- what risk asks

    @property
    def currency(self) -> str:
        """Currency of the account's net liquidation value, ``""`` until it is told."""
        return self.values.get((self.account, "NetLiquidation"), ("", ""))[1]

    def now(self) -> datetime:
        """The time, UTC."""
        return self._clock()

    def instrument(self, intent: Mapping[str, Any]) -> Instrument | None:
        """The contract that a raw intent names, None while it is not resolved."""
        number = intent.get("con_id")
        if number:
            return self._instruments.get(number)
        names = tuple(map(intent.get, IDENTITY))
        try:
            found = self._named.get(names)
        except TypeError:  # a list or an object where a word belongs
            return None
        if found is None:
            found = self._resolved.get(
                _key(*(name or default for name, default in zip(names, IDENTITY.values(), strict=True)))
            )
            if found is not None:
                self._named[names] = found
        return found

    def by_number(self, con_id: int) -> Instrument | None:
        """The contract with this number, None while it is not known."""
        return self._instruments.get(con_id)

    def margin(self, intent_id: str) -> Margin | None:
        """What the broker says an intent's order would leave; None when it was not asked."""
        return self.margins.get(intent_id)

    def quote(self, con_id: int) -> Quote:
        """The latest quote; its sides are None while there is none, or none that can be trusted."""
        return NO_QUOTE if self.quotes_broken else self._quotes.get(con_id, NO_QUOTE)

    def quotes(self) -> dict[int, Quote]:
        """Contract number -> its latest quote, of those that can be trusted."""
        return {} if self.quotes_broken else dict(self._quotes)

    def mark(self, con_id: int) -> Decimal | None:
        """Mid of the quote, else the broker's own mark of a position; price units."""
        mid = self.quote(con_id).mid
        return self._marks.get(con_id) if mid is None else mid

    def rate(self, currency: str) -> Decimal | None:
        """Account currency per unit of ``currency``, 1 for the account's own; None while not known."""
        if not currency:
            return None
        return ONE if currency == self.currency else self._rates.get(currency)

    # --- what the broker tells

    def find(self, intent: OrderIntent) -> Instrument | None:
        """The contract that an intent names, None while it is not resolved."""
        if intent.con_id:
            return self._instruments.get(intent.con_id)
        return self._resolved.get(_key(*(getattr(intent, name) for name in IDENTITY)))

    def learn(self, intent: OrderIntent, details: ContractDetails) -> Instrument:
        """Remember what an intent's contract turned out to be."""
        found = contracts.instrument(details.contract, details)
        self._instruments[found.con_id] = found
        self.exposure.touch(found.con_id)
        self._named.clear()
        if not intent.con_id:
            self._resolved[_key(*(getattr(intent, name) for name in IDENTITY))] = found
        return found

    def tick(self, con_id: int, tick_type: int, price: Decimal | None, size: Decimal) -> None:
        """Apply one tick to the quote; a price of 0 or below means that side is gone."""
        if tick_type == SHORTABLE_SHARES:
            self._quotes[con_id] = replace(self._quotes.get(con_id, NO_QUOTE), shortable=size)
            return
        if tick_type in _CLOSES and price is not None and price > 0:
            self._quotes[con_id] = replace(self._quotes.get(con_id, NO_QUOTE), close=price)
            return
        price_field, size_field = _SIDES.get(tick_type, ("", ""))
        if not size_field:
            return
        changes: dict[str, Any] = {size_field: size, "at": self._clock(), "delayed": tick_type >= DELAYED}
        if price_field and price is not None:
            changes[price_field] = price if price > 0 else None
        self._quotes[con_id] = replace(self._quotes.get(con_id, NO_QUOTE), **changes)
        self.exposure.touch(con_id)

    def figure(self, account: str, key: str, value: str, currency: str) -> None:
        """Apply one figure of an account, as the broker writes it."""
        before = self.currency
        self.values[account, key] = (value, currency)
        if self.currency != before:
            self.exposure.touch_all()
        if key == "NetLiquidation" and account == self.account:
            self.profit.tell_value(readable(value), self._clock())
        if key == "ExchangeRate" and account == self.account and (rate := _positive(value)):
            self._rates[currency] = rate
            self.exposure.touch_all()

    def hold(self, account: str, contract: Contract, quantity: Decimal, average_cost: Decimal) -> None:
        """Apply one position message."""
        self._told.add((account, contract.conId))
        self._update(account, contract, quantity=quantity, average_cost=average_cost)

    def value(
        self,
        account: str,
        contract: Contract,
        quantity: Decimal,
        mark: Decimal,
        average_cost: Decimal,
        unrealized: Decimal,
        realized: Decimal,
    ) -> None:
        """Apply one portfolio message: a position with its mark and profit."""
        if mark:
            self._marks[contract.conId] = mark
        self._update(
            account,
            contract,
            quantity=quantity,
            average_cost=average_cost,
            mark=mark,
            unrealized_pnl=unrealized,
            realized_pnl=realized,
        )

    def forget_quote(self, con_id: int) -> None:
        """Drop a quote that nobody keeps fresh any more."""
        self._quotes.pop(con_id, None)
        self.exposure.touch(con_id)

    def forget_quotes(self) -> None:
        """Drop every quote and profit: a new connection has told none of them yet."""
        self._quotes.clear()
        self.profit.forget()
        self.exposure.touch_all()

    def begin_positions(self) -> None:
        """An answer with all positions begins."""
        self._told = set()

    def end_positions(self) -> None:
        """It is complete: a position that it did not mention is flat."""
        self.exposure.known = True
        for key, position in self._positions.items():
            if key not in self._told and position.quantity:
                self._positions[key] = replace(position, quantity=Decimal(0))
                self.exposure.hold(key[1], -position.quantity)

    @property
    def quotes_broken(self) -> bool:
        """Whether a data farm is out of reach, so that no quote can be trusted (hazard H23)."""
        return self._quotes_broken

    @quotes_broken.setter
    def quotes_broken(self, broken: bool) -> None:
        if broken != self._quotes_broken:
            self._quotes_broken = broken
            self.exposure.touch_all()

    def by_account(self) -> dict[tuple[str, int], Decimal]:
        """(account, contract number) -> signed position, in units of the contract."""
        return {key: position.quantity for key, position in self._positions.items()}

    def lock(self, con_id: int, kind: str, reason: str) -> None:
        """Let no new order of a contract through until an incident is settled; ``reason`` is a sentence."""
        self._locks.setdefault(con_id, {})[kind] = reason

    def unlock(self, con_id: int, kind: str) -> bool:
        """The incident is settled; returns whether it was there."""
        return self._locks.get(con_id, {}).pop(kind, None) is not None

    def locked_by(self, kind: str) -> set[int]:
        """Numbers of the contracts that this kind of incident locks."""
        return {con_id for con_id, kinds in self._locks.items() if kind in kinds}

    def locked(self, con_id: int) -> str:
        """Why no new order of a contract may be sent, ``""`` when one may."""
        return " ".join(self._locks.get(con_id, {}).values())

    def locks(self) -> dict[str, str]:
        """Symbol (or contract number) -> why no new order of it may be sent."""
        found = {}
        for con_id in self._locks:
            if reason := self.locked(con_id):
                known = self._instruments.get(con_id)
                found[str(con_id) if known is None else known.symbol] = reason
        return found

    def held(self) -> list[Position]:
        """Every position message's latest word, flat ones included."""
        return list(self._positions.values())

    def _follow_foreign(self, perm_id: int, con_id: int, order: ForeignOrder | None) -> None:
        name = f"foreign {perm_id}"  # no intent may have a blank in its name
        if order is None:
            self.exposure.close(name, con_id)
            return
        self._instruments.setdefault(
            con_id,
            Instrument(
                con_id=con_id,
                symbol=order.symbol,
                sec_type=order.sec_type,
                currency=order.currency,
                multiplier=order.multiplier,
            ),
        )
        price = dearest(order.limit_price, order.stop_price)
        self.exposure.open(name, con_id, OpenOrder(1 if order.side == "BUY" else -1, order.remaining, price))

    def _update(self, account: str, contract: Contract, **changes: Any) -> None:
        instrument = self._instruments.get(contract.conId)
        if instrument is None:
            instrument = self._instruments[contract.conId] = contracts.instrument(contract)
        key = (account, contract.conId)
        before = self._positions.get(key)
        after = self._positions[key] = (
            Position(account=account, instrument=instrument, **changes)
            if before is None
            else replace(before, **changes)
        )
        held = Decimal(0) if before is None else before.quantity
        self.exposure.hold(contract.conId, after.quantity - held)


def _positive(text: str) -> Decimal | None:
    """A number above 0, None for anything else."""
    number = readable(text)
    return number if number is not None and number > 0 else None


def _key(*parts: object) -> tuple[object, ...]:
    return tuple(None if part is None else str(part) for part in parts)
