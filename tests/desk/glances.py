"""Builders with good defaults: one look at an engine that is well, and its status strip."""

from __future__ import annotations

from typing import Any

from tests.builders import OPEN
from toolkit.desk.glance import Glance, strip_of
from toolkit.orders.controls import Standing

CONDITION = {
    "ready": True,
    "account": "DU1",
    "paper": True,
    "socket": True,
    "upstream": True,
    "broken_farms": [],
    "down_since": None,
    "locked": {},
    "error": "",
}


def glance(**changes: Any) -> Glance:
    """An engine that is well; ``changes`` are fields of the glance or of its condition."""
    of_glance = {name: changes.pop(name) for name in tuple(changes) if name in Glance._fields}
    well = {
        "running": True,
        "condition": {**CONDITION, **changes},
        "gateway": "127.0.0.1:4002",
        "gate": None,
        "standing": Standing(),
        "currency": "USD",
        "lag": 0.001,
        "positions": [],
        "quotes": {},
    }
    return Glance(**{**well, **of_glance})


def strip(seen: Glance | None = None, **changes: Any) -> dict[str, Any]:
    """Its status strip at the open."""
    given = {"working": 1, "unknown": 0, "now": OPEN, "last_event": None, **changes}
    return strip_of(glance() if seen is None else seen, **given)
