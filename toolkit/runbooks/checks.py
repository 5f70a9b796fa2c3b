"""
The checks of a runbook and the record that says how it ended.

A runbook collects its checks in a ``Checks`` and calls ``finish`` in its last cell. Whoever started
it reads the record, not the exit of the notebook: a ``sys.exit``, a dead kernel or a failure in the
background never looks like success, because the record says "unfinished" until ``finish`` says otherwise.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from toolkit.errors import RunbookError

if TYPE_CHECKING:
    import pandas as pd

RECORD_VARIABLE: Final = "RUNBOOK_RECORD"
"""Environment variable that tells a runbook's kernel the path of its record."""
PASSED: Final = "passed"
FAILED: Final = "failed"
UNFINISHED: Final = "unfinished"
EXIT_CODES: Final[Mapping[str, int]] = {
    PASSED: 0,
    FAILED: 1,
    "raised": 4,
    UNFINISHED: 5,
    "kernel died": 6,
    "timed out": 7,
    "interrupted": 130,
    "terminated": 143,
}
"""How a run can end -> the exit code that says so; 2 and 3 are those of wrong usage and no connection."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: what should hold, whether it did, and the figures."""

    name: str
    passed: bool
    detail: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a run ended; ``result.json``.

    Attributes:
        run_id: unique per run.
        runbook: its name, without folder and ``.ipynb``.
        parameters: all of them, as they were used.
        outcome: a key of ``EXIT_CODES``: ``passed``, ``failed`` (a check did), ``raised`` (a cell did),
            ``unfinished`` (no last cell, and no reason why), ...
        reason: why it did not pass, one sentence; ``""`` when it did.
        checks: in the order they were made, also when the last cell was not reached.
        started, finished: UTC; ``finished`` is None while it runs, or when its runner was killed.
    """

    run_id: str
    runbook: str
    parameters: dict[str, Any] = {}
    outcome: str = UNFINISHED
    reason: str = "The notebook ended before its last cell."
    checks: tuple[Check, ...] = ()
    started: datetime
    finished: datetime | None = None

    @classmethod
    def read(cls, path: Path) -> Record:
        """
        The record in a file.

        Raises:
            RunbookError: there is none, or it is no record.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise RunbookError(f"The result record {path} cannot be read: {error}.") from error

    @property
    def exit_code(self) -> int:
        """0 only when it passed."""
        return EXIT_CODES.get(self.outcome, EXIT_CODES[FAILED])

    def write(self, path: Path) -> None:
        """Replace the file at once, so that a reader never sees half a record."""
        draft = path.with_suffix(".tmp")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self)) + b"\n")
        draft.replace(path)


class Checks:
    """
    Collects the checks of one run; make it in the first cell, so that it also notices background failures.

    From then on an exception that ends a thread, or an asyncio task that nobody awaits, is a failed check.
    """

    def __init__(self) -> None:
        self._checks: list[Check] = []
        self._background: list[str] = []
        self._earlier = weakref.WeakSet(_unseen_failures())
        self._watch_background()

    def that(self, name: str, condition: object, detail: str = "") -> None:
        """
        Make one check and go on, whatever comes out.

        Args:
            name: what should hold, as a sentence without a full stop.
            condition: whether it does.
            detail: the figures behind it.
        """
        self._checks.append(Check(name, bool(condition), detail))
        self._note()

    def table(self) -> pd.DataFrame:
        """The checks so far: index ``check``, columns ``result`` (passed or FAILED) and ``detail``."""
        import pandas as pd

        rows = [(each.name, "passed" if each.passed else "FAILED", each.detail) for each in self._checks]
        return pd.DataFrame(rows, columns=["check", "result", "detail"]).set_index("check")

    def finish(self) -> None:
        """
        Write the record, and fail when a check did; the last line of a runbook.

        Without a runner (plain papermill, a notebook by hand) there is no record to write.

        Raises:
            RunbookError: names the checks that failed, or says that there were none.
        """
        late = [_told(task) for task in _unseen_failures() if task not in self._earlier]
        for failure in self._background + late:
            self.that("nothing failed in the background", condition=False, detail=failure)
        reason = _reason(self._checks)
        self._note(outcome=FAILED if reason else PASSED, reason=reason, finished=datetime.now(UTC))
        if reason:
            raise RunbookError(reason)

    def _note(self, **ending: Any) -> None:
        """Keep the record up to date, so that a run that dies leaves what it had found."""
        path = os.environ.get(RECORD_VARIABLE)
        if path is not None:
            replace(Record.read(Path(path)), checks=tuple(self._checks), **ending).write(Path(path))

    def _watch_background(self) -> None:
        before = threading.excepthook

        def on_thread_failure(failure: threading.ExceptHookArgs) -> None:
            name = "" if failure.thread is None else f" in thread {failure.thread.name}"
            self._background.append(f"{failure.exc_type.__name__}: {failure.exc_value}{name}")
            before(failure)

        def on_loop_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            self._background.append(
                context["message"] if error is None else f"{type(error).__name__}: {error}"
            )
            loop.default_exception_handler(context)

        threading.excepthook = on_thread_failure
        try:
            asyncio.get_running_loop().set_exception_handler(on_loop_failure)
        except RuntimeError:
            # Plain Python: there is no loop in which a task could fail unseen.
            return


def _reason(checks: Sequence[Check]) -> str:
    """Why the run failed, ``""`` when it did not."""
    if not checks:
        return "The runbook made no checks, so it cannot have passed."
    failed = [check for check in checks if not check.passed]
    if not failed:
        return ""
    named = "; ".join(f"{check.name} ({check.detail})" if check.detail else check.name for check in failed)
    return f"{len(failed)} of {len(checks)} checks failed: {named}."


def _unseen_failures() -> list[asyncio.Task[Any]]:
    """Failed asyncio tasks, in any loop, that are still referenced and whose exception nobody has seen."""
    # asyncio keeps no list of finished tasks; the flag is its own "was never retrieved".
    return [
        task
        for task in gc.get_objects()
        if isinstance(task, asyncio.Task) and getattr(task, "_log_traceback", False)
    ]


def _told(task: asyncio.Task[Any]) -> str:
    error = task.exception()
    return f"{type(error).__name__}: {error} in task {task.get_name()}"
