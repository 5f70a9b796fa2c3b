"""
A sample day of order intents: what strategies send on an ordinary day, and what goes wrong on it.

Pure and seeded: the same seed and prices give the same messages, byte for byte.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

SYMBOLS: Final = ("SPY", "QQQ", "AAPL", "MSFT", "NVDA", "AMD", "JPM", "XOM", "KO", "INTC")
WEIGHTS: Final = (6, 2, 2, 2, 2, 2, 2, 2, 2, 2)
STRATEGIES: Final = ("momentum", "pairs", "rebalance")
KINDS: Final = {"market": 30, "taking limit": 22, "resting limit": 22, "stop": 13, "stop limit": 13}
"""Kind of order -> how many in a hundred."""
ORDERS: Final = 208
TURN: Final = 900
"""Shares of one symbol at which a strategy turns back, so that no position runs away."""
CENT: Final = Decimal("0.01")
EDGE: Final = (0.02, 0.9)
"""Part of the day in which new orders come; the cancels of those that rest come later."""


class Message(NamedTuple):
    """One message for the topic of intents, ``at`` seconds after the day began."""

    at: float
    key: bytes
    body: bytes


class Day(NamedTuple):
    """
    The messages in the order they are sent.

    Attributes:
        intent_ids: every id that an order or a denial must be known under in the end.
        repeats: messages that bring a known id again with the same content; nothing may come of them.
        conflicts: messages that bring a known id with other content; each is denied.
        dead: messages that must end in the dead letters.
    """

    messages: tuple[Message, ...]
    intent_ids: frozenset[str]
    repeats: int
    conflicts: int
    dead: int


def sample_day(seed: int, prices: Mapping[str, Decimal], seconds: float) -> Day:
    """
    A day of about 250 messages.

    Args:
        seed: the same seed gives the same day.
        prices: rough price of each of ``SYMBOLS``, USD.
        seconds: how long the day lasts.
    """
    draw = random.Random(f"{seed}/sample day")  # noqa: S311 - not for secrets
    orders = list(_orders(draw, prices))
    timed = [(at, intent) for at, intent, _ in orders]
    for at, intent, resting in orders:
        if resting and draw.random() < 0.6:
            timed.append((draw.uniform(at, 1.0), _cancel(intent["intent_id"])))
    timed += [(draw.uniform(*EDGE), intent) for intent in _bad(prices)]
    # A bus delivers at least once: two intents come again as they were, two ids with another order.
    first, second = orders[0][1], orders[1][1]
    again = [(0.5, first), (0.6, second)]
    conflicting = [(0.7, first | {"quantity": 1}), (0.8, second | {"quantity": 7})]
    unreadable = [(0.2, b"buy 100 SPY"), (0.4, b'{"intent_id": "n-1", "quantity": NaN}'), (0.6, b"[1]")]
    messages = [
        Message(at * seconds, intent.get("strategy_id", "desk").encode(), msgspec.json.encode(intent))
        for at, intent in [*timed, *again, *conflicting]
    ]
    messages += [Message(at * seconds, b"desk", body) for at, body in unreadable]
    return Day(
        tuple(sorted(messages, key=lambda message: message.at)),
        frozenset(intent["intent_id"] for _, intent in timed),
        len(again),
        len(conflicting),
        # An intent of a newer schema is denied by its id, and kept for who can read it.
        len(unreadable) + 1,
    )


def _orders(
    draw: random.Random, prices: Mapping[str, Decimal]
) -> Iterator[tuple[float, dict[str, Any], bool]]:
    """(time as a part of the day, intent, whether it is meant to rest) of every good order."""
    position = dict.fromkeys(SYMBOLS, 0)
    times = sorted(draw.uniform(*EDGE) for _ in range(ORDERS))
    for number, at in enumerate(times, 1):
        symbol = draw.choices(SYMBOLS, WEIGHTS)[0]
        price = prices[symbol]
        quantity = 100 * draw.randint(1, 5 if price > 100 else 9)
        buys = position[symbol] <= -TURN or (position[symbol] < TURN and draw.random() < 0.5)
        kind = draw.choices(tuple(KINDS), tuple(KINDS.values()))[0]
        if kind != "resting limit":
            position[symbol] += quantity if buys else -quantity
        intent = {
            "intent_id": f"day-{number:03d}",
            "symbol": symbol,
            "direction": "BUY" if buys else "SELL",
            "quantity": quantity,
            "strategy_id": draw.choice(STRATEGIES),
            "signal_strength": round(draw.uniform(-1, 1), 2),
        }
        yield at, intent | _terms(draw, kind, 1 if buys else -1, price), kind == "resting limit"


def _terms(draw: random.Random, kind: str, sign: int, price: Decimal) -> dict[str, Any]:
    """Order type and prices; the market moves a few basis points in the course of the day."""
    match kind:
        case "market":
            return {"order_type": "MARKET"}
        case "taking limit":
            return {"order_type": "LIMIT", "limit_price": _near(price, sign * draw.uniform(3, 8))}
        case "resting limit":
            return {"order_type": "LIMIT", "limit_price": _near(price, -sign * draw.uniform(2, 20))}
        case "stop":
            return {"order_type": "STOP", "stop_price": _near(price, sign * draw.uniform(-1, 4))}
    stop = draw.uniform(-1, 4)
    return {
        "order_type": "STOP_LIMIT",
        "stop_price": _near(price, sign * stop),
        "limit_price": _near(price, sign * (stop + draw.uniform(0, 4))),
    }


def _near(price: Decimal, bps: float) -> float:
    """A price some basis points away, on the grid of cents."""
    return float((price * (1 + Decimal(bps) / 10_000)).quantize(CENT))


def _cancel(target: str) -> dict[str, Any]:
    return {"intent_id": f"cancel-{target}", "action": "CANCEL", "target_intent_id": target}


def _bad(prices: Mapping[str, Decimal]) -> Iterator[dict[str, Any]]:
    """What a day brings besides: mistakes that we must deny, and some that the broker must reject."""
    spy, past = float(prices["SPY"]), "2020-01-02T14:30:00Z"
    mistakes: dict[str, dict[str, Any]] = {
        "too-large": {"quantity": 5_000},
        "too-large-2": {"symbol": "KO", "quantity": 90_000},
        "limit-on-market": {"limit_price": spy},
        "no-limit": {"order_type": "LIMIT"},
        "no-stop": {"order_type": "STOP"},
        "no-such-symbol": {"symbol": "SPYY"},
        "no-such-symbol-2": {"symbol": "NVDIA"},
        "not-a-number": {"quantity": "NaN"},
        "negative": {"quantity": -100},
        "zero": {"quantity": 0},
        "wrong-case": {"direction": "buy"},
        "misspelled": {"order_typ": "MARKET", "order_type": None},
        "stale": {"created_at": past},
        "stale-2": {"symbol": "MSFT", "valid_until": past},
        # A limit typed without its decimal point.
        "fat-finger": {"order_type": "LIMIT", "quantity": 900, "limit_price": round(spy * 100)},
        "fat-finger-2": {
            "symbol": "MSFT",
            "order_type": "LIMIT",
            "quantity": 900,
            "limit_price": round(float(prices["MSFT"]) * 100),
        },
        "off-grid": {"order_type": "LIMIT", "limit_price": spy + 0.003},
        "off-grid-2": {"symbol": "AAPL", "order_type": "STOP", "stop_price": float(prices["AAPL"]) + 0.005},
    }
    for name, change in mistakes.items():
        intent = {
            "intent_id": f"bad-{name}",
            "symbol": "SPY",
            "direction": "BUY",
            "quantity": 100,
            "order_type": "MARKET",
            "strategy_id": "desk",
        }
        yield {field: value for field, value in (intent | change).items() if value is not None}
    yield {"intent_id": "bad-from-the-future", "schema_version": 99, "symbol": "SPY"}
    yield {"intent_id": "bad-cancel", "action": "CANCEL", "target_intent_id": "never-sent"}
