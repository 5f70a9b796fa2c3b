"""One contract's worst case: what is held and open there, and what it may come to in money."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

ZERO: Final = Decimal(0)


class MissingPriceError(Exception):
    """A contract has no price, so its exposure cannot be measured; ``str()`` names the contract."""


class MissingRateError(Exception):
    """A contract trades in a currency that we cannot convert; ``str()`` says which one."""


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    One contract: what is held and what is open.

    Attributes:
        name: for sentences.
        mark: what values it, in price units; None when nothing does.
        rate: account currency per unit of ``currency``; None while not known.
        multiplier: currency units per price unit.
        position: signed, in units of the contract.
        buys, sells: open quantity of each side, in units of the contract.
        buy_orders, sell_orders: how many orders these are.
        highest: the highest limit or stop price of its open orders; None when none has one.
    """

    name: str
    currency: str
    multiplier: Decimal
    mark: Decimal | None
    rate: Decimal | None
    position: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO
    buy_orders: int = 0
    sell_orders: int = 0
    highest: Decimal | None = None

    def with_order(self, sign: int, quantity: Decimal, *prices: Decimal | None, count: int = 1) -> Line:
        """The line with ``count`` more open orders of ``quantity`` together: +1 buys, -1 sells."""
        highest = self.highest
        for price in prices:
            if price is not None and (highest is None or price > highest):
                highest = price
        if sign > 0:
            orders = self.buy_orders + count
            return replace(self, buys=self.buys + quantity, buy_orders=orders, highest=highest)
        orders = self.sell_orders + count
        return replace(self, sells=self.sells + quantity, sell_orders=orders, highest=highest)

    def shrinks(self, sign: int) -> bool:
        """Whether all open orders of a side together, +1 buys, -1 sells, only make the position smaller."""
        return self.buys <= -self.position if sign > 0 else self.sells <= self.position

    @property
    def largest(self) -> Decimal:
        """The largest position, long or short, that open orders can lead to; without its sign."""
        up, down = self.position + self.buys, self.position - self.sells
        return max(abs(up), abs(down), abs(self.position))

    def unit(self) -> Decimal:
        """
        The account's currency per unit of the contract and price unit.

        Raises:
            MissingRateError: no exchange rate is known.
        """
        if self.rate is None:
            raise MissingRateError(f"{self.name} trades in {self.currency}, and no exchange rate is known")
        return self.multiplier * self.rate

    def worth(self) -> Worth:
        """
        What the line may come to at most, in the account's currency.

        Raises:
            MissingPriceError, MissingRateError: there is exposure, but no price, or no rate.
        """
        position = self.position
        up, down = position + self.buys, position - self.sells
        if not (up or down or position):
            return NOTHING
        if self.mark is None and self.highest is None:
            raise MissingPriceError(self.name)
        mark = worst = self.mark or ZERO
        # A limit below the market buys at the limit but sells at the market: take the dearer of the two.
        if self.highest is not None and self.highest > mark:
            worst = self.highest
        unit = self.unit()
        return Worth(
            max(abs(up), abs(down), abs(position)) * worst * unit,
            up * (worst if up > ZERO else mark) * unit,
            down * (worst if down < ZERO else mark) * unit,
        )


class Worth(msgspec.Struct, frozen=True, gc=False):
    """
    Exposure in the account's currency.

    Attributes:
        gross: the largest position that open orders can lead to, at its dearest price.
        up, down: signed, when every open buy fills, and when every open sell does. What offsets the
            direction counts at its mark, what adds to it at its dearest price.
    """

    gross: Decimal
    up: Decimal
    down: Decimal

    def plus(self, other: Worth) -> Worth:
        """Both together."""
        return Worth(self.gross + other.gross, self.up + other.up, self.down + other.down)

    def minus(self, other: Worth) -> Worth:
        """This one without the other."""
        return Worth(self.gross - other.gross, self.up - other.up, self.down - other.down)


NOTHING: Final = Worth(ZERO, ZERO, ZERO)


def dearest(*prices: Decimal | None) -> Decimal | None:
    """The highest of some prices; None when there is none."""
    return max([price for price in prices if price is not None], default=None)
