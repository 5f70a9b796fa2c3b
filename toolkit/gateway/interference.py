"""The exchange with a hand in it: ids rolled back, fills that the market did not make, corrections."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from toolkit.gateway.events import (
    AccountChanged,
    CommissionCharged,
    Event,
    Executed,
    Order,
    PositionChanged,
)
from toolkit.gateway.restart import LastingExchange
from toolkit.gateway.ticks import price_units


class PracticeExchange(LastingExchange):
    """What a paper gateway runs on: an exchange that remembers, and that can be made to misbehave."""

    def roll_back_ids(self, count: int, client_id: int | None = None) -> list[int]:
        """
        Forget the last ``count`` order ids, as a gateway that never saw them.

        Returns:
            The clients to whom it was done: the one, or all.
        """
        clients = list(self._largest) if client_id is None else [client_id]
        for client in clients:
            self._largest[client] = max(0, self._largest.get(client, 0) - count)
        return clients

    def reserve_perm_id(self) -> int:
        """A permanent id for an order that is told of and not placed."""
        self._perm_id += 1
        return self._perm_id

    def place_as(self, order: Order, perm_id: int, now: datetime) -> list[Event]:
        """As :meth:`place`, under a permanent id that was reserved."""
        latest, self._perm_id = self._perm_id, perm_id - 1
        try:
            return self.place(order, now)
        finally:
            self._perm_id = max(latest, self._perm_id)

    def place_twin(self, order: Order, now: datetime) -> list[Event]:
        """
        Place an order under the id of a working one, which lives on under its permanent id alone.

        From here on a change or a cancel by that order id reaches the second one.
        """
        first = self._orders.pop((order.client_id, order.order_id))
        largest = self._largest[order.client_id]
        self._largest[order.client_id] = order.order_id - 1
        events = self.place(order, now)
        self._largest[order.client_id] = largest
        self._orders.setdefault((order.client_id, order.order_id), first)
        return events

    def place_by_hand(self, order: Order, now: datetime, *, bound: bool) -> list[Event]:
        """
        Place an order that was made in the broker's own window: of client 0, with id 0 (H25).

        No client can change or cancel it before :meth:`bind`, which ``bound`` says has been asked for.
        """
        self._by_hand -= bound
        order.client_id, order.order_id = 0, self._by_hand if bound else 0
        largest = self._largest.get(0, 0)
        self._largest[0] = order.order_id - 1
        events = self.place(order, now)
        self._largest[0] = largest
        if not bound:
            self._orders.pop((0, 0), None)
        return events

    def working_on_side(self, order: Order) -> int:
        """How many orders work for the account on this side of the contract."""
        mine = order.account, order.action, order.instrument.con_id
        return sum((each.account, each.action, each.instrument.con_id) == mine for each in self.open_orders())

    def fill(self, order: Order, price: Decimal | None, now: datetime) -> list[Event]:
        """Fill the rest of a working order, at its own limit or the quote when no price is given."""
        working = self._clearing.working.get(order.perm_id)
        if working is None:
            return []
        paid = price or order.limit_price or working.line.taking_price(working.entry.side)
        return self._settle(working.line, working.line.book.fill(working.entry, price_units(paid), now), now)

    def correct(self, exec_id: str, price: Decimal) -> list[Event]:
        """
        Correct the price of an execution: the old one is taken back, and booked again at ``price``.

        The correction carries the next revision at the end of its execution id.
        """
        fill, charge = next(row for row in reversed(self._clearing.executions) if row[0].exec_id == exec_id)
        stem, _, revision = exec_id.rpartition(".")
        corrected: Executed = msgspec.structs.replace(
            fill, exec_id=f"{stem}.{int(revision) + 1:02}", price=price
        )
        charged: CommissionCharged = msgspec.structs.replace(charge, exec_id=corrected.exec_id)
        account = self._account(fill.account)
        con_id, units = fill.instrument.con_id, fill.instrument.units
        shares = fill.shares if fill.side == "BOT" else -fill.shares
        account.fill(con_id, -shares, fill.price * units, Decimal(0))
        holding, _ = account.fill(con_id, shares, price * units, Decimal(0))
        self._clearing.executions.append((corrected, charged))
        position = PositionChanged(fill.account, fill.instrument, holding.position, holding.average_cost)
        return [corrected, charged, position, AccountChanged(fill.account)]
