"""
Flow 6/7. What the world is told: an order's state as an execution report, a plain JSON-ready dict.

Which facts are worth a report is decided here too (``occasion``), so that a report's sequence
number follows from the events alone and a replay numbers them the same way.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from toolkit.orders.events import (
    Accepted,
    AnyEvent,
    CancelRefused,
    CancelRequested,
    CommissionCharged,
    Denied,
    Executed,
    Mismatched,
    Noticed,
    Overdue,
    Repeated,
    Replaced,
    ReplaceRefused,
    ReplaceRequested,
)
from toolkit.orders.numbers import plain
from toolkit.orders.state import Execution, OrderState, OrderStatus, execution_root

SCHEMA_VERSION: Final = 1
_NAMESPACE: Final = uuid.UUID("6f2f7a3e-6a0d-4d5e-9f0b-1c7f6f1e7a55")

_OCCASIONS: Final = {
    OrderStatus.CANCELLED: "Cancelled",
    OrderStatus.REJECTED: "Rejected",
    OrderStatus.UNKNOWN: "Unknown",
    OrderStatus.SUBMITTED: "Submitted",
    OrderStatus.PRE_SUBMITTED: "Submitted",
    OrderStatus.FILLED: "Fill",
}
"""A status that an order has just reached -> the event that its report carries."""


def occasion(before: OrderState | None, event: AnyEvent, after: OrderState) -> str | None:
    """The report event that this fact deserves, or None when there is nothing to tell."""
    match event:
        case Noticed() | CancelRequested() | CancelRefused():
            return "Cancelled" if _newly_final(before, after) else "Notice"
        case _ if after is before:
            return None
        case ReplaceRequested() | Overdue() | Mismatched():
            return "Notice"
        case ReplaceRefused():
            return "Fill" if _newly_final(before, after) else "Notice"
        case Replaced():
            return "Replaced"
        case Executed():
            if before is not None and execution_root(event.exec_id) in before.executions:
                return "Correction"
            return "Fill" if after.status is OrderStatus.FILLED else "PartialFill"
        case CommissionCharged():
            return "Commission"
        case Accepted():
            return "Accepted"
        case Denied():
            return "Rejected"
    old = None if before is None else before.status
    if old is after.status:
        if before is not None and after.intent is not before.intent and before.intent is not None:
            return "Replaced"
        # The broker often says why only after it said that.
        explained = before is not None and after.reason != before.reason
        return "Notice" if explained and after.status.final else None
    overruled = before is not None and before.status.final and not after.status.final
    if (old is OrderStatus.UNKNOWN or overruled) and not after.status.final:
        return "Recovered"
    return _OCCASIONS.get(after.status)


def execution_report(
    state: OrderState,
    event: str,
    sequence: int,
    *,
    new: Iterable[Execution] | None = None,
    recovered: bool = False,
) -> dict[str, Any]:
    """
    A full snapshot of one order, for the encoder; ``readable`` makes plain values of it.

    Args:
        state: the order after the fact that is reported.
        event: Accepted, Submitted, PartialFill, Fill, Cancelled, Rejected, Replaced,
            Commission, Correction, Notice, Unknown or Recovered.
        sequence: 1, 2, ... per intent, without holes.
        new: the executions to list; None lists all of them.
        recovered: the fact was learnt by asking, because its live message was missed.

    Returns:
        The specification's fields and ours. Quantities in units of the contract, prices in price
        units, commission in ``currency`` (None until known), times UTC.
    """
    status = state.status
    intent = state.intent
    refused = status is OrderStatus.REJECTED
    listed = tuple(state.executions.values() if new is None else new)
    last = listed[-1] if listed and event in _FILL_EVENTS else None
    report: dict[str, Any] = {
        "execution_id": _execution_id(f"{state.intent_id}/{sequence}", refused),
        "intent_id": state.intent_id,
        "report_seq": sequence,
        "event": event,
        "final": state.final,
        "ibkr_order_id": state.order_id,
        "ibkr_perm_id": state.perm_id or None,
        "account": state.account,
        "symbol": state.symbol,
        "side": state.direction,
        "quantity": _quantity(state),
        "filled_quantity": plain(state.filled_quantity),
        "remaining_quantity": plain(state.remaining_quantity),
        "avg_fill_price": plain(state.avg_fill_price),
        "status": status.value,
        "broker_status": state.broker_status,
        "commission": _optional(state.known_commission),
        "currency": "USD" if intent is None else intent.currency,
        "order_type": str(state.raw.get("order_type", "")) if intent is None else intent.order_type,
        "limit_price": None if intent is None else _optional(intent.limit_price),
        "stop_price": None if intent is None else _optional(intent.stop_price),
        "strategy_id": str(state.raw.get("strategy_id", "")) if intent is None else intent.strategy_id,
        "signal_strength": None if intent is None else intent.signal_strength,
        "submitted_at": state.sent_at,
        "filled_at": state.last_fill_at if status is OrderStatus.FILLED else None,
        "executions": [_execution(fill, state) for fill in listed],
        "last_fill": None if last is None else _execution(last, state),
        "recovered": recovered or event == "Recovered" or (last is not None and last.recovered),
        "reason_code": state.reason_code or None,
        "notice": _notice(state) if event == "Notice" else None,
        "paper": state.paper,
        "limits_hash": state.limits_hash,
        "timestamps": {
            "intent": None if intent is None else intent.created_at,
            "received": state.received_at,
            "risk": state.accepted_at,
            "journaled": state.journaled_at,
            "sent": state.sent_at,
            "acked": state.acked_at,
            "first_fill": state.first_fill_at,
            "last_fill": state.last_fill_at,
        },
        "extra": {} if intent is None else intent.extra,
        "schema_version": SCHEMA_VERSION,
    }
    if refused:
        report["rejection_reason"] = state.reason
        report["timestamp"] = _refused_at(state)
        report["decisions"] = [
            {
                "code": decision.code,
                "message": decision.message,
                "observed": _optional(decision.observed),
                "limit": _optional(decision.limit),
                "unit": decision.unit,
                "price_source": decision.price_source,
            }
            for decision in (state.denied.decisions if state.denied is not None else ())
        ]
    elif state.reason:
        report["reason"] = state.reason
    return report


def repeat_report(state: OrderState, event: Repeated) -> dict[str, Any]:
    """
    The rejection of a second, different intent under an id that is already taken.

    It stands outside the first order's sequence (``report_seq`` 0), because the first order goes on:
    who keeps the highest sequence number per intent keeps the truth about it.
    """
    reason = (
        f"Intent id {state.intent_id} was already used for another order, which stands; "
        "send the new order under a new id."
    )
    content = uuid.uuid5(_NAMESPACE, repr(sorted(event.raw.items(), key=str)))
    return {
        "execution_id": _execution_id(f"{state.intent_id}/0/{content}", refused=True),
        "intent_id": state.intent_id,
        "report_seq": 0,
        "event": "Rejected",
        "final": True,
        "ibkr_order_id": None,
        "symbol": str(event.raw.get("symbol", "")),
        "side": str(event.raw.get("direction", "")),
        "quantity": event.raw.get("quantity"),
        "filled_quantity": 0.0,
        "avg_fill_price": 0.0,
        "status": OrderStatus.REJECTED.value,
        "commission": None,
        "executions": [],
        "rejection_reason": reason,
        "reason_code": "DUPLICATE_INTENT",
        "timestamp": event.at,
        "paper": state.paper,
        "schema_version": SCHEMA_VERSION,
    }


def readable(report: dict[str, Any]) -> dict[str, Any]:
    """A report in plain values, as it reads back from its JSON: times are ISO 8601 UTC with ``Z``."""
    plain_report: dict[str, Any] = msgspec.to_builtins(report)
    return plain_report


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with ``Z``, to the microsecond; None stays None."""
    if moment is None:
        return None
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat()[:-6] + "Z"  # without its +00:00


_FILL_EVENTS = frozenset({"Fill", "PartialFill", "Correction"})


def _notice(state: OrderState) -> dict[str, Any] | None:
    """The broker's last remark, None when it made none."""
    if state.notice is None:
        return None
    return {"code": state.notice.code, "text": state.notice.text}


def _newly_final(before: OrderState | None, after: OrderState) -> bool:
    return after.status.final and (before is None or not before.status.final)


def _execution_id(name: str, refused: bool) -> str:
    """The UUIDv5 of ``name``, as ``uuid.uuid5`` makes it and ten times as fast: every report has one."""
    digest = hashlib.sha1(_NAMESPACE.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return (
        f"{'REJ-' if refused else ''}{digest[:8]}-{digest[8:12]}-5{digest[13:16]}"
        f"-{variant}{digest[17:20]}-{digest[20:32]}"
    )


def _execution(fill: Execution, state: OrderState) -> dict[str, Any]:
    charged = state.commissions.get(fill.exec_id)
    return {
        "exec_id": fill.exec_id,
        "time": fill.time,
        "shares": plain(fill.shares),
        "price": plain(fill.price),
        "exchange": fill.exchange,
        "side": fill.side,
        "liquidity": fill.liquidity,
        "commission": None if charged is None else _optional(charged.amount),
        "recovered": fill.recovered,
        "time_unsure": fill.time_unsure,
    }


def _quantity(state: OrderState) -> object:
    """What was asked for; the raw value when it could not be read as a number."""
    return state.raw.get("quantity") if state.intent is None else plain(state.intent.quantity)


def _refused_at(state: OrderState) -> datetime | None:
    refusal = state.denied or state.rejected or state.resolved
    return None if refusal is None else refusal.at


def _optional(value: Decimal | None) -> int | float | None:
    return None if value is None else plain(value)
