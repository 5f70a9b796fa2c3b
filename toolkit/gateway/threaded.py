"""A server of one event loop, in a thread of its own: for tests and notebooks that have no loop."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class Threaded(ABC):
    """Gives a server with ``start``, ``run_until`` and ``close`` a life outside any event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._ended: Future[None] = Future()

    @abstractmethod
    async def start(self) -> None:
        """Listen."""

    @abstractmethod
    async def run_until(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set."""

    @abstractmethod
    async def close(self) -> None:
        """Stop listening."""

    @classmethod
    def start_in_thread(cls, **options: Any) -> Self:
        """
        A running gateway in a thread of its own; end it with :meth:`stop`.

        Takes the arguments of the class. Raises GatewayError: the address cannot be listened on.
        """
        gateway = cls(**options)
        gateway._start_thread()
        return gateway

    def stop(self) -> None:
        """End a gateway that runs in a thread. Raises what stopped its market, if it did."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        with suppress(RuntimeError):  # the loop is closed: the thread has ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None
        self._ended.result()

    def __enter__(self) -> Self:
        if self._thread is None:
            self._start_thread()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start_thread(self) -> None:
        ready: Future[None] = Future()
        self._ended = Future()
        self._thread = threading.Thread(
            target=self._run_thread, args=(ready,), name="paper gateway", daemon=True
        )
        self._thread.start()
        try:
            ready.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise

    def _run_thread(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the thread
            (self._ended if ready.done() else ready).set_exception(error)
        else:
            self._ended.set_result(None)

    async def _serve(self, ready: Future[None]) -> None:
        self._stop = asyncio.Event()
        await self.start()
        ready.set_result(None)
        try:
            await self.run_until(self._stop)
        finally:
            await self.close()
