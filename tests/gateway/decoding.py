"""An independent reading of the protocol, for tests: ib_async's client and decoder, without sockets."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ib_async.client import Client
from ib_async.decoder import Decoder

from toolkit.gateway import requests
from toolkit.gateway.events import Order as ExchangeOrder
from toolkit.gateway.instruments import Universe
from toolkit.gateway.request_reader import read_request

VERSIONS = [157, 158, 163, 164, 166, 169, 170, 176, 177, 178]
NOW = datetime(2026, 1, 2, 15, 30, 5, tzinfo=UTC)
(AAPL,) = Universe().find(symbol="AAPL")


class Wrapper:
    """Collects what the decoder calls."""

    defaultTimezone = UTC  # noqa: N815

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, args))


def decoded(reply: bytes, version: int) -> tuple[Any, ...]:
    """The one call that ib_async's decoder makes of a reply: its name, then its arguments."""
    assert int.from_bytes(reply[:4], "big") == len(reply) - 4
    wrapper = Wrapper()
    decoder = Decoder(wrapper, version)  # type: ignore[arg-type]
    decoder.logger.propagate = False
    decoder.interpret(reply[4:].decode("ascii").split("\0")[:-1])
    assert len(wrapper.calls) == 1, "the reply could not be decoded"
    name, args = wrapper.calls[0]
    return name, *args


def written(version: int, call: str, *args: Any) -> list[str]:
    """The fields that ib_async's client sends for one of its calls."""
    sent: list[str] = []
    client = Client(Wrapper())
    client._serverVersion = version
    client.connState = Client.CONNECTED
    client.sendMsg = sent.append  # type: ignore[method-assign]
    getattr(client, call)(*args)
    return sent[0].split("\0")[:-1]


def asked(version: int, call: str, *args: Any) -> requests.Request:
    return read_request(written(version, call, *args), version)


def exchange_order(request: requests.PlaceOrder, **known: Any) -> ExchangeOrder:
    return ExchangeOrder(
        client_id=7,
        order_id=request.order_id,
        account="DU1",
        instrument=AAPL,
        action=request.form.values["action"],
        quantity=Decimal(request.form.values["totalQuantity"]),
        order_type=request.form.values["orderType"],
        order_ref=request.form.values["orderRef"],
        perm_id=4711,
        raw=request.received,
        **known,
    )
