"""
Worst-case exposure: positions, working, in-flight and unknown orders, in the account's currency.

Buys and sells of one contract are counted separately and the larger resulting position is taken,
because any subset of the open orders may fill (risk requirement R0.3). The sums are kept up to date
as facts come in, so that judging one order does not depend on how many others are open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from msgspec.structs import replace

from toolkit.orders.approvals import Approvals
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import AnyEvent
from toolkit.orders.state import OrderState
from toolkit.risk.history import History
from toolkit.risk.holding import Holding, OpenOrder, open_order
from toolkit.risk.line import NOTHING, Line, MissingPriceError, MissingRateError, Worth
from toolkit.risk.margin import Margin
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

    @property
    def approvals(self) -> Approvals:
        """Large orders that another person released."""

    def now(self) -> datetime:
        """The time, UTC."""

    def instrument(self, intent: Mapping[str, Any]) -> Instrument | None:
        """The contract that an intent names, None while it is not resolved."""

    def margin(self, intent_id: str) -> Margin | None:
        """What the broker says an intent's order would leave; None when it need not be asked."""

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
        self._holdings: dict[int, Holding] = {}
        self._lines: dict[int, Line] = {}
        """as they were worth when last touched"""
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
        """Follow one order of ours; ``state`` is how it stands now."""
        if not state.working:
            self.close(state.intent_id, state.con_id)
        elif state.intent is not None and state.intent.action == "NEW":
            self.open(state.intent_id, state.con_id, open_order(state))

    def open(self, name: str, con_id: int, order: OpenOrder) -> None:
        """An order stands like this now, be it ours or somebody else's (hazard H25)."""
        holding = self._holding(con_id)
        before = holding.orders.get(name)
        if before is not None and before[:3] == order[:3]:  # most of what the broker says moves nothing
            holding.orders[name] = order
            return
        self.count += before is None
        holding.put(name, order)
        self.touch(con_id)

    def close(self, name: str, con_id: int) -> None:
        """An order can no longer trade."""
        holding = self._holdings.get(con_id)
        if holding is not None and name in holding.orders:
            holding.drop(name)
            self.count -= 1
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
            instrument: the contract, for when there is neither a position nor an order in it.
            without: an intent whose order is left out.
        """
        if self._touched:
            self._refresh()
        line = self._lines.get(con_id)
        if line is None:  # nothing was ever held or open there
            return self._line(con_id, instrument)
        if not without:
            return line
        holding = self._holdings[con_id]
        left_out = holding.orders.get(without)
        if left_out is None:
            return line
        rest = line.with_order(left_out.sign, -left_out.quantity, count=-1)
        return replace(rest, highest=holding.highest(without))

    def contracts(self) -> list[int]:
        """Numbers of the contracts with a position or an open order."""
        return [con_id for con_id, held in self._holdings.items() if held.position or held.orders]

    def orders(self, con_id: int, sign: int = 0, without: str = "") -> Sequence[OrderState]:
        """Our orders in one contract that may still trade, oldest first: +1 buys, -1 sells, 0 both."""
        holding = self._holdings.get(con_id, _NO_HOLDING)
        if (sign > 0 and not holding.buy_orders) or (sign < 0 and not holding.sell_orders):
            return ()
        return [
            order.state
            for name, order in holding.orders.items()
            if order.sign != -sign and name != without and order.state is not None
        ]

    def order(self, name: str, con_id: int) -> OrderState | None:
        """An order of ours that may still trade, by its intent; None when there is none."""
        order = self._holdings.get(con_id, _NO_HOLDING).orders.get(name)
        return None if order is None else order.state

    def others(self, con_id: int) -> Worth:
        """
        Everything but one contract.

        Raises:
            MissingPriceError, MissingRateError: another contract with exposure cannot be measured.
        """
        if self._touched:
            self._refresh()
        for number, error in self._unmeasured.items():
            if number != con_id:
                raise error
        own = self._worths.get(con_id)
        return self._total.minus(own) if isinstance(own, Worth) else self._total

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
                self._total = self._total.minus(before)
            self._unmeasured.pop(con_id, None)
            line = self._lines[con_id] = self._line(con_id)
            try:
                worth = line.worth()
            except (MissingPriceError, MissingRateError) as error:
                self._worths[con_id] = self._unmeasured[con_id] = error
            else:
                self._worths[con_id] = worth
                self._total = self._total.plus(worth)
        self._touched.clear()

    def _line(self, con_id: int, instrument: Instrument | None = None) -> Line:
        holding = self._holdings.get(con_id, _NO_HOLDING)
        prices = self._prices
        instrument = instrument or prices.by_number(con_id)
        if instrument is not None:
            name, currency, multiplier = instrument.symbol, instrument.currency, instrument.multiplier
        else:
            name, currency, multiplier = _told_by_orders(holding)
        return Line(
            name=name or f"contract {con_id}",
            currency=currency,
            multiplier=multiplier,
            mark=prices.mark(con_id),
            rate=prices.rate(currency),
            position=holding.position,
            buys=holding.buys,
            sells=holding.sells,
            buy_orders=holding.buy_orders,
            sell_orders=holding.sell_orders,
            highest=holding.highest(),
        )

    def _holding(self, con_id: int) -> Holding:
        found = self._holdings.get(con_id)
        if found is None:
            found = self._holdings[con_id] = Holding()
        return found


def _told_by_orders(holding: Holding) -> tuple[str, str, Decimal]:
    """
    Name, currency and multiplier of a contract that nobody described.

    An order of an earlier run may name one that was not asked about in this one.
    """
    for order in holding.orders.values():
        if order.state is not None and order.state.intent is not None:
            return order.state.symbol, order.state.intent.currency, order.state.multiplier
    return "", "", Decimal(1)


_NO_HOLDING: Final = Holding()
_NO_CONTRACT: Final = 0
"""No contract has this number."""
