"""
Run one runbook, and read from its record how it ended.

papermill itself reports success for a notebook that called ``sys.exit``, whose kernel died, or whose
background work failed; here only the record that the last cell writes can say "passed".
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from toolkit.errors import RunbookError
from toolkit.runbooks.book import find, papermill
from toolkit.runbooks.checks import FAILED, PASSED, RECORD_VARIABLE, Record
from toolkit.runbooks.page import write_page
from toolkit.settings import Settings

CELL_TIMEOUT_S: Final = 600
"""Longest a cell may take, in seconds, before it counts as hung."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """
    How a run ended.

    Attributes:
        outcome: ``passed`` or ``failed``.
        exit_code: 0 or 1.
        folder: everything the run left behind.
        notebook: the executed notebook, up to where it stopped.
        html: the same as one self-contained page, None when not asked for.
        reason: why it failed, one sentence; ``""`` when it passed.
    """

    outcome: str
    exit_code: int
    folder: Path
    notebook: Path
    html: Path | None
    reason: str


def run(
    runbook: str | Path,
    parameters: Mapping[str, object] | None = None,
    *,
    settings: Settings | None = None,
    html: bool = True,
    cell_timeout: int = CELL_TIMEOUT_S,
    progress: bool | None = None,
) -> RunResult:
    """
    Execute a runbook.

    What it leaves behind is in ``TOOLKIT_HOME/runs/<UTC time>-<runbook>-<short id>/``: the executed
    notebook, the report, and ``result.json``. One run at a time per process.

    Args:
        runbook: a name, or the path of a notebook.
        parameters: by name, as text from a command line or as plain values.
        settings: None for those of the environment.
        html: whether to write the report.
        cell_timeout: seconds a cell may take.
        progress: show a progress bar; None: when standard error is a terminal.

    Raises:
        ConfigError: the runbook or a parameter is wrong; nothing was started.
        RunbookError: the notebook could not be started at all.
    """
    settings = settings or Settings.load()
    book = find(runbook)
    values = book.values(parameters or {})
    home = settings.toolkit_home.resolve()
    started, run_id = datetime.now(UTC), uuid.uuid4().hex
    folder = home / "runs" / f"{started:%Y%m%dT%H%M%SZ}-{book.name}-{run_id[:8]}"
    record_path, notebook = folder / "result.json", folder / f"{book.name}.ipynb"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise RunbookError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    # Until the last cell says otherwise, the run has failed: nothing that ends it early looks like success.
    Record(run_id=run_id, runbook=book.name, started=started).write(record_path)
    shown = sys.stderr.isatty() if progress is None else progress
    with _environment(home, record_path):
        failure = _execute(book.path, notebook, values, cell_timeout, shown)
    if not notebook.is_file():
        raise RunbookError(f"Runbook {book.name} could not be started: {failure}")
    record = _settle(record_path, run_id, failure)
    page = write_page(notebook, record) if html else None
    return RunResult(
        record.outcome, 0 if record.outcome == PASSED else 1, folder, notebook, page, record.reason
    )


def _execute(
    path: Path, output: Path, values: Mapping[str, object], cell_timeout: int, progress: bool
) -> str:
    """Run every cell; returns why that ended early, ``""`` when it did not."""
    from traitlets.config import Config

    library = papermill()
    # Other users of this machine must not be able to read what passes between us and the kernel.
    encrypted = Config({"KernelManager": {"transport_encryption": "auto"}})
    try:
        library.execute_notebook(
            str(path),
            str(output),
            parameters=dict(values),
            progress_bar=progress,
            execution_timeout=cell_timeout,
            config=encrypted,
            # It reports its own orderly end as an error, which would alarm for nothing.
            extra_arguments=["--log-level=CRITICAL"],
        )
    except library.PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except Exception as error:  # noqa: BLE001 - a dead kernel, a hung cell, a missing kernel: each ends the run
        first_line = str(error).strip().partition("\n")[0]
        return f"{type(error).__name__}: {first_line}"
    return ""


def _settle(path: Path, run_id: str, failure: str) -> Record:
    """The final record: what the last cell wrote, unless the notebook failed besides."""
    record = Record.read(path)
    if record.run_id != run_id:
        record = replace(
            record, outcome=FAILED, reason=f"The record is that of another run, {record.run_id}."
        )
    elif failure and (record.outcome == PASSED or record.finished is None):
        record = replace(record, outcome=FAILED, reason=failure)
    record = replace(record, finished=record.finished or datetime.now(UTC))
    record.write(path)
    return record


@contextmanager
def _environment(home: Path, record: Path) -> Iterator[None]:
    """
    What the kernel gets told, and where Jupyter, IPython and matplotlib may write.

    Jupyter looks for its folders in this process's environment as well, so the kernel's is not enough.
    """
    scratch = home / "jupyter"
    folders = {
        "IPYTHONDIR": scratch / "ipython",
        "JUPYTER_CONFIG_DIR": scratch / "config",
        "JUPYTER_DATA_DIR": scratch / "data",
        "JUPYTER_RUNTIME_DIR": scratch / "runtime",
        "MPLCONFIGDIR": scratch / "matplotlib",
    }
    changes = {name: str(folder) for name, folder in folders.items() if name not in os.environ}
    for folder in changes.values():
        Path(folder).mkdir(parents=True, exist_ok=True)
    changes |= {"TOOLKIT_HOME": str(home), RECORD_VARIABLE: str(record)}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
