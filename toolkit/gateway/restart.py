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
from toolkit.gateway.acceptance import book_order, ties_of
from toolkit.gateway.account import Holding
from toolkit.gateway.clearing import Working
from toolkit.gateway.events import CommissionCharged, Executed, Order
from toolkit.gateway.exchange import Exchange
from toolkit.gateway.ladder import State
from toolkit.gateway.margin import rates_of
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


class Standing(msgspec.Struct, frozen=True):
    """
    Where a working order stands.

    Attributes:
        triggered: its stop has fired.
        place: in the queue of its book.
        stop: trigger price in units of 1e-8, as far as it has trailed.
        held: it is kept outside the market, parked or until its parent is filled.
        transmit: it is not parked.
        group_kind: of its one-cancels-all group, which the group's first order has settled.
    """

    triggered: bool = False
    place: int = 0
    stop: int = 0
    held: bool = False
    transmit: bool = True
    group_kind: int = 0


class OrderRow(msgspec.Struct, frozen=True):
    """One accepted order, and where it stands while it works."""

    order: Order
    standing: Standing


class LastingExchange(Exchange):
    """The exchange, with what a restart has to write down and to read back."""

    def order_row(self, order: Order) -> OrderRow:
        """One order as it is now."""
        working = self._clearing.working.get(order.perm_id)
        if working is None:
            return OrderRow(order, Standing())
        entry = working.entry
        standing = Standing(
            triggered=entry.triggered,
            place=entry.seq,
            stop=entry.stop,
            held=entry.state is State.HELD,
            transmit=entry.transmit,
            group_kind=entry.group.kind if entry.group else 0,
        )
        return OrderRow(order, standing)

    def take_moved_accounts(self) -> list[str]:
        """The accounts that have changed since this was last asked, marks of their holdings included."""
        moved = [account for account in self._accounts.values() if account.moved]
        for account in moved:
            account.moved = False
        return [account.name for account in moved]

    def account_row(self, name: str) -> AccountRow:
        """One account as it is now."""
        account = self._account(name)
        holdings = tuple(
            HoldingRow(con_id, held.position, held.cost, held.mark, held.realized)
            for con_id, held in account.holdings.items()
        )
        return AccountRow(name, account.opening_cash, account.cash, account.realized, holdings)

    def take_up(
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
        standings: dict[int, Standing] = {}
        for row in sorted(orders, key=lambda row: row.order.perm_id):
            order = row.order
            if order.order_id:  # else made by hand, and known by its permanent id alone
                self._orders[order.client_id, order.order_id] = order
            self._by_hand = min(self._by_hand, order.order_id)
            self._perm_id = max(self._perm_id, order.perm_id)
            if not order.finished:
                standings[order.perm_id] = row.standing
                self._resume_order(order, row.standing)
        for fill, _ in self._clearing.executions:
            if fill.perm_id in self._clearing.working and fill.exec_id.endswith(".01"):
                self._clearing.meter_of(self._clearing.working[fill.perm_id]).add(fill.shares, fill.price)
        for perm_id, standing in sorted(standings.items(), key=lambda item: item[1].place):
            working = self._clearing.working[perm_id]
            if standing.held:
                working.entry.state = State.HELD
            else:
                working.line.book.place(working.entry, then)  # its client knows what comes of it
                self._timetable.add(working.line)

    def _resume_order(self, order: Order, standing: Standing) -> None:
        """Make a working order again, tied to those that it depends on; it is not in its book yet."""
        line = self._line(order.instrument.con_id)
        entry = book_order(None, order)
        entry.filled = size_of(order.filled)
        entry.triggered, entry.stop = standing.triggered, standing.stop
        working = Working(order, line, entry, self._account(order.account))
        working.untold = False
        entry.owner = working
        self._clearing.working[order.perm_id] = working
        parent = self.find_order(order.client_id, order.parent_id) if order.parent_id else None
        above = self._clearing.working.get(parent.perm_id) if parent else None
        ties = ties_of(order)._replace(kind=standing.group_kind, transmit=standing.transmit)
        self._links.tie(entry, line.book, ties, above.entry if above else None)

    def _resume_account(self, row: AccountRow) -> None:
        account = self._accounts.get(row.name)
        if account is None:
            raise GatewayError(
                f"it has account {row.name}, and this gateway {', '.join(self._accounts)}: start with the "
                "same --account, or another --state."
            )
        account.opening_cash, account.cash, account.realized = row.opening_cash, row.cash, row.realized
        for held in row.holdings:
            line = self._line(held.con_id)
            holding = Holding(rates_of(line.instrument))
            holding.position, holding.cost = held.position, held.cost
            holding.mark, holding.realized = held.mark, held.realized
            account.hold(held.con_id, holding)
            line.holders[row.name] = account
