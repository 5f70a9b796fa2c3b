"""Questions to the gateway and their answers: one future each, ended by an end marker or an error."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from toolkit.errors import NotConnectedError

FIRST_REQUEST_ID: Final = 1_000_000_000
"""Request ids start here, far above any order id, so that an error's id names only one thing."""


class RequestRefusedError(Exception):
    """The gateway answered a question with an error; ``code`` is its number."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} (code {code})")
        self.code = code


class Requests:
    """
    Pending questions.

    A question is known by its request id, or, where the protocol has none, by the name of the
    message that ends its answer; of those only one may be pending at a time (hazard H30).
    """

    def __init__(self) -> None:
        self._pending: dict[int | str, tuple[asyncio.Future[list[Any]], list[Any]]] = {}
        """request id or name of the end marker -> (future, rows so far)"""
        self._next_id = FIRST_REQUEST_ID

    def new_id(self) -> int:
        """A request id that was never used on this connection."""
        self._next_id += 1
        return self._next_id

    def open(self, key: int | str) -> asyncio.Future[list[Any]]:
        """
        Start to collect rows; the future resolves with them at the end marker.

        Raises:
            RuntimeError: a question with this name is still pending.
        """
        if key in self._pending:
            raise RuntimeError(f"a request for {key} is still pending")
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._pending[key] = (future, [])
        return future

    def row(self, key: int | str, row: object) -> None:
        """One more row of an answer."""
        if key in self._pending:
            self._pending[key][1].append(row)

    def end(self, key: int | str) -> None:
        """The answer is complete."""
        future, rows = self._pending.pop(key, (None, []))
        if future is not None and not future.done():
            future.set_result(rows)

    def refuse(self, key: int | str, code: int, text: str) -> bool:
        """The question was answered with an error; returns whether it was pending."""
        future, _ = self._pending.pop(key, (None, []))
        if future is not None and not future.done():
            future.set_exception(RequestRefusedError(code, text))
        return future is not None

    def pending(self, key: int | str) -> bool:
        """Whether this question waits for its answer."""
        return key in self._pending

    def abandon(self, key: int | str) -> None:
        """Stop waiting for an answer."""
        future, _ = self._pending.pop(key, (None, []))
        if future is not None and not future.done():
            future.cancel()

    def fail_all(self, reason: str) -> None:
        """The connection is gone: no question will be answered any more."""
        pending, self._pending = self._pending, {}
        for future, _ in pending.values():
            if not future.done():
                future.set_exception(NotConnectedError(reason))
                # Nobody may be waiting any more; the failure itself is reported by the client.
                future.exception()
