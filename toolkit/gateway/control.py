"""What a test may do to the market of a running gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.errors import GatewayError
from toolkit.gateway.ticks import Number, quantity, size_of

if TYPE_CHECKING:
    from toolkit.gateway.server import PaperGateway


class Market:
    """Moves the market of a running gateway; every method may be called from any thread."""

    def __init__(self, gateway: PaperGateway) -> None:
        self._gateway = gateway
        self.frozen = False

    def set_quote(
        self,
        symbol: str,
        bid: Number | None,
        ask: Number | None,
        bid_size: Number = 100,
        ask_size: Number = 100,
    ) -> None:
        """
        Set the best bid and offer (USD, shares; None: that side is missing).

        What it fills is filled, and on its way to the clients, when this returns.

        Raises:
            GatewayError: no such symbol.
        """
        con_id = self._con_id(symbol)
        self._gateway.call(lambda now: self._gateway.floor.quote(con_id, bid, ask, bid_size, ask_size, now))

    def trade(self, symbol: str, price: Number, size: Number) -> None:
        """Print a trade (USD, shares). Raises GatewayError: no such symbol."""
        con_id = self._con_id(symbol)
        self._gateway.call(lambda now: self._gateway.floor.trade(con_id, price, size, now))

    def freeze(self) -> None:
        """Stop synthetic or recorded quotes; from here on only ``set_quote`` moves the market."""
        self.frozen = True

    def halt(self, symbol: str) -> None:
        """Stop the trading of a symbol until :meth:`resume`. Raises GatewayError: no such symbol."""
        con_id = self._con_id(symbol)
        self._gateway.call(lambda now: self._gateway.floor.halt(con_id, now, halted=True))

    def resume(self, symbol: str) -> None:
        """Trade it again, beginning with its newest quote. Raises GatewayError: no such symbol."""
        con_id = self._con_id(symbol)
        self._gateway.call(lambda now: self._gateway.floor.halt(con_id, now, halted=False))

    def lend(self, symbol: str, shares: Number) -> None:
        """
        Say how many shares of a stock can be borrowed; no sale is refused for it.

        Raises:
            GatewayError: no such symbol.
        """
        con_id = self._con_id(symbol)
        self._gateway.call(lambda _now: self._gateway.floor.lend(con_id, quantity(size_of(shares))))

    def _con_id(self, symbol: str) -> int:
        found = self._gateway.floor.universe.named(symbol)
        if found is None:
            raise GatewayError(f"The paper gateway has no single instrument called {symbol!r}.")
        return found.con_id
