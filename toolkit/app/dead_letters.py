"""What is sent on when a message cannot be an intent: its bytes, where it was, and what is wrong with it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from toolkit.errors import IntentError

EXCERPT_BYTES: Final = 64 * 1024
"""What is kept of a message that the dead letters' topic refuses for its size."""

Headers = list[tuple[str, bytes]]


class Letter(NamedTuple):
    """One message for the dead letters' topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def letters_of(record: Any, error: IntentError) -> list[Letter]:
    """
    The record as a dead letter, and, when it is large, an excerpt for a topic that takes no large ones.

    Args:
        record: as a consumer gives it.
        error: why it is no intent.
    """
    headers: Headers = [
        ("topic", record.topic.encode()),
        ("partition", str(record.partition).encode()),
        ("offset", str(record.offset).encode()),
        ("code", error.code.encode()),
        ("reason", str(error).encode()),
    ]
    whole = Letter(record.key, record.value, headers)
    if record.value is None or len(record.value) <= EXCERPT_BYTES:
        return [whole]
    cut = [*headers, ("cut_from_bytes", str(len(record.value)).encode())]
    return [whole, Letter(record.key, record.value[:EXCERPT_BYTES], cut)]
