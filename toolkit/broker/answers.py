"""A message of the error channel about one of our orders, as a fact: what it answers says what it means."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from toolkit.broker.codes import Action, Meaning, verdict
from toolkit.orders.events import (
    AnyEvent,
    BrokerCancelled,
    BrokerRejected,
    CancelRefused,
    Lost,
    Noticed,
    ReplaceRefused,
)
from toolkit.orders.state import OrderState

READ_ONLY: Final = 321


def answer(state: OrderState, code: int, text: str, now: datetime) -> tuple[AnyEvent, bool]:
    """
    The fact that a message makes, and whether the broker has to be asked for the whole truth.

    Args:
        state: the order that the message names.
        code: its number.
        text: its sentence.
        now: UTC.
    """
    meaning, ask = verdict(code, pending(state, code))
    return _fact(meaning, state.intent_id, code, text, now), ask


def pending(state: OrderState, code: int) -> Action:
    """The action that a message with this code answers, as far as anyone can tell."""
    if state.cancel_requested and verdict(code, Action.CANCEL).meaning is Meaning.CANCEL_REFUSED:
        return Action.CANCEL
    if state.change is not None:
        return Action.REPLACE
    if state.acked_at is None or state.inactive_since is not None:
        # Inactive is no answer yet: the reason comes before or after it (hazard H27).
        return Action.PLACE
    return Action.CANCEL if state.cancel_requested else Action.NONE


def reads_only(fact: AnyEvent) -> bool:
    """
    Whether a refusal says that the gateway's API is set to read only (hazard H28).

    The same number refuses malformed requests too; only its text tells them apart.
    """
    return isinstance(fact, BrokerRejected) and fact.code == READ_ONLY and "read-only" in fact.text.lower()


def _fact(meaning: Meaning, intent_id: str, code: int, text: str, now: datetime) -> AnyEvent:
    match meaning:
        case Meaning.REJECTED:
            return BrokerRejected(intent_id=intent_id, at=now, code=code, text=text)
        case Meaning.CANCELLED:
            return BrokerCancelled(intent_id=intent_id, at=now, code=code, text=text)
        case Meaning.CANCEL_REFUSED:
            return CancelRefused(intent_id=intent_id, at=now, code=code, text=text)
        case Meaning.REPLACE_REFUSED:
            return ReplaceRefused(intent_id=intent_id, at=now, code=code, text=text)
        case Meaning.HELD:
            return Noticed(intent_id=intent_id, at=now, code=code, text=text, why_held="locate")
        case Meaning.NOTICE:
            return Noticed(intent_id=intent_id, at=now, code=code, text=text)
        case Meaning.UNKNOWN:
            return Lost(intent_id=intent_id, at=now, reason=f"{text} (code {code})")
