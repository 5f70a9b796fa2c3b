"""
Where a process kills itself: before or after a step of the running code, told by the step's name.

No line of the product knows of it. The interpreter's profile function sees every call, and sends
SIGKILL to its own process at the chosen one. A step whose function is gone fails by its name.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Final

from toolkit.bus.topics import REPORTS


@dataclass(frozen=True, slots=True)
class Step:
    """
    One call in the running code.

    Attributes:
        module, name: the function, ``Class.method``; no coroutine, since those return many times.
        when: of its local names: whether this is the call.
        gives: of what it returns: whether this is the call; for ``after`` alone.
        builtin: the call of this built-in function inside it is the step, not the function itself.
    """

    module: str
    name: str
    when: Callable[[Mapping[str, Any]], object] = lambda _: True
    gives: Callable[[Any], object] = lambda _: True
    builtin: str = ""

    @property
    def code(self) -> CodeType:
        """The function's code; fails when there is no such plain function any more."""
        found: Any = importlib.import_module(self.module)
        for part in self.name.split("."):
            found = getattr(found, part)
        assert inspect.isfunction(found), f"{self.module}.{self.name} is no function"
        assert not inspect.iscoroutinefunction(found), f"{self.module}.{self.name} is a coroutine function"
        return found.__code__


def _journals(kind: str) -> Step:
    return Step(
        "toolkit.journal.sqlite", "SqliteJournal.append", lambda at: type(at["event"]).__name__ == kind
    )


def _commits(kind: str) -> Step:
    """The statement that puts a fact of this kind on disk, fsync included."""
    return Step(
        "toolkit.journal.sqlite",
        "SqliteJournal._commit_queued",
        lambda at: any(row[2] == kind for row in at["rows"]),
        builtin="execute",
    )


def _hears(callback: str) -> Step:
    return Step("toolkit.broker.execution_wrapper", f"IBKRExecutionWrapper.{callback}")


def _asks(request: str) -> Step:
    return Step("ib_async.client", f"Client.{request}")


def _is_fill(topic: str, value: bytes) -> bool:
    return topic == REPORTS and b'"event":"Fill"' in value


STEPS: Final[Mapping[str, Step]] = {
    "poll": Step("toolkit.bus.embedded", "EmbeddedConsumer.poll", gives=bool),
    "intent journaled": _journals("Received"),
    "risk decided": Step("toolkit.risk.checker", "SimpleRiskChecker.validate"),
    "approval journaled": _journals("Accepted"),
    "order reserved": _journals("Reserved"),
    "order on disk": _commits("Reserved"),
    "socket write": Step("toolkit.broker.session", "Session.place"),
    "acknowledged": _hears("on_open_order"),
    "fill": _hears("on_fill"),
    "commission": _hears("commissionReport"),
    "report on disk": _commits("Executed"),
    "publish": Step(
        "toolkit.bus.embedded",
        "EmbeddedProducer.send",
        lambda at: _is_fill(at["topic"], at["value"]),
    ),
    "report on the bus": Step(
        "toolkit.bus.store",
        "Store.append",
        lambda at: any(_is_fill(m.topic, m.value) for m in at["messages"]),
    ),
    "report marked as sent": Step("toolkit.journal.sqlite", "SqliteJournal.mark_sent"),
    "offset commit": Step("toolkit.bus.embedded", "EmbeddedConsumer.commit"),
    "ids told": _hears("nextValidId"),
    "account asked": _asks("reqAccountUpdates"),
    "account told": _hears("accountDownloadEnd"),
    "positions asked": _asks("reqPositions"),
    "positions told": _hears("positionEnd"),
    "executions asked": _asks("reqExecutions"),
    "executions told": _hears("execDetailsEnd"),
    "open orders asked": _asks("reqAllOpenOrders"),
    "open orders told": _hears("openOrderEnd"),
    "completed orders asked": _asks("reqCompletedOrders"),
    "completed orders told": _hears("completedOrdersEnd"),
}
"""Every step at which a process can be killed, in the order in which an order takes them."""


def arm(point: str) -> None:
    """
    Kill this process with SIGKILL when it comes to ``point``: ``before STEP`` or ``after STEP``.

    Raises:
        KeyError: there is no such step.
    """
    moment, _, name = point.partition(" ")
    step = STEPS[name]
    code = step.code
    due = {"before": "call", "after": "return"}[moment]
    if step.builtin:
        due = f"c_{due}"

    def watch(frame: FrameType, event: str, value: Any) -> None:
        if frame.f_code is not code or event != due:
            return
        if step.builtin and value.__name__ != step.builtin:
            return
        if step.when(frame.f_locals) and (due != "return" or step.gives(value)):
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
