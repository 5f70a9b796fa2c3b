"""
What the broker says about orders, read straight from the fields of its messages.

The library reads some 110 fields of every open order into objects; of these a dozen matter here, and
they are read in a thirtieth of the time. Whatever is not laid out as expected is left to the library
(``None``), and so is everything with ``fast_codec`` off; tests hold both ways against each other.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from ib_async import Contract, Execution, Order
from ib_async import OrderState as BrokerOrderState

from toolkit.broker.values import UNSET, decimal

PEGGED: Final = frozenset({"PEG BENCH", "PEGBENCH"})
_MODEL_FIELD: Final = 34
"""Place of the first field of an open order that moves with the server version."""


class OpenOrder(msgspec.Struct, frozen=True):
    """
    An order as the broker shows it.

    Attributes:
        action: BUY or SELL.
        quantity: units of the contract.
        limit_price, stop_price: price units; None where the broker shows none.
        multiplier: currency units per price unit and contract, as text; "" is 1.
        status: the broker's word.
    """

    order_id: int
    con_id: int
    symbol: str
    sec_type: str
    multiplier: str
    currency: str
    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    tif: str
    account: str
    order_ref: str
    client_id: int
    perm_id: int
    status: str

    @classmethod
    def of(cls, order_id: int, contract: Contract, order: Order, state: BrokerOrderState) -> OpenOrder:
        """The same from the library's objects."""
        return cls(
            order_id,
            contract.conId,
            contract.symbol,
            contract.secType,
            contract.multiplier,
            contract.currency,
            order.action,
            decimal(order.totalQuantity),
            order.orderType,
            _price(order.lmtPrice),
            _price(order.auxPrice),
            order.tif,
            order.account,
            order.orderRef,
            order.clientId,
            order.permId,
            state.status,
        )


class Fill(msgspec.Struct, frozen=True):
    """
    An execution as the broker tells it.

    Attributes:
        request_id: the question it answers; -1: told unasked.
        side: BOT or SLD.
        shares: units of the contract.
        price: price units.
        time_text: when, in the broker's own words.
        liquidity: 1 added, 2 removed, 3 routed, 0 not told.
        liquidation: whether the broker closed the position.
    """

    request_id: int
    order_id: int
    con_id: int
    symbol: str
    exec_id: str
    time_text: str
    account: str
    exchange: str
    side: str
    shares: Decimal
    price: Decimal
    perm_id: int
    client_id: int
    order_ref: str
    liquidity: int
    liquidation: bool

    @classmethod
    def of(cls, request_id: int, contract: Contract, execution: Execution) -> Fill:
        """The same from the library's objects; its ``time_text`` is attached by ``OrderDecoder``."""
        return cls(
            request_id,
            execution.orderId,
            contract.conId,
            contract.symbol,
            execution.execId,
            getattr(execution, "time_text", ""),
            execution.acctNumber,
            execution.exchange,
            execution.side,
            decimal(execution.shares),
            decimal(execution.price),
            execution.permId,
            execution.clientId,
            execution.orderRef,
            int(execution.lastLiquidity or 0),
            bool(execution.liquidation),
        )


def open_order(fields: list[str], version: int) -> OpenOrder | None:
    """
    Read an openOrder message; None for the answer to an order only asked about, and another layout.

    Args:
        fields: of the message, its number first.
        version: of the server.

    Raises:
        ValueError, IndexError: it is malformed; the library will say so.
    """
    order_type = fields[15]
    place = _status_place(fields, version)
    if fields[place - 1] not in _NO or order_type in PEGGED or fields[place + 17] != "0":
        return None
    newer = (version >= 159) + (version >= 160) + (version >= 162) + 5 * (version >= 170)
    if len(fields) < place + 34 + newer:
        return None
    return OpenOrder(
        int(fields[1] or 0),
        int(fields[2] or 0),
        fields[3],
        fields[4],
        fields[8],
        fields[10],
        fields[13],
        decimal(float(fields[14] or 0)),
        order_type,
        _price_of(fields[16]),
        _price_of(fields[17]),
        fields[18],
        fields[20],
        fields[23],
        int(fields[24] or 0),
        int(fields[25] or 0),
        fields[place],
    )


def execution(fields: list[str], version: int) -> Fill | None:
    """
    Read an execDetails message; None when it is laid out otherwise.

    Raises:
        ValueError, IndexError: it is malformed; the library will say so.
    """
    if len(fields) != 31 + (version >= 178):
        return None
    return Fill(
        int(fields[1]),
        int(fields[2] or 0),
        int(fields[3] or 0),
        fields[4],
        fields[14],
        fields[15],
        fields[16],
        fields[17],
        fields[18],
        decimal(float(fields[19] or 0)),
        decimal(float(fields[20] or 0)),
        int(fields[21] or 0),
        int(fields[22] or 0),
        fields[26],
        int(fields[30] or 0),
        bool(int(fields[23] or 0)),
    )


def _status_place(fields: list[str], version: int) -> int:
    """Where an open order's status stands, behind groups that are there or not."""
    place = _MODEL_FIELD + 29 + (version < 177)
    if fields[place - 2]:  # delta neutral order type
        place += 8
    place += 7
    place += 1 + 8 * int(fields[place])  # legs of a combination
    place += 1 + int(fields[place])  # their prices
    place += 1 + 2 * int(fields[place])  # routing of a combination
    if fields[place + 2] and 0 < float(fields[place + 2]) < UNSET:  # scale order
        place += 7
    place += 3
    place += 2 if fields[place] else 1  # hedge
    place += 8 if int(fields[place + 4]) else 5  # delta neutral contract
    place += 2 + 2 * int(fields[place + 1]) if fields[place] else 1  # algorithm
    return place + 2


_NO: Final = frozenset({"", "0"})


def _price_of(text: str) -> Decimal | None:
    return _price(float(text)) if text else None


def _price(value: float | Decimal | None) -> Decimal | None:
    return None if value is None or value == UNSET else decimal(float(value))
