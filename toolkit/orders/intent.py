"""
Flow 1/7. An order intent: one JSON object or one DataFrame row, checked into a frozen value.

Only the shape is decided here: fields, types, and which prices an order type needs. Whether the
order may go is the business of ``toolkit.risk``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from toolkit.errors import IntentError
from toolkit.orders.fields import Fields, choice, is_identity, shown

SCHEMA_VERSION: Final = 1
MAX_BYTES: Final = 256 * 1024
"""Largest message taken for an intent, in bytes; a real one has a few hundred."""
MAX_NESTED: Final = 200
"""Most lists and objects in a message; a deep pile of them cannot be decoded or journaled."""

ORDER_TYPES: Final = ("MARKET", "LIMIT", "STOP", "STOP_LIMIT")
NEEDS_LIMIT: Final = frozenset({"LIMIT", "STOP_LIMIT"})
NEEDS_STOP: Final = frozenset({"STOP", "STOP_LIMIT"})
DIRECTIONS: Final = ("BUY", "SELL")
TIFS: Final = ("DAY", "GTC", "IOC", "FOK", "OPG")
ACTIONS: Final = ("NEW", "CANCEL", "REPLACE")
SEC_TYPES: Final = ("STK", "CASH", "FUT", "OPT", "IND", "CFD", "CRYPTO", "BOND", "CMDTY")


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What a strategy wants: at most one broker order for ever, named by ``intent_id``.

    Attributes:
        intent_id: 1 to 40 of ``[A-Za-z0-9._-]``; travels to the broker as ``orderRef``.
        action: NEW, or CANCEL and REPLACE of ``target_intent_id``.
        symbol, sec_type, exchange, primary_exchange, currency, con_id, expiry, strike, right,
            multiplier: the contract, in the broker's own words.
        direction: BUY or SELL.
        quantity: units of the contract (shares for stocks), > 0; 0 in a REPLACE that leaves it alone.
        order_type: MARKET, LIMIT, STOP or STOP_LIMIT.
        limit_price, stop_price: price units of the contract, > 0; present exactly when the type needs them.
        tif: DAY, GTC, IOC, FOK or OPG.
        outside_rth: whether it may trade outside regular hours.
        account: broker account, ``""`` for the only one.
        strategy_id, signal_strength: carried into every report.
        created_at, valid_until: UTC; past ``valid_until`` the intent is denied as STALE.
        arrival_bid, arrival_ask, arrival_ts: the quote at the decision, for execution measures.
        extra: fields that are not ours, echoed in every report.
    """

    intent_id: str
    action: str = "NEW"
    target_intent_id: str = ""
    symbol: str = ""
    sec_type: str = "STK"
    exchange: str = "SMART"
    primary_exchange: str = ""
    currency: str = "USD"
    con_id: int = 0
    expiry: str = ""
    strike: Decimal | None = None
    right: str = ""
    multiplier: Decimal | None = None
    direction: str = ""
    quantity: Decimal = Decimal(0)
    order_type: str = ""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    tif: str = "DAY"
    outside_rth: bool = False
    account: str = ""
    strategy_id: str = ""
    signal_strength: float | None = None
    created_at: datetime
    valid_until: datetime
    arrival_bid: Decimal | None = None
    arrival_ask: Decimal | None = None
    arrival_ts: datetime | None = None
    schema_version: int = SCHEMA_VERSION
    extra: dict[str, Any] = {}

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self.direction == "BUY" else -1

    @property
    def terms(self) -> tuple[Any, ...]:
        """What makes two intents the same order: everything but times, the decision quote and extras."""
        return (
            self.action,
            self.target_intent_id,
            self.symbol,
            self.sec_type,
            self.exchange,
            self.primary_exchange,
            self.currency,
            self.con_id,
            self.expiry,
            self.strike,
            self.right,
            self.multiplier,
            self.direction,
            self.quantity,
            self.order_type,
            self.limit_price,
            self.stop_price,
            self.tif,
            self.outside_rth,
            self.account,
            self.strategy_id,
        )


FIELDS: Final = tuple(name for name in OrderIntent.__struct_fields__ if name != "extra")
_KNOWN: Final = frozenset(FIELDS)


def decode(message: bytes | None) -> dict[str, Any]:
    """
    The bytes of one message as a dict.

    Raises:
        IntentError: empty, larger than ``MAX_BYTES``, not JSON, not one JSON object, or a field twice.
    """
    if not message:
        raise IntentError("The message is empty; send one JSON object.", code="EMPTY_MESSAGE")
    if len(message) > MAX_BYTES:
        raise IntentError(
            f"The message has {len(message):,} bytes; an intent may have {MAX_BYTES:,}.",
            code="MESSAGE_TOO_LARGE",
        )
    if message.count(b"{") + message.count(b"[") > MAX_NESTED:
        raise IntentError(
            f"The message has more than {MAX_NESTED} lists and objects; an intent is one flat object.",
            code="MESSAGE_TOO_DEEP",
        )
    try:
        content = msgspec.json.decode(message)
        # msgspec is the strict reader (no NaN, no half characters), but keeps the last of two equal
        # fields without a word; only the standard library shows both.
        json.loads(message, object_pairs_hook=_each_once)
    except (msgspec.DecodeError, ValueError) as error:
        raise IntentError(f"The message is not JSON: {error}.", code="NOT_JSON") from error
    if not isinstance(content, dict):
        raise IntentError(
            f"The message is a JSON {type(content).__name__}; send one JSON object.",
            code="NOT_AN_OBJECT",
        )
    return content


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise IntentError(
            f"The message has {shown(twice)} more than once; send every field once.",
            field=twice,
            code="REPEATED_FIELD",
        )
    return content


def parse(
    raw: Mapping[str, Any],
    *,
    now: datetime,
    ttl: timedelta = timedelta(minutes=5),
    account: str = "",
) -> OrderIntent:
    """
    A dict as an intent.

    Args:
        raw: the fields; those we do not know are kept under ``extra``.
        now: UTC, the default of ``created_at``.
        ttl: how long after ``created_at`` the intent stays valid when it does not say itself.
        account: the default account.

    Raises:
        IntentError: names the first field that is missing or malformed, and, when a misspelled
            field explains it, the name that was probably meant.
    """
    fields = Fields(raw, _KNOWN)
    _check_schema(fields)
    intent_id = fields.identity("intent_id")
    action = fields.word("action", ACTIONS, "NEW")
    created_at = fields.time("created_at") or now
    common: dict[str, Any] = {
        "intent_id": intent_id,
        "action": action,
        "account": fields.text("account") or account,
        "strategy_id": fields.text("strategy_id"),
        "created_at": created_at,
        "valid_until": fields.time("valid_until") or _expiry(fields, created_at, ttl),
        "extra": fields.unknown,
    }
    if action == "CANCEL":
        return OrderIntent(target_intent_id=fields.identity("target_intent_id"), **common)
    if action == "REPLACE":
        target = fields.identity("target_intent_id")
        return OrderIntent(target_intent_id=target, **common, **_contract(fields), **_new_terms(fields))
    contract = _contract(fields)
    if not contract["symbol"] and not contract["con_id"]:
        raise fields.missing("symbol")
    return OrderIntent(**common, **contract, **_terms(fields), **_signal(fields))


def readable_id(raw: object) -> str:
    """The intent id of a raw message when it has a usable one, else ``""``."""
    value = raw.get("intent_id") if isinstance(raw, Mapping) else None
    return str(value) if is_identity(value) else ""


def _check_schema(fields: Fields) -> None:
    version = fields.whole("schema_version")
    if version == 0:
        raise fields.bad("schema_version", "is 0; the first is 1")
    if version is not None and version > SCHEMA_VERSION:
        raise IntentError(
            f"schema_version {version} is newer than {SCHEMA_VERSION}, the newest this version reads.",
            field="schema_version",
            code="SCHEMA_FROM_FUTURE",
        )


def _expiry(fields: Fields, created_at: datetime, ttl: timedelta) -> datetime:
    try:
        return created_at + ttl
    except OverflowError:
        raise fields.bad("created_at", f"is {created_at.isoformat()}, the end of all calendars") from None


def _contract(fields: Fields) -> dict[str, Any]:
    return {
        "con_id": fields.whole("con_id") or 0,
        "symbol": fields.text("symbol"),
        "sec_type": fields.word("sec_type", SEC_TYPES, "STK"),
        "exchange": fields.text("exchange") or "SMART",
        "primary_exchange": fields.text("primary_exchange"),
        "currency": fields.text("currency") or "USD",
        "expiry": fields.text("expiry"),
        "strike": fields.number("strike"),
        "right": fields.text("right"),
        "multiplier": fields.number("multiplier"),
    }


def _terms(fields: Fields) -> dict[str, Any]:
    direction = fields.word("direction", DIRECTIONS)
    quantity = _quantity(fields)
    if quantity is None:
        raise fields.missing("quantity")
    order_type = fields.word("order_type", ORDER_TYPES)
    return {
        "direction": direction,
        "quantity": quantity,
        "order_type": order_type,
        "limit_price": _price(fields, "limit_price", order_type, NEEDS_LIMIT),
        "stop_price": _price(fields, "stop_price", order_type, NEEDS_STOP),
        "tif": fields.word("tif", TIFS, "DAY"),
        "outside_rth": fields.flag("outside_rth") or False,
    }


def _new_terms(fields: Fields) -> dict[str, Any]:
    """The terms of a REPLACE: what is to change, and what it says about the rest of the order."""
    quantity = _quantity(fields)
    limit_price, stop_price = fields.number("limit_price"), fields.number("stop_price")
    if quantity is None and limit_price is None and stop_price is None:
        raise fields.missing("quantity", "a REPLACE gives quantity, limit_price or stop_price")
    return {
        "direction": fields.word("direction", DIRECTIONS) if fields.given("direction") else "",
        "quantity": quantity or Decimal(0),
        "order_type": fields.word("order_type", ORDER_TYPES) if fields.given("order_type") else "",
        "limit_price": limit_price,
        "stop_price": stop_price,
        "tif": fields.word("tif", TIFS, "DAY"),
        "outside_rth": fields.flag("outside_rth") or False,
    }


def _quantity(fields: Fields) -> Decimal | None:
    quantity = fields.number("quantity")
    if quantity is not None and quantity != quantity.to_integral_value():
        raise fields.bad("quantity", f"is {quantity}; this contract trades in whole units")
    return quantity


def _price(fields: Fields, name: str, order_type: str, needed_by: frozenset[str]) -> Decimal | None:
    price = fields.number(name)
    if order_type in needed_by and price is None:
        raise fields.missing(name, f"a {order_type} order needs it")
    if order_type not in needed_by and price is not None:
        raise IntentError(
            f"{name} is {price}, but a {order_type} order takes none; remove it, or use "
            f"{choice(kind for kind in ORDER_TYPES if kind in needed_by)}.",
            field=name,
            code=f"UNEXPECTED_{name.upper()}",
        )
    return price


def _signal(fields: Fields) -> dict[str, Any]:
    strength = fields.number("signal_strength", positive=False)
    return {
        "signal_strength": None if strength is None else float(strength),
        "arrival_bid": fields.number("arrival_bid"),
        "arrival_ask": fields.number("arrival_ask"),
        "arrival_ts": fields.time("arrival_ts"),
    }
