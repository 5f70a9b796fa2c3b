"""Sessions of an unmodified ib_async at a paper gateway, for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ib_async import (
    IB,
    Stock,
)

from toolkit.gateway import PaperGateway

DEADLINE = 10.0


def with_gateway(test: Callable[..., Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run one coroutine with a gateway whose AAPL is quoted 150.00 (300) - 150.02 (400)."""

    async def main() -> None:
        async with PaperGateway(quotes=None, **options) as gateway:
            gateway.market.set_quote("AAPL", 150, 150.02, 300, 400)
            await test(gateway)

    asyncio.run(main())


@asynccontextmanager
async def connected(gateway: PaperGateway, client_id: int = 1) -> AsyncIterator[IB]:
    ib = IB()
    ib.client.MaxRequests = 0
    ib.RaiseRequestErrors = True
    await ib.connectAsync(gateway.host, gateway.port, client_id, raiseSyncErrors=True)
    try:
        yield ib
    finally:
        ib.disconnect()


async def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true, but not for ever."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - any condition, set by code that knows no event
            await asyncio.sleep(0.002)


async def apple(ib: IB) -> Stock:
    (contract,) = await ib.qualifyContractsAsync(Stock("AAPL", "SMART", "USD"))
    assert isinstance(contract, Stock)
    return contract
