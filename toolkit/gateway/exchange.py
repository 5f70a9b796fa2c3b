"""
The paper exchange and broker in one: orders and market data in, events out.

Pure: no sockets, no clock (``now`` is always given, timezone-aware UTC, never going backwards).
Every call returns the events that it caused, in the order in which clients must hear them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from toolkit.gateway.events import (
    Event,
    Executed,
    CommissionCharged,
    MarginPreview,
    Order,
    PortfolioRow,
    PositionChanged,
    Print,
    Quote,
)
from toolkit.gateway.instruments import Universe

Number = Decimal | int | float | str


class ExchangeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """
    How the exchange behaves.

    Attributes:
        limit_fill: ``quote`` (a resting limit fills on quotes only) or ``queue`` (prints too).
        latency_ms: milliseconds from an order's arrival here until it is live in the market.
        commission_plan: ``fixed`` or ``tiered``.
        run: number of this run; execution ids and permanent ids of different runs differ.
    """

    limit_fill: str = "quote"
    latency_ms: float = 0.0
    commission_plan: str = "fixed"
    run: int = 1


class Exchange:
    """
    Matching, accounts and the broker's own checks for all clients of one gateway.

    Args:
        universe: what can be traded.
        accounts: account codes; each starts with ``cash``.
        cash: USD.
        hours: ``always`` (open at all hours; DAY orders end at midnight New York) or ``regular``
            (exchange sessions apply, rule R6).
    """

    def __init__(
        self,
        universe: Universe,
        accounts: Sequence[str],
        cash: Decimal = Decimal(1_000_000),
        hours: str = "always",
        config: ExchangeConfig = ExchangeConfig(),
    ) -> None:
        raise NotImplementedError

    # ---- what clients ask for -------------------------------------------------------------

    def place(self, order: Order, now: datetime) -> list[Event]:
        """
        Accept or refuse an order; an id that is working already means a modification.

        Resting: OrderUpdated(Submitted; PreSubmitted for an untriggered stop, a held market order or
        one that waits for the open). Filled at once: OrderUpdated(PreSubmitted), then per fill
        Executed, OrderUpdated(Filled or Submitted), CommissionCharged, PositionChanged; at the end
        AccountChanged. Refused: one Refused with 103, 110, 201, 387, 434 or 10243.
        """
        raise NotImplementedError

    def modify(self, order: Order, now: datetime) -> list[Event]:
        """
        Change a working order to what ``order`` (same client and order id) says.

        The first order object stays the one in all lists and events; its ``raw`` becomes the new
        one's. A bad modification is Refused and the order lives on. 10147 unknown, 10148 finished.
        """
        raise NotImplementedError

    def cancel(self, client_id: int, order_id: int, now: datetime) -> list[Event]:
        """Cancel: OrderUpdated(Cancelled) and Noticed(202); or Refused 10147 unknown, 10148 finished."""
        raise NotImplementedError

    def cancel_all(self, now: datetime) -> list[Event]:
        """Cancel every working order of every client (global cancel)."""
        raise NotImplementedError

    def what_if(self, order: Order) -> MarginPreview:
        """Margin and commission that the order would mean, at its limit or the current quote."""
        raise NotImplementedError

    def check(self, order: Order) -> list[Event]:
        """The Refused that :meth:`place` would answer, or nothing; changes nothing."""
        raise NotImplementedError

    # ---- what the market does ---------------------------------------------------------------

    def quote(
        self,
        con_id: int,
        bid: Number | None,
        ask: Number | None,
        bid_size: Number | None,
        ask_size: Number | None,
        now: datetime,
    ) -> list[Event]:
        """A new best bid and offer; None, zero or negative means that side is missing."""
        raise NotImplementedError

    def trade(
        self, con_id: int, price: Number, size: Number, now: datetime, cond: str = ""
    ) -> list[Event]:
        """A print of the market."""
        raise NotImplementedError

    def advance(self, now: datetime) -> list[Event]:
        """Let time pass: orders in flight go live, DAY orders end, sessions open and close."""
        raise NotImplementedError

    def next_due(self, now: datetime) -> datetime | None:
        """When :meth:`advance` has something to do next; None: nothing is waiting for time."""
        raise NotImplementedError

    # ---- what can be looked up ----------------------------------------------------------------

    def find_order(self, client_id: int, order_id: int) -> Order | None:
        """The latest order with that id, working or finished."""
        raise NotImplementedError

    def largest_order_id(self, client_id: int) -> int:
        """Largest order id seen from that client, 0 if none (nextValidId is one more)."""
        raise NotImplementedError

    def open_orders(self) -> list[Order]:
        """All working orders of all clients, oldest first."""
        raise NotImplementedError

    def completed_orders(self) -> list[Order]:
        """All finished orders, in the order in which they finished."""
        raise NotImplementedError

    def executions(self) -> list[tuple[Executed, CommissionCharged]]:
        """All fills of all clients with their commissions, oldest first."""
        raise NotImplementedError

    def positions(self, account: str = "") -> list[PositionChanged]:
        """Current non-zero positions of one account, or of all."""
        raise NotImplementedError

    def portfolio(self, account: str) -> list[PortfolioRow]:
        """Positions at market, those closed in this run included (position 0)."""
        raise NotImplementedError

    def account_values(self, account: str) -> dict[str, tuple[Decimal | str, str]]:
        """
        TWS account keys -> (value, currency); currency ``""`` where the value is not money.

        Keys: AccountType, NetLiquidation, TotalCashValue, CashBalance, BuyingPower, AvailableFunds,
        ExcessLiquidity, GrossPositionValue, InitMarginReq, MaintMarginReq, UnrealizedPnL,
        RealizedPnL, EquityWithLoanValue. Amounts are rounded to the cent.
        """
        raise NotImplementedError

    def last_quote(self, con_id: int) -> Quote | None:
        """The newest quote, None before the first."""
        raise NotImplementedError

    def last_print(self, con_id: int) -> Print | None:
        """The newest print that may set the last price, None before the first."""
        raise NotImplementedError
