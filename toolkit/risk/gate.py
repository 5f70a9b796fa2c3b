"""
Flow 4/7. The gate: an intent is received once, decided once, and both are recorded before anything else.

Everything that may lead to an order passes here, whether it came as a DataFrame row, a direct call
or a message from a topic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from toolkit.errors import IntentError
from toolkit.orders.contract import Instrument, Quote
from toolkit.orders.events import Accepted, Decision, Denied, Received, Repeated
from toolkit.orders.intent import OrderIntent, parse, readable_id
from toolkit.orders.jsonable import as_json
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState
from toolkit.risk.checker import SimpleRiskChecker

log = logging.getLogger(__name__)

MAX_CLOCK_SKEW: Final = timedelta(seconds=10)
"""How far the clock of whoever makes intents may be ahead of ours."""


class Gate:
    """
    Records what came in and what was decided about it.

    Args:
        ledger: where the facts go.
        clock: gives the time, UTC.
        ttl: how long an intent stays valid when it does not say itself.
        account: account of intents that name none.
        paper: whether the account is a paper one; stamped on every report.
    """

    def __init__(
        self,
        ledger: OrderLedger,
        *,
        clock: Callable[[], datetime],
        ttl: timedelta,
        account: str = "",
        paper: bool = True,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._ttl = ttl
        self.account = account
        self.paper = paper

    def receive(self, raw: Mapping[str, Any], source: str = "python") -> tuple[OrderState, bool]:
        """
        Record an intent, once.

        Returns:
            The order's state, and whether this message is the one the order stands for: False for
            another order under an id that is taken (recorded and refused).

        Raises:
            IntentError: there is no usable ``intent_id``, so nothing can be recorded under it.
        """
        intent_id = readable_id(raw)
        if not intent_id:
            parse(raw, now=self._clock())  # names what is wrong with the id
            raise IntentError("intent_id is missing; it is required.", field="intent_id")
        content = as_json(raw)
        now = self._clock()
        try:
            intent: OrderIntent | None = parse(content, now=now, ttl=self._ttl, account=self.account)
            _check_clock(intent, now)
            fault = None
        except IntentError as error:
            intent, fault = None, error
        known = self._ledger.get(intent_id)
        if known is not None:
            if _same_order(known, intent, content):
                return known, True
            state = self._ledger.record(Repeated(intent_id=intent_id, at=now, raw=content, source=source))
            return state, False
        state = self._ledger.record(
            Received(intent_id=intent_id, at=now, raw=content, intent=intent, source=source, paper=self.paper)
        )
        if fault is not None:
            state = self.deny(state, fault.code, str(fault))
        return state, True

    def decide(
        self,
        state: OrderState,
        checker: SimpleRiskChecker,
        instrument: Instrument,
        quote: Quote,
        *,
        order: dict[str, Any] | None = None,
    ) -> OrderState:
        """
        Let risk judge a received intent, and record the verdict.

        Args:
            state: the intent's.
            checker: whose verdict it is.
            instrument: its contract.
            quote: the market it meets.
            order: the whole order that a REPLACE intent would lead to; None: as the intent says.

        Returns:
            The state with either ``accepted_at`` or ``denied`` set.
        """
        intent = state.intent
        assert intent is not None
        if self.stale(intent):
            return self.deny_stale(state)
        reasons = _verdict(checker, state.raw if order is None else order)
        if reasons:
            return self.deny(state, reasons[0].code, " ".join(r.message for r in reasons), reasons)
        return self._ledger.record(
            Accepted(
                intent_id=state.intent_id,
                at=self._clock(),
                limits_hash=checker.limits_hash,
                con_id=instrument.con_id,
                multiplier=instrument.multiplier,
                **quote.told,
            )
        )

    def accept_cancel(self, state: OrderState) -> OrderState:
        """Record that a CANCEL intent is handed on; it needs no risk check, it only lowers risk."""
        return self._ledger.record(Accepted(intent_id=state.intent_id, at=self._clock()))

    def deny(
        self, state: OrderState, code: str, reason: str, decisions: tuple[Decision, ...] = ()
    ) -> OrderState:
        """Record a refusal with its machine-readable code and its sentence."""
        return self._ledger.record(
            Denied(intent_id=state.intent_id, at=self._clock(), code=code, reason=reason, decisions=decisions)
        )

    def deny_unasked(self, state: OrderState) -> OrderState:
        """Take back a CANCEL or REPLACE intent that was accepted in an earlier run, which then ended."""
        assert state.intent is not None
        return self.deny(
            state,
            "NOT_SENT",
            f"The program ended before the {state.intent.action} of intent {state.intent.target_intent_id} "
            "was sent; send a new one if it is still wanted.",
        )

    def stale(self, intent: OrderIntent) -> bool:
        """Whether the intent's time has passed."""
        return self._clock() > intent.valid_until

    def deny_stale(self, state: OrderState) -> OrderState:
        """Refuse an intent whose time has passed: an old decision must not meet a new market."""
        assert state.intent is not None
        return self.deny(
            state,
            "STALE",
            f"The intent was valid until {state.intent.valid_until:%Y-%m-%d %H:%M:%S} UTC; send a fresh one.",
        )


def _check_clock(intent: OrderIntent | None, now: datetime) -> None:
    """Refuse what was decided in the future: one of two clocks is wrong, and with it every deadline."""
    if intent is not None and intent.action == "NEW" and intent.created_at - now > MAX_CLOCK_SKEW:
        ahead = (intent.created_at - now).total_seconds()
        raise IntentError(
            f"created_at is {ahead:.0f} s ahead of this machine's clock, more than "
            f"{MAX_CLOCK_SKEW.total_seconds():.0f} s; set both clocks.",
            field="created_at",
            code="CLOCK_SKEW",
        )


def _verdict(checker: SimpleRiskChecker, raw: dict[str, Any]) -> tuple[Decision, ...]:
    """Why risk refuses, () when it does not; a check that breaks refuses."""
    try:
        return checker.verdict(raw)
    except Exception as error:
        log.exception("The risk check failed on intent %s.", raw.get("intent_id"))
        return (
            Decision(
                code="RISK_CHECK_FAILED",
                message=f"The risk check itself failed ({type(error).__name__}: {error}); nothing was sent.",
            ),
        )


def _same_order(known: OrderState, intent: OrderIntent | None, content: dict[str, Any]) -> bool:
    if known.asked is None or intent is None:
        return known.raw == content
    return known.asked.terms == intent.terms
