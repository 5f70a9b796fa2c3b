"""
What broken and hostile clients send, from a seed. No socket and no clock in here.

The raw material is every request that ib_async can write. A request that cancels the orders of all
clients is left out: it is honest, and would disturb another session by its very purpose.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from random import Random
from types import SimpleNamespace
from typing import Any

from ib_async import Contract, ExecutionFilter, LimitOrder, MarketOrder, Order, Stock, StopOrder
from ib_async.client import Client
from ib_async.objects import ScannerSubscription, WshEventData

from toolkit.gateway.wire import MAX_FRAME_BYTES, NEWEST_VERSION, frame

ACCOUNT = "DU9999999"
"""The account that the garbage trades in."""

SYMBOLS = ("AAPL", "MSFT", "QQQ", "KO", "NOSUCH")
"""What the garbage trades."""

HELLO = b"API\0" + b"\0\0\0\x09v157..178"
PROBE_ID = "424242"
PROBE = frame(["81", PROBE_ID, "zzzz"])
"""reqMatchingSymbols under an id that nothing else carries: whoever is still connected is answered."""

_VERBS = (
    *("req", "cancel", "place", "calculate", "exercise", "replace", "query", "subscribe", "unsubscribe"),
    *("verify", "setServer", "startApi", "updateDisplay"),
)
_GLOBAL_CANCEL = "58"
_NASTY = (
    *("", "0", "-0", "1", "-1", "-2147483648", "2147483647", "2147483648", "9223372036854775807", "9" * 19),
    *(
        "9" * 41,
        "1e30",
        "-1e30",
        "1e-30",
        "1e31",
        "1e308",
        "1.7976931348623157E308",
        "NaN",
        "sNaN",
        "Infinity",
    ),
    *("0.00000001", "0.123456789", "100", "1e15", "+1", "--1", "1_0", "0x10", "٣", "²", " 1", "1 ", "true"),
    *(
        "é",
        "日本",
        "\x7f",
        "\\",
        "\\u0041",
        "%s%n",
        "\x1b[2J",
        "'; drop table",
        "../../etc/passwd",
        "a" * 5000,
    ),
    *("00010101 00:00:00 Asia/Tokyo", "99991231 23:59:59 America/New_York", "20260230 10:00:00", "UTC"),
    *("20260102 15:30:00 America", "20260102-15:30:00", "00000000 00:00:00", "D", "W", "1 D", "1 min"),
    *(
        "BUY",
        "SELL",
        "SSHORT",
        "MKT",
        "LMT",
        "STP",
        "STP LMT",
        "TRAIL",
        "TRAIL LIMIT",
        "MOC",
        "LOC",
        "MIT",
        "REL",
    ),
    *(
        "DAY",
        "GTC",
        "IOC",
        "FOK",
        "OPG",
        "GTD",
        "STK",
        "FUT",
        "OPT",
        "CASH",
        "BAG",
        "CMDTY",
        "SMART",
        "ISLAND",
    ),
    *(
        "ES",
        "EUR",
        "USD",
        "C",
        "P",
        "20261218",
        "202612",
        ACCOUNT,
        "ALL",
        "All",
        "$LEDGER:ALL",
        "BidAsk",
        "Last",
    ),
)
"""Values that readers of numbers, times and words have stumbled over."""


@dataclass(frozen=True, slots=True)
class Attack:
    """
    One connection's worth of garbage.

    Attributes:
        kind: what it tries.
        chunks: what it sends, one write each.
        pause: seconds between two writes.
        reads: whether it takes what comes back.
        linger: seconds it stays after the last write.
        end: ``close``, ``reset``, or ``probe``: its framing was sound, so one more request has to be
            answered, or the connection closed.
    """

    kind: str
    chunks: tuple[bytes, ...]
    pause: float = 0.0
    reads: bool = True
    linger: float = 0.0
    end: str = "close"


def attack(seed: int, number: int) -> Attack:
    """The attack with this number; the same seed gives the same attacks."""
    random = Random(f"{seed}/{number}")
    kind = random.choice(tuple(_KINDS))
    return _KINDS[kind](random, _opening(random, number))


def _opening(random: Random, number: int) -> bytes:
    """Hello and name of an honest client, now and then of one whose name is taken."""
    client_id = 1 if random.random() < 0.02 else 100 + number
    return HELLO + frame(["71", "2", str(client_id), ""])


@cache
def requests(version: int = NEWEST_VERSION) -> tuple[tuple[str, ...], ...]:
    """The fields of every request that ib_async writes, and of orders of each type."""
    written: list[str] = []
    client = Client(SimpleNamespace())
    client._serverVersion = version
    client.connState = Client.CONNECTED
    client.sendMsg = written.append  # type: ignore[method-assign]
    for name, method in inspect.getmembers(client, inspect.ismethod):
        if name.startswith(_VERBS):
            method(*(_argument(parameter) for parameter in inspect.signature(method).parameters))
    for symbol in SYMBOLS:
        for order_id, order in enumerate(_orders(), 1):
            client.placeOrder(order_id, Stock(symbol, "SMART", "USD"), order)
            client.cancelOrder(order_id)
    frames = (tuple(message.split("\0")[:-1]) for message in written)
    return tuple(fields for fields in frames if fields[0] != _GLOBAL_CANCEL)


@cache
def _by_message(version: int) -> tuple[tuple[tuple[str, ...], ...], ...]:
    kinds: dict[str, list[tuple[str, ...]]] = {}
    for fields in requests(version):
        kinds.setdefault(fields[0], []).append(fields)
    return (*map(tuple, kinds.values()), *[tuple(kinds["3"])] * 10)


def _orders() -> tuple[Order, ...]:
    terms: dict[str, Any] = {"account": ACCOUNT, "orderRef": "garbage"}
    return (
        MarketOrder("BUY", 100, **terms),
        MarketOrder("SELL", 300, **terms),
        MarketOrder("BUY", 1, whatIf=True, **terms),
        LimitOrder("BUY", 100, 1.5, tif="GTC", **terms),
        LimitOrder("SELL", 100, 1.5, tif="IOC", **terms),
        StopOrder("SELL", 100, 1.25, **terms),
        Order(action="BUY", totalQuantity=7, orderType="TRAIL", auxPrice=0.5, **terms),
        LimitOrder("BUY", 10, 2, parentId=4, transmit=False, ocaGroup="g", ocaType=2, **terms),
    )


def _argument(name: str) -> Any:
    known: dict[str, Any] = {
        "contract": Contract(symbol="AAPL", secType="STK", exchange="SMART", currency="USD"),
        "order": _orders()[0],
        "execFilter": ExecutionFilter(),
        "subscription": ScannerSubscription(),
        "data": WshEventData(),
        "account": ACCOUNT,
        "acctCode": ACCOUNT,
        "groupName": "All",
        "tags": "NetLiquidation,$LEDGER:ALL",
        "pattern": "a",
        "tickType": "BidAsk",
        "subscribe": True,
        "genericTickList": "",
        "orderId": 1,
    }
    return known.get(name, [] if name.endswith(("Options", "Params")) else 1)


# ---- mutations ------------------------------------------------------------------------------------


def _request(random: Random) -> list[str]:
    """One request, four times out of five spoilt in up to four places; each message as often as the next."""
    fields = list(random.choice(random.choice(_by_message(random.choice((157, 163, 170, NEWEST_VERSION))))))
    if random.random() < 0.8:
        for _ in range(random.randint(1, 4)):
            random.choice(_SPOILERS)(random, fields)
    return fields if fields and fields[0] != _GLOBAL_CANCEL else ["8", "1"]


def _replace(random: Random, fields: list[str]) -> None:
    if fields:
        fields[random.randrange(len(fields))] = random.choice(_NASTY)


def _scribble(random: Random, fields: list[str]) -> None:
    if fields:
        text = "".join(
            chr(random.choice((random.randint(1, 127), random.randint(1, 0x2FF)))) for _ in range(9)
        )
        fields[random.randrange(len(fields))] = text


def _number(random: Random, fields: list[str]) -> None:
    if fields:
        fields[random.randrange(len(fields))] = str(random.randint(-(10 ** random.randint(0, 20)), 10**9))


def _drop(random: Random, fields: list[str]) -> None:
    if len(fields) > 1:
        del fields[random.randrange(1, len(fields))]


def _insert(random: Random, fields: list[str]) -> None:
    fields.insert(random.randint(0, len(fields)), random.choice(_NASTY))


def _cut(random: Random, fields: list[str]) -> None:
    del fields[random.randint(1, max(1, len(fields))) :]


def _repeat(random: Random, fields: list[str]) -> None:
    fields += fields[random.randint(0, len(fields)) :] * random.randint(1, 20)


def _splice(random: Random, fields: list[str]) -> None:
    other = random.choice(requests())
    fields[random.randint(0, len(fields)) :] = other[random.randint(0, len(other)) :]


_SPOILERS = (_replace, _replace, _replace, _number, _scribble, _drop, _insert, _cut, _repeat, _splice)


def _frame(fields: list[str]) -> bytes:
    """As ``wire.frame``, but in UTF-8, as clients write."""
    payload = ("\0".join(fields) + "\0").encode()
    return len(payload).to_bytes(4, "big") + payload


def _pieces(random: Random, data: bytes, most: int) -> tuple[bytes, ...]:
    cuts = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(most)))
    edges = [0, *cuts, len(data)]
    return tuple(data[start:end] for start, end in pairwise(edges))


# ---- kinds of attack ------------------------------------------------------------------------------


def _noise(random: Random, _: bytes) -> Attack:
    return Attack("noise", (random.randbytes(random.randint(1, 5000)),))


def _handshake(random: Random, _: bytes) -> Attack:
    hello = bytearray(HELLO + frame(["71", "2", "1", ""]))
    for _turn in range(random.randint(1, 5)):
        hello[random.randrange(len(hello))] = random.randrange(256)
    del hello[random.randint(1, len(hello)) :]
    return Attack("handshake", _pieces(random, bytes(hello), 4), linger=random.random() / 5)


def _requests(random: Random, opening: bytes) -> Attack:
    frames = b"".join(_frame(_request(random)) for _ in range(random.randint(1, 40)))
    return Attack("requests", (opening, *_pieces(random, frames, 5)), end="probe")


def _spoilt_bytes(random: Random, opening: bytes) -> Attack:
    data = bytearray(b"".join(_frame(_request(random)) for _ in range(random.randint(1, 10))))
    for _ in range(random.randint(1, 8)):
        data[random.randrange(len(data))] = random.randrange(256)
    return Attack("spoilt bytes", (opening, bytes(data)), linger=random.random() / 10)


def _half(random: Random, opening: bytes) -> Attack:
    data = b"".join(_frame(_request(random)) for _ in range(random.randint(1, 5)))
    cut = data[: random.randint(1, len(data))]
    return Attack("half frame", (opening, cut), end=random.choice(("close", "reset")))


def _length(random: Random, opening: bytes) -> Attack:
    length = random.choice((0, 1, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 1 << 31, (1 << 32) - 1))
    body = random.randbytes(random.randint(0, 20_000))
    return Attack("length", (opening, length.to_bytes(4, "big"), body), linger=random.random() / 5)


def _long(random: Random, opening: bytes) -> Attack:
    """As much as one frame may hold: one field, or as many as there can be."""
    body = random.choice((b"1\0", b"\0", b"9" * 1000, b"a\0a")) * (MAX_FRAME_BYTES // 3)
    head = random.choice(requests())[0].encode() + b"\0"
    payload = (head + body)[: MAX_FRAME_BYTES - 1] + b"\0"
    return Attack("longest frame", (opening, len(payload).to_bytes(4, "big") + payload), end="probe")


def _drip(random: Random, opening: bytes) -> Attack:
    data = opening + b"".join(_frame(_request(random)) for _ in range(3))
    start = random.choice((0, len(opening)))
    chunks = (data[:start], *(data[at : at + 1] for at in range(start, min(len(data), start + 200))))
    return Attack("slow drip", chunks, pause=random.uniform(0.001, 0.02))


def _flood(random: Random, opening: bytes) -> Attack:
    fields = _request(random)
    count = 100 if fields[0] == "3" else 3000
    return Attack(
        "flood", (opening, _frame(fields) * min(count, 2_000_000 // len(_frame(fields)))), end="probe"
    )


def _subscriber(random: Random, opening: bytes) -> Attack:
    """One subscription after the other, each under an id of its own."""
    wanted = [fields for fields in requests() if fields[0] in {"1", "62", "74", "76", "92", "94", "97"}]
    fields = list(random.choice(wanted))
    at = 2 if fields[0] in {"1", "62", "74", "76"} else 1
    frames = b"".join(_frame([*fields[:at], str(n), *fields[at + 1 :]]) for n in range(2000))
    return Attack("subscriptions", (opening, frames), linger=random.random(), end="probe")


def _deaf(random: Random, opening: bytes) -> Attack:
    asks = frame(random.choice((["81", "7", "a"], ["7", "3", "1", *[""] * 7], ["16", "1"], ["99", "0"])))
    return Attack("never reads", (opening, *[asks * 500] * 20), reads=False, linger=1.0, end="reset")


def _idle(random: Random, opening: bytes) -> Attack:
    return Attack("says nothing", (opening[: random.randrange(12)],), linger=random.uniform(0.1, 2))


def _churn(random: Random, opening: bytes) -> Attack:
    """Honest orders, changes and cancels, and a connection that breaks in the middle."""
    orders = [fields for fields in requests() if fields[0] in {"3", "4"}]
    picked = [list(random.choice(orders)) for _ in range(random.randint(1, 100))]
    for fields in picked:
        fields[1 if fields[0] == "3" else 2] = str(random.randint(1, 20))
    sizes = list(accumulate(len(_frame(fields)) for fields in picked))
    data = b"".join(map(_frame, picked))[: random.randint(sizes[0], sizes[-1])]
    return Attack("orders", (opening, *_pieces(random, data, 6)), end=random.choice(("close", "reset")))


_KINDS: dict[str, Callable[[Random, bytes], Attack]] = {
    "noise": _noise,
    "handshake": _handshake,
    "requests": _requests,
    **{f"requests {n}": _requests for n in range(2, 8)},
    "spoilt bytes": _spoilt_bytes,
    "half frame": _half,
    "length": _length,
    "longest frame": _long,
    "slow drip": _drip,
    "flood": _flood,
    "subscriptions": _subscriber,
    "never reads": _deaf,
    "says nothing": _idle,
    "orders": _churn,
}
