"""
The state of one order, as the facts so far describe it.

The state keeps what was said (``apply`` puts it there); ``status`` and the quantities are worked out
from it here. Executions alone are the truth for quantity; only three facts are final: the whole
quantity filled, a confirmed cancel, and a refusal (unless the broker, asked, shows the order at work).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

import msgspec

from toolkit.orders.events import BrokerRejected, Denied, Noticed, Resolved
from toolkit.orders.intent import OrderIntent
from toolkit.orders.status import WORDS
from toolkit.orders.status import OrderStatus as OrderStatus

ZERO: Final = Decimal(0)
T = TypeVar("T")


class _Once(Generic[T]):
    """What a state works out when it is first asked, as ``functools.cached_property`` without its lock."""

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    def __get__(self, state: OrderState, _: type[OrderState]) -> T:
        found = state.__dict__[self._name] = self._work_out(state)
        return found


class Execution(msgspec.Struct, frozen=True):
    """One effective execution (the highest correction of its id); units as in ``Executed``."""

    exec_id: str
    shares: Decimal
    price: Decimal
    side: str
    exchange: str
    time: datetime
    liquidity: str
    recovered: bool
    time_unsure: bool = False
    """The broker's text could not be read, so ``time`` is when we learnt of it (hazard H9)."""


class Commission(msgspec.Struct, frozen=True):
    """What the broker charged for one execution, in ``currency``; None is not known yet."""

    amount: Decimal | None
    currency: str
    realized_pnl: Decimal | None


class Change(msgspec.Struct, frozen=True):
    """A change of an order that the broker has not answered yet; units as in ``OrderIntent``."""

    by: str
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    at: datetime


class OrderState(msgspec.Struct, frozen=True, kw_only=True, dict=True):  # dict: for what is worked out
    """
    One order as the facts so far describe it.

    A snapshot: it does not change under the reader. Ask again for a newer one.
    """

    intent_id: str
    raw: dict[str, Any] = {}
    intent: OrderIntent | None = None
    """The order on the terms in force: those first asked for, or those that replaced them."""
    original: OrderIntent | None = None
    """The intent as it came, once its terms were replaced."""
    source: str = ""
    paper: bool = True

    order_id: int | None = None
    client_id: int = 0
    account: str = ""
    perm_id: int = 0

    denied: Denied | None = None
    rejected: BrokerRejected | None = None
    cancel_confirmed: bool = False
    cancel_requested: bool = False
    cancel_requested_at: datetime | None = None
    change: Change | None = None
    """What was asked for and not answered yet; the terms in force are in ``intent``."""
    refused_change: Change | None = None
    """The last change if it was refused; should the broker show it all the same, it was approved."""
    replace_requested_at: datetime | None = None
    overdue: frozenset[str] = frozenset()
    """The actions whose answer is late, each told once; see ``Overdue``."""
    mismatch: str = ""
    """How the order at the broker differs from what was sent."""
    held_quantity: Decimal = ZERO
    """What the broker holds a mismatched order for."""
    lost: str = ""
    resolved: Resolved | None = None
    """How a person settled it; the broker's own word overrules that."""
    broker_status: str = ""
    why_held: str = ""
    reason: str = ""
    reason_code: str = ""
    notice: Noticed | None = None
    """The last remark that changed nothing by itself."""
    limits_hash: str = ""
    con_id: int = 0
    multiplier: Decimal = Decimal(1)
    bid: Decimal | None = None
    ask: Decimal | None = None

    executions: dict[str, Execution] = {}
    """Execution id up to its last dot -> the effective execution, in the order we learnt them."""
    commissions: dict[str, Commission] = {}
    """Full execution id -> commission; may come before its execution."""
    charged: Decimal = ZERO
    """Sum of the commissions that are known of the effective executions."""
    uncharged: int = 0
    """Effective executions whose commission is not known yet."""
    filled_quantity: Decimal = ZERO
    filled_value: Decimal = ZERO
    """Sum of shares x price over the effective executions, in price units."""
    reported_filled: Decimal = ZERO
    """The largest cumulative quantity that any status claimed."""

    received_at: datetime | None = None
    accepted_at: datetime | None = None
    journaled_at: datetime | None = None
    sent_at: datetime | None = None
    acked_at: datetime | None = None
    inactive_since: datetime | None = None
    """Since when the broker calls the order Inactive without a word why."""
    first_fill_at: datetime | None = None
    last_fill_at: datetime | None = None
    reports: int = 0
    """Number of the last report published for this intent."""

    @_Once
    def status(self) -> OrderStatus:
        """Where the order stands, worked out from the facts."""
        filled = self.filled_quantity
        # While a larger quantity may be in force already, the smaller one does not complete the order.
        if 0 < self._largest_asked <= filled:
            return OrderStatus.FILLED
        if self.denied is not None or (self.rejected is not None and not filled):
            return OrderStatus.REJECTED
        if self.intent is not None and self.intent.action != "NEW":
            cancels = self.intent.action == "CANCEL"
            return OrderStatus.PENDING_CANCEL if cancels else OrderStatus.PENDING_SUBMIT
        if self.resolved is not None:
            placed = filled or self.resolved.outcome != "not-placed"
            return OrderStatus.CANCELLED if placed else OrderStatus.REJECTED
        if self.cancel_confirmed:
            return OrderStatus.CANCELLED
        if self.lost:
            return OrderStatus.UNKNOWN
        if self.cancel_requested:
            return OrderStatus.PENDING_CANCEL
        meaning = WORDS.get(self.broker_status, OrderStatus.PENDING_SUBMIT)
        if self.why_held and meaning in (OrderStatus.UNKNOWN, OrderStatus.PENDING_SUBMIT):
            meaning = OrderStatus.PRE_SUBMITTED
        if filled and meaning is not OrderStatus.PENDING_CANCEL:
            return OrderStatus.PARTIALLY_FILLED
        return meaning

    @property
    def asked(self) -> OrderIntent | None:
        """The intent as it came, whatever replaced its terms since."""
        return self.original or self.intent

    @property
    def quantity(self) -> Decimal:
        """Ordered quantity, in units of the contract; 0 when the intent could not be read."""
        return ZERO if self.intent is None else self.intent.quantity

    @property
    def remaining_quantity(self) -> Decimal:
        """Ordered but not filled, never below 0 (an overfill shows in ``filled_quantity``)."""
        return max(ZERO, self.quantity - self.filled_quantity)

    @property
    def open_quantity(self) -> Decimal:
        """The most that may still trade: of the terms in force, those asked for, and the broker's own."""
        return max(ZERO, max(self._largest_asked, self.held_quantity) - self.filled_quantity)

    @property
    def _largest_asked(self) -> Decimal:
        return self.quantity if self.change is None else max(self.quantity, self.change.quantity)

    @property
    def silent(self) -> bool:
        """Whether it was sent and the broker has not said a word about it yet."""
        return self.sent_at is not None and not (self.acked_at or self.broker_status or self.final)

    @property
    def avg_fill_price(self) -> Decimal:
        """Share-weighted price of all fills, in price units; 0 without fills."""
        return self.filled_value / self.filled_quantity if self.filled_quantity else ZERO

    @property
    def commission(self) -> Decimal:
        """Sum over all executions; NaN while any of them, or all, are unknown."""
        known = self.known_commission
        return Decimal("NaN") if known is None else known

    @property
    def known_commission(self) -> Decimal | None:
        """As ``commission``, but None instead of NaN."""
        return self.charged if self.executions and not self.uncharged else None

    @_Once
    def final(self) -> bool:
        """
        Whether only fills and corrections can still change the order.

        A CANCEL or REPLACE intent is done once it is handed on: what came of it is in its target's
        reports.
        """
        if self.intent is not None and self.intent.action != "NEW":
            return self.denied is not None or self.accepted_at is not None
        return self.status.final

    @property
    def undecided(self) -> bool:
        """Whether the intent was received, but neither refused nor bound to a broker order id yet."""
        return self.order_id is None and not self.final

    @property
    def working(self) -> bool:
        """Whether the order may still trade as far as we know; in-flight and unknown orders count."""
        return self.accepted_at is not None and not self.final

    @property
    def contested(self) -> bool:
        """Whether it was refused without a word before: a word that it works would not be a late one."""
        return self.rejected is not None and self.acked_at is None and not self.filled_quantity

    @property
    def awaiting_executions(self) -> bool:
        """Whether the broker claims more fills than it has sent executions for."""
        return self.reported_filled > self.filled_quantity

    @property
    def symbol(self) -> str:
        """Symbol of the contract, ``""`` when the intent could not be read."""
        return str(self.raw.get("symbol", "")) if self.intent is None else self.intent.symbol

    @property
    def direction(self) -> str:
        """BUY or SELL, as the intent says."""
        return str(self.raw.get("direction", "")) if self.intent is None else self.intent.direction


def execution_root(exec_id: str) -> str:
    """What a correction shares with the execution it replaces: everything before the last dot."""
    root, dot, suffix = exec_id.rpartition(".")
    return root if dot and suffix.isdecimal() else exec_id
