"""
What the paper exchange deals in and what it answers: orders, quotes, and the events of their life.

All amounts are ``Decimal`` in the instrument's currency (USD), quantities ``Decimal`` in shares (or
units of base currency), times timezone-aware UTC. Events are frozen; an :class:`Order` is changed
by the exchange alone.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from toolkit.gateway.instruments import Instrument

ZERO = Decimal(0)


class Order(msgspec.Struct, kw_only=True, eq=False):
    """
    One order as a client sent it, and how far it has come.

    The session fills the first block; the exchange keeps the second. ``raw`` is never looked at:
    the session keeps there whatever it needs to echo the whole order.

    Attributes:
        action: ``BUY`` or ``SELL``.
        order_type: ``MKT``, ``LMT``, ``STP``, ``STP LMT``, ``TRAIL``, ``TRAIL LIMIT``, ``MOC`` or
            ``LOC``; any other is refused with 387.
        limit_price: price per share, used by LMT, STP LMT and LOC; where the limit of a TRAIL LIMIT is.
        stop_price: trigger price per share, used by STP and STP LMT (``auxPrice`` on the wire);
            where a trailing stop is (``trailStopPrice``), None: at its distance from the market.
        trail_amount: distance of a trailing stop in currency (``auxPrice`` on the wire).
        trail_percent: the same in per cent; one of the two.
        limit_offset: how far beyond its stop the limit of a TRAIL LIMIT is (``lmtPriceOffset``); None:
            as far as its limit price is from its stop price.
        parent_id: order id of its parent, 0 without.
        oca_group: name of its one-cancels-all group, within its account.
        oca_type: 1 cancel, 2 reduce with block, 3 reduce without block; 0 is taken as 1.
        transmit: False parks it until it, or a child, is transmitted.
        tif: ``DAY``, ``GTC``, ``IOC``, ``FOK`` or ``OPG``.
        outside_rth: may trade 04:00-20:00 New York (LMT and STP LMT only).
        exchange: ``SMART``, or the one exchange that the order is directed to.
        trigger_method: 0 default, 1 double bid/ask, 2 last, 3 double last, 4 bid/ask, 8 midpoint.
        perm_id: the broker's own id: stable, unique, never zero once accepted.
        status: TWS's word: PendingSubmit, PreSubmitted, Submitted, Filled, Cancelled, Inactive.
        remaining: shares still to be filled; 0 once filled, what was left once cancelled.
        why_held: ``trigger`` while a stop waits for its trigger, ``child`` while it waits for its
            parent, else empty.
        completed_status: sentence for the completed-orders list, empty while working.
    """

    client_id: int
    order_id: int
    account: str
    instrument: Instrument
    action: str
    quantity: Decimal
    order_type: str
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: str = "DAY"
    outside_rth: bool = False
    exchange: str = "SMART"
    trigger_method: int = 0
    order_ref: str = ""
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    parent_id: int = 0
    oca_group: str = ""
    oca_type: int = 0
    transmit: bool = True
    raw: Any = None

    perm_id: int = 0
    status: str = "PendingSubmit"
    filled: Decimal = ZERO
    remaining: Decimal = ZERO
    avg_fill_price: Decimal = ZERO
    last_fill_price: Decimal = ZERO
    why_held: str = ""
    submitted_at: datetime | None = None
    completed_at: datetime | None = None
    completed_status: str = ""

    @property
    def trails(self) -> bool:
        """True when its stop follows the market."""
        return self.order_type in ("TRAIL", "TRAIL LIMIT")

    @property
    def finished(self) -> bool:
        """True once nothing more can happen to the order."""
        return self.status in ("Filled", "Cancelled")


class OrderUpdated(msgspec.Struct, frozen=True, gc=False):
    """
    The order reached a state that its client must hear of (openOrder, then orderStatus).

    The values are those of that moment; ``order`` itself may have moved on within the same batch.
    """

    order: Order
    status: str
    filled: Decimal
    remaining: Decimal
    avg_fill_price: Decimal
    last_fill_price: Decimal
    why_held: str


class Executed(msgspec.Struct, frozen=True, gc=False):
    """
    One fill.

    Attributes:
        side: ``BOT`` or ``SLD``.
        cum_qty: shares of the order filled so far, this fill included.
        avg_price: share-weighted average price of the order so far.
        liquidity: 1 added, 2 removed (TWS's ``lastLiquidity``).
    """

    exec_id: str
    order: Order
    instrument: Instrument
    time: datetime
    account: str
    exchange: str
    side: str
    shares: Decimal
    price: Decimal
    perm_id: int
    client_id: int
    order_id: int
    cum_qty: Decimal
    avg_price: Decimal
    order_ref: str
    liquidity: int


class CommissionCharged(msgspec.Struct, frozen=True, gc=False):
    """Commission of one fill in USD; ``realized_pnl`` is None unless the fill closed something."""

    exec_id: str
    commission: Decimal
    currency: str
    realized_pnl: Decimal | None


class PositionChanged(msgspec.Struct, frozen=True, gc=False):
    """New position (signed shares) and its average cost per share, commissions included."""

    account: str
    instrument: Instrument
    position: Decimal
    average_cost: Decimal


class AccountChanged(msgspec.Struct, frozen=True, gc=False):
    """Cash or margin of the account moved; comes once, last in a batch."""

    account: str


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A request changed nothing: error ``code`` with ``text`` goes to that client and order id."""

    client_id: int
    order_id: int
    code: int
    text: str


class Noticed(msgspec.Struct, frozen=True, gc=False):
    """A message about an order that lives on or has just ended (202, 399, 2109)."""

    client_id: int
    order_id: int
    code: int
    text: str


Event = OrderUpdated | Executed | CommissionCharged | PositionChanged | AccountChanged | Refused | Noticed


class Quote(msgspec.Struct, frozen=True, gc=False):
    """Best bid and offer of one instrument; a missing side has price None and size 0."""

    con_id: int
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal
    ask_size: Decimal
    time: datetime


class Print(msgspec.Struct, frozen=True, gc=False):
    """
    One trade of the recorded or simulated market.

    Attributes:
        cond: tape condition letters.
        last: whether it sets the last price (odd lots, and prints far from the quote, do not).
    """

    con_id: int
    price: Decimal
    size: Decimal
    time: datetime
    cond: str = ""
    last: bool = True


class PortfolioRow(msgspec.Struct, frozen=True, gc=False):
    """One line of an account's portfolio, in USD; a closed position of the run has position 0."""

    account: str
    instrument: Instrument
    position: Decimal
    market_price: Decimal
    market_value: Decimal
    average_cost: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal


class MarginPreview(msgspec.Struct, frozen=True, gc=False):
    """Answer to a what-if order, in USD: before, change and after of each, and the commission."""

    init_margin_before: Decimal
    init_margin_after: Decimal
    maint_margin_before: Decimal
    maint_margin_after: Decimal
    equity_with_loan_before: Decimal
    equity_with_loan_after: Decimal
    commission: Decimal
    currency: str = "USD"
    warning: str = ""

    @property
    def init_margin_change(self) -> Decimal:
        """After minus before."""
        return self.init_margin_after - self.init_margin_before

    @property
    def maint_margin_change(self) -> Decimal:
        """After minus before."""
        return self.maint_margin_after - self.maint_margin_before

    @property
    def equity_with_loan_change(self) -> Decimal:
        """After minus before."""
        return self.equity_with_loan_after - self.equity_with_loan_before
