"""
Flow 2/7. The facts about one order, in the order we learn them.

Every event is frozen, names its intent, and says when we learnt it (``at``, UTC). Nothing here
decides anything: ``apply`` turns facts into state, ``journal`` remembers them.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from toolkit.orders.intent import OrderIntent


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    One check's verdict on one intent.

    Attributes:
        code: machine-readable name of the reason, upper case (``MAX_ORDER_QUANTITY``).
        passed: whether the intent may go as far as this check is concerned.
        message: one sentence for a person; empty when passed.
        observed, limit: the value measured and the limit it was held against, in ``unit``.
        unit: shares, USD, ... ; empty when the check has no number.
        price_source: where a price in ``observed`` came from (``quote``, ``limit``, ...).
    """

    code: str
    passed: bool = False
    message: str = ""
    observed: Decimal | None = None
    limit: Decimal | None = None
    unit: str = ""
    price_source: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True, tag_field="type"):
    """A fact about the order of ``intent_id``, learnt ``at`` (UTC)."""

    intent_id: str
    at: datetime


# --- what we did ---------------------------------------------------------------------------------


class Received(Event, frozen=True, kw_only=True):
    """An intent arrived. ``intent`` is None when ``raw`` could not be understood (a Denied follows)."""

    raw: dict[str, Any]
    intent: OrderIntent | None = None
    source: str = ""
    """Where it came from: ``order_intents/0@17`` (topic/partition@offset), ``python``, ..."""
    paper: bool = True


class Denied(Event, frozen=True, kw_only=True):
    """We refused it: validation, risk, read-only, stale. ``decisions`` lists every failed check."""

    code: str
    reason: str
    decisions: tuple[Decision, ...] = ()


class Quoted(Event, frozen=True, kw_only=True):
    """
    A fact with the market as we knew it then, which execution measures are held against.

    Attributes:
        bid, ask: price units of the contract; None where there was none.
        bid_size, ask_size: units of the contract.
        quote_at: when its last tick arrived, UTC; None when there was none.
        delayed: whether the exchange gives these prices away late, so that they are no benchmark.
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    quote_at: datetime | None = None
    delayed: bool = False


class Accepted(Quoted, frozen=True, kw_only=True):
    """Validation and risk let it pass, on this quote; journaled before any order id is reserved."""

    limits_hash: str = ""
    con_id: int = 0
    """The broker's number of the contract that the intent was resolved to."""
    multiplier: Decimal = Decimal(1)
    """Account currency units per price unit and contract, before exchange rates."""


class Reserved(Event, frozen=True, kw_only=True):
    """A broker order id is bound to the intent for ever; durable before the socket sees it."""

    order_id: int
    client_id: int
    account: str = ""


class Sent(Quoted, frozen=True, kw_only=True):
    """The order was handed to the socket; ``journaled_at`` is when its reservation became durable."""

    journaled_at: datetime


class CancelRequested(Event, frozen=True, kw_only=True):
    """A cancel was sent (or, before the order was sent, takes effect at once)."""

    by: str = ""


class ReplaceRequested(Event, frozen=True, kw_only=True):
    """
    A change of the order's terms is about to be sent; it holds only once the broker shows it.

    Attributes:
        by: the REPLACE intent that asked, judged by risk before.
        quantity, limit_price, stop_price: the order as it would be; units as in ``OrderIntent``.
    """

    by: str
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class Overdue(Event, frozen=True, kw_only=True):
    """The broker did not answer in time; that ends nothing, it only has to be asked (hazard H14)."""

    action: str
    """What it owes an answer to: ``cancel``, ``replace``, or ``inactive``, a word that says too little."""
    text: str


class Repeated(Event, frozen=True, kw_only=True):
    """The same intent id came again with other content; the first stands, this one is refused."""

    raw: dict[str, Any]
    source: str = ""


class Lost(Event, frozen=True, kw_only=True):
    """We can no longer tell what became of the order; only broker evidence ends this."""

    reason: str


class Resolved(Event, frozen=True, kw_only=True):
    """
    A person settled an order of which nobody could tell what became of it.

    Attributes:
        outcome: ``not-placed``, ``cancelled``, or ``filled`` (an ``Executed`` with what was filled goes
            before it; the rest, if any, is cancelled).
        by, reason: who, and why.
    """

    outcome: str
    by: str
    reason: str


# --- what the broker said ------------------------------------------------------------------------


class StatusReported(Event, frozen=True, kw_only=True):
    """The broker's ``orderStatus`` or the status inside ``openOrder``; ``word`` is its own text."""

    word: str
    perm_id: int = 0
    filled: Decimal = Decimal(0)
    """Cumulative quantity the broker says is filled; executions, not this, are the truth."""
    why_held: str = ""
    recovered: bool = False
    """Learnt from a later request instead of live."""


class Executed(Event, frozen=True, kw_only=True):
    """
    One execution, as ``execDetails`` gives it.

    Attributes:
        exec_id: broker's id; a correction re-uses it up to the last dot with a higher suffix.
        shares, price: units of the contract and price units, both exact.
        side: BOT or SLD.
        exchange: venue.
        time: UTC; None when the broker's text could not be read (kept in ``time_text``).
        perm_id: broker's permanent id of the order, 0 when not given.
        liquidity: ``add``, ``remove`` or ``""``.
        recovered: learnt from a later request instead of live.
    """

    exec_id: str
    shares: Decimal
    price: Decimal
    side: str
    exchange: str = ""
    time: datetime | None = None
    time_text: str = ""
    perm_id: int = 0
    liquidity: str = ""
    recovered: bool = False


class CommissionCharged(Event, frozen=True, kw_only=True):
    """Commission of one execution; ``commission`` is None when the broker does not know it yet."""

    exec_id: str
    commission: Decimal | None
    currency: str = ""
    realized_pnl: Decimal | None = None


class BrokerRejected(Event, frozen=True, kw_only=True):
    """The broker refused the order and it never worked."""

    code: int
    text: str


class BrokerCancelled(Event, frozen=True, kw_only=True):
    """The broker confirmed a cancel (code 202), asked for or not."""

    code: int
    text: str


class CancelRefused(Event, frozen=True, kw_only=True):
    """The broker refused a cancel; the order itself is untouched by that."""

    code: int
    text: str


class Replaced(Event, frozen=True, kw_only=True):
    """The broker shows the order on the terms that we asked for; units as in ``OrderIntent``."""

    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class ReplaceRefused(Event, frozen=True, kw_only=True):
    """A change did not come about (``code`` 0: we say so); the order lives on, on its old terms."""

    code: int
    text: str


class Mismatched(Event, frozen=True, kw_only=True):
    """The broker holds the order on other terms than we sent (hazard H42); ``text`` lists them."""

    text: str
    quantity: Decimal
    """What the broker holds it for, in units of the contract: risk counts the larger one."""


class Noticed(Event, frozen=True, kw_only=True):
    """The broker said something about the order that changes nothing by itself."""

    code: int
    text: str
    why_held: str = ""
    """What a new order waits for, in the broker's word (``locate``); it is held then, not refused."""


AnyEvent = (
    Received
    | Denied
    | Accepted
    | Reserved
    | Sent
    | CancelRequested
    | ReplaceRequested
    | Overdue
    | Repeated
    | Lost
    | Resolved
    | StatusReported
    | Executed
    | CommissionCharged
    | BrokerRejected
    | BrokerCancelled
    | CancelRefused
    | Replaced
    | ReplaceRefused
    | Mismatched
    | Noticed
)
