"""
Run one runbook, and read from its record how it ended.

papermill itself reports success for a notebook that called ``sys.exit``, whose kernel died, or whose
background work failed; here only the record that the last cell writes can say "passed".
"""

from __future__ import annotations

import math
import os
import sys
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace
from pydantic import SecretStr

from toolkit.errors import RunbookError
from toolkit.runbooks.book import find, papermill
from toolkit.runbooks.checks import FAILED, PASSED, RECORD_VARIABLE, UNFINISHED, Record
from toolkit.runbooks.page import write_page
from toolkit.runbooks.secret import masked, referenced
from toolkit.runbooks.stopping import Stopped, stoppable
from toolkit.settings import Settings

TIME_LIMIT_S: Final = 3600.0
"""Longest a run may take, in seconds, before it counts as hung."""
PICTURES: Final = "module://matplotlib_inline.backend_inline"
"""matplotlib's backend in the kernel: with that of a server without a screen, a report has no pictures."""
STARTS: Final = 3
"""How often a kernel is started that dies before its first cell, as when its port is taken (hazard H54)."""
LATEST: Final = "latest"
"""Link in TOOLKIT_HOME to the folder of the run that started last."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """
    How a run ended.

    Attributes:
        outcome: ``passed``, ``failed``, or another key of ``toolkit.runbooks.checks.EXIT_CODES``.
        exit_code: 0 only when it passed.
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
    time_limit: float = TIME_LIMIT_S,
    progress: bool | None = None,
) -> RunResult:
    """
    Execute a runbook.

    What it leaves behind is in ``TOOLKIT_HOME/runs/<UTC time>-<runbook>-<short id>/``: the executed
    notebook, the report, and ``result.json``; ``TOOLKIT_HOME/latest`` leads there. One run at a
    time per process.

    Args:
        runbook: a name, or the path of a notebook.
        parameters: by name, as text from a command line or as plain values.
        settings: None for those of the environment.
        html: whether to write the report.
        time_limit: seconds the run may take.
        progress: show a progress bar; None: when standard error is a terminal.

    Raises:
        ConfigError: the runbook or a parameter is wrong; nothing was started.
        RunbookError: the notebook could not be started at all.
    """
    settings = settings or Settings.load()
    book = find(runbook)
    values = book.values(parameters or {})
    used = {name: default for name, (_, default) in book.parameters.items()} | values
    secrets = referenced(used)
    home = settings.toolkit_home.resolve()
    started, run_id = datetime.now(UTC), uuid.uuid4().hex
    folder = home / "runs" / f"{started:%Y%m%dT%H%M%SZ}-{book.name}-{run_id[:8]}"
    record_path, notebook = folder / "result.json", folder / f"{book.name}.ipynb"
    try:
        folder.mkdir(parents=True)
        _point(home / LATEST, folder)
    except OSError as error:
        raise RunbookError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    # Until the last cell says otherwise it has not passed: nothing that ends it early looks like success.
    Record(run_id=run_id, runbook=book.name, parameters=used, started=started).write(record_path)
    shown = sys.stderr.isatty() if progress is None else progress
    with _environment(home, record_path):
        for _ in range(STARTS):
            outcome, reason = _execute(book.path, notebook, values, time_limit, shown)
            if outcome != UNFINISHED or _anything_ran(notebook):
                break
    if not notebook.is_file():
        raise RunbookError(f"Runbook {book.name} could not be started: {reason}")
    reason = masked(reason, secrets.values())
    told = [file for file in (notebook, record_path) if _mask(file, secrets.values())]
    if told and not outcome:
        outcome, reason = FAILED, "A cell showed a secret; it was masked, but change the cell and the secret."
    record = _settle(record_path, run_id, outcome, reason)
    page = write_page(notebook, record) if html else None
    return RunResult(record.outcome, record.exit_code, folder, notebook, page, record.reason)


def _execute(
    path: Path, output: Path, values: Mapping[str, object], time_limit: float, progress: bool
) -> tuple[str, str]:
    """Run every cell; returns how and why that ended early, ``""`` twice when it did not."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    library = papermill()
    # Other users of this machine must not be able to read what passes between us and the kernel.
    encrypted = Config({"KernelManager": {"transport_encryption": "auto"}})
    try:
        with stoppable(time_limit):
            library.execute_notebook(
                str(path),
                str(output),
                parameters=dict(values),
                progress_bar=progress,
                # For a thread of a larger program, which hears no alarm.
                execution_timeout=math.ceil(time_limit),
                config=encrypted,
                # It reports its own orderly end as an error, which would alarm for nothing.
                extra_arguments=["--log-level=CRITICAL"],
            )
    except Stopped as stopped:
        return stopped.outcome, stopped.reason
    except library.PapermillExecutionError as error:
        return "raised", f"{error.ename}: {error.evalue}"
    except DeadKernelError:
        return "kernel died", "The kernel died."
    except CellTimeoutError:
        return "timed out", f"A cell took longer than {time_limit:g} s."
    except Exception as error:  # noqa: BLE001 - a missing kernel, an unreadable notebook: each ends the run
        first_line = str(error).strip().partition("\n")[0]
        return UNFINISHED, f"{type(error).__name__}: {first_line}"
    return "", ""


def _anything_ran(notebook: Path) -> bool:
    """Whether a cell has been started, so that starting again would repeat something."""
    if not notebook.is_file():
        return False
    cells = msgspec.json.decode(notebook.read_bytes())["cells"]
    # Its status says "completed" of cells that papermill never started, too.
    return any(cell["metadata"].get("papermill", {}).get("start_time") for cell in cells)


def _settle(path: Path, run_id: str, outcome: str, reason: str) -> Record:
    """The final record: what the last cell wrote, unless the notebook ended badly besides."""
    record = Record.read(path)
    if record.run_id != run_id:
        record = replace(
            record, outcome=FAILED, reason=f"The record is that of another run, {record.run_id}."
        )
    elif outcome and record.outcome in (PASSED, UNFINISHED):
        record = replace(record, outcome=outcome, reason=reason)
    record = replace(record, finished=record.finished or datetime.now(UTC))
    record.write(path)
    return record


def _mask(path: Path, secrets: Collection[SecretStr]) -> bool:
    """Take secrets out of a file; whether there were any."""
    before = path.read_text(encoding="utf-8")
    after = masked(before, secrets)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return after != before


def _point(link: Path, target: Path) -> None:
    """Make or move a link, so that whoever follows it never finds it missing."""
    draft = link.with_name(f".{target.name}")
    draft.symlink_to(target.relative_to(link.parent))
    draft.replace(link)


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
    changes |= {"TOOLKIT_HOME": str(home), RECORD_VARIABLE: str(record), "MPLBACKEND": PICTURES}
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
