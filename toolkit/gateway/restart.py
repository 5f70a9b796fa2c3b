"""
An exchange that can be taken up where another process left it.

The books come back without quotes: nothing fills until the market speaks again, and the time that
has passed meanwhile is made good by the ordinary :meth:`Exchange.advance`, so that a DAY order whose
day ended while nobody was there ends like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from toolkit.errors import GatewayError
from toolkit.gateway.acceptance import book_order
from toolkit.gateway.clearing import Working
from toolkit.gateway.events import CommissionCharged, Executed, Order
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.ticks import size_of


class HoldingRow(msgspec.Struct, frozen=True):
    """One holding of one account: signed shares, and USD."""

    con_id: int
    position: Decimal
    cost: Decimal
    mark: Decimal
    realized: Decimal


class AccountRow(msgspec.Struct, frozen=True):
    """The money of one account in USD, and what it holds."""

    name: str
    opening_cash: Decimal
    cash: Decimal
    realized: Decimal
    holdings: tuple[HoldingRow, ...]


class OrderRow(msgspec.Struct, frozen=True):
    """One accepted order; ``triggered`` and ``place`` (in its book's queue) matter while it works."""

    order: Order
    triggered: bool
    place: int


class LastingExchange(Exchange):
    """The exchange, with what a restart has to write down and to read back."""

    def order_row(self, order: Order) -> OrderRow:
        """One order as it is now."""
        working = self._clearing.working.get(order.perm_id)
        if working is None:
            return OrderRow(order, triggered=False, place=0)
        return OrderRow(order, triggered=working.entry.triggered, place=working.entry.seq)

    def account_row(self, name: str) -> AccountRow:
        """One account as it is now."""
        account = self._account(name)
        holdings = tuple(
            HoldingRow(con_id, held.position, held.cost, held.mark, held.realized)
            for con_id, held in account.holdings.items()
        )
        return AccountRow(name, account.opening_cash, account.cash, account.realized, holdings)

    def resume(
        self,
        orders: Sequence[OrderRow],
        executions: Iterable[tuple[Executed, CommissionCharged]],
        accounts: Iterable[AccountRow],
        largest: Mapping[int, int],
        then: datetime,
    ) -> None:
        """
        Take up where another exchange was at ``then``; to be called once, before anything else.

        Args:
            orders: all that were accepted, working or finished.
            executions: all fills, oldest first.
            accounts: one row for each account of this exchange.
            largest: client id -> largest order id seen.
            then: UTC.

        Raises:
            GatewayError: an instrument of an order or holding is not in the symbol table.
        """
        for money in accounts:
            self._resume_account(money)
        self._largest.update(largest)
        self._clearing.executions.extend(executions)
        finished = [row.order for row in orders if row.order.finished]
        finished.sort(key=lambda order: (order.completed_at or then, order.perm_id))
        self._clearing.completed.extend(finished)
        for row in sorted(orders, key=lambda row: row.order.perm_id):
            order = row.order
            self._orders[order.client_id, order.order_id] = order
            self._perm_id = max(self._perm_id, order.perm_id)
            if not order.finished:
                line = self._line(order.instrument.con_id)
                entry = book_order(None, order)
                entry.filled, entry.triggered = size_of(order.filled), row.triggered
                working = Working(order, line, entry, self._account(order.account))
                working.untold = False
                entry.owner = working
                self._clearing.working[order.perm_id] = working
        for fill, _ in self._clearing.executions:
            if fill.perm_id in self._clearing.working and fill.exec_id.endswith(".01"):
                self._clearing.meter_of(self._clearing.working[fill.perm_id]).add(fill.shares, fill.price)
        places = {row.order.perm_id: row.place for row in orders}
        for perm_id in sorted(self._clearing.working, key=places.__getitem__):
            working = self._clearing.working[perm_id]
            working.line.book.place(working.entry, then)  # its client knows already what comes of it
            self._timetable.add(working.line)

    def _resume_account(self, row: AccountRow) -> None:
        account = self._accounts.get(row.name)
        if account is None:
            raise GatewayError(
                f"it has account {row.name}, and this gateway {', '.join(self._accounts)}: start with the "
                "same --account, or another --state."
            )
        account.opening_cash, account.cash, account.realized = row.opening_cash, row.cash, row.realized
        for held in row.holdings:
            account.hold(held.con_id, held.position, held.cost, held.mark, held.realized)
            self._line(held.con_id).holders[row.name] = account
