"""
The link to the broker, socket by upstream, as the messages of the error channel describe it.

Pure. The socket between us and the gateway may be fine while the gateway has lost the broker
(hazard H22); orders need both. Messages about data farms never touch the order channel (hazard H23).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import msgspec
from msgspec.structs import replace


class Effect(Enum):
    """What a change of the link asks for."""

    LOST = "the broker is out of reach: no new orders"
    RECOVERED = "the broker is back: ask what happened"
    DATA_LOST = "every subscription to quotes is gone"
    MOVED = "the gateway closes this port and listens on another"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is known of the link; ``heed`` gives the next one.

    Attributes:
        socket: whether the handshake with the gateway is done and its socket open.
        upstream: whether the gateway reaches the broker, as far as it told.
        down_since: UTC, when orders could last be sent; None while they can.
        reason: one sentence, ``""`` while all is well.
        port: the port on which the gateway said that it listens from now on, 0 for the same.
        broken_farms: market data farms that do not answer.
    """

    socket: bool = False
    upstream: bool = True
    down_since: datetime | None = None
    reason: str = ""
    port: int = 0
    broken_farms: frozenset[str] = frozenset()

    @property
    def up(self) -> bool:
        """Whether the broker can hear us."""
        return self.socket and self.upstream


UPSTREAM_LOST: Final = frozenset({1100, 2110})
UPSTREAM_BACK: Final = frozenset({1101, 1102})
PORT_RESET: Final = 1300
FARM_BROKEN: Final = 2103
FARM_OK: Final = 2104
"""The farms of live quotes; those of history and of definitions (2105, 2106, 2157, 2158) move no price."""

ESCALATIONS: Final = (60.0, 300.0, 900.0)
"""Seconds without the broker after which the log says so again, and louder (hazard H21)."""


def connecting(link: Link) -> Link:
    """The link before a handshake: a gateway is taken to reach the broker until it says otherwise."""
    return replace(link, socket=False, upstream=True, broken_farms=frozenset())


def connected(link: Link) -> Link:
    """The link after a handshake."""
    return replace(
        link,
        socket=True,
        reason="" if link.upstream else link.reason,
        down_since=None if link.upstream else link.down_since,
    )


def disconnected(link: Link, reason: str, now: datetime) -> Link:
    """The link without its socket."""
    return replace(
        link,
        socket=False,
        reason=reason,
        down_since=link.down_since or now,
        broken_farms=frozenset(),
    )


def heed(link: Link, code: int, text: str, now: datetime) -> tuple[Link, frozenset[Effect]]:
    """
    The link after one message of the error channel, and what that asks for.

    A repeated message is no second transition: 833 times 1100 in a night are one outage. "Back"
    without an outage before it still asks for a snapshot, because the outage itself may have been missed.
    """
    if code in UPSTREAM_LOST:
        if not link.upstream:
            return link, frozenset()
        reason, since = f"{text} (code {code})", link.down_since or now
        return replace(link, upstream=False, reason=reason, down_since=since), frozenset({Effect.LOST})
    if code in UPSTREAM_BACK:
        effects = {Effect.RECOVERED} if code == 1102 else {Effect.RECOVERED, Effect.DATA_LOST}
        back = replace(link, upstream=True, reason="", down_since=None if link.socket else link.down_since)
        return back, frozenset(effects)
    if code == PORT_RESET:
        return replace(link, port=_new_port(text) or link.port), frozenset({Effect.MOVED})
    if code == FARM_BROKEN:
        return replace(link, broken_farms=link.broken_farms | {_farm(text)}), frozenset()
    if code == FARM_OK:
        return replace(link, broken_farms=link.broken_farms - {_farm(text)}), frozenset()
    return link, frozenset()


def escalation(link: Link, now: datetime, steps: tuple[float, ...] = ESCALATIONS) -> int:
    """How many of the ``steps`` (seconds) the outage has lasted; 0 while the broker can hear us."""
    if link.down_since is None:
        return 0
    lasted = (now - link.down_since).total_seconds()
    return sum(lasted >= step for step in steps)


def reconnect_delay(attempt: int, draw: float, *, first: float, last: float) -> float:
    """
    Seconds to wait before the next attempt to connect: doubling, with full jitter (hazard H24).

    Args:
        attempt: failed attempts so far.
        draw: a random number from 0 to 1.
        first: seconds, the least; also what the doubling begins with.
        last: seconds, the most.
    """
    ceiling = min(last, first * 2.0 ** min(attempt, 30))
    return first + draw * (ceiling - first)


def in_restart_window(now: datetime, restart_at: datetime, half_width: timedelta) -> bool:
    """
    Whether ``now`` is so near the gateway's daily restart that an order might vanish (hazard H4).

    Args:
        now: the time.
        restart_at: any one day's restart; the time of day counts, in its own zone.
        half_width: how long before and after it no order is sent.
    """
    here = now.astimezone(restart_at.tzinfo)
    today = here.replace(hour=restart_at.hour, minute=restart_at.minute, second=0, microsecond=0)
    day = timedelta(days=1)
    return any(abs(here - moment) <= half_width for moment in (today - day, today, today + day))


def _farm(text: str) -> str:
    """The farm that a message names after its colon."""
    return text.rpartition(":")[2].strip()


def _new_port(text: str) -> int:
    """The port that message 1300 names at its end, 0 when it names none."""
    found = re.search(r"(\d{4,5})\D*$", text)
    return int(found[1]) if found is not None else 0
