"""Many intents into the engine, a few at a time, with progress, and an end when the caller says stop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, Final

from toolkit.app.engine import Engine
from toolkit.errors import NotConnectedError

AT_ONCE: Final = 50
"""Intents under way at a time: a second of what the broker takes, so that a stop is soon one."""
LOOK_S: Final = 0.1
"""Seconds between two looks at how far it is."""
SHOW_AFTER_S: Final = 1.0
"""Seconds after which progress is shown; what is faster needs none."""
GRACE_S: Final = 10.0
"""Seconds that those under way have to reach the broker when the caller says stop."""

Raw = Mapping[str, Any]


class Sending:
    """
    Some intents on their way, side by side, so that one that waits for its quote holds up few others.

    Args:
        process: takes one intent to the broker, in the engine's loop.
        raws: the intents.

    Attributes:
        begun: ids of those that were handed over.
        finished: how many of them were sent or denied.
    """

    def __init__(self, process: Callable[[Raw], Awaitable[object]], raws: Sequence[Raw]) -> None:
        self._process = process
        self._left = iter(raws)
        self._total = len(raws)
        self._stopped = False
        self._failures: list[Exception] = []
        self.begun: list[str] = []
        self.finished = 0

    def run(self, engine: Engine, patience: float) -> None:
        """
        Send them all, from any thread but the engine's.

        An interrupt begins no further one, and waits for those under way.

        Args:
            engine: in whose loop they are sent.
            patience: seconds without any progress after which it is given up.

        Raises:
            NotConnectedError: the engine has stopped.
            TimeoutError: nothing was finished for so long; the work goes on.
            KeyboardInterrupt: the caller was interrupted.
        """
        work = engine.submit(self._send())
        try:
            self._watch(work, patience)
        except CancelledError:
            raise NotConnectedError("The engine stopped before it answered; connect again.") from None
        except KeyboardInterrupt:
            self._stopped = True
            with contextlib.suppress(TimeoutError):  # the caller tells of those that are still under way
                work.result(GRACE_S)
            raise

    def _watch(self, work: Future[None], patience: float) -> None:
        began = heard = time.monotonic()
        seen = 0
        bar = None
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    return work.result(LOOK_S)
                if work.done():
                    return work.result()
                now = time.monotonic()
                if bar is None and now - began > SHOW_AFTER_S:
                    bar = _bar(self._total)
                if bar is not None:
                    bar.update(self.finished - bar.n)
                if self.finished > seen:
                    seen, heard = self.finished, now
                if now - heard > patience:
                    raise TimeoutError(
                        f"The engine did not answer within {patience:g} s; the work goes on, see desk.orders."
                    )
        finally:
            if bar is not None:
                bar.close()

    async def _send(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(min(AT_ONCE, self._total))))
        if self._failures:
            raise self._failures[0]

    async def _work(self) -> None:
        for raw in self._left:
            if self._stopped:
                return
            self.begun.append(str(raw["intent_id"]))
            try:
                await self._process(raw)
            except Exception as error:  # noqa: BLE001 - one that fails does not keep the others; it is raised
                self._failures.append(error)
            self.finished += 1


def _bar(total: int) -> Any:
    from tqdm import auto

    bar: Any = auto.tqdm
    return bar(total=total, unit="order", desc="Submitting", leave=False)
