"""
Orders as bytes, filled into a form that the library wrote.

Of the 117 fields of an order only its head differs from one order to the next. The library writes the
first order of a kind; from then on the fields that differ are put in their places, which costs a
fiftieth. Byte for byte the library's own: whatever is laid out otherwise is left to it (``None``).
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Final

from ib_async import Contract, Order
from ib_async.client import Client
from msgspec.structs import replace

from toolkit.broker import contracts
from toolkit.orders.contract import Instrument
from toolkit.orders.intent import OrderIntent

_PLACES: Final = (1, 16, 17, 19, 20, 26)
"""Where order id, side, quantity, limit price, stop price and reference stand."""
_ORDER_ID: Final = 987654321
_SIDE: Final = "SIDE"
_QUANTITY: Final = Decimal("3.25")
_LIMIT: Final = Decimal("4.25")
_STOP: Final = Decimal("5.25")
_REFERENCE: Final = "REFERENCE"

_Kind = tuple[int, str, str, str, str, bool, bool, bool]
# (contract number, routing, account, type, time in force, outside hours, has a limit, has a stop)


class OrderTemplates:
    """
    The forms of one connection.

    Args:
        version: of the server.
        client_id: who we are there.
    """

    def __init__(self, version: int, client_id: int) -> None:
        self._library = _Library(version)
        self._client_id = client_id
        self._forms: dict[_Kind, tuple[Instrument, list[str] | None]] = {}

    def message(
        self, intent: OrderIntent, instrument: Instrument, order_id: int, account: str
    ) -> bytes | None:
        """The order with its length in front, ready for the socket; None when the library has to write it."""
        limit, stop = intent.limit_price, intent.stop_price
        kind = (
            instrument.con_id,
            intent.exchange,
            account,
            intent.order_type,
            intent.tif,
            intent.outside_rth,
            limit is not None,
            stop is not None,
        )
        known = self._forms.get(kind)
        if known is None or known[0] is not instrument:
            known = self._forms[kind] = (instrument, self._form(intent, instrument, account))
        form = known[1]
        if form is None:
            return None
        body = "".join(
            (
                form[0],
                str(order_id),
                form[1],
                intent.direction,
                form[2],
                str(intent.quantity),
                form[3],
                "" if limit is None else str(limit),
                form[4],
                "" if stop is None else str(stop),
                form[5],
                intent.intent_id,
                form[6],
            )
        ).encode()
        return len(body).to_bytes(4, "big") + body

    def _form(self, intent: OrderIntent, instrument: Instrument, account: str) -> list[str] | None:
        """What stands around the six fields that differ; None when they are not where they should be."""
        limit, stop = (
            None if price is None else mark
            for price, mark in ((intent.limit_price, _LIMIT), (intent.stop_price, _STOP))
        )
        marked = replace(
            intent,
            intent_id=_REFERENCE,
            direction=_SIDE,
            quantity=_QUANTITY,
            limit_price=limit,
            stop_price=stop,
        )
        order = contracts.order(marked, _ORDER_ID, self._client_id, account)
        written = self._library.write(_ORDER_ID, contracts.contract(instrument, intent.exchange), order)
        fields = written.split("\0")
        marks = (_ORDER_ID, _SIDE, _QUANTITY, "" if limit is None else limit, "" if stop is None else stop)
        if [fields[place] for place in _PLACES] != [*map(str, marks), _REFERENCE]:
            return None
        edges = [-1, *_PLACES, len(fields)]
        parts = ["\0".join(fields[before + 1 : after]) for before, after in pairwise(edges)]
        first, *middle, last = parts
        return [f"{first}\0", *(f"\0{part}\0" if part else "\0" for part in middle), f"\0{last}"]


class _Library(Client):
    """The library's client with no connection: what it would send is kept."""

    def __init__(self, version: int) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call]
        self._serverVersion = version
        self.connState = Client.CONNECTED
        self._written = ""

    def write(self, order_id: int, contract: Contract, order: Order) -> str:
        """The message of an order, without its length."""
        self.placeOrder(order_id, contract, order)  # type: ignore[no-untyped-call]
        return self._written

    def sendMsg(self, msg: str) -> None:
        """Keep it."""
        self._written = msg
