"""
From what the book did to what clients hear: fills booked, commissions charged, orders told.

The order of events is the one clients rely on: a fill is told as Executed, then the order's new
state, then the commission with the same execution id, then the position.
"""

from __future__ import annotations

from datetime import datetime

from toolkit.gateway.account import Account, CommissionMeter, plan_of
from toolkit.gateway.calendar import NEW_YORK, Hours
from toolkit.gateway.events import (
    AccountChanged,
    CommissionCharged,
    Event,
    Executed,
    Noticed,
    Order,
    OrderUpdated,
    PositionChanged,
)
from toolkit.gateway.ladder import BookOrder, State
from toolkit.gateway.line import Line
from toolkit.gateway.margin import rates_of
from toolkit.gateway.outcomes import Fill, Moved, Outcome
from toolkit.gateway.terms import status_word
from toolkit.gateway.ticks import SCALE, price, quantity

_LIQUIDITY = {"add": 1, "remove": 2}


class Working:
    """
    A working order with what the exchange keeps beside it.

    Attributes:
        untold: the client waits for a first word on its placing or modification.
    """

    __slots__ = ("account", "entry", "line", "meter", "order", "untold")

    def __init__(self, order: Order, line: Line, entry: BookOrder, account: Account) -> None:
        self.order = order
        self.line = line
        self.entry = entry
        self.account = account
        self.meter: CommissionMeter | None = None
        self.untold = True


class Clearing:
    """
    Books outcomes of all instruments.

    Args:
        hours: to say when an order that waits may trade.
        plan: commission plan for stocks.
        run: makes execution ids of different runs differ.
    """

    def __init__(self, hours: Hours, plan: str, run: int) -> None:
        self._hours = hours
        self._plan = plan
        self._run = run
        self.working: dict[int, Working] = {}
        self.completed: list[Order] = []
        self.executions: list[tuple[Executed, CommissionCharged]] = []

    def settle(self, outcomes: list[Outcome]) -> list[Event]:
        """The events of what a book did, one AccountChanged per touched account at the end."""
        events: list[Event] = []
        touched: dict[str, None] = {}
        for outcome in outcomes:
            if isinstance(outcome, Fill):
                self._filled(outcome, events)
                touched[outcome.order.owner.order.account] = None
            else:
                self._moved(outcome, events)
        events.extend(AccountChanged(account) for account in touched)
        return events

    def tell(self, working: Working, events: list[Event]) -> None:
        """Say where the order stands, when its client has not heard that yet."""
        order, entry = working.order, working.entry
        status = status_word(entry)
        why_held = "trigger" if entry.state is State.UNTRIGGERED else ""
        if entry.state is State.HELD and entry.transmit:
            why_held = "child"
        wanted = quantity(entry.quantity)
        if wanted != order.quantity:  # reduced by its group
            order.quantity, order.remaining = wanted, wanted - order.filled
            working.untold = True
        if order.trails and price(entry.stop) != order.stop_price and entry.stop:
            order.stop_price = price(entry.stop)
            order.limit_price = price(entry.limit) if entry.has_limit else None
            working.untold = True
        if working.untold or status != order.status or why_held != order.why_held:
            order.status, order.why_held = status, why_held
            working.untold = False
            events.append(updated(order))

    def meter_of(self, working: Working) -> CommissionMeter:
        """What counts the commission of this order."""
        if working.meter is None:
            sec_type = working.order.instrument.sec_type
            working.meter = CommissionMeter(plan_of(sec_type, self._plan))
        return working.meter

    def _filled(self, fill: Fill, events: list[Event]) -> None:
        working: Working = fill.order.owner
        order, account, line = working.order, working.account, working.line
        instrument = order.instrument
        shares, paid = quantity(fill.quantity), price(fill.price)
        if order.status == "PendingSubmit":
            order.status = "PreSubmitted"
            events.append(updated(order))
        meter = self.meter_of(working)
        fee = meter.add(shares, paid)
        order.filled += shares
        order.remaining -= shares
        order.last_fill_price = paid
        order.avg_fill_price = (
            paid
            if order.filled == shares
            else price(int((meter.value * SCALE / meter.shares).to_integral_value()))
        )
        bought = fill.order.side > 0
        executed = Executed(
            exec_id=f"0000e0d5.{self._run & 0xFFFFFFFF:08x}.{len(self.executions) + 1:08x}.01",
            order=order,
            instrument=instrument,
            time=fill.time,
            account=order.account,
            exchange=instrument.primary_exchange if order.exchange == "SMART" else order.exchange,
            side="BOT" if bought else "SLD",
            shares=shares,
            price=paid,
            perm_id=order.perm_id,
            client_id=order.client_id,
            order_id=order.order_id,
            cum_qty=order.filled,
            avg_price=order.avg_fill_price,
            order_ref=order.order_ref,
            liquidity=_LIQUIDITY[fill.liquidity],
        )
        signed, worth = shares if bought else -shares, paid * instrument.units
        holding, profit = account.fill(instrument.con_id, signed, worth, fee, rates_of(instrument))
        line.holders[account.name] = account
        mark = line.mark
        if mark is not None:
            account.mark(instrument.con_id, mark * instrument.units)
        charged = CommissionCharged(executed.exec_id, fee, instrument.currency, profit)
        self.executions.append((executed, charged))
        events.append(executed)
        order.status, order.why_held = "Submitted", ""
        if not order.remaining:
            self._complete(working, "Filled", f"Filled Size: {order.filled}", fill.time)
        working.untold = False
        events += (
            updated(order),
            charged,
            PositionChanged(order.account, instrument, holding.position, holding.average_cost),
        )

    def _moved(self, moved: Moved, events: list[Event]) -> None:
        working: Working = moved.order.owner
        order = working.order
        if moved.state is State.CANCELLED:
            why = f"Order Canceled - reason:{moved.reason}"
            self._complete(working, "Cancelled", "Cancelled", moved.time)
            events.append(updated(order))
            events.append(Noticed(order.client_id, order.order_id, 202, why))
        elif moved.state is State.FILLED:  # a modification to what was already filled
            self._complete(working, "Filled", f"Filled Size: {order.filled}", moved.time)
            events.append(updated(order))
        else:
            news = working.untold
            self.tell(working, events)
            if news and moved.state is State.WAITING:
                events.append(self._held_notice(moved.order, order, moved.time))

    def _complete(self, working: Working, status: str, text: str, now: datetime) -> None:
        order = working.order
        order.status, order.why_held = status, ""
        order.completed_at, order.completed_status = now, text
        working.untold = False
        del self.working[order.perm_id]
        self.completed.append(order)

    def _held_notice(self, entry: BookOrder, order: Order, now: datetime) -> Noticed:
        opens = self._hours.next_open(now, extended=entry.extended).astimezone(NEW_YORK)
        text = (
            f"Order Message: {order.action} {order.quantity} {order.instrument.symbol}. Warning: "
            f"your order will not be placed at the exchange until {opens:%Y-%m-%d %H:%M:%S} "
            f"US/Eastern"
        )
        return Noticed(order.client_id, order.order_id, 399, text)


def updated(order: Order) -> OrderUpdated:
    """The order's state as it is now."""
    return OrderUpdated(
        order,
        order.status,
        order.filled,
        order.remaining,
        order.avg_fill_price,
        order.last_fill_price,
        order.why_held,
    )
