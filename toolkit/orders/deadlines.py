"""
Which answers of the broker are late, as facts to be recorded.

A deadline never says what became of an order: it makes the silence known and is the reason to ask
(hazards H4, H14, H27). Only the broker's word ends an order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from toolkit.orders.events import Lost, Overdue
from toolkit.orders.state import OrderState

INACTIVE: Final = timedelta(seconds=2)
"""How long the word Inactive may stand alone: the reason for it comes some 50 ms later (hazard H27)."""


class Deadlines(msgspec.Struct, frozen=True):
    """
    How long the broker has for an answer.

    Attributes:
        acknowledgement: from an order's way to the socket to the first word about it.
        cancel: of a cancel, and of a change likewise.
    """

    acknowledgement: timedelta
    cancel: timedelta

    def overdue(self, orders: Iterable[OrderState], now: datetime) -> Iterator[Lost | Overdue]:
        """
        The facts that the broker's silence makes, each once.

        Args:
            orders: those that may still trade.
            now: UTC.
        """
        for state in orders:
            if state.silent and not state.lost and _passed(state.sent_at, self.acknowledgement, now):
                yield Lost(
                    intent_id=state.intent_id,
                    at=now,
                    reason=f"The broker did not acknowledge the order within "
                    f"{self.acknowledgement.total_seconds():g} s; it may never have arrived. "
                    "It is not sent again.",
                )
            for action, since, limit, text in (
                (
                    "cancel",
                    state.cancel_requested_at if state.cancel_requested else None,
                    self.cancel,
                    _CANCEL,
                ),
                ("replace", state.change.at if state.change else None, self.cancel, _REPLACE),
                ("inactive", state.inactive_since, INACTIVE, _INACTIVE),
            ):
                if action not in state.overdue and _passed(since, limit, now):
                    told = text.format(limit.total_seconds())
                    yield Overdue(intent_id=state.intent_id, at=now, action=action, text=told)


def _passed(since: datetime | None, limit: timedelta, now: datetime) -> bool:
    return since is not None and now - since >= limit


_CANCEL: Final = "The broker did not answer the cancel within {:g} s; the order may still fill."
_REPLACE: Final = "The broker did not answer the change within {:g} s; either terms may be in force."
_INACTIVE: Final = (
    "The broker has called the order Inactive for {:g} s without a reason; it may be refused, held or parked."
)
