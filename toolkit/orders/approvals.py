"""
Four eyes: an order above ``approve_above`` goes only after another person released it, once (control 25).

A denied order is final under its id, and whoever wanted it may want it no more. So an approval sends
nothing: it lets the very same terms pass once more, in a new order that names the denied one as its
``approval``. That an approval is used up is a fact about that order, so no crash can use it twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from toolkit.errors import IntentError
from toolkit.orders.controls import Approved, Command, CommandRefused, Standing, objection, refused
from toolkit.orders.events import Accepted, AnyEvent
from toolkit.orders.intent import parse
from toolkit.orders.state import OrderState

NEEDED: Final = "NEEDS_APPROVAL"
"""The code of a denial that an approval lifts."""
LASTS: Final = timedelta(minutes=15)
"""How long an approved order may still be sent."""
FROM_DESK: Final = "desk of "
"""What the source of an intent begins with that a person sent from a desk; the name follows."""
_DECIDED_THEN: Final = ("created_at", "valid_until", "arrival_bid", "arrival_ask", "arrival_ts")


class Approvals:
    """
    Denied orders that may go after all.

    Attributes:
        granted: denied intent id -> its approval in force, expired or not.
        used: denied intent id -> the order that went in its place.
    """

    def __init__(self) -> None:
        self.granted: Mapping[str, Approved] = {}
        self.used: dict[str, str] = {}

    def copy(self) -> Approvals:
        """The same, to go on from apart from this one."""
        other = Approvals()
        other.granted, other.used = self.granted, dict(self.used)
        return other

    def observe(self, event: AnyEvent, state: OrderState) -> None:
        """Follow one order; an approval is used up by the first that risk accepts."""
        name = state.raw.get("approval")
        if isinstance(event, Accepted) and isinstance(name, str):
            self.used.setdefault(name, state.intent_id)

    def cover(self, raw: Mapping[str, Any], account: str, now: datetime) -> bool:
        """
        Whether an order is one that was approved, in every term, and still in time.

        Args:
            raw: the order's intent.
            account: of intents that name none.
            now: UTC.
        """
        name = raw.get("approval")
        fact = self.granted.get(name) if isinstance(name, str) else None
        if fact is None or fact.intent.intent_id in self.used or now >= fact.until:
            return False
        try:
            intent = parse({**raw, "intent_id": fact.intent.intent_id}, now=now, account=account)
        except IntentError:
            return False
        return intent.terms == fact.intent.terms


def approve(
    standing: Standing, order: OrderState | None, used: Mapping[str, str], command: Command, now: datetime
) -> Approved | CommandRefused:
    """
    The fact that an ``approve`` becomes.

    Args:
        standing: what is in force.
        order: the one that it names, None when there is none.
        used: denied intent id -> the order that went in its place.
        command: who releases it, and why.
        now: UTC.
    """
    why = objection(standing, command, now) or _problem(order, used, command)
    if why or order is None or order.intent is None:
        return refused(command, why, now)
    return Approved(
        at=now,
        by=command.by,
        reason=command.reason,
        command=command.id,
        intent=order.intent,
        until=now + LASTS,
    )


def again(order: OrderState, intent_id: str) -> dict[str, Any]:
    """A denied order as a new intent that names the old one as its approval, decided now."""
    kept = {name: value for name, value in order.raw.items() if name not in _DECIDED_THEN}
    return {**kept, "intent_id": intent_id, "approval": order.intent_id}


def submitters(order: OrderState) -> frozenset[str]:
    """Who wanted an order: whom its ``submitted_by`` names, and whose desk it came from."""
    said = order.raw.get("submitted_by")
    names = [said if isinstance(said, str) else ""]
    if order.source.startswith(FROM_DESK):
        names.append(order.source.removeprefix(FROM_DESK))
    return frozenset(name.strip() for name in names if name.strip())


def _problem(order: OrderState | None, used: Mapping[str, str], command: Command) -> str:
    name = command.intent_id
    if order is None or order.intent is None:
        return f"No order is known for intent {name}."
    codes = {decision.code for decision in order.denied.decisions} if order.denied else set()
    if codes != {NEEDED}:
        others = ", ".join(sorted(codes - {NEEDED}))
        return f"Intent {name} was not denied for want of an approval alone" + (
            f": {others}." if others else "."
        )
    if order.intent.action != "NEW":
        return f"Intent {name} changes an order; cancel that one, and send a new one to be approved."
    if name in used:
        return f"Intent {name} was released already, as {used[name]}."
    wanted_by = submitters(order)
    if not wanted_by:
        return f"Intent {name} does not say who wants it; send it anew with submitted_by."
    if command.by.strip().casefold() in {each.casefold() for each in wanted_by}:
        return f"{command.by} wanted intent {name}; another person has to approve it."
    return ""
