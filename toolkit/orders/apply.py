"""
Flow 3/7. One more fact about an order, and the state that it leads to.

House rules: no clock, no I/O, and no exception for anything the broker says. Nothing is concluded
here that ``state`` can work out from what was said, so repeated, late and disordered messages cannot
corrupt an order.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, assert_never

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
    Mismatched,
    Noticed,
    Overdue,
    Received,
    Repeated,
    Replaced,
    ReplaceRefused,
    ReplaceRequested,
    Reserved,
    Resolved,
    Sent,
    StatusReported,
)
from toolkit.orders.state import ZERO, Change, Commission, Execution, OrderState, execution_root
from toolkit.orders.status import CANCEL_WORDS, LIVE_WORDS, WORDS, OrderStatus


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
            return replace(
                state,
                cancel_requested=True,
                cancel_requested_at=event.at,
                cancel_confirmed=confirmed,
                overdue=state.overdue - {"cancel"},
            )
        case ReplaceRequested():
            terms = event.quantity, event.limit_price, event.stop_price
            change = Change(event.by, *terms, event.at)
            overdue = state.overdue - {"replace"}
            return replace(
                state, change=change, refused_change=None, replace_requested_at=event.at, overdue=overdue
            )
        case Replaced():
            return _change_terms(state, event.quantity, event.limit_price, event.stop_price)
        case ReplaceRefused():
            if state.change is None or state.status.final:
                return state
            code = f"IB{event.code}" if event.code else "REPLACE_REFUSED"
            return replace(
                state, change=None, refused_change=state.change, reason=event.text, reason_code=code
            )
        case Mismatched():
            if state.mismatch == event.text:
                return state
            return replace(
                state,
                mismatch=event.text,
                held_quantity=event.quantity,
                reason=event.text,
                reason_code="MISMATCH",
            )
        case Overdue():
            if event.action in state.overdue:
                return state
            notice = Noticed(intent_id=event.intent_id, at=event.at, code=0, text=event.text)
            return replace(state, overdue=state.overdue | {event.action}, notice=notice)
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
        case Resolved():
            return _resolve(state, event)
        case Noticed():
            if not event.why_held:
                return replace(state, notice=event)
            return replace(state, notice=event, why_held=event.why_held, acked_at=state.acked_at or event.at)
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
    if event.word in LIVE_WORDS and (state.resolved is not None or (state.contested and event.recovered)):
        # The broker is a better witness than a person: an order that works is not gone. So it is when it
        # shows an order, asked for it, that it had refused (hazard H35).
        state = replace(state, resolved=None, rejected=None, reason="", reason_code="")
    if event.perm_id and not state.perm_id:
        changes["perm_id"] = event.perm_id
    if event.filled > state.reported_filled:
        changes["reported_filled"] = event.filled
    if not state.status.final:
        if event.word != state.broker_status and event.word in WORDS:
            changes["broker_status"] = event.word
        # An open order carries no such field: the same word again, without it, takes nothing back.
        moved = event.word != state.broker_status
        if event.why_held != state.why_held and (event.why_held or moved):
            changes["why_held"] = event.why_held
        held = changes.get("why_held", state.why_held)
        unexplained = event.word == "Inactive" and not held
        if unexplained != (state.inactive_since is not None):
            changes["inactive_since"] = event.at if unexplained else None
            changes["overdue"] = state.overdue - {"inactive"}
        if event.word in CANCEL_WORDS:
            changes["cancel_confirmed"] = True
        # A completed order is called filled without a quantity: that finds none of its fills (hazard H32).
        if state.lost and event.word in WORDS and (event.filled or event.word != "Filled"):
            changes["lost"] = ""
        meaning = WORDS.get(event.word, OrderStatus.PENDING_SUBMIT)
        if state.acked_at is None and (held or meaning not in _NO_ANSWER):
            changes["acked_at"] = event.at
    state = replace(state, **changes) if changes else state
    filled = max(event.filled, state.filled_quantity)
    change = state.change
    if event.word != "Filled" or change is None:
        return state
    told = filled >= state.quantity or event.filled >= change.quantity
    return _settle_change(state, change, filled) if told else state


_NO_ANSWER = frozenset({OrderStatus.PENDING_SUBMIT, OrderStatus.UNKNOWN})
"""Meanings of a word that do not say whether the broker took the order."""


def _settle_change(state: OrderState, change: Change, filled: Decimal) -> OrderState:
    """A filled order has its new terms if only they explain how far it filled; else it never will."""
    larger, smaller = state.quantity < change.quantity, state.quantity > change.quantity
    if (larger and filled > state.quantity) or (smaller and filled < state.quantity):
        return _change_terms(state, change.quantity, change.limit_price, change.stop_price)
    return replace(state, change=None)


def _change_terms(
    state: OrderState, quantity: Decimal, limit_price: Decimal | None, stop_price: Decimal | None
) -> OrderState:
    intent, change = state.intent, state.change
    if intent is None or state.status.final:
        return state
    terms = quantity, limit_price, stop_price
    if change is not None and terms == (change.quantity, change.limit_price, change.stop_price):
        change = None
    if change is state.change and terms == (intent.quantity, intent.limit_price, intent.stop_price):
        return state
    return replace(
        state,
        intent=replace(intent, quantity=quantity, limit_price=limit_price, stop_price=stop_price),
        original=state.original or intent,
        change=change,
    )


def _confirm_cancel(state: OrderState, reason: str, code: str) -> OrderState:
    if state.cancel_confirmed or state.status.final:
        return _explain(state, reason, code)
    return replace(state, cancel_confirmed=True, lost="", reason=reason, reason_code=code)


def _resolve(state: OrderState, event: Resolved) -> OrderState:
    if state.status.final and state.status is not OrderStatus.FILLED:
        return state
    code = f"RESOLVED_{event.outcome.upper().replace('-', '_')}"
    reason = f"Settled by {event.by}: {event.reason}"
    return replace(state, resolved=event, lost="", reason=reason, reason_code=code)


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
        event.time is None,
    )
    shares, value = fill.shares, fill.shares * fill.price
    charged, uncharged = state.charged, state.uncharged
    if before is not None:
        shares -= before.shares
        value -= before.shares * before.price
        amount = _amount(state, before.exec_id)
        charged, uncharged = charged - (amount or ZERO), uncharged - (amount is None)
    amount = _amount(state, fill.exec_id)
    charged, uncharged = charged + (amount or ZERO), uncharged + (amount is None)
    executions = dict(state.executions)
    executions.pop(root, None)
    executions[root] = fill
    if state.change is not None and state.filled_quantity + shares > state.quantity:
        # More than the old terms allow: the new ones are in force, whatever became of their echo.
        state = _settle_change(state, state.change, state.filled_quantity + shares)
    return replace(
        state,
        executions=executions,
        charged=charged,
        uncharged=uncharged,
        filled_quantity=state.filled_quantity + shares,
        filled_value=state.filled_value + value,
        perm_id=state.perm_id or event.perm_id,
        lost="",
        resolved=None,
        acked_at=state.acked_at or event.at,
        first_fill_at=min(state.first_fill_at or fill.time, fill.time),
        last_fill_at=max(state.last_fill_at or fill.time, fill.time),
    )


def _charge(state: OrderState, event: CommissionCharged) -> OrderState:
    told = Commission(event.commission, event.currency, event.realized_pnl)
    before = state.commissions.get(event.exec_id)
    # "Not known yet" never takes back a figure.
    if before == told or (before is not None and told.amount is None):
        return state
    commissions = {**state.commissions, event.exec_id: told}
    fill = state.executions.get(execution_root(event.exec_id))
    if fill is None or fill.exec_id != event.exec_id or told.amount is None:
        return replace(state, commissions=commissions)
    known = _amount(state, event.exec_id)
    return replace(
        state,
        commissions=commissions,
        charged=state.charged + told.amount - (known or ZERO),
        uncharged=state.uncharged - (known is None),
    )


def _amount(state: OrderState, exec_id: str) -> Decimal | None:
    """The commission of an execution as far as it is known."""
    charged = state.commissions.get(exec_id)
    return None if charged is None else charged.amount
