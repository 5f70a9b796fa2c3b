"""
Flow 1/7. An order intent: one JSON object or one DataFrame row, checked into a frozen value.

Only the shape is decided here: fields, types, and which prices an order type needs. Whether the
order may go is the business of ``toolkit.risk``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from toolkit.errors import IntentError
from toolkit.orders.numbers import exact

SCHEMA_VERSION: Final = 1
MAX_BYTES: Final = 256 * 1024
"""Largest message taken for an intent, in bytes; a real one has a few hundred."""

ORDER_TYPES: Final = ("MARKET", "LIMIT", "STOP", "STOP_LIMIT")
NEEDS_LIMIT: Final = frozenset({"LIMIT", "STOP_LIMIT"})
NEEDS_STOP: Final = frozenset({"STOP", "STOP_LIMIT"})
DIRECTIONS: Final = ("BUY", "SELL")
TIFS: Final = ("DAY", "GTC", "IOC", "FOK", "OPG")
ACTIONS: Final = ("NEW", "CANCEL", "REPLACE")
SEC_TYPES: Final = ("STK", "CASH", "FUT", "OPT", "IND", "CFD", "CRYPTO", "BOND", "CMDTY")

_INTENT_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    What a strategy wants: at most one broker order for ever, named by ``intent_id``.

    Attributes:
        intent_id: 1 to 40 of ``[A-Za-z0-9._-]``; travels to the broker as ``orderRef``.
        action: NEW, or CANCEL and REPLACE of ``target_intent_id``.
        symbol, sec_type, exchange, primary_exchange, currency, con_id, expiry, strike, right,
            multiplier: the contract, in the broker's own words.
        direction: BUY or SELL.
        quantity: units of the contract (shares for stocks), > 0.
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


def decode(message: bytes | None) -> dict[str, Any]:
    """
    The bytes of one message as a dict.

    Raises:
        IntentError: empty, larger than ``MAX_BYTES``, not JSON, or not one JSON object.
    """
    if not message:
        raise IntentError("The message is empty; send one JSON object.", code="EMPTY_MESSAGE")
    if len(message) > MAX_BYTES:
        raise IntentError(
            f"The message has {len(message):,} bytes; an intent may have {MAX_BYTES:,}.",
            code="MESSAGE_TOO_LARGE",
        )
    try:
        content = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntentError(f"The message is not JSON: {error}.", code="NOT_JSON") from error
    if not isinstance(content, dict):
        raise IntentError(
            f"The message is a JSON {type(content).__name__}; send one JSON object.",
            code="NOT_AN_OBJECT",
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
    return _Reader(raw).intent(now, ttl, account)


def readable_id(raw: object) -> str:
    """The intent id of a raw message when it has a usable one, else ``""``."""
    value = raw.get("intent_id") if isinstance(raw, Mapping) else None
    return value if isinstance(value, str) and _INTENT_ID.fullmatch(value) else ""


class _Reader:
    """Reads one raw dict field by field; every failure names the field."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.extra = {str(key): value for key, value in raw.items() if key not in _KNOWN}

    def intent(self, now: datetime, ttl: timedelta, account: str) -> OrderIntent:
        self.schema()
        intent_id = self.identity("intent_id")
        action = self.word("action", ACTIONS, "NEW")
        created_at = self.time("created_at") or now
        common: dict[str, Any] = {
            "intent_id": intent_id,
            "action": action,
            "account": self.text("account") or account,
            "strategy_id": self.text("strategy_id"),
            "created_at": created_at,
            "valid_until": self.time("valid_until") or created_at + ttl,
            "extra": self.extra,
        }
        if action == "REPLACE":
            raise IntentError(
                "REPLACE intents are not taken yet; cancel the order and send a new intent.",
                field="action",
                code="UNSUPPORTED_ACTION",
            )
        if action == "CANCEL":
            return OrderIntent(target_intent_id=self.identity("target_intent_id"), **common)
        return OrderIntent(**common, **self.contract(), **self.terms(), **self.signal())

    def schema(self) -> None:
        version = self.raw.get("schema_version", SCHEMA_VERSION)
        if type(version) is not int or version < 1:
            raise self.bad("schema_version", f"is {version!r}; it must be a whole number from 1")
        if version > SCHEMA_VERSION:
            raise IntentError(
                f"schema_version {version} is newer than {SCHEMA_VERSION}, the newest this version reads.",
                field="schema_version",
                code="SCHEMA_FROM_FUTURE",
            )

    def contract(self) -> dict[str, Any]:
        con_id = self.raw.get("con_id") or 0
        if isinstance(con_id, bool) or not isinstance(con_id, int) or con_id < 0:
            raise self.bad("con_id", f"is {con_id!r}; it must be a whole number")
        symbol = self.text("symbol")
        if not symbol and not con_id:
            raise self.missing("symbol")
        return {
            "con_id": con_id,
            "symbol": symbol,
            "sec_type": self.word("sec_type", SEC_TYPES, "STK"),
            "exchange": self.text("exchange") or "SMART",
            "primary_exchange": self.text("primary_exchange"),
            "currency": self.text("currency") or "USD",
            "expiry": self.text("expiry"),
            "strike": self.number("strike"),
            "right": self.text("right"),
            "multiplier": self.number("multiplier"),
        }

    def terms(self) -> dict[str, Any]:
        direction = self.word("direction", DIRECTIONS)
        quantity = self.number("quantity")
        if quantity is None:
            raise self.missing("quantity")
        if quantity != quantity.to_integral_value():
            raise self.bad("quantity", f"is {quantity}; this contract trades in whole units")
        order_type = self.word("order_type", ORDER_TYPES)
        return {
            "direction": direction,
            "quantity": quantity,
            "order_type": order_type,
            "limit_price": self.price("limit_price", order_type, NEEDS_LIMIT),
            "stop_price": self.price("stop_price", order_type, NEEDS_STOP),
            "tif": self.word("tif", TIFS, "DAY"),
            "outside_rth": self.flag("outside_rth"),
        }

    def signal(self) -> dict[str, Any]:
        strength = self.number("signal_strength", positive=False)
        return {
            "signal_strength": None if strength is None else float(strength),
            "arrival_bid": self.number("arrival_bid"),
            "arrival_ask": self.number("arrival_ask"),
            "arrival_ts": self.time("arrival_ts"),
        }

    def identity(self, name: str) -> str:
        value = self.raw.get(name)
        if value is None or value == "":
            raise self.missing(name)
        if not isinstance(value, str) or not _INTENT_ID.fullmatch(value):
            raise self.bad(name, f"is {_shown(value)}; use 1 to 40 of A-Z a-z 0-9 . _ -")
        return value

    def text(self, name: str) -> str:
        value = self.raw.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.bad(name, f"is {_shown(value)}; it must be text")
        if not value.isascii() or not value.isprintable() or len(value) > 64:
            raise self.bad(name, f"is {_shown(value)}; use up to 64 printable ASCII characters")
        return value

    def word(self, name: str, allowed: tuple[str, ...], default: str = "") -> str:
        value = self.raw.get(name)
        if value is None:
            if default:
                return default
            raise self.missing(name)
        if isinstance(value, str) and value in allowed:
            return value
        hint = ""
        if isinstance(value, str):
            near = difflib.get_close_matches(value.upper().replace(" ", "_"), allowed, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
        raise self.bad(name, f"is {_shown(value)}; it must be {_choice(allowed)}{hint}")

    def flag(self, name: str) -> bool:
        value = self.raw.get(name)
        if value is None:
            return False
        if isinstance(value, bool):
            return value
        raise self.bad(name, f"is {_shown(value)}; it must be true or false")

    def number(self, name: str, *, positive: bool = True) -> Decimal | None:
        value = self.raw.get(name)
        if value is None:
            return None
        try:
            number = exact(value)
        except ValueError as error:
            raise self.bad(name, f"{error}; it must be a number{' above 0' if positive else ''}") from None
        if positive and number <= 0:
            raise self.bad(name, f"is {number}; it must be above 0")
        return number

    def price(self, name: str, order_type: str, needed_by: frozenset[str]) -> Decimal | None:
        price = self.number(name)
        if order_type in needed_by and price is None:
            raise self.missing(name, f"a {order_type} order needs it")
        if order_type not in needed_by and price is not None:
            raise IntentError(
                f"{name} is {price}, but a {order_type} order takes none; remove it, or use "
                f"{_choice(tuple(t for t in ORDER_TYPES if t in needed_by))}.",
                field=name,
                code=f"UNEXPECTED_{name.upper()}",
            )
        return price

    def time(self, name: str) -> datetime | None:
        value = self.raw.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise self.bad(name, f"is {_shown(value)}; use ISO 8601 in UTC") from None
        if not isinstance(value, datetime):
            raise self.bad(name, f"is {_shown(value)}; use ISO 8601 in UTC")
        if value.tzinfo is None:
            raise self.bad(name, f"is {value.isoformat()} without a time zone; append Z for UTC")
        # pandas' Timestamp is a datetime with nanoseconds; the journal keeps plain datetimes.
        to_datetime: Callable[[], datetime] | None = getattr(value, "to_pydatetime", None)
        return (to_datetime() if to_datetime else value).astimezone(UTC)

    def missing(self, name: str, why: str = "it is required") -> IntentError:
        near = difflib.get_close_matches(name, self.extra, 1, 0.7)
        hint = f" (the message has {near[0]!r}: rename it to {name!r})" if near else ""
        return IntentError(f"{name} is missing; {why}{hint}.", field=name, code=f"MISSING_{name.upper()}")

    def bad(self, name: str, what: str) -> IntentError:
        return IntentError(f"{name} {what}.", field=name, code=f"BAD_{name.upper()}")


_KNOWN = frozenset(FIELDS)


def _choice(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
