"""An honest, unmodified client that trades beside the bad ones and holds every answer to account."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

from ib_async import IB, LimitOrder, MarketOrder, Stock, Trade

from tests.waiting import until

ACCOUNT = "DU1234567"
CLIENT_ID = 1
SHARES = 1
"""Shares per order: one, so that a wait for a fill is never a wait for the next quote."""

PATIENCE = 30.0
"""Seconds that an answer may take, however busy the machine is."""

_FARM_NOTICES = {2104, 2106, 2158}
_CANCELLED = 202


class DisturbedError(AssertionError):
    """The honest client did not get what it was due."""


class Healthy:
    """
    One ib_async client that buys and sells SPY.

    Attributes:
        filled: order reference -> shares that its executions add up to.
        cancelled: orders that rested and were cancelled.
        worst: what was asked -> the longest wait for its answer, in seconds.
    """

    def __init__(self) -> None:
        self.filled: dict[str, Decimal] = {}
        self.cancelled = 0
        self.worst: dict[str, float] = {}
        logging.getLogger("ib_async").setLevel(logging.CRITICAL)
        self._ib = IB()
        self._ib.client.MaxRequests = 0  # its own throttle would pass for a slow gateway
        self._heard: list[str] = []
        self._spy = Stock("SPY", "SMART", "USD")
        self._ib.errorEvent += self._on_error
        self._ib.disconnectedEvent += lambda: self._heard.append("the connection was closed")

    async def connect(self, port: int) -> None:
        """Come in."""
        await self._ib.connectAsync("127.0.0.1", port, CLIENT_ID, timeout=PATIENCE, account=ACCOUNT)
        await self._ib.qualifyContractsAsync(self._spy)

    def disconnect(self) -> None:
        """Leave."""
        self._ib.disconnectedEvent.clear()
        self._ib.disconnect()

    async def round(self) -> None:
        """
        A market order until it is filled and charged, a limit that rests and is cancelled, the time.

        Raises:
            DisturbedError: an answer is missing, wrong, or something was heard that concerns nobody.
        """
        number = len(self.filled) + 1
        terms = {"account": ACCOUNT, "tif": "DAY", "orderRef": f"honest-{number}"}
        order = MarketOrder("BUY" if number % 2 else "SELL", SHARES, **terms)
        bought = self._ib.placeOrder(self._spy, order)
        await self._wait("fill", lambda: bought.orderStatus.status == "Filled" and _charged(bought))
        self.filled[order.orderRef] = sum(
            (Decimal(str(fill.execution.shares)) for fill in bought.fills), Decimal(0)
        )
        if self.filled[order.orderRef] != SHARES:
            raise DisturbedError(
                f"{order.orderRef}: {self.filled[order.orderRef]} of {SHARES} shares are filled."
            )

        rests = self._ib.placeOrder(self._spy, LimitOrder("BUY", 100, 1, **terms))
        await self._wait("acknowledgement", lambda: rests.orderStatus.status == "Submitted")
        self._ib.cancelOrder(rests.order)
        await self._wait("cancel", lambda: rests.orderStatus.status == "Cancelled")
        if rests.fills:
            raise DisturbedError(f"{rests.order.orderRef}: a limit far below the market was filled.")
        self.cancelled += 1
        await self._timed("time", self._ib.reqCurrentTimeAsync)
        if self._heard:
            raise DisturbedError(f"The honest client heard: {'; '.join(self._heard)}.")

    async def _wait(self, what: str, condition: Callable[[], object]) -> None:
        await self._timed(what, lambda: until(lambda: self._heard or condition(), PATIENCE))
        if self._heard:
            raise DisturbedError(f"The honest client heard: {'; '.join(self._heard)}.")

    async def _timed(self, what: str, ask: Callable[[], Awaitable[object]]) -> None:
        asked = time.monotonic()
        try:
            await ask()
        except AssertionError as error:
            raise DisturbedError(f"The honest client waits for its {what}: {error}.") from error
        self.worst[what] = max(self.worst.get(what, 0.0), time.monotonic() - asked)

    def _on_error(self, req_id: int, code: int, text: str, _: object) -> None:
        if code not in _FARM_NOTICES | {_CANCELLED}:
            self._heard.append(f"error {code} for {req_id}: {text}")


def _charged(trade: Trade) -> bool:
    return all(fill.commissionReport.execId for fill in trade.fills)
