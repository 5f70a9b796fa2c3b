"""
What truly happened at the gateway: the orders it received and the fills it issued.

Tests compare a client's journal and reports with it. It is written by the gateway alone, grows for
as long as the gateway runs, and may be read from any thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import msgspec

from toolkit.gateway.events import CommissionCharged, Executed


class ReceivedOrder(msgspec.Struct, frozen=True, gc=False):
    """
    One placeOrder request that reached the gateway, whatever became of it.

    Attributes:
        modification: it changed a working order instead of making a new one.
        refused: error code with which it was refused, 0 when it was accepted.
        quantity: shares.
        limit_price, stop_price: USD per share, None when unset.
        received_at: UTC.
    """

    client_id: int
    order_id: int
    order_ref: str
    account: str
    symbol: str
    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    tif: str
    what_if: bool
    modification: bool
    refused: int
    received_at: datetime


class IssuedFill(msgspec.Struct, frozen=True, gc=False):
    """
    One execution that the gateway issued, with its commission.

    Attributes:
        side: ``BOT`` or ``SLD``.
        shares: unsigned.
        price: USD per share.
        commission: USD.
        time: UTC.
    """

    exec_id: str
    client_id: int
    order_id: int
    perm_id: int
    order_ref: str
    account: str
    symbol: str
    side: str
    shares: Decimal
    price: Decimal
    commission: Decimal
    time: datetime


@dataclass(slots=True)
class Ledger:
    """
    Orders received and fills issued.

    Attributes:
        requests: every placeOrder in the order of arrival, modifications and refusals included.
        fills: exec id -> fill, in the order of issue.
        cancels: (client id, order id) of every cancel request in the order of arrival.
    """

    requests: list[ReceivedOrder] = field(default_factory=list)
    fills: dict[str, IssuedFill] = field(default_factory=dict)
    cancels: list[tuple[int, int]] = field(default_factory=list)

    @property
    def orders(self) -> dict[str, list[ReceivedOrder]]:
        """OrderRef -> the new orders received under it (no modifications, no what-ifs)."""
        by_ref: dict[str, list[ReceivedOrder]] = {}
        for request in tuple(self.requests):
            if not (request.modification or request.what_if):
                by_ref.setdefault(request.order_ref, []).append(request)
        return by_ref

    def fills_of(self, order_ref: str) -> list[IssuedFill]:
        """The fills of the orders with this orderRef, oldest first."""
        return [fill for fill in tuple(self.fills.values()) if fill.order_ref == order_ref]

    def position(self, symbol: str, account: str = "") -> Decimal:
        """Signed shares that the fills add up to, in one account or in all."""
        return sum(
            (
                fill.shares if fill.side == "BOT" else -fill.shares
                for fill in tuple(self.fills.values())
                if fill.symbol == symbol and account in ("", fill.account)
            ),
            Decimal(0),
        )

    def record_fill(self, fill: Executed, charge: CommissionCharged) -> None:
        """Write down one fill, in place of the one that it corrects; for the gateway."""
        stem, _, revision = fill.exec_id.rpartition(".")
        if revision != "01":
            for corrected in [exec_id for exec_id in self.fills if exec_id.rpartition(".")[0] == stem]:
                del self.fills[corrected]
        self.fills[fill.exec_id] = IssuedFill(
            exec_id=fill.exec_id,
            client_id=fill.client_id,
            order_id=fill.order_id,
            perm_id=fill.perm_id,
            order_ref=fill.order_ref,
            account=fill.account,
            symbol=fill.instrument.symbol,
            side=fill.side,
            shares=fill.shares,
            price=fill.price,
            commission=charge.commission,
            time=fill.time,
        )
