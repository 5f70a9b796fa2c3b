"""Waiting for a condition, with a deadline; tests never sleep and hope."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

DEADLINE = 10.0
"""Seconds after which a condition that does not come true fails the test."""


async def until(condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    """Return as soon as ``condition()`` is true."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not true after {deadline} s"
        await asyncio.sleep(0.005)


def wait_until(condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    """As ``until``, in a plain thread."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not true after {deadline} s"
        time.sleep(0.005)
