"""
What the statement and the journal say differently, and the facts that would make them one. Pure.

The broker's record is the last word on fills, fees and busts, which no API message tells (hazards H31,
H34, H39). Only facts that the ledger knows anyway are made of it, and a second time none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple

from toolkit.flex.booked import Booked, booked, next_revision, revision
from toolkit.flex.statement import NEW_YORK, Statement, Trade
from toolkit.orders.events import AnyEvent, CommissionCharged, Executed
from toolkit.orders.state import Execution, OrderState, execution_root

NEGLIGIBLE: Final = Decimal("0.000001")
"""Currency or price units: the API rounds what the statement writes out."""
CUT: Final = time(17)
"""In New York; what trades later on the last day may be the next trade date's."""


class Kind(Enum):
    """What differs; the value is what a person reads."""

    MISSING = "missing fill"
    QUANTITY = "quantity"
    PRICE = "price"
    SIDE = "side"
    CORRECTION = "correction"
    BUST = "bust"
    COMMISSION = "commission"
    ABSENT = "not in the statement"
    FOREIGN = "of another program"
    LOOSE = "bust of no known fill"


class Difference(NamedTuple):
    """
    One thing that is told differently.

    Attributes:
        intent_id: whose order it is, ``""`` when it is none of ours.
        exec_id: of the execution, ``""`` when it has none.
        journal, statement: what each says, ``""`` when it says nothing.
        facts: what brings the journal in line; empty when only a person can.
    """

    kind: Kind
    intent_id: str
    exec_id: str
    symbol: str
    journal: str
    statement: str
    facts: tuple[AnyEvent, ...] = ()


class Comparison(NamedTuple):
    """
    Everything that differs, and the executions that only the next day's statement can tell.

    Attributes:
        matched: executions that both tell alike.
        later: execution ids after the cut that this statement does not have.
    """

    differences: list[Difference]
    matched: int
    later: list[str]


def compare(statement: Statement, states: Mapping[str, OrderState], now: datetime) -> Comparison:
    """
    Hold one account's statement against the journal.

    Args:
        statement: the broker's record.
        states: every order of the journal, by intent id.
        now: UTC, when the facts are learnt.
    """
    mine = _Mine(state for state in states.values() if state.account == statement.account)
    stand, loose = booked(statement.trades)
    found: list[Difference] = []
    matched, told = 0, set()
    for each in stand:
        told.add(execution_root(each.trade.exec_id))
        differs = _compare_one(each, mine, now)
        found += differs
        matched += not differs
    for cancel in loose:
        difference = _loose(cancel, mine, now)
        if difference is not None:
            found.append(difference)
            told.add(execution_root(difference.exec_id))
    later = []
    for state, fill in mine.fills():
        if fill.shares and execution_root(fill.exec_id) not in told:
            place = _place(fill.time, statement)
            if place == "within":
                found.append(_difference(Kind.ABSENT, state, fill, ""))
            elif place == "later":
                later.append(fill.exec_id)
    return Comparison(found, matched, later)


class _Mine:
    """Our orders of one account, found by whatever a row names."""

    def __init__(self, states: Iterable[OrderState]) -> None:
        self._states = {state.intent_id: state for state in states if state.order_id is not None}
        self._by_perm = {state.perm_id: state for state in self._states.values() if state.perm_id}
        self._by_root = {root: state for state in self._states.values() for root in state.executions}

    def order_of(self, trade: Trade) -> OrderState | None:
        """By execution, then by reference, then by the broker's permanent id (hazard H33)."""
        return (
            self._by_root.get(execution_root(trade.exec_id))
            or self._states.get(trade.reference)
            or self._by_perm.get(trade.order_id)
        )

    def fills(self) -> Iterable[tuple[OrderState, Execution]]:
        for state in self._states.values():
            for fill in state.executions.values():
                yield state, fill


def _compare_one(each: Booked, mine: _Mine, now: datetime) -> list[Difference]:
    trade = each.trade
    state = mine.order_of(trade)
    if state is None:
        return [] if each.busted else [_row(Kind.FOREIGN, "", trade)]
    fill = state.executions.get(execution_root(trade.exec_id))
    if fill is None:
        if each.busted:
            return []
        facts = _executed(state, trade, trade.exec_id, trade.shares, now) if trade.exec_id else ()
        return [_row(Kind.MISSING, state.intent_id, trade, (*facts, *_charged(state, each, "", now)))]
    if fill.side != trade.side:
        return [_difference(Kind.SIDE, state, fill, _terms(trade))]
    shares = Decimal(0) if each.busted else trade.shares
    kind = _kind(each, fill, shares)
    if kind is not None:
        newer = revision(trade.exec_id) > revision(fill.exec_id)
        exec_id = trade.exec_id if newer and not each.busted else next_revision(fill.exec_id)
        facts = _executed(state, trade, exec_id, shares, now)
        said = "" if each.busted else _terms(trade)
        return [_difference(kind, state, fill, said, (*facts, *_charged(state, each, exec_id, now)))]
    known = state.commissions.get(fill.exec_id)
    amount = None if known is None else known.amount
    if not shares or each.commission is None or _alike(amount, each.commission):
        return []
    return [
        Difference(
            Kind.COMMISSION,
            state.intent_id,
            fill.exec_id,
            trade.symbol,
            "" if known is None or amount is None else f"{amount:f} {known.currency}",
            f"{each.commission:f} {trade.currency}",
            _charged(state, each, fill.exec_id, now),
        )
    ]


def _kind(each: Booked, fill: Execution, shares: Decimal) -> Kind | None:
    """How the terms differ, None when they do not."""
    same_price = not shares or _alike(fill.price, each.trade.price)
    if fill.shares == shares and same_price:
        return None
    if not shares:
        return Kind.BUST
    if each.corrected or revision(each.trade.exec_id) > revision(fill.exec_id):
        return Kind.CORRECTION
    return Kind.PRICE if fill.shares == shares else Kind.QUANTITY


def _loose(cancel: Trade, mine: _Mine, now: datetime) -> Difference | None:
    """A bust of an earlier day's fill, None when the journal has it already."""
    state = mine.order_of(cancel)
    if state is None:
        return _row(Kind.LOOSE, "", cancel)
    fills = [
        fill
        for fill in state.executions.values()
        if fill.side == cancel.side and fill.shares == cancel.shares and _alike(fill.price, cancel.price)
    ]
    if len(fills) != 1:
        gone = any(not fill.shares and _alike(fill.price, cancel.price) for fill in state.executions.values())
        return None if gone and not fills else _row(Kind.LOOSE, state.intent_id, cancel)
    (fill,) = fills
    exec_id = next_revision(fill.exec_id)
    facts: tuple[AnyEvent, ...] = _executed(state, cancel, exec_id, Decimal(0), now)
    known = state.commissions.get(fill.exec_id)
    if known is not None and known.amount is not None and cancel.commission is not None:
        left = known.amount + cancel.commission
        facts += (_charge(state, exec_id, left, cancel.currency or known.currency, now),)
    return _difference(Kind.BUST, state, fill, "", facts)


def _place(moment: datetime, statement: Statement) -> str:
    """Where a fill's time lies: within what the statement must hold, later, or outside."""
    here = moment.astimezone(NEW_YORK)
    if not statement.first <= here.date() <= statement.last:
        return "outside"
    if statement.generated is not None and moment > statement.generated - timedelta(minutes=15):
        return "later"
    return "later" if here.date() == statement.last and here.time() >= CUT else "within"


def _executed(
    state: OrderState, trade: Trade, exec_id: str, shares: Decimal, now: datetime
) -> tuple[Executed]:
    return (
        Executed(
            intent_id=state.intent_id,
            at=now,
            exec_id=exec_id,
            shares=shares,
            price=trade.price,
            side=trade.side,
            exchange=trade.exchange,
            time=trade.time,
            perm_id=trade.order_id if not state.perm_id else 0,
            recovered=True,
        ),
    )


def _charged(state: OrderState, each: Booked, exec_id: str, now: datetime) -> tuple[CommissionCharged, ...]:
    if each.commission is None or not (exec_id or each.trade.exec_id):
        return ()
    return (_charge(state, exec_id or each.trade.exec_id, each.commission, each.trade.currency, now),)


def _charge(
    state: OrderState, exec_id: str, amount: Decimal, currency: str, now: datetime
) -> CommissionCharged:
    known = state.commissions.get(exec_id)
    return CommissionCharged(
        intent_id=state.intent_id,
        at=now,
        exec_id=exec_id,
        commission=amount,
        currency=currency,
        realized_pnl=None if known is None else known.realized_pnl,
    )


def _alike(one: Decimal | None, other: Decimal) -> bool:
    return one is not None and abs(one - other) <= NEGLIGIBLE


def _difference(
    kind: Kind, state: OrderState, fill: Execution, statement: str, facts: tuple[AnyEvent, ...] = ()
) -> Difference:
    told = f"{fill.side} {fill.shares:f} at {fill.price:f}"
    return Difference(kind, state.intent_id, fill.exec_id, state.symbol, told, statement, facts)


def _row(kind: Kind, intent_id: str, trade: Trade, facts: tuple[AnyEvent, ...] = ()) -> Difference:
    return Difference(kind, intent_id, trade.exec_id, trade.symbol, "", _terms(trade), facts)


def _terms(trade: Trade) -> str:
    return f"{trade.side} {trade.shares:f} at {trade.price:f}"
