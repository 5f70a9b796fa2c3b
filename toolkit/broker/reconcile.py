"""
What the broker's answers prove about our orders: snapshots become evidence, evidence becomes facts.

Pure. An answer is complete, partial or failed, and only a complete one can prove that something is
not there (hazard H3). Whatever an answer does contain was taken at once, as it arrived; what is
decided here is what its silence means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from toolkit.orders.events import AnyEvent, Lost, Replaced
from toolkit.orders.state import OrderState, OrderStatus


class Answer(Enum):
    """How far the gateway answered one question."""

    FAILED = "refused, silent or not asked: it proves nothing"
    PARTIAL = "rows came, but not their end: what came is true, what is missing proves nothing"
    COMPLETE = "the end marker came on the socket that was asked"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one round of questions brought.

    Attributes:
        asked_at: UTC, when its first question was sent.
        executions, open_orders, completed, positions: how far each was answered.
        seen: intents that any row mentioned.
        problem: why an answer is not complete, one sentence; ``""`` when all are.
    """

    asked_at: datetime
    executions: Answer = Answer.FAILED
    open_orders: Answer = Answer.FAILED
    completed: Answer = Answer.FAILED
    positions: Answer = Answer.FAILED
    seen: frozenset[str] = frozenset()
    problem: str = ""

    @property
    def proves_absence(self) -> bool:
        """Whether an order that no row mentions is nowhere at the broker."""
        answers = (self.executions, self.open_orders, self.completed)
        return all(answer is Answer.COMPLETE for answer in answers)


NEVER_SEEN: Final = (
    "The broker knows neither the order nor an execution of it; it may never have arrived. "
    "It is not sent again."
)
GONE: Final = (
    "The broker confirmed the order, but shows it neither open nor completed nor executed any more. "
    "It is not sent again."
)
UNTOLD: Final = (
    "The broker counts {reported} as filled but told executions of {filled} only; take the rest from its "
    "statement."
)
HOW_TO_RESOLVE: Final = " If no evidence comes, `toolkit resolve` settles it by hand."


def missing(states: Iterable[OrderState], evidence: Evidence) -> list[OrderState]:
    """
    Orders that complete answers do not mention at all.

    Args:
        states: our working orders; one that was sent after the first question was asked is left out.
        evidence: of one round.
    """
    if not evidence.proves_absence:
        return []
    return [
        state
        for state in states
        if state.order_id is not None
        and state.intent_id not in evidence.seen
        and (state.sent_at is None or state.sent_at <= evidence.asked_at)
    ]


def settle(
    states: Iterable[OrderState], evidence: Evidence, *, doubted: frozenset[str], now: datetime
) -> list[AnyEvent]:
    """
    The facts that a round of answers establishes about orders it does not mention.

    An order ends by evidence alone, so silence ends nothing: what two rounds, a settle time apart,
    found nowhere becomes unknown, and stays so until the broker or a person says more. One that is
    called filled at the smaller quantity of an unanswered change proves that the change is in force.

    Args:
        states: our working orders.
        evidence: of this round.
        doubted: intents that an earlier round missed already.
        now: UTC.
    """
    return [
        _reduced(state, now) or Lost(intent_id=state.intent_id, at=now, reason=_why(state) + HOW_TO_RESOLVE)
        for state in missing(states, evidence)
        if state.intent_id in doubted and state.status is not OrderStatus.UNKNOWN
    ]


def _reduced(state: OrderState, now: datetime) -> Replaced | None:
    """That a change made the order as small as it has filled: only so can the broker call it filled."""
    change = state.change
    called_filled = state.broker_status == "Filled" and not state.awaiting_executions
    if change is None or not called_filled or change.quantity != state.filled_quantity:
        return None
    return Replaced(
        intent_id=state.intent_id,
        at=now,
        quantity=change.quantity,
        limit_price=change.limit_price,
        stop_price=change.stop_price,
    )


def _why(state: OrderState) -> str:
    if state.awaiting_executions:
        return UNTOLD.format(reported=state.reported_filled, filled=state.filled_quantity)
    return NEVER_SEEN if state.acked_at is None else GONE


class Break(NamedTuple):
    """A position that no execution explains; both in units of the contract."""

    account: str
    con_id: int
    expected: Decimal
    told: Decimal


class PositionWatch:
    """
    What the positions should be: the broker's own first word, plus every fill since, ours or not.

    A correction replaces its execution, a repeated one changes nothing, and a contract that traded a
    moment ago is left alone, because its position message may still be on its way (hazard H26).
    """

    def __init__(self) -> None:
        self._base: dict[tuple[str, int], Decimal] = {}
        """(account, contract number) -> position at a time when no execution of ours was counted"""
        self._fills: dict[tuple[str, int], dict[str, Decimal]] = {}
        """(account, contract number) -> execution root -> signed units"""
        self._traded: dict[tuple[str, int], datetime] = {}
        """(account, contract number) -> when we last learnt of a fill, UTC"""
        self._begun = False
        self._unsettled: set[tuple[str, int]] = set()
        """what traded while the broker told its positions for the first time"""

    def fill(self, account: str, con_id: int, root: str, units: Decimal, now: datetime) -> None:
        """Count one execution, ``units`` signed; ``root`` is its id without the revision."""
        fills = self._fills.setdefault((account, con_id), {})
        if fills.get(root) != units:
            fills[root] = units
            self._traded[account, con_id] = now

    @property
    def begun(self) -> bool:
        """Whether the positions were compared once, so that what is learnt from now on is news."""
        return self._begun

    def compare(self, told: Mapping[tuple[str, int], Decimal], quiet_since: datetime) -> list[Break]:
        """
        Hold the broker's complete set of positions against what we expect.

        Args:
            told: (account, contract number) -> signed position; what is absent is flat.
            quiet_since: UTC; contracts that traded later are not judged now.
        """
        breaks: list[Break] = []
        for key in {**dict.fromkeys(told), **dict.fromkeys(self._base), **dict.fromkeys(self._fills)}:
            traded = self._traded.get(key)
            if traded is not None and traded > quiet_since:
                if not self._begun:
                    self._unsettled.add(key)
                continue
            position = told.get(key, Decimal(0))
            filled = sum(self._fills.get(key, {}).values(), Decimal(0))
            if key not in self._base:
                told_now = not self._begun or key in self._unsettled
                self._base[key] = position - filled if told_now else Decimal(0)
            expected = self._base[key] + filled
            if expected != position:
                breaks.append(Break(*key, expected, position))
        self._begun = True
        return breaks

    def accept(self, found: Break) -> None:
        """Take the broker's word for a position: from now on it is what we expect."""
        key = (found.account, found.con_id)
        self._base[key] = self._base.get(key, Decimal(0)) + found.told - found.expected
