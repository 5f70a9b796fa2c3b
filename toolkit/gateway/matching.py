"""
Fill rules of the paper gateway, and :func:`simulate`, which replays recorded events through them.

Deterministic. Times UTC; regular hours are New York's.

- R1: an order is live at its send time plus latency and meets the last quote stamped at or before
  that moment. At equal stamps: quotes, then prints, then our actions.
- R2: each side of the quote offers its displayed size once, and again only when that side changes.
- R3: a market order takes what the opposite quote offers, no deeper levels; the rest waits for the
  next state, or is cancelled after the first partial when directed to one exchange.
- R4: a marketable limit pays the opposite quote and stays a taker while every quote since its
  arrival is at or inside its limit (a quote without that side is not).
- R5: a resting limit fills at its own price when the opposite quote touches or passes it.
- R5q (profile ``queue``): prints fill it too, once the shares displayed ahead of it have traded.
- R6: regular hours; ``outside_rth`` lets LMT and STP LMT trade 04:00-20:00. What waits for the open
  arrives with the first quote stamped in its hours. DAY ends with them. IOC and FOK do not wait.
- R7: stops fire by their trigger method, then arrive as market or limit orders.
- R8: any whole number of shares trades; odd-lot prints never move the last price.
- R9: crossed quotes do nothing; locked ones fill; a missing side offers nothing.
- R10: IOC takes what is offered on arrival; FOK needs it all.
- R11: own orders share what is offered by price, then by time.
- R12: prices must fit the increment: 0.01 at or above 1.00, 0.0001 below.
- R13: cancel and modify take effect at their stamp; a price change is a new arrival, a quantity no
  larger than what is filled completes the order.

Beyond these: a trailing stop (TRAIL) keeps its distance from what its trigger method observes and
never goes back; TRAIL LIMIT takes its limit along, a fixed offset beyond the stop. Orders for the
close (MOC, LOC) trade in full when the regular session ends, at its last price, or at the opposite
quote without any. Brackets and groups: see :mod:`toolkit.gateway.links`.

The ``quote`` profile is pessimistic for passive orders: they fill only when the market moves
through them, and so lose about half a spread or more. The ``queue`` profile is the realistic one
where prints are at hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from toolkit.errors import ConfigError, GatewayError
from toolkit.gateway.calendar import RegularHours
from toolkit.gateway.halts import HaltableBook
from toolkit.gateway.ladder import BookOrder, State, limit_offset
from toolkit.gateway.links import GROUP_KINDS, MISSING_PARENT, Links, Ties
from toolkit.gateway.outcomes import Fill, Outcome
from toolkit.gateway.terms import NOT_DIRECTED, check_terms, status_word
from toolkit.gateway.ticks import SCALE, Size, price_units, size_of
from toolkit.gateway.triggers import Triggers

_RANK = {"quote": 0, "trade": 1, "halt": 1, "resume": 1, "order": 2, "cancel": 2, "modify": 2}
_NEEDED = {
    "quote": (),
    "trade": ("price", "size"),
    "halt": (),
    "resume": (),
    "order": ("id", "side", "qty"),
    "cancel": ("id",),
    "modify": ("id",),
}


class MatchingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    How orders fill.

    Attributes:
        limit_fill: ``quote`` (rule R5) or ``queue`` (R5q as well).
        latency_ms: milliseconds between sending an order and its being live (R1).
    """

    limit_fill: str = "quote"
    latency_ms: float = 0.0

    def __post_init__(self) -> None:
        if self.limit_fill not in ("quote", "queue"):
            raise ConfigError(f"limit_fill is {self.limit_fill!r}; choose quote or queue.")
        if not (math.isfinite(self.latency_ms) and self.latency_ms >= 0):
            raise ConfigError(f"latency_ms is {self.latency_ms}; give 0 or more milliseconds.")

    def book(self, hours: Any, triggers: Triggers | None = None) -> HaltableBook:
        """A fresh book that follows this configuration."""
        return HaltableBook(
            hours,
            queue=self.limit_fill == "queue",
            latency=timedelta(milliseconds=self.latency_ms),
            triggers=triggers,
        )


def simulate(
    events: Iterable[Mapping[str, Any]], config: Mapping[str, Any] | MatchingConfig | None = None
) -> dict[str, Any]:
    """
    Replay quotes, prints and our actions on one US stock, and tell what filled.

    Args:
        events: dicts in time order with ``type`` and ``ts`` (aware datetime, pandas Timestamp or
            ISO 8601 text): quote {bid, bid_size, ask, ask_size}; trade {price, size, cond,
            aggressor}; order {id, side, order_type, qty, lmt, stop, tif, outside_rth, exchange,
            trigger_method, trail_amount or trail_percent (TRAIL, TRAIL LIMIT; ``stop`` is where it
            begins), lmt_offset (TRAIL LIMIT; or ``lmt`` beside ``stop``), parent (id of another
            order), oca_group, oca_type (1 to 3), transmit}; halt {} and resume {}
            (:mod:`toolkit.gateway.halts`); cancel {id}; modify {id, and what changes}.
        config: ``limit_fill`` (quote or queue) and ``latency_ms``.

    Returns:
        ``fills``: list of {order, ts, qty, price, liquidity: add or remove}; and ``final``: per id
        {status, filled, remaining, avg_price (0.0 without fills)} with ``error`` (387, 201, 434,
        10243, 110, 10006 refused; 103 its id came twice), ``cancel_error`` (10147 unknown, 10148 finished)
        and ``modify_error`` (the same codes, or a refused change: the order lives on). A fill's
        ``ts`` is text where the input was text.

    Raises:
        ConfigError: for an unknown or bad setting.
        GatewayError: for an event that cannot be read, with its position.
    """
    return _Replay(_config(config)).run(events)


def _config(config: Mapping[str, Any] | MatchingConfig | None) -> MatchingConfig:
    if isinstance(config, MatchingConfig):
        return config
    try:
        return MatchingConfig(**(config or {}))
    except TypeError:
        known = ", ".join(MatchingConfig.__struct_fields__)
        raise ConfigError(f"Unknown setting in {dict(config or {})}; known: {known}.") from None


class _Replay:
    """One run of :func:`simulate`."""

    def __init__(self, config: MatchingConfig) -> None:
        self.book = config.book(RegularHours())
        self.links = Links()
        self.orders: dict[Any, BookOrder] = {}
        self.sent: dict[Any, dict[str, Any]] = {}
        self.notes: dict[Any, dict[str, int]] = {}
        self.fills: list[dict[str, Any]] = []
        self.turnover: dict[Any, int | Any] = {}
        self.spelled: dict[datetime, str] = {}
        self.text = False

    def run(self, events: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        for now, event in self._in_order(events):
            kind = event["type"]
            if kind == "quote":
                out = self.book.quote(
                    price_units(event.get("bid")),
                    price_units(event.get("ask")),
                    size_of(event.get("bid_size")),
                    size_of(event.get("ask_size")),
                    now,
                )
            elif kind == "trade":
                out = self.book.trade(
                    price_units(event["price"]),
                    size_of(event["size"]),
                    now,
                    _letters(event.get("cond")),
                    _letters(event.get("aggressor"))[:1].upper(),
                )
            elif kind == "halt":
                out = self.book.halt(now)
            elif kind == "resume":
                out = self.book.resume(now)
            elif kind == "order":
                out = self._place(event, now)
            elif kind == "cancel":
                out = self._cancel(event["id"], now)
            else:
                out = self._modify(event, now)
            if out:
                self._collect(self.links.follow(out, now))
        while (due := self.book.landing) is not None:
            self._collect(self.links.follow(self.book.advance(due), due))
        return {"fills": self.fills, "final": self._final()}

    def _in_order(self, events: Iterable[Mapping[str, Any]]) -> list[tuple[datetime, Mapping[str, Any]]]:
        stamped = []
        for position, event in enumerate(events):
            try:
                now, rank = self._stamp(event["ts"]), _RANK[event["type"]]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise GatewayError(
                    f"Event {position} cannot be replayed ({type(error).__name__}: {error}); it "
                    f"needs a type ({', '.join(_RANK)}) and an aware or ISO 8601 ts."
                ) from None
            if lacking := [name for name in _NEEDED[event["type"]] if name not in event]:
                raise GatewayError(f"Event {position}, a {event['type']}, lacks {', '.join(lacking)}.")
            stamped.append((now, rank, position, event))
        stamped.sort(key=lambda item: item[:3])
        return [(now, event) for now, _, _, event in stamped]

    def _stamp(self, ts: Any) -> datetime:
        if isinstance(ts, str):
            moment = datetime.fromisoformat(ts)
            if moment.tzinfo is None:
                raise ValueError(f"{ts} names no time zone")
            moment = moment.astimezone(UTC)
            self.spelled[moment] = ts
            self.text = True
            return moment
        if ts.tzinfo is None:
            raise ValueError(f"{ts} names no time zone")
        plain: datetime = ts.to_pydatetime(warn=False) if hasattr(ts, "to_pydatetime") else ts
        return plain.astimezone(UTC)

    def _place(self, event: Mapping[str, Any], now: datetime) -> list[Outcome]:
        name = event["id"]
        if name in self.orders:
            self.notes.setdefault(name, {})["error"] = 103
            return []
        order, ties = _book_order(event), _ties(event)
        refusal = self._refusal(order, ties)
        self.orders[name] = order
        self.sent[name] = dict(event)
        if refusal:
            order.state = State.CANCELLED
            self.notes[name] = {"error": refusal}
            return []
        parent = self.orders.get(ties.parent)
        if parent is not None and parent.state is State.FILLED:
            parent = None
        return self.links.admit(order, self.book, now, ties, parent)

    def _refusal(self, order: BookOrder, ties: Ties) -> int:
        if code := check_terms(order):
            return code
        if ties.kind not in GROUP_KINDS:
            return 201
        parent = self.orders.get(ties.parent)
        lost = ties.parent is not None and (parent is None or parent.state is State.CANCELLED)
        return MISSING_PARENT if lost else 0

    def _cancel(self, name: Any, now: datetime) -> list[Outcome]:
        order = self.orders.get(name)
        if order is None or order.state >= State.FILLED:
            code = 10147 if order is None else 10148
            self.notes.setdefault(name, {})["cancel_error"] = code
            return []
        return self.book.cancel(order, now)

    def _modify(self, event: Mapping[str, Any], now: datetime) -> list[Outcome]:
        name = event["id"]
        order = self.orders.get(name)
        if order is None or order.state >= State.FILLED:
            code = 10147 if order is None else 10148
            self.notes.setdefault(name, {})["modify_error"] = code
            return []
        wanted_event = {**self.sent[name], **event}
        wanted = _book_order(wanted_event)
        if code := check_terms(wanted):
            self.notes.setdefault(name, {})["modify_error"] = code
            return []
        self.sent[name] = wanted_event
        out = self.book.modify(order, wanted, now)
        if not order.transmit and _ties(wanted_event).transmit:
            out += self.links.transmit(order, now)
        return out

    def _collect(self, out: list[Outcome]) -> None:
        for item in out:
            if not isinstance(item, Fill):
                continue
            name = item.order.owner
            self.turnover[name] = self.turnover.get(name, 0) + item.quantity * item.price
            self.fills.append(
                {
                    "order": name,
                    "ts": self._spell(item.time),
                    "qty": _plain(item.quantity),
                    "price": item.price / SCALE,
                    "liquidity": item.liquidity,
                }
            )

    def _spell(self, moment: datetime) -> str | datetime:
        if not self.text:
            return moment
        spelled = self.spelled.get(moment)
        return spelled or moment.isoformat().replace("+00:00", "Z")

    def _final(self) -> dict[Any, dict[str, Any]]:
        final: dict[Any, dict[str, Any]] = {}
        for name, order in self.orders.items():
            notes = self.notes.get(name, {})
            refused = notes.get("error") not in (None, 103)
            turnover = self.turnover.get(name, 0)
            final[name] = {
                "status": "Rejected" if refused else status_word(order),
                "filled": _plain(order.filled),
                "remaining": _plain(order.remaining),
                "avg_price": float(turnover / (order.filled * SCALE)) if order.filled else 0.0,
                **notes,
            }
        for name, notes in self.notes.items():
            if name not in final:
                nothing = {"status": "Unknown", "filled": 0, "remaining": 0, "avg_price": 0.0}
                final[name] = {**nothing, **notes}
        return final


def _book_order(event: Mapping[str, Any]) -> BookOrder:
    side = str(event["side"]).upper()
    if side not in ("BUY", "SELL"):
        raise GatewayError(f"Order {event['id']!r} has side {event['side']!r}; give BUY or SELL.")
    kind = str(event.get("order_type", "LMT" if event.get("lmt") is not None else "MKT")).upper()
    direction = 1 if side == "BUY" else -1
    trails = kind in ("TRAIL", "TRAIL LIMIT")
    return BookOrder(
        event["id"],
        direction,
        kind,
        size_of(event["qty"]),
        price_units(event.get("lmt")) if kind in ("LMT", "STP LMT", "LOC") else 0,
        price_units(event.get("stop")) if trails or kind in ("STP", "STP LMT") else 0,
        str(event.get("tif") or "DAY").upper(),
        extended=bool(event.get("outside_rth")),
        directed=str(event.get("exchange") or "SMART").upper() not in NOT_DIRECTED,
        trigger=int(event.get("trigger_method") or 0),
        trail=price_units(event.get("trail_amount")) if trails else 0,
        trail_percent=price_units(event.get("trail_percent")) if trails else 0,
        offset=limit_offset(kind, direction, event.get("lmt_offset"), event.get("lmt"), event.get("stop")),
    )


def _ties(event: Mapping[str, Any]) -> Ties:
    return Ties(
        event.get("parent"),
        event.get("oca_group") or None,
        int(event.get("oca_type") or 0),
        event.get("transmit") is not False,
    )


def _letters(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _plain(size: Size) -> int | float:
    return size if isinstance(size, int) else float(size)
