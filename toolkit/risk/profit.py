"""The day's profit and the fall from the day's highest value, in the broker's words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal

from toolkit.risk.line import ZERO


class Profit:
    """
    What one account made today, in its own currency.

    Attributes:
        daily: profit since the close of the day before, commissions included, as the broker counts
            it; None until it told.
        drawdown: fall of the net liquidation value from its highest today (UTC, as far as this
            process has seen it); None until the broker told the value.
        value: net liquidation value; None until the broker told it.
        listeners: called after each change.
    """

    def __init__(self) -> None:
        self.daily: Decimal | None = None
        self.drawdown: Decimal | None = None
        self.value: Decimal | None = None
        self.listeners: list[Callable[[], None]] = []
        self._day = date.min
        self._highest = ZERO

    @property
    def loss(self) -> Decimal | None:
        """Today's loss, 0 for a gain; None until the broker told the profit."""
        if self.daily is None:
            return None
        return -self.daily if self.daily < ZERO else ZERO

    def tell_daily(self, amount: Decimal | None) -> None:
        """The broker's profit of the day; None when it has none to tell."""
        self.daily = amount
        self._changed()

    def tell_value(self, amount: Decimal | None, at: datetime) -> None:
        """The account's net liquidation value at a time, UTC; None when it cannot be read."""
        self.value = amount
        if amount is None:
            self.drawdown = None
            return
        if at.date() != self._day:
            self._day, self._highest = at.date(), amount
        self._highest = max(self._highest, amount)
        self.drawdown = self._highest - amount
        self._changed()

    def forget(self) -> None:
        """A new connection has told nothing yet; the day's highest value stays what it was."""
        self.daily = self.drawdown = self.value = None

    def copy(self) -> Profit:
        """The same figures without listeners."""
        other = Profit()
        other.daily, other.drawdown, other.value = self.daily, self.drawdown, self.value
        return other

    def _changed(self) -> None:
        for listener in self.listeners:
            listener()
