"""
The paper exchange and broker in one: orders and market data in, events out.

Pure: no sockets, no clock (``now`` is always given, timezone-aware UTC, never going backwards).
Every call returns the events that it caused, in the order in which clients must hear them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from toolkit.errors import ConfigError, GatewayError
from toolkit.gateway.acceptance import (
    CHANGEABLE,
    DUPLICATE,
    Refusal,
    as_warning,
    book_order,
    expected_price,
    hours_ignored,
    refuse_action,
    refuse_change,
    refuse_funds,
    refuse_gone,
    refuse_terms,
    refuse_ties,
    ties_of,
)
from toolkit.gateway.account import Account, commission, plan_of
from toolkit.gateway.calendar import AlwaysOpen, Hours, RegularHours
from toolkit.gateway.clearing import Clearing, Working, updated
from toolkit.gateway.events import (
    CommissionCharged,
    Event,
    Executed,
    MarginPreview,
    Order,
    OrderUpdated,
    PortfolioRow,
    PositionChanged,
    Print,
    Quote,
    Refused,
)
from toolkit.gateway.exchange_config import ExchangeConfig
from toolkit.gateway.instruments import Universe
from toolkit.gateway.ladder import BookOrder
from toolkit.gateway.line import Line, rule_of
from toolkit.gateway.links import Links
from toolkit.gateway.margin import rates_of
from toolkit.gateway.outcomes import Outcome
from toolkit.gateway.record import Record
from toolkit.gateway.statement import account_values, portfolio
from toolkit.gateway.ticks import Number, price_units, quantity, size_of
from toolkit.gateway.timetable import Timetable
from toolkit.gateway.triggers import DEFAULT_TRIGGER, LAST, Triggers

ZERO = Decimal(0)
_HOURS: dict[str, type[Hours]] = {"always": AlwaysOpen, "regular": RegularHours}


class Exchange:
    """
    Matching, accounts and the broker's own checks for all clients of one gateway.

    Working orders reserve no funds: each is checked against what the account holds when it is
    placed.

    Args:
        universe: what can be traded.
        accounts: account codes; each starts with ``cash``.
        cash: USD.
        hours: ``always`` (open at all hours; DAY orders end at midnight New York) or ``regular``
            (exchange sessions apply, rule R6).
        config: the rest; ExchangeConfig() when left out.

    Raises:
        ConfigError: for an unknown ``hours`` or bad configuration.
    """

    def __init__(
        self,
        universe: Universe,
        accounts: Sequence[str],
        cash: Decimal = Decimal(1_000_000),
        hours: str = "always",
        config: ExchangeConfig | None = None,
    ) -> None:
        if hours not in _HOURS:
            raise ConfigError(f"Hours are {hours!r}; choose always or regular.")
        config = config or ExchangeConfig()
        commission(1, 1, config.commission_plan)  # refuses an unknown plan now, not at a fill
        self.universe = universe
        self._accounts = {name: Account(name, cash) for name in accounts}
        self._matching = config
        self.hours = _HOURS[hours]()
        self._sessions = hours == "regular"
        self._clearing = Clearing(self.hours, config.commission_plan, config.run)
        self._plan = config.commission_plan
        self._links = Links()
        self._lines: dict[int, Line] = {}
        self._orders: dict[tuple[int, int], Order] = {}
        self._largest: dict[int, int] = {}
        self._by_hand = 0  # the latest id of an order made by hand
        self._perm_id = config.run % 2_000 * 1_000_000  # with the counter it fits 31 bits
        self._timetable = Timetable()

    # ---- what clients ask for ----------------------------------------------------------------

    def place(self, order: Order, now: datetime) -> list[Event]:
        """
        Accept or refuse an order; an id that is working already means a modification.

        Resting: OrderUpdated(Submitted; PreSubmitted for an untriggered stop, a held market order
        or one that waits for the open or for the latency). Filled at once: OrderUpdated
        (PreSubmitted), then per fill Executed, OrderUpdated (Filled or Submitted),
        CommissionCharged, PositionChanged; at the end AccountChanged. Refused: one Refused with
        103, 110, 201, 387, 434 or 10243.
        """
        key = (order.client_id, order.order_id)
        earlier = self._orders.get(key)
        if earlier is not None and not earlier.finished:
            return self.modify(order, now)
        if order.order_id <= self._largest.get(order.client_id, 0):
            return [_refused(order, DUPLICATE)]
        self._largest[order.client_id] = order.order_id
        self._name_account(order)
        line = self._line(order.instrument.con_id)
        entry = book_order(None, order)
        parent = self.find_order(order.client_id, order.parent_id) if order.parent_id else None
        refusal = self._refusal(order, entry, line) or refuse_ties(order, parent)
        if refusal:
            return [_refused(order, refusal)]
        self._perm_id += 1
        order.perm_id = self._perm_id
        order.status = "PendingSubmit"
        order.filled = ZERO
        order.remaining = order.quantity
        order.submitted_at = now
        working = Working(order, line, entry, self._accounts[order.account])
        entry.owner = working
        self._orders[key] = order
        self._clearing.working[order.perm_id] = working
        above = self._clearing.working.get(parent.perm_id) if parent else None
        above_entry = above.entry if above else None
        outcomes = self._links.admit(entry, line.book, now, ties_of(order), above_entry)
        events = self._settle(line, outcomes, now)
        if working.untold:  # in flight
            self._clearing.tell(working, events)
        if self._sessions and order.outside_rth and not entry.extended:
            events.append(hours_ignored(order))
        return events

    def modify(self, order: Order, now: datetime) -> list[Event]:
        """
        Change a working order to what ``order`` (same client and order id) says.

        The first order object stays the one in all lists and events; its ``raw`` becomes the new
        one's. A bad change is Refused with 105, 110, 329 or 434 (warnings to clients, for the order
        lives on); 10147 when unknown, 10148 when finished.
        """
        found = self._orders.get((order.client_id, order.order_id))
        if found is None or found.finished:
            return [_refused(order, refuse_gone(order.order_id, found, "modified"))]
        if not order.account:
            order.account = found.account
        working = self._clearing.working[found.perm_id]
        wanted = book_order(None, order)
        wanted.filled = working.entry.filled
        if 0 < wanted.quantity < wanted.filled:  # R13: nothing more is wanted
            wanted.quantity, order.quantity = wanted.filled, found.filled
        refusal = refuse_change(found, order) or self._refusal(order, wanted, working.line)
        if refusal:
            return [_refused(order, as_warning(refusal))]
        for name in CHANGEABLE:
            setattr(found, name, getattr(order, name))
        found.remaining = found.quantity - found.filled
        working.untold = True
        outcomes = working.line.book.modify(working.entry, wanted, now)
        if order.transmit and not working.entry.transmit:
            outcomes += self._links.transmit(working.entry, now)
        events = self._settle(working.line, outcomes, now)
        if working.untold:
            self._clearing.tell(working, events)
        return events

    def cancel(self, client_id: int, order_id: int, now: datetime) -> list[Event]:
        """Cancel: OrderUpdated(Cancelled), Noticed(202); or Refused 10147 unknown, 10148 done."""
        order = self._orders.get((client_id, order_id))
        if order is None or order.finished:
            return [Refused(client_id, order_id, *refuse_gone(order_id, order, "cancelled"))]
        return self._cancel(self._clearing.working[order.perm_id], now)

    def cancel_all(self, now: datetime) -> list[Event]:
        """Cancel every working order of every client (global cancel)."""
        events: list[Event] = []
        for working in list(self._clearing.working.values()):
            events += self._cancel(working, now)
        return events

    def bind(self) -> list[OrderUpdated]:
        """Give the working orders made by hand ids -1, -2, ...: client 0 can change and cancel them."""
        unbound = [order for order in self.open_orders() if not order.order_id]
        for order in unbound:
            order.order_id = self._by_hand = self._by_hand - 1
            self._orders[order.client_id, order.order_id] = order
        return [updated(order) for order in unbound]

    def check(self, order: Order) -> list[Event]:
        """What :meth:`place` would refuse the order for (its id aside), or nothing."""
        self._name_account(order)
        line = self._line(order.instrument.con_id)
        refusal = self._refusal(order, book_order(None, order), line)
        return [_refused(order, refusal)] if refusal else []

    def what_if(self, order: Order) -> MarginPreview:
        """
        Margin and commission that the order would mean, at its limit or the current quote.

        Ask :meth:`check` first: the account must be known and the terms sound.
        """
        account = self._accounts[order.account]
        line = self._line(order.instrument.con_id)
        entry = book_order(None, order)
        at = expected_price(order, line, entry)
        shares = quantity(entry.quantity)
        instrument = order.instrument
        signed, worth = shares * entry.side, at * instrument.units
        initial, maintenance = account.margin_after(instrument.con_id, signed, worth, rates_of(instrument))
        fee = commission(shares, at, plan_of(instrument.sec_type, self._plan))
        return MarginPreview(
            account.initial_margin,
            initial,
            account.maintenance_margin,
            maintenance,
            account.net_liquidation,
            account.net_liquidation - fee,
            fee,
        )

    # ---- what the market does ----------------------------------------------------------------

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
        line = self._line(con_id)
        bid_units, ask_units = price_units(bid), price_units(ask)
        bids, asks = size_of(bid_size), size_of(ask_size)
        line.see(bid_units, ask_units, bids, asks, now)
        outcomes = line.book.quote(bid_units, ask_units, bids, asks, now)
        return self._settle(line, outcomes, now) if outcomes else []

    def trade(
        self, con_id: int, price: Number, size: Number, now: datetime, cond: str = "", aggressor: str = ""
    ) -> list[Event]:
        """A print of the market; ``aggressor`` B or S where it is known who initiated it."""
        line = self._line(con_id)
        outcomes = line.trade(price_units(price), size_of(size), now, cond, aggressor)
        return self._settle(line, outcomes, now) if outcomes else []

    def halt(self, con_id: int, now: datetime, *, halted: bool) -> list[Event]:
        """Stop the trading of an instrument, or resume it, beginning with its newest quote."""
        line = self._line(con_id)
        change = line.book.halt if halted else line.book.resume
        return self._settle(line, change(now), now)

    def advance(self, now: datetime) -> list[Event]:
        """Let time pass: orders in flight go live, DAY orders end, sessions open and close."""
        events: list[Event] = []
        while (due := self.next_due(now)) is not None and due <= now:
            line = self._timetable.take()
            events += self._settle(line, line.book.advance(now), now)
        return events

    def next_due(self, now: datetime) -> datetime | None:
        """When :meth:`advance` has something to do next; None: nothing is waiting for time."""
        return self._timetable.first()

    # ---- what can be looked up ---------------------------------------------------------------

    def find_order(self, client_id: int, order_id: int) -> Order | None:
        """The latest accepted order with that id, working or finished."""
        return self._orders.get((client_id, order_id))

    def largest_order_id(self, client_id: int) -> int:
        """Largest order id seen from that client, 0 if none (nextValidId is one more)."""
        return self._largest.get(client_id, 0)

    def open_orders(self) -> list[Order]:
        """All working orders of all clients, oldest first."""
        return [working.order for working in self._clearing.working.values()]

    def completed_orders(self) -> Sequence[Order]:
        """All finished orders, in the order in which they finished; it grows as more do."""
        return self._clearing.completed

    def executions(self) -> Sequence[tuple[Executed, CommissionCharged]]:
        """All fills of all clients with their commissions, oldest first; it grows with each."""
        return self._clearing.executions

    def positions(self, account: str = "") -> list[PositionChanged]:
        """Current non-zero positions of one account, or of all."""
        chosen = [self._account(account)] if account else self._accounts.values()
        return [
            PositionChanged(each.name, self._lines[con_id].instrument, held.position, held.average_cost)
            for each in chosen
            for con_id, held in each.holdings.items()
            if held.position
        ]

    def portfolio(self, account: str) -> list[PortfolioRow]:
        """Positions at market, those closed in this run included (position 0)."""
        instruments = {con_id: line.instrument for con_id, line in self._lines.items()}
        return portfolio(self._account(account), instruments)

    def account_values(self, account: str) -> dict[str, tuple[Decimal | str, str]]:
        """
        TWS account keys -> (value, currency); currency ``""`` where the value is not money.

        Keys: AccountType, NetLiquidation, TotalCashValue, CashBalance, BuyingPower, AvailableFunds,
        ExcessLiquidity, GrossPositionValue, InitMarginReq, MaintMarginReq, UnrealizedPnL,
        RealizedPnL, EquityWithLoanValue. Amounts are rounded to the cent.
        """
        return account_values(self._account(account))

    def last_quote(self, con_id: int) -> Quote | None:
        """The newest quote, None before the first."""
        return self._line(con_id).quote()

    def last_print(self, con_id: int) -> Print | None:
        """The newest print that may set the last price, None before the first."""
        return self._line(con_id).last()

    def is_halted(self, con_id: int) -> bool:
        """Whether its trading is stopped."""
        return self._line(con_id).book.halted

    def record(self, con_id: int) -> Record:
        """What the prices of an instrument have done."""
        return self._line(con_id).record

    # ---- inside ------------------------------------------------------------------------------

    def _line(self, con_id: int) -> Line:
        line = self._lines.get(con_id)
        if line is None:
            instrument = self.universe.get(con_id)
            if instrument is None:
                raise GatewayError(f"Contract id {con_id} is not in this gateway's symbol table.")
            default = DEFAULT_TRIGGER.get(instrument.sec_type, LAST)
            triggers = Triggers(default, rule_of(instrument))
            line = self._lines[con_id] = Line(instrument, self._matching.book(self.hours, triggers))
        return line

    def _account(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account is None:
            raise GatewayError(f"Account {name} is not one of {', '.join(self._accounts)}.")
        return account

    def _name_account(self, order: Order) -> None:
        if not order.account and len(self._accounts) == 1:
            order.account = next(iter(self._accounts))

    def _refusal(self, order: Order, entry: BookOrder, line: Line) -> Refusal | None:
        account = self._accounts.get(order.account)
        if account is None:
            return 201, f"Order rejected - reason:Account {order.account} is not known here."
        refusal = refuse_action(order) or refuse_terms(entry, line.rule)
        if refusal:
            return refusal
        shares = quantity(entry.remaining) * entry.side
        at = expected_price(order, line, entry)
        return refuse_funds(account, line.instrument, shares, at)

    def _cancel(self, working: Working, now: datetime) -> list[Event]:
        return self._settle(working.line, working.line.book.cancel(working.entry, now), now)

    def _settle(self, line: Line, outcomes: list[Outcome], now: datetime) -> list[Event]:
        outcomes = self._links.follow(outcomes, now)
        events = self._clearing.settle(outcomes)
        self._timetable.add(line)
        if self._links.used:
            for other in {outcome.order.owner.line for outcome in outcomes}:
                self._timetable.add(other)
        return events


def _refused(order: Order, refusal: Refusal) -> Refused:
    return Refused(order.client_id, order.order_id, *refusal)
