"""All there is to know about one order: asked for when its drawer opens, never sent with every row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from toolkit.desk.words import clock, milliseconds, number
from toolkit.orders.contract import Instrument
from toolkit.orders.events import AnyEvent, Decision
from toolkit.orders.state import OrderState
from toolkit.reports.slippage import arrival_quote
from toolkit.reports.timeline import timeline_frame

_KNOWN: Final = ("type", "intent_id", "at")
"""Fields of a fact that the drawer shows elsewhere."""


def detail(
    order: OrderState,
    instrument: Instrument | None,
    events: Iterable[AnyEvent],
    related: Iterable[OrderState],
) -> dict[str, Any]:
    """
    What the drawer of one order shows.

    Args:
        order: it, as it stands.
        instrument: its contract; None while it is not known.
        events: the journal's facts about it, oldest first.
        related: CANCEL and REPLACE intents that named it.

    Returns:
        ``intent_id``; ``facts`` (label, text); ``steps`` of its life, each with the milliseconds since
        the one before and since the first, and the fact's own fields as they were journaled;
        ``decisions`` of risk that failed, those of changes of it too; ``passed``, a sentence.
    """
    facts = list(events)
    told = timeline_frame(facts).to_dict("records")
    steps = [
        {
            "at": clock(fact.at, instrument),
            "utc": milliseconds(fact.at),
            "event": step["event"],
            "status": step["status"],
            "detail": step["detail"],
            "gap": round(step["since_previous_ms"], 1),
            "since": round(step["since_start_ms"], 1),
            "raw": _raw(fact),
        }
        for fact, step in zip(facts, told, strict=True)
    ]
    asked = [order, *related]
    decisions = [
        _decision(state.intent_id, one)
        for state in asked
        if state.denied is not None
        for one in state.denied.decisions
    ]
    reasons = [
        f"{state.intent_id} was denied: {state.denied.code}, {state.denied.reason}"
        for state in asked
        if state.denied is not None
    ]
    return {
        "kind": "detail",
        "intent_id": order.intent_id,
        "facts": [[label, text] for label, text in _facts(order) if text],
        "steps": steps,
        "decisions": decisions,
        "denials": reasons,
        "passed": ""
        if order.accepted_at is None
        else f"Every check passed at {clock(order.accepted_at, instrument)} under the limits "
        f"{order.limits_hash[:12]}; only checks that fail are journaled one by one.",
    }


def _facts(order: OrderState) -> list[tuple[str, str]]:
    bid, ask = arrival_quote(order)
    commission = order.known_commission
    waited = (
        ""
        if order.sent_at is None or order.acked_at is None
        else f"{(order.acked_at - order.sent_at).total_seconds() * 1000:,.1f} ms"
    )
    return [
        ("Broker's word", order.broker_status),
        ("Held because", order.why_held),
        ("Reason", f"{order.reason_code} {order.reason}".strip()),
        ("Unknown because", order.lost),
        ("Differs at the broker", order.mismatch),
        ("Last remark", "" if order.notice is None else f"{order.notice.code}: {order.notice.text}"),
        ("Order id", "" if order.order_id is None else f"{order.order_id} of client {order.client_id}"),
        ("Permanent id", str(order.perm_id or "")),
        ("Account", order.account),
        ("From", order.source),
        ("Sent to acknowledged", waited),
        ("Bid / ask on arrival", "" if bid is None or ask is None else f"{bid:f} / {ask:f}"),
        ("Remaining", number(order.remaining_quantity)),
        ("Commission", "" if commission is None else f"{commission:,.2f}"),
    ]


def _decision(intent_id: str, decision: Decision) -> dict[str, Any]:
    unit = f" {decision.unit}".rstrip()
    return {
        "intent": intent_id,
        "code": decision.code,
        "passed": decision.passed,
        "message": decision.message,
        "observed": "" if decision.observed is None else f"{decision.observed:,f}{unit}",
        "limit": "" if decision.limit is None else f"{decision.limit:,f}{unit}",
        "source": decision.price_source,
    }


def _raw(event: AnyEvent) -> str:
    """A fact's own fields, as JSON: the broker's words among them are untouched."""
    fields = msgspec.to_builtins(event)
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in _KNOWN}).decode()
