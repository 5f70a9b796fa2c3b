"""
The order form: every field of an order as its client sent it, to be echoed as it was.

Read from placeOrder at the version of the client that placed it, and written as openOrder or
completedOrder at the version of the client that asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter

import msgspec

from toolkit.errors import WireError
from toolkit.gateway.fields import MAX_NUMBER_LENGTH, UNSET, decimal, integer, number
from toolkit.gateway.order_layout import (
    COMPLETED_ORDER,
    CONDITION_KINDS,
    FLAGS,
    INFINITY,
    INTEGERS,
    NUMBERS,
    OPEN_ORDER,
    OPEN_ORDER_HEAD,
    OPEN_ORDER_REST,
    PLACE_CONTRACT,
    PLACE_ORDER,
    PLACE_REST,
    PLACE_TERMS,
    Before,
    Conditions,
    Field,
    Repeated,
    Since,
    Values,
    When,
    names,
)
from toolkit.gateway.wire import NEWEST_VERSION

MAX_ROWS = 1000
"""Most rows accepted in one group of an order (legs, parameters, conditions)."""

_AS_IT_IS = frozenset({"", "0", "1"})
_KINDS = dict.fromkeys(FLAGS, "f") | dict.fromkeys(INTEGERS, "i") | dict.fromkeys(NUMBERS, "n")

# Clients disagree on sending a default or an empty field; some decoders need the value.
_WHEN_EMPTY: Values = (
    dict.fromkeys(FLAGS, "0")
    | dict.fromkeys(("conId", "strike", "origin", "parentId", "triggerMethod"), "0")
    | dict.fromkeys(("ocaType", "shortSaleSlot", "auctionStrategy"), "0")
    | {"transmit": "1", "exemptCode": "-1"}
)

# What a reply carries where the request (of an older client) had no such field.
_REPLY_DEFAULTS: Values = dict.fromkeys(
    names(
        "faProfile duration postToAts minTradeQty minCompeteSize competeAgainstBestOffset "
        "midOffsetAtWhole midOffsetAtHalf basisPoints basisPointsType comboLegsDescrip "
        "softDollarDisplayName initMarginBefore maintMarginBefore equityWithLoanBefore "
        "initMarginChange maintMarginChange equityWithLoanChange initMarginAfter "
        "maintMarginAfter equityWithLoanAfter commission minCommission maxCommission "
        "commissionCurrency warningText autoCancelDate refFuturesConId shareholder "
        "completedTime completedStatus"
    ),
    "",
) | dict.fromkeys(names("autoCancelParent imbalanceOnly routeMarketableToBbo parentPermId"), "0")


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """
    A stretch of an order form; equal to itself alone, so that what is made of it can be remembered.

    Attributes:
        values: each field by its name in the TWS API, as canonical text (unset: empty).
        groups: legs, parameters and conditions, each as the flat texts of its fields with the
            count first.
    """

    values: Values
    groups: dict[str, tuple[str, ...]]


@dataclass(slots=True)
class OrderForm:
    """
    One order as a client filled it in; not to be changed.

    Attributes:
        values: every field, as in a :class:`Section`.
        rest: what came after the order's own terms; orders that agree there share it.
    """

    values: Values
    rest: Section


class ClientOrder(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A placeOrder request as it came, compact enough to be kept for every order."""

    fields: str
    version: int

    def form(self) -> OrderForm:
        """
        The same, named. Raises WireError as :func:`read_place_order` does.

        Remembered for a while: an order is echoed several times soon after it came.
        """
        return _form(self)


@lru_cache(maxsize=512)
def _form(order: ClientOrder) -> OrderForm:
    return read_place_order(order.fields, order.version)


_TERMS_AT = 2 + len(PLACE_CONTRACT)  # after the message id and the order id
_REST_AT = _TERMS_AT + len(PLACE_TERMS)


def read_place_order(text: str, version: int) -> OrderForm:
    """
    Read a placeOrder request: its fields with the message id first, a NUL between them.

    A client's orders differ in their terms and hardly ever in the eighty fields behind these, nor is
    each for another contract: both are read once and remembered.

    Raises:
        WireError: it is too short, or a field does not hold what it should; names the field.
    """
    fields = text.split("\0", _REST_AT)
    if len(fields) <= _REST_AT:
        raise WireError(f"The order ends before field {PLACE_REST[0]}.")
    contract = _contract(tuple(fields[2:_TERMS_AT]))
    terms = _tidy({"orderId": fields[1], **dict(zip(PLACE_TERMS, fields[_TERMS_AT:_REST_AT], strict=True))})
    rest = _rest(fields[_REST_AT], version, contract["secType"], terms["orderType"], contract["exchange"])
    return OrderForm({**rest.values, **contract, **terms}, rest)


@lru_cache(maxsize=512)
def _contract(texts: tuple[str, ...]) -> Values:
    return _tidy(dict(zip(PLACE_CONTRACT, texts, strict=True)))


@lru_cache(maxsize=512)
def _rest(text: str, version: int, sec_type: str, order_type: str, exchange: str) -> Section:
    """The fields behind the terms; which there are depends on the three values from before."""
    rest = Section({"secType": sec_type, "orderType": order_type, "exchange": exchange}, {})
    _Cursor(text.split("\0"), rest).take(_compiled("placeOrderRest", version))
    _tidy(rest.values)
    return rest


def _tidy(values: Values) -> Values:
    """Spell every value the one way that every client reads; those left out say their default."""
    for name, value in values.items():
        known = value if value in _AS_IT_IS else _canonical(name, _KINDS.get(name, "t"), value)
        values[name] = known or _WHEN_EMPTY.get(name, "")
    return values


def open_order_fields(form: OrderForm, version: int, now: Mapping[str, str]) -> list[str]:
    """The fields of openOrder: the form, overlaid with what the exchange knows ``now``."""
    return _written("openOrder", form.values, form.rest.groups, version, {"messageId": "5", **now})


def open_order_head(form: OrderForm, now: Mapping[str, str]) -> list[str]:
    """The first of the fields of openOrder, the same at every version."""
    fields: list[str] = []
    _write(_compiled("openOrderHead", NEWEST_VERSION), {"messageId": "5", **form.values, **now}, {}, fields)
    return fields


def open_order_rest(rest: Section, version: int, now: Mapping[str, str]) -> list[str]:
    """The fields of openOrder behind its head, overlaid with what the exchange knows ``now``."""
    return _written("openOrderRest", rest.values, rest.groups, version, now)


def completed_order_fields(form: OrderForm, version: int, now: Mapping[str, str]) -> list[str]:
    """The fields of completedOrder: the form, overlaid with what the exchange knows ``now``."""
    return _written("completedOrder", form.values, form.rest.groups, version, {"messageId": "101", **now})


def rewritten(message: str, fields: Sequence[str], version: int, changes: Mapping[str, str]) -> list[str]:
    """The fields of a written openOrder or completedOrder with other values in some of them."""
    whole = Section({}, {})
    _Cursor(fields, whole).take(_compiled(message, version))
    return _written(message, whole.values, whole.groups, version, changes)


def place_order_fields(values: Mapping[str, str]) -> list[str]:
    """The fields of placeOrder at the newest version, all but ``values`` at their defaults."""
    defaults = dict.fromkeys(message_fields("placeOrder"), "") | _WHEN_EMPTY
    return ["3", *_written("placeOrder", defaults, {}, NEWEST_VERSION, values)]


def message_fields(message: str) -> tuple[str, ...]:
    """The names of the fields of openOrder or completedOrder, at any version."""
    return tuple(_names(_LAYOUTS[message]))


def _names(layout: tuple[Field, ...]) -> Iterator[str]:
    for entry in layout:
        match entry:
            case str():
                yield entry
            case Since() | Before() | When():
                yield from _names(entry.fields)


def _is_plain(text: str) -> bool:
    """Printable ASCII without backslash: official clients read a backslash as an escape."""
    return text.isascii() and text.isprintable() and "\\" not in text


@lru_cache(maxsize=4096)
def _canonical(name: str, kind: str, value: str) -> str:
    """Check one field and spell it the one way every client reads."""
    match kind:
        case "t":
            if not _is_plain(value):
                raise WireError(f"Field {name} may hold only printable ASCII characters and no backslash.")
            return value
        case "f":
            if value not in {"", "0", "1"}:
                raise WireError(f"Field {name} should be 0 or 1 and is {value[:40]!r}.")
            return value
        case "i":
            return "" if value in UNSET else str(integer(value, name))
        case _:
            return "Infinity" if value in INFINITY else number(decimal(value, name))


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring fields that are always there."""

    names: tuple[str, ...]
    get: Callable[[Values], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Branch:
    test: Callable[[Values], bool]
    parts: tuple[_Part, ...]


_Part = _Block | _Branch | Repeated | Conditions


_LAYOUTS = {
    "placeOrder": PLACE_ORDER,
    "placeOrderRest": PLACE_REST,
    "openOrder": OPEN_ORDER,
    "openOrderHead": OPEN_ORDER_HEAD,
    "openOrderRest": OPEN_ORDER_REST,
    "completedOrder": COMPLETED_ORDER,
}


@cache  # by name: hashing a whole layout takes longer than walking it
def _compiled(message: str, version: int) -> tuple[_Part, ...]:
    return _compile(_LAYOUTS[message], version)


def _compile(layout: tuple[Field, ...], version: int) -> tuple[_Part, ...]:
    """A layout at one version, with neighbouring names gathered into blocks."""
    parts: list[_Part] = []
    names: list[str] = []

    def close_block() -> None:
        if names:
            parts.append(_Block(tuple(names), _getter(tuple(names))))
            names.clear()

    def add(entries: tuple[Field, ...]) -> None:
        for entry in entries:
            match entry:
                case str():
                    names.append(entry)
                case Since():
                    if version >= entry.version:
                        add(entry.fields)
                case Before():
                    if version < entry.version:
                        add(entry.fields)
                case When():
                    close_block()
                    parts.append(_Branch(entry.test, _compile(entry.fields, version)))
                case _:
                    close_block()
                    parts.append(entry)

    add(layout)
    close_block()
    return tuple(parts)


def _getter(names: tuple[str, ...]) -> Callable[[Values], tuple[str, ...]]:
    if len(names) == 1:
        (name,) = names
        return lambda values: (values[name],)
    return itemgetter(*names)


class _Cursor:
    """Walks a compiled layout over fields, and fills a section with them."""

    __slots__ = ("_at", "_fields", "_section")

    def __init__(self, fields: Sequence[str], section: Section) -> None:
        self._fields = fields
        self._section = section
        self._at = 0

    def take(self, parts: tuple[_Part, ...]) -> None:
        values = self._section.values
        for part in parts:
            match part:
                case _Block():
                    values.update(zip(part.names, self._next(len(part.names), part.names[0]), strict=True))
                case _Branch():
                    if part.test(values):
                        self.take(part.parts)
                case Repeated():
                    self._section.groups[part.name] = self._rows(part)
                case Conditions():
                    self._section.groups[part.name] = self._conditions(part.name)

    def _next(self, count: int, name: str) -> Sequence[str]:
        end = self._at + count
        if end > len(self._fields):
            raise WireError(f"The order ends in or before the fields that start with {name}.")
        values = self._fields[self._at : end]
        self._at = end
        return values

    def _count(self, name: str) -> int:
        (text,) = self._next(1, name)
        count = integer(text, name)
        if not 0 <= count <= MAX_ROWS:
            raise WireError(
                f"The order has {text[:MAX_NUMBER_LENGTH]} {name}; at most {MAX_ROWS} are allowed."
            )
        return count

    def _row(self, name: str, kinds: str) -> list[str]:
        values = self._next(len(kinds), name)
        return [
            _canonical(name, kind, value) or ("" if kind == "t" else "0")
            for kind, value in zip(kinds, values, strict=True)
        ]

    def _rows(self, group: Repeated) -> tuple[str, ...]:
        count = self._count(group.name)
        flat = [str(count)]
        for _ in range(count):
            flat += self._row(group.name, group.kinds)
        return tuple(flat)

    def _conditions(self, name: str) -> tuple[str, ...]:
        count = self._count(name)
        flat = [str(count)]
        for _ in range(count):
            (kind,) = self._next(1, name)
            if kind not in CONDITION_KINDS:
                raise WireError(f"The order has a condition of unknown type {kind[:40]!r}.")
            flat += [kind, *self._row(name, CONDITION_KINDS[kind])]
        if count:
            flat += self._row(name, "ff")
        return tuple(flat)


Groups = Mapping[str, tuple[str, ...]]


def _written(message: str, values: Values, groups: Groups, version: int, now: Mapping[str, str]) -> list[str]:
    fields: list[str] = []
    _write(_compiled(message, version), {**_REPLY_DEFAULTS, **values, **now}, groups, fields)
    return fields


def _write(parts: tuple[_Part, ...], values: Values, groups: Groups, fields: list[str]) -> None:
    for part in parts:
        match part:
            case _Block():
                fields += part.get(values)
            case _Branch():
                if part.test(values):
                    _write(part.parts, values, groups, fields)
            case Repeated() | Conditions():
                fields += groups.get(part.name, ("0",))
