"""The runs of the past, as their records tell them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import pandas as pd

from toolkit.errors import RunbookError
from toolkit.reports.table import NUMBER, TEXT, TIME, WHOLE, Column, Schema, build
from toolkit.runbooks.checks import Record

RUNS: Final[Schema] = {
    "run_id": Column(TEXT, "index", lambda run: run[1].run_id),
    "started": Column(TIME, "UTC", lambda run: run[1].started),
    "runbook": Column(TEXT, "", lambda run: run[1].runbook),
    "outcome": Column(TEXT, "a key of EXIT_CODES", lambda run: run[1].outcome),
    "exit_code": Column(WHOLE, "", lambda run: run[1].exit_code),
    "duration_s": Column(
        NUMBER, "s, NaN while it runs or when its runner was killed", lambda run: _seconds(run[1])
    ),
    "checks_passed": Column(WHOLE, "", lambda run: sum(check.passed for check in run[1].checks)),
    "checks": Column(WHOLE, "", lambda run: len(run[1].checks)),
    "parameters": Column(TEXT, "JSON", lambda run: msgspec.json.encode(run[1].parameters).decode()),
    "reason": Column(TEXT, "", lambda run: run[1].reason),
    "report": Column(TEXT, "path of the page, or of the notebook", lambda run: str(_report(*run))),
}


def runs_frame(home: Path) -> pd.DataFrame:
    """
    One row per run below TOOLKIT_HOME, oldest first; index ``run_id``, columns and units as in ``RUNS``.

    A run whose record cannot be read is there with that as its reason.
    """
    folders = [path for path in (home / "runs").glob("*") if path.is_dir()]
    runs = sorted(((folder, _record(folder)) for folder in folders), key=lambda run: run[1].started)
    return build(RUNS, runs, "run_id")


def lines(runs: pd.DataFrame) -> Iterator[str]:
    """The runs for a terminal: what and how on one line, the parameters and the report below it."""
    for run in runs.to_dict("records"):
        took = "" if pd.isna(run["duration_s"]) else f"{run['duration_s']:.1f} s"
        checks = f"{run['checks_passed']}/{run['checks']} checks"
        started = f"{run['started']:%m-%d %H:%M:%S}"
        yield f"{started}  {run['runbook']:24}  {run['outcome']:11}  {took:>8}  {checks:>12}"
        given = msgspec.json.decode(run["parameters"])
        below = [", ".join(f"{name}={value}" for name, value in given.items()), run["reason"], run["report"]]
        yield from (f"    {line}" for line in below if line)


def _record(folder: Path) -> Record:
    try:
        return Record.read(folder / "result.json")
    except RunbookError as error:
        made = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
        return Record(run_id=folder.name, runbook="", reason=str(error), started=made)


def _seconds(record: Record) -> float | None:
    return None if record.finished is None else (record.finished - record.started).total_seconds()


def _report(folder: Path, record: Record) -> Path:
    page = folder / f"{record.runbook}.html"
    return page if page.exists() else page.with_suffix(".ipynb")
