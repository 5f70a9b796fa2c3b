"""Orders that wait for their time, in the engine's loop: when that ends, they are not sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import pandas as pd

from toolkit.orders.state import OrderState
from toolkit.reports.table import NUMBER, TEXT, TIME, Column, Schema, build

log = logging.getLogger(__name__)

LOOK_S: Final = 0.25
"""Longest pause between two looks at the clock, which may be set, or stand still while a machine sleeps."""

SCHEDULED: Final = "Scheduled"
WITHDRAWN: Final = "Withdrawn"
"""What there is instead of an order's status while there is no order."""

Standing = OrderState | tuple[str, str]
"""How an intent stands: its order, or while there is none one of the words above and a sentence."""


class Waiting(NamedTuple):
    """One intent and when it goes, UTC."""

    send_at: datetime
    raw: Mapping[str, Any]


FRAME: Final[Schema] = {
    "intent_id": Column(TEXT, "index", lambda one: one.raw["intent_id"]),
    "send_at": Column(TIME, "UTC", lambda one: one.send_at),
    "symbol": Column(TEXT, "", lambda one: one.raw.get("symbol")),
    "side": Column(TEXT, "BUY or SELL", lambda one: one.raw.get("direction")),
    "quantity": Column(NUMBER, "shares or contracts", lambda one: one.raw.get("quantity")),
    "order_type": Column(TEXT, "MARKET, LIMIT, ...", lambda one: one.raw.get("order_type")),
    "parent_id": Column(TEXT, "the order that it is a slice of", lambda one: one.raw.get("parent_id")),
}


class Timetable:
    """
    What goes when. Everything but ``frame`` is called in the engine's loop.

    Each intent leaves the table before it is sent, and an intent id stands for one order for ever, so
    that nothing goes twice, however often it is put in.

    Args:
        process: takes one intent to the broker.
        killed: whether the kill switch is pressed; then nothing waits any more.

    Attributes:
        waiting: intent id -> what waits.
        withdrawn: intent id -> why it was not sent.
    """

    def __init__(
        self, process: Callable[[Mapping[str, Any]], Awaitable[object]], killed: Callable[[], bool]
    ) -> None:
        self._process = process
        self._killed = killed
        self._clockwork: asyncio.Task[None] | None = None
        self._sending: dict[str, asyncio.Task[None]] = {}
        self.waiting: dict[str, Waiting] = {}
        self.withdrawn: dict[str, str] = {}

    def add(self, intents: Iterable[Waiting]) -> None:
        """Send each at its time; one that waits under the same id already is replaced."""
        for one in intents:
            self.waiting[one.raw["intent_id"]] = one
            self.withdrawn.pop(one.raw["intent_id"], None)
        if self._clockwork is None or self._clockwork.done():
            self._clockwork = asyncio.get_running_loop().create_task(self._run())

    def withdraw(self, intent_id: str, why: str) -> bool:
        """Never send it; returns whether it still waited."""
        if self.waiting.pop(intent_id, None) is None:
            return False
        self.withdrawn[intent_id] = why
        return True

    def standing(self, intent_id: str, running: bool) -> tuple[str, str] | None:
        """
        How an intent stands that was put in and has no order, None when none was put in.

        Args:
            intent_id: which.
            running: whether the engine's loop still runs.
        """
        one = self.waiting.get(intent_id)
        if one is not None and not running:
            return WITHDRAWN, "the desk was closed before its time"
        if one is not None:
            return SCHEDULED, f"goes at {one.send_at:%Y-%m-%d %H:%M:%S} UTC"
        if intent_id in self._sending:
            return SCHEDULED, "is being sent"
        if intent_id in self.withdrawn:
            return WITHDRAWN, self.withdrawn[intent_id]
        return None

    def frame(self) -> pd.DataFrame:
        """What waits, the next one first; index ``intent_id``, columns and units as in ``FRAME``."""
        return build(FRAME, sorted(self.waiting.values(), key=lambda one: one.send_at), "intent_id")

    async def _run(self) -> None:
        while self.waiting:
            if self._killed():
                self._withdraw_all("the kill switch was pressed before its time")
                return
            now = datetime.now(UTC)
            for intent_id in [name for name, one in self.waiting.items() if one.send_at <= now]:
                # In this order, so that whoever asks from another thread finds it in one place at least.
                self._sending[intent_id] = asyncio.create_task(self._send(self.waiting[intent_id]))
                del self.waiting[intent_id]
            left = [(one.send_at - now).total_seconds() for one in self.waiting.values()]
            await asyncio.sleep(min(LOOK_S, *left) if left else 0)

    async def _send(self, one: Waiting) -> None:
        try:
            await self._process(one.raw)
        except Exception as error:
            # Nobody awaits this: it is told in the frame of whoever put it in.
            log.exception("Intent %s could not be sent at its time.", one.raw["intent_id"])
            self.withdrawn[one.raw["intent_id"]] = str(error)
            self._withdraw_all(f"an earlier one could not be sent: {error}")
        finally:
            del self._sending[one.raw["intent_id"]]

    def _withdraw_all(self, why: str) -> None:
        for intent_id in list(self.waiting):
            self.withdraw(intent_id, why)
