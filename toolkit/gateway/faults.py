"""
The plan of what is to go wrong: which fault, at which message, how often, from when until when.

Pure: no sockets and no clock (``now`` is any number of seconds that never falls). What each fault
does is told in :data:`FAULTS`; ``fault_line`` and ``fault_broker`` do it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from toolkit.errors import ConfigError
from toolkit.gateway.fault_messages import ENDS, REPLIES, REQUESTS, Seen, field_names


class Kind(NamedTuple):
    """
    What one fault is called for.

    Attributes:
        text: what it does.
        at: names of the messages it may be set on; empty: it happens by itself, at no message.
        options: its own options with their defaults.
        needs: options that must be given.
        message: the message it is set on when none is named; "" with ``at``: one must be named.
        alone: it may also happen by itself, at no message.
        times: how often it happens when nothing is said; 0 is without end.
    """

    text: str
    at: frozenset[str] = frozenset()
    options: Mapping[str, Any] = {}
    needs: tuple[str, ...] = ()
    message: str = ""
    alone: bool = False
    times: int = 1


_REPLY, _REQUEST = frozenset(REPLIES), frozenset(REQUESTS)
_ANY = _REPLY | _REQUEST
_INACTIVE = ("openOrder", "orderStatus", "error")
_ORDER = frozenset({"placeOrder"})

FAULTS: Mapping[str, Kind] = {
    # one message
    "drop": Kind("the message is lost", _ANY),
    "delay": Kind("it comes `seconds` late, and others overtake it", _ANY, {"seconds": 1.0}),
    "duplicate": Kind("it comes again `copies` times, the copies changed by `set`", _ANY,
                      {"copies": 1, "set": {}}),
    "reorder": Kind("it comes after the next `behind`, or `seconds` later", _REPLY,
                    {"behind": "", "seconds": 1.0}, needs=("behind",)),
    "mutate": Kind("its fields are changed by `set`", _REPLY, {"set": {}}, needs=("set",)),
    "early_end": Kind("the end comes before the rows, which are lost unless `late`",
                      frozenset(ENDS), {"late": False}),
    "error": Kind("`code` and `text` are sent with its order or request id, after it or `before`",
                  _ANY, {"code": 0, "text": "", "before": False}, needs=("code",)),
    # one session
    "mute": Kind("for `seconds` (0: for ever) requests are read and, if `served`, acted on, without a word",
                 _ANY, {"seconds": 0.0, "served": True}, alone=True),
    "freeze": Kind("for `seconds` (0: for ever) nothing is read or written", _ANY, {"seconds": 0.0},
                   alone=True),
    "reset": Kind("RST, `seconds` after a request (`served` or not) or after `bytes` of a reply", _ANY,
                  {"bytes": 0, "seconds": 0.0, "served": True}, alone=True),
    "half": Kind("`bytes` of it (0: half) are sent, then the end, or nothing more if `hang`", _REPLY,
                 {"bytes": 0, "hang": False}),
    "close": Kind("the connection is closed after it, or `before`", _ANY, {"before": False}, alone=True),
    "refuse": Kind("a client that names itself is told `code` and closed", frozenset({"startApi"}),
                   {"code": 326, "text": ""}, message="startApi", times=0),
    "dialog": Kind("the first order of each connection is lost, as behind an unseen dialog", _ORDER,
                   message="placeOrder", times=0),
    "notice": Kind("`code` and `text` are sent with id -1", _ANY, {"code": 0, "text": ""},
                   needs=("code",), alone=True),
    "roll_ids": Kind("nextValidId falls back by `count`", options={"count": 1}),
    "lose_executions": Kind("executions so far are no longer told"),
    # the broker
    "reject": Kind("refused with `code`; `inactive` names what is told, in its order", _ORDER,
                   {"code": 201, "text": "", "inactive": ""}, message="placeOrder"),
    "locate": Kind("held with 404 until shares are located, `seconds` later", _ORDER,
                   {"seconds": 1.0}, message="placeOrder"),
    "side_limit": Kind("more than `limit` working orders on one side of a contract are refused", _ORDER,
                       {"limit": 20}, message="placeOrder", times=0),
    "twin": Kind("a change makes a second live order under the same id; the first one lives on", _ORDER,
                 message="placeOrder"),
    "fill_after_cancel": Kind("told cancelled, and yet filled at `price` (0: its limit or the quote) "
                              "`seconds` later", frozenset({"cancelOrder"}),
                              {"seconds": 0.0, "price": 0.0}, message="cancelOrder"),
    "foreign": Kind("client `owner` (0: by hand) orders `quantity` of `symbol`, at `limit` (0: the market)",
                    options={"symbol": "", "action": "BUY", "quantity": 100, "limit": 0.0, "owner": 999},
                    needs=("symbol",)),
    "liquidate": Kind("the broker closes the position in `symbol` at the market",
                      options={"symbol": ""}, needs=("symbol",)),
    "correct": Kind("the last execution is corrected to `price`", options={"price": 0.0}, needs=("price",)),
}  # fmt: skip
"""Every fault by its name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One fault as it was asked for.

    Attributes:
        number: by which it is cleared.
        name: one of :data:`FAULTS`.
        message: where it strikes; "" when it happens by itself.
        client: of this client id only.
        order_id, order_ref: of this order only (an empty reference means any).
        skip: how often it lets such a message pass first.
        times: how often it strikes, 0 without end.
        after: seconds from now until it begins, or happens.
        until: seconds from now until it ends, 0 for never.
        options: its own, all of them.
    """

    number: int
    name: str
    message: str = ""
    client: int | None = None
    order_id: int | None = None
    order_ref: str = ""
    skip: int = 0
    times: int = 1
    after: float = 0.0
    until: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As it can be asked for again, with its number."""
        conditions = {name: getattr(self, name) for name in _CONDITIONS}
        given = {name: value for name, value in conditions.items() if value not in (None, "", 0)}
        return {"number": self.number, "fault": self.name, **given, "times": self.times, **self.options}


_CONDITIONS: Mapping[str, Any] = {
    "message": "", "client": 0, "order_id": 0, "order_ref": "", "skip": 0, "times": 0, "after": 0.0,
    "until": 0.0,
}  # fmt: skip


def read_fault(number: int, asked: Mapping[str, Any]) -> Fault:
    """
    A fault from plain values: ``fault`` (its name), the conditions of :class:`Fault`, its options.

    Raises:
        ConfigError: a name is unknown (the nearest known one is told), missing or not of its type.
    """
    values = dict(asked)
    name = values.pop("fault", None)
    if not isinstance(name, str) or name not in FAULTS:
        raise ConfigError(f"There is no fault {name!r}; the nearest is {nearest(name, FAULTS)}.")
    kind = FAULTS[name]
    known = dict(_CONDITIONS) | dict(kind.options)
    for option, value in values.items():
        if option not in known:
            raise ConfigError(
                f"Fault {name} has no field {option!r}; the nearest is {nearest(option, known)}."
            )
        values[option] = _of_type(name, option, value, known[option])
    for option in kind.needs:
        if not values.get(option):
            raise ConfigError(f"Fault {name} needs {option}: {kind.text}.")
    message = values.pop("message", "") or kind.message
    _check_message(name, kind, message)
    for changed in values.get("set", {}):
        if changed not in field_names(message):
            raise ConfigError(
                f"Message {message} has no field {changed!r}; the nearest is "
                f"{nearest(changed, field_names(message))}."
            )
    if (behind := values.get("behind")) and behind not in REPLIES:
        raise ConfigError(f"There is no message {behind!r}; the nearest is {nearest(behind, REPLIES)}.")
    for told in filter(None, str(values.get("inactive", "")).split(",")):
        if told not in _INACTIVE:
            raise ConfigError(f"Nothing called {told!r} is told; the nearest is {nearest(told, _INACTIVE)}.")
    options = {option: values.pop(option, default) for option, default in kind.options.items()}
    values.setdefault("times", kind.times)
    return Fault(number=number, name=name, message=message, options=options, **values)


def nearest(name: object, known: Iterable[str]) -> str:
    """The known name that looks most like this one."""
    return difflib.get_close_matches(str(name), known, n=1, cutoff=0.0)[0]


class Plan:
    """The faults that are set, and how often each has been met."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._begun: dict[int, float] = {}
        self._met: dict[int, int] = {}
        self._number = 0

    def __bool__(self) -> bool:
        return bool(self._faults)

    def add(self, asked: Mapping[str, Any], now: float) -> Fault:
        """Set a fault. Raises ConfigError as :func:`read_fault` does."""
        fault = read_fault(self._number + 1, asked)
        self._number = fault.number
        if fault.message:
            self._faults[fault.number] = fault
            self._begun[fault.number] = now
            self._met[fault.number] = 0
        return fault

    def clear(self, number: int | None = None) -> None:
        """Take one fault back, or all. Raises ConfigError: there is none with this number."""
        if number is None:
            self._faults.clear()
        elif self._faults.pop(number, None) is None:
            raise ConfigError(f"No fault with number {number} is set.")

    def active(self) -> list[Fault]:
        """The faults that are set, oldest first."""
        return list(self._faults.values())

    def strike(self, seen: Seen, now: float) -> list[Fault]:
        """The faults that strike this message, oldest first; they count as met."""
        struck: list[Fault] = []
        for fault in tuple(self._faults.values()):
            if not self._fits(fault, seen, now):
                continue
            self._met[fault.number] += 1
            if self._met[fault.number] <= fault.skip:
                continue
            struck.append(fault)
            if fault.times and self._met[fault.number] >= fault.skip + fault.times:
                del self._faults[fault.number]
        return struck

    def _fits(self, fault: Fault, seen: Seen, now: float) -> bool:
        age = now - self._begun[fault.number]
        if fault.until and age >= fault.until:
            del self._faults[fault.number]
            return False
        return (
            fault.message == seen.message
            and age >= fault.after
            and fault.client in (None, seen.client)
            and fault.order_id in (None, seen.order_id)
            and fault.order_ref in ("", seen.order_ref)
        )


def _check_message(name: str, kind: Kind, message: str) -> None:
    if message and message not in kind.at:
        if message in _ANY or not kind.at:
            raise ConfigError(f"Fault {name} cannot be set on message {message!r}: {kind.text}.")
        raise ConfigError(f"There is no message {message!r}; the nearest is {nearest(message, kind.at)}.")
    if not message and kind.at and not kind.alone:
        raise ConfigError(f"Fault {name} needs message, the one it is set on, for example orderStatus.")


def _of_type(fault: str, option: str, value: Any, default: Any) -> Any:
    """The value in the type of its default: a whole number is fine where a number is due."""
    wanted = type(default)
    if wanted is float and type(value) is int:
        return float(value)
    if isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool):
        return value
    words = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "a text",
        dict: "a mapping",
    }
    raise ConfigError(f"Field {option} of fault {fault} should be {words[wanted]} and is {value!r}.")
