"""
Flow 3/7. The state of one order, derived from the facts about it.

House rules: no clock, no I/O, and no exception for anything the broker says. The state keeps what
was said; ``status`` and the quantities are worked out from it, so repeated, late and disordered
messages cannot corrupt them. Executions alone are the truth for quantity; only three facts are
final: the whole quantity filled, a confirmed cancel, and a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, assert_never

import msgspec
from msgspec.structs import replace

from toolkit.orders.events import (
    Accepted,
    AnyEvent,
    BrokerCancelled,
    BrokerRejected,
    CancelRefused,
    CancelRequested,
    CommissionCharged,
    Denied,
    Executed,
    Lost,
    Noticed,
    Received,
    Repeated,
    Reserved,
    Sent,
    StatusReported,
)
from toolkit.orders.intent import OrderIntent
from toolkit.orders.status import CANCEL_WORDS, WORDS
from toolkit.orders.status import OrderStatus as OrderStatus

ZERO: Final = Decimal(0)


class Execution(msgspec.Struct, frozen=True):
    """One effective execution (the highest correction of its id); units as in ``Executed``."""

    exec_id: str
    shares: Decimal
    price: Decimal
    side: str
    exchange: str
    time: datetime
    liquidity: str
    recovered: bool


class Commission(msgspec.Struct, frozen=True):
    """What the broker charged for one execution, in ``currency``; None is not known yet."""

    amount: Decimal | None
    currency: str
    realized_pnl: Decimal | None


class OrderState(msgspec.Struct, frozen=True, kw_only=True):
    """
    One order as the facts so far describe it.

    A snapshot: it does not change under the reader. Ask again for a newer one.
    """

    intent_id: str
    raw: dict[str, Any] = {}
    intent: OrderIntent | None = None
    source: str = ""
    paper: bool = True

    order_id: int | None = None
    client_id: int = 0
    account: str = ""
    perm_id: int = 0

    denied: Denied | None = None
    rejected: BrokerRejected | None = None
    cancel_confirmed: bool = False
    cancel_requested: bool = False
    lost: str = ""
    broker_status: str = ""
    why_held: str = ""
    reason: str = ""
    reason_code: str = ""
    notice: Noticed | None = None
    """The broker's last remark that changed nothing by itself."""
    limits_hash: str = ""
    con_id: int = 0
    multiplier: Decimal = Decimal(1)
    bid: Decimal | None = None
    ask: Decimal | None = None

    executions: dict[str, Execution] = {}
    """Execution id up to its last dot -> the effective execution, in the order we learnt them."""
    commissions: dict[str, Commission] = {}
    """Full execution id -> commission; may come before its execution."""
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    """Sum of shares x price over the effective executions, in price units."""
    reported_filled: Decimal = ZERO
    """The largest cumulative quantity that any status claimed."""

    received_at: datetime | None = None
    accepted_at: datetime | None = None
    journaled_at: datetime | None = None
    sent_at: datetime | None = None
    acked_at: datetime | None = None
    first_fill_at: datetime | None = None
    last_fill_at: datetime | None = None
    reports: int = 0
    """Number of the last report published for this intent."""

    @property
    def status(self) -> OrderStatus:
        """Where the order stands, worked out from the facts."""
        filled = self.filled_quantity
        if filled and filled >= self.quantity:
            return OrderStatus.FILLED
        if self.denied is not None or (self.rejected is not None and not filled):
            return OrderStatus.REJECTED
        if self.intent is not None and self.intent.action != "NEW":
            return OrderStatus.PENDING_CANCEL
        if self.cancel_confirmed:
            return OrderStatus.CANCELLED
        if self.lost:
            return OrderStatus.UNKNOWN
        if self.cancel_requested:
            return OrderStatus.PENDING_CANCEL
        meaning = WORDS.get(self.broker_status, OrderStatus.PENDING_SUBMIT)
        if meaning is OrderStatus.UNKNOWN and self.why_held:
            meaning = OrderStatus.PRE_SUBMITTED
        if filled and meaning is not OrderStatus.PENDING_CANCEL:
            return OrderStatus.PARTIALLY_FILLED
        return meaning

    @property
    def quantity(self) -> Decimal:
        """Ordered quantity, in units of the contract; 0 when the intent could not be read."""
        return ZERO if self.intent is None else self.intent.quantity

    @property
    def remaining_quantity(self) -> Decimal:
        """Ordered but not filled, never below 0 (an overfill shows in ``filled_quantity``)."""
        return max(ZERO, self.quantity - self.filled_quantity)

    @property
    def avg_fill_price(self) -> Decimal:
        """Share-weighted price of all fills, in price units; 0 without fills."""
        return self.filled_value / self.filled_quantity if self.filled_quantity else ZERO

    @property
    def commission(self) -> Decimal:
        """Sum over all executions; NaN while any of them, or all, are unknown."""
        known = self.known_commission
        return Decimal("NaN") if known is None else known

    @property
    def known_commission(self) -> Decimal | None:
        """As ``commission``, but None instead of NaN."""
        if not self.executions:
            return None
        total = ZERO
        for execution in self.executions.values():
            charged = self.commissions.get(execution.exec_id)
            if charged is None or charged.amount is None:
                return None
            total += charged.amount
        return total

    @property
    def final(self) -> bool:
        """
        Whether only fills and corrections can still change the order.

        A CANCEL intent is done once it is handed on: what came of it is in its target's reports.
        """
        if self.intent is not None and self.intent.action != "NEW":
            return self.denied is not None or self.accepted_at is not None
        return self.status.final

    @property
    def undecided(self) -> bool:
        """Whether the intent was received, but neither refused nor bound to a broker order id yet."""
        return self.order_id is None and not self.final

    @property
    def working(self) -> bool:
        """Whether the order may still trade as far as we know; in-flight and unknown orders count."""
        return self.accepted_at is not None and not self.final

    @property
    def awaiting_executions(self) -> bool:
        """Whether the broker claims more fills than it has sent executions for."""
        return self.reported_filled > self.filled_quantity

    @property
    def symbol(self) -> str:
        """Symbol of the contract, ``""`` when the intent could not be read."""
        return str(self.raw.get("symbol", "")) if self.intent is None else self.intent.symbol

    @property
    def direction(self) -> str:
        """BUY or SELL, as the intent says."""
        return str(self.raw.get("direction", "")) if self.intent is None else self.intent.direction


def apply(state: OrderState | None, event: AnyEvent) -> OrderState:
    """
    The state after one more fact.

    Total and order-tolerant: a fact that says nothing new returns ``state`` itself.

    Raises:
        AssertionError: ``event`` is no event of ours, a mistake in this package.
    """
    if state is None:
        state = OrderState(intent_id=event.intent_id)
    match event:
        case Executed():
            return _execute(state, event)
        case StatusReported():
            return _report_status(state, event)
        case CommissionCharged():
            return _charge(state, event)
        case Received():
            return _receive(state, event)
        case Accepted():
            return replace(
                state,
                accepted_at=event.at,
                limits_hash=event.limits_hash,
                con_id=event.con_id,
                multiplier=event.multiplier,
                bid=event.bid,
                ask=event.ask,
            )
        case Denied():
            if state.status.final:
                return state
            return replace(state, denied=event, reason=event.reason, reason_code=event.code)
        case Reserved():
            account = event.account or state.account
            return replace(state, order_id=event.order_id, client_id=event.client_id, account=account)
        case Sent():
            return replace(state, sent_at=event.at, journaled_at=event.journaled_at)
        case CancelRequested():
            # An order that never left has nobody to confirm its cancel.
            confirmed = state.cancel_confirmed or state.order_id is None
            return replace(state, cancel_requested=True, cancel_confirmed=confirmed)
        case Lost():
            return state if state.status.final else replace(state, lost=event.reason, reason=event.reason)
        case BrokerRejected():
            code = f"IB{event.code}"
            if state.status.final:
                return _explain(state, event.text, code)
            return replace(state, rejected=event, lost="", reason=event.text, reason_code=code)
        case BrokerCancelled():
            return _confirm_cancel(state, event.text, f"IB{event.code}")
        case CancelRefused():
            if state.status.final:
                return state
            return replace(state, cancel_requested=False, reason=event.text, reason_code=f"IB{event.code}")
        case Noticed():
            return replace(state, notice=event)
        case Repeated():
            return state
        case _:
            assert_never(event)


def replay(events: Iterable[AnyEvent]) -> OrderState | None:
    """The state that a whole history adds up to; None for an empty one."""
    state: OrderState | None = None
    for event in events:
        state = apply(state, event)
    return state


def execution_root(exec_id: str) -> str:
    """What a correction shares with the execution it replaces: everything before the last dot."""
    root, dot, suffix = exec_id.rpartition(".")
    return root if dot and suffix.isdecimal() else exec_id


def _revision(exec_id: str) -> int:
    """The number after the last dot, which grows with each correction; 0 when there is none."""
    suffix = exec_id.rpartition(".")[2]
    return int(suffix) if suffix.isdecimal() else 0


def _receive(state: OrderState, event: Received) -> OrderState:
    if state.received_at is not None:
        return state
    account = event.intent.account if event.intent is not None else ""
    return replace(
        state,
        raw=event.raw,
        intent=event.intent,
        source=event.source,
        paper=event.paper,
        received_at=event.at,
        account=state.account or account,
    )


def _report_status(state: OrderState, event: StatusReported) -> OrderState:
    changes: dict[str, Any] = {}
    if event.perm_id and not state.perm_id:
        changes["perm_id"] = event.perm_id
    if event.filled > state.reported_filled:
        changes["reported_filled"] = event.filled
    if not state.status.final:
        if event.word != state.broker_status and event.word in WORDS:
            changes["broker_status"] = event.word
        if event.why_held != state.why_held:
            changes["why_held"] = event.why_held
        if event.word in CANCEL_WORDS:
            changes["cancel_confirmed"] = True
        if state.lost and event.word in WORDS:
            changes["lost"] = ""
        meaning = WORDS.get(event.word, OrderStatus.PENDING_SUBMIT)
        if state.acked_at is None and meaning is not OrderStatus.PENDING_SUBMIT:
            changes["acked_at"] = event.at
    return replace(state, **changes) if changes else state


def _confirm_cancel(state: OrderState, reason: str, code: str) -> OrderState:
    if state.cancel_confirmed or state.status.final:
        return _explain(state, reason, code)
    return replace(state, cancel_confirmed=True, lost="", reason=reason, reason_code=code)


def _explain(state: OrderState, reason: str, code: str) -> OrderState:
    """The broker often confirms an end by its word first and says why afterwards: the status stands."""
    if state.status is not OrderStatus.CANCELLED or state.reason:
        return state
    return replace(state, reason=reason, reason_code=code)


def _execute(state: OrderState, event: Executed) -> OrderState:
    root = execution_root(event.exec_id)
    before = state.executions.get(root)
    if before is not None and _revision(before.exec_id) >= _revision(event.exec_id):
        return state
    fill = Execution(
        event.exec_id,
        event.shares,
        event.price,
        event.side,
        event.exchange,
        event.time or event.at,
        event.liquidity,
        event.recovered,
    )
    shares, value = fill.shares, fill.shares * fill.price
    if before is not None:
        shares -= before.shares
        value -= before.shares * before.price
    executions = dict(state.executions)
    executions.pop(root, None)
    executions[root] = fill
    return replace(
        state,
        executions=executions,
        filled_quantity=state.filled_quantity + shares,
        filled_value=state.filled_value + value,
        perm_id=state.perm_id or event.perm_id,
        lost="",
        acked_at=state.acked_at or event.at,
        first_fill_at=min(state.first_fill_at or fill.time, fill.time),
        last_fill_at=max(state.last_fill_at or fill.time, fill.time),
    )


def _charge(state: OrderState, event: CommissionCharged) -> OrderState:
    charged = Commission(event.commission, event.currency, event.realized_pnl)
    before = state.commissions.get(event.exec_id)
    # "Not known yet" never takes back a figure.
    if before == charged or (before is not None and charged.amount is None):
        return state
    return replace(state, commissions={**state.commissions, event.exec_id: charged})
