"""
Ending a run from outside: SIGTERM, an interrupt, or the time limit.

Each comes as an exception in the main thread, so that the kernel is interrupted and shut down in the
ordinary way (cells run their ``finally``, a desk closes its journal), and never outlives the runner.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

WORDS: Final = {
    signal.SIGTERM: ("terminated", "The run was terminated (SIGTERM)."),
    signal.SIGINT: ("interrupted", "The run was interrupted from the keyboard."),
    signal.SIGALRM: ("timed out", "The run took longer than its {limit:g} s."),
}


class Stopped(KeyboardInterrupt):
    """
    The run has to end. A KeyboardInterrupt, because an event loop lets no other one through.

    Attributes:
        outcome: what the record says.
        reason: one sentence.
    """

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


@contextmanager
def stoppable(limit: float) -> Iterator[None]:
    """
    Raise ``Stopped`` here on SIGTERM, on an interrupt, and after ``limit`` seconds.

    Further signals are ignored while the first takes effect. Outside the main thread Python hears no
    signals, and nothing is raised.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        for each in WORDS:
            signal.signal(each, signal.SIG_IGN)
        outcome, reason = WORDS[signal.Signals(number)]
        raise Stopped(outcome, reason.format(limit=limit))

    before = {number: signal.signal(number, stop) for number in WORDS}
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
