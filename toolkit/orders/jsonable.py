"""Raw intents as plain JSON values, so that what is remembered reads back as what was judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from toolkit.orders.numbers import plain


def as_json(raw: Mapping[str, Any]) -> dict[str, Any]:
    """
    A raw intent as plain JSON values, so that it can be remembered whatever it holds.

    A Decimal becomes the number that equals it, times become ISO 8601, numpy's values plain ones.
    What JSON has no word for (NaN, other objects, a Decimal too long for a float) becomes text.
    """
    return {str(name): _plain(value) for name, value in raw.items()}


def _number(value: Decimal) -> int | float | str:
    """The JSON number that stands for exactly this value, else its text."""
    if not value.is_finite():
        return str(value)
    number = plain(value)
    return number if Decimal(str(number)) == value else str(value)


def _plain(value: object) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else str(value)
        case Decimal():
            return _number(value)
        case datetime():
            return value.isoformat()
        case Mapping():
            return as_json(value)
        case list() | tuple():
            return [_plain(item) for item in value]
    # numpy's scalars are not Python numbers, but turn into them.
    item = getattr(value, "item", None)
    return _plain(item()) if callable(item) and getattr(value, "ndim", None) == 0 else str(value)
