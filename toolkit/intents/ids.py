"""What intents are called: an id that follows from a name, or one that was never used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable
from datetime import datetime


def fresh_id(now: datetime, token: str) -> str:
    """An id that was never used: the time (UTC) for the reader, the random ``token`` for the truth."""
    return f"{now:%Y%m%d-%H%M%S}-{token}"


def batch_id(batch: str, label: Hashable) -> str:
    """The id of one row of a batch: the same for the same name and row label, whenever it is asked."""
    row = "/".join(map(str, label)) if isinstance(label, tuple) else str(label)
    digest = hashlib.sha256(f"{batch}\n{row}".encode()).hexdigest()[:8]
    words = [_slug(batch)[:20], _slug(row)[:10], digest]
    return "-".join(word for word in words if word)


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-")
