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
    PLACE_ORDER,
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

_AS_IT_IS = ("", "0", "1")
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


@dataclass(frozen=True, slots=True)
class OrderForm:
    """
    One order as a client filled it in.

    Attributes:
        values: each field by its name in the TWS API, as canonical text (unset: empty).
        groups: legs, parameters and conditions, each as the flat texts of its fields with the
            count first.
    """

    values: Values
    groups: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ClientOrder:
    """A placeOrder request as it came, compact enough to be kept for every order."""

    fields: str
    version: int

    def form(self) -> OrderForm:
        """
        The same, named; not to be changed. Raises WireError as :func:`read_place_order` does.

        Remembered for a while: an order is echoed several times soon after it came.
        """
        return _form(self)


@lru_cache(maxsize=512)
def _form(order: ClientOrder) -> OrderForm:
    return read_place_order(order.fields.split("\0"), order.version)


def read_place_order(fields: Sequence[str], version: int) -> OrderForm:
    """
    Read the fields of a placeOrder request (message id first).

    Raises:
        WireError: it is too short, or a field does not hold what it should; names the field.
    """
    form = OrderForm({}, {})
    values = form.values
    _Cursor(fields, form).take(_compiled("placeOrder", version))
    for name, value in [item for item in values.items() if item[1] not in _AS_IT_IS]:
        values[name] = _canonical(name, _KINDS.get(name, "t"), value)
    for name in [name for name in _WHEN_EMPTY if not values.get(name, "absent")]:
        values[name] = _WHEN_EMPTY[name]
    return form


def open_order_fields(form: OrderForm, version: int, now: Mapping[str, str]) -> list[str]:
    """The fields of openOrder: the form, overlaid with what the exchange knows ``now``."""
    return _written("openOrder", form, version, {"messageId": "5", **now})


def completed_order_fields(form: OrderForm, version: int, now: Mapping[str, str]) -> list[str]:
    """The fields of completedOrder: the form, overlaid with what the exchange knows ``now``."""
    return _written("completedOrder", form, version, {"messageId": "101", **now})


def rewritten(message: str, fields: Sequence[str], version: int, changes: Mapping[str, str]) -> list[str]:
    """The fields of a written openOrder or completedOrder with other values in some of them."""
    form = OrderForm({}, {})
    _Cursor(fields, form, at=0).take(_compiled(message, version))
    return _written(message, form, version, changes)


def place_order_fields(values: Mapping[str, str]) -> list[str]:
    """The fields of placeOrder at the newest version, all but ``values`` at their defaults."""
    form = OrderForm(dict.fromkeys(message_fields("placeOrder"), "") | _WHEN_EMPTY, {})
    return ["3", *_written("placeOrder", form, NEWEST_VERSION, values)]


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


_LAYOUTS = {"placeOrder": PLACE_ORDER, "openOrder": OPEN_ORDER, "completedOrder": COMPLETED_ORDER}


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
    """Walks a compiled layout over the fields of one request."""

    __slots__ = ("_at", "_fields", "_form")

    def __init__(self, fields: Sequence[str], form: OrderForm, at: int = 1) -> None:
        self._fields = fields
        self._form = form
        self._at = at

    def take(self, parts: tuple[_Part, ...]) -> None:
        values = self._form.values
        for part in parts:
            match part:
                case _Block():
                    values.update(zip(part.names, self._next(len(part.names), part.names[0]), strict=True))
                case _Branch():
                    if part.test(values):
                        self.take(part.parts)
                case Repeated():
                    self._form.groups[part.name] = self._rows(part)
                case Conditions():
                    self._form.groups[part.name] = self._conditions(part.name)

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


def _written(message: str, form: OrderForm, version: int, now: Mapping[str, str]) -> list[str]:
    fields: list[str] = []
    _write(_compiled(message, version), {**_REPLY_DEFAULTS, **form.values, **now}, form, fields)
    return fields


def _write(parts: tuple[_Part, ...], values: Values, form: OrderForm, fields: list[str]) -> None:
    for part in parts:
        match part:
            case _Block():
                fields += part.get(values)
            case _Branch():
                if part.test(values):
                    _write(part.parts, values, form, fields)
            case Repeated() | Conditions():
                fields += form.groups.get(part.name, ("0",))
