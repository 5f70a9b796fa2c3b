"""The two sides that are held against each other on one paper gateway: our client, and ib_async's IB."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from ib_async import IB, Contract, LimitOrder, Stock

from toolkit import IBKRExecClient
from toolkit.orders import events

WINDOW = 200
"""Orders under way at once."""
PATIENCE_S = 30.0
"""Seconds for everything that was placed to be filled and charged."""
WIDE = {"max_order_quantity": 10**6, "max_gross_exposure": 10**12, "max_open_orders_per_side": 10**6}
"""Limits that let everything pass."""

Batch = Callable[[int], Awaitable[None]]
"""Places so many orders and returns when all of them are filled and charged."""


def intent(intent_id: str, **changes: Any) -> dict[str, Any]:
    """An order that fills at once."""
    return {
        "intent_id": intent_id,
        "symbol": "SPY",
        "direction": "BUY",
        "quantity": 100,
        "order_type": "LIMIT",
        "limit_price": 451,
        "strategy_id": "bench",
        **changes,
    }


class Ours:
    """A connected client of ours, and a count of the orders that are filled and charged."""

    def __init__(self, client: IBKRExecClient) -> None:
        self.client = client
        self.charged = Counter()
        self._names = 0
        client.ledger.listeners.append(self._hear)

    def intents(self, count: int, **changes: Any) -> list[dict[str, Any]]:
        """So many intents with names of their own."""
        first, self._names = self._names, self._names + count
        return [intent(f"o{number}", **changes) for number in range(first, first + count)]

    async def trade(self, count: int) -> None:
        """Place so many, ``WINDOW`` at once, and see them filled and charged."""
        first, intents = self.charged.count, self.intents(count)
        for start in range(0, count, WINDOW):
            await asyncio.gather(*map(self.place, intents[start : start + WINDOW]))
            await self.reach(first + start)
        await self.reach(first + count)

    async def reach(self, number: int) -> None:
        """
        Return when so many orders are filled and charged.

        Raises:
            RuntimeError: some never were; says what became of them.
        """
        try:
            await self.charged.reach(number)
        except TimeoutError:
            left = [state.reason or state.status.value for state in self.client.ledger.working()]
            raise RuntimeError(f"{len(left)} orders never filled: {', '.join(sorted(set(left)))}") from None

    async def place(self, raw: dict[str, Any]) -> None:
        """
        One order to the socket.

        Raises:
            RuntimeError: it was denied; says why.
        """
        if await self.client.place_order(raw) is None:
            state = self.client.get_order_state(raw["intent_id"])
            raise RuntimeError(f"An order was denied: {state.reason if state else 'it is not known'}")

    def wire(self) -> Wire:
        """What leaves through its socket."""
        session: Any = self.client._session
        return Wire(session._api.conn)

    def _hear(self, event: events.AnyEvent, _state: object, _report: object) -> None:
        if isinstance(event, events.CommissionCharged):
            self.charged.one()


class Theirs:
    """A connected IB of ib_async, and the same count."""

    def __init__(self, ib: IB, contract: Contract) -> None:
        self.ib = ib
        self.contract = contract
        self.charged = Counter()
        ib.commissionReportEvent += self.charged.one

    def place(self) -> None:
        """One order that fills at once."""
        self.ib.placeOrder(self.contract, LimitOrder("BUY", 100, 451))

    async def trade(self, count: int) -> None:
        """As ``Ours.trade``."""
        first = self.charged.count
        for number in range(count):
            self.place()
            if number % WINDOW == WINDOW - 1:
                await self.charged.reach(first + number + 1 - WINDOW)
        await self.charged.reach(first + count)

    def wire(self) -> Wire:
        """What leaves through its socket."""
        return Wire(self.ib.client.conn)


class Wire:
    """
    Stands before a socket.

    Attributes:
        at: when (``time.perf_counter``) the last message was written to it.
        message: that message.
    """

    def __init__(self, connection: Any) -> None:
        self._write = connection.sendMsg
        connection.sendMsg = self._send
        self._held: list[bytes] | None = None
        self.at = 0.0
        self.message = b""

    def hold(self) -> None:
        """Keep what is written from now on."""
        self._held = []

    def release(self) -> int:
        """Write what was kept; how many messages."""
        held, self._held = self._held or [], None
        for message in held:
            self._write(message)
        return len(held)

    def _send(self, message: bytes) -> None:
        if self._held is not None:
            self._held.append(message)
            return
        self._write(message)
        self.at, self.message = time.perf_counter(), message


class Counter:
    """Counts, and wakes who waits for a number."""

    def __init__(self) -> None:
        self.count = 0
        self._wanted = 0
        self._reached = asyncio.Event()

    def one(self, *_: object) -> None:
        """One more."""
        self.count += 1
        if self.count >= self._wanted:
            self._reached.set()

    async def reach(self, number: int) -> None:
        """Return when there are so many."""
        self._wanted = number
        if self.count < number:
            self._reached.clear()
            await asyncio.wait_for(self._reached.wait(), PATIENCE_S)


@asynccontextmanager
async def ours(port: int, **config: Any) -> AsyncIterator[Ours]:
    """Our client on the gateway at a port, warm, with its journal on disk."""
    with tempfile.TemporaryDirectory() as home:
        client = IBKRExecClient(
            {"host": "127.0.0.1", "port": port, "client_id": 3, "home": home, "read_only": False,
             "max_messages_per_second": 10**7, **WIDE, **config}
        )  # fmt: skip
        assert await client.connect_async(), client.last_error
        try:
            side = Ours(client)
            await side.place(*side.intents(1))
            await side.reach(1)
            await side.trade(WINDOW)
            yield side
        finally:
            await client.disconnect_async()


@asynccontextmanager
async def theirs(port: int) -> AsyncIterator[Theirs]:
    """ib_async's IB on the gateway at a port, warm."""
    ib = IB()
    ib.client.MaxRequests = 0
    await ib.connectAsync("127.0.0.1", port, clientId=4)
    try:
        (contract,) = await ib.qualifyContractsAsync(Stock("SPY", "SMART", "USD"))
        side = Theirs(ib, contract)
        await side.trade(WINDOW)
        yield side
    finally:
        ib.disconnect()


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log of either side: whether anybody prints it is not what is measured."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
