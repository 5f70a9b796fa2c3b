"""The broker's day, from midnight to midnight in New York, and what has been earned since it began."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from toolkit.gateway.calendar import midnight_after
from toolkit.gateway.events import PortfolioRow
from toolkit.gateway.exchange import Exchange

ZERO = Decimal(0)


class DayStart(msgspec.Struct, frozen=True):
    """
    What there was when the day began, or when the gateway first started in it.

    Attributes:
        began: UTC.
        worth: account -> its net liquidation value in USD.
        profits: account -> contract id -> realised and unrealised profit in USD.
    """

    began: datetime
    worth: dict[str, Decimal]
    profits: dict[str, dict[int, Decimal]]


class Day:
    """
    The current day of some accounts.

    Args:
        exchange: where they are.
        accounts: their codes.
        now: the moment from which profits count, unless ``start`` says.
        start: of a day in which another process has been before.

    Attributes:
        start: what there was when it began.
        ends: the midnight at which the next one begins, UTC.
    """

    def __init__(
        self, exchange: Exchange, accounts: Sequence[str], now: datetime, start: DayStart | None = None
    ) -> None:
        self._exchange = exchange
        self._accounts = accounts
        self.start = self._opening(now)
        if start is not None:  # which knows nothing of an account that is new
            worth, profits = self.start.worth | start.worth, self.start.profits | start.profits
            self.start = DayStart(start.began, worth, profits)
        self.ends = midnight_after(self.start.began)

    def begin(self, now: datetime) -> None:
        """A new day begins: what was earned until now is not of today."""
        self.start = self._opening(now)
        self.ends = midnight_after(now)

    def profit(self, account: str) -> Decimal:
        """Profit of an account since the day began, in USD."""
        return self._net_worth(account) - self.start.worth[account]

    def profit_of(self, row: PortfolioRow) -> Decimal:
        """Profit of one position since the day began, in USD."""
        return _profit(row) - self.start.profits[row.account].get(row.instrument.con_id, ZERO)

    def _opening(self, now: datetime) -> DayStart:
        return DayStart(
            now,
            {account: self._net_worth(account) for account in self._accounts},
            {
                account: {row.instrument.con_id: _profit(row) for row in self._exchange.portfolio(account)}
                for account in self._accounts
            },
        )

    def _net_worth(self, account: str) -> Decimal:
        return Decimal(self._exchange.account_values(account)["NetLiquidation"][0])


def _profit(row: PortfolioRow) -> Decimal:
    return row.unrealized_pnl + row.realized_pnl
