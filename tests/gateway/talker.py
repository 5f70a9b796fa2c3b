"""A client without a socket, and what to make of the replies that it hears."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ib_async import Contract, Order, Stock
from ib_async.client import Client

from toolkit.gateway.floor import Floor
from toolkit.gateway.session import Session
from toolkit.gateway.wire import Receiver

NOW = datetime(2026, 1, 2, 15, 30, tzinfo=UTC)
AAPL = Stock("AAPL", "SMART", "USD")
ERROR, OPEN_ORDER, STATUS, FILL, COMMISSION, POSITION = "4", "5", "3", "11", "59", "61"


class Talker:
    """A client without a socket: it writes as ib_async does, and keeps the fields of every reply."""

    def __init__(self, floor: Floor, client_id: int = 1, version: int = 178, options: str = "") -> None:
        self.session = Session(floor)
        self.now = NOW
        self._receiver = Receiver()
        self._receiver.feed(b"API\0" + b"\0\0\0\x09v151..178")
        self._client = Client(object())
        self._client.clientId = client_id
        self._client._serverVersion = version
        self._client.connState = Client.CONNECTED
        self._client.sendMsg = self._say  # type: ignore[method-assign]
        hello = f"v{version}{options}".encode()
        self.session.receive(b"API\0" + len(hello).to_bytes(4, "big") + hello, self.now)
        self.version = int(self.heard()[0][0])

    def _say(self, message: str) -> None:
        data = message.encode()
        self.session.receive(len(data).to_bytes(4, "big") + data, self.now)

    def heard(self) -> list[list[str]]:
        """The replies since the last call, as fields."""
        return [item for item in self._receiver.feed(self.session.take_output()) if isinstance(item, list)]

    def asks(self, call: str, *args: Any) -> list[list[str]]:
        """Make one call of ib_async's client; the replies to it."""
        self.heard()
        getattr(self._client, call)(*args)
        return self.heard()

    def places(self, order_id: int, order: Order, contract: Contract = AAPL) -> list[list[str]]:
        return self.asks("placeOrder", order_id, contract, order)


def kinds(replies: list[list[str]]) -> list[str]:
    return [fields[0] for fields in replies]


def statuses(replies: list[list[str]]) -> list[str]:
    return [fields[2] for fields in replies if fields[0] == STATUS]


def errors(replies: list[list[str]]) -> list[tuple[int, int]]:
    return [(int(fields[2]), int(fields[3])) for fields in replies if fields[0] == ERROR]
