"""Every runbook works under plain papermill as well, with the parameters that it declares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

QUICKER = {"kill_drill": ["-p", "sleep_s", "10"]}
"""What takes less time than the defaults, and nothing else."""
RUNBOOKS = sorted((Path(__file__).parent.parent / "runbooks").glob("*.ipynb"))
IN_EVERY_RUN = ("session_report",)


def test_there_are_runbooks() -> None:
    assert RUNBOOKS


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem in IN_EVERY_RUN else pytest.mark.faults_all)
        for path in RUNBOOKS
    ],
)
def test_plain_papermill_executes_a_runbook_with_its_defaults(path: Path, home: Path, tmp_path: Path) -> None:
    output, quicker = tmp_path / path.name, QUICKER.get(path.stem, [])

    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", str(path), str(output), *quicker],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    cells = [cell for cell in nbformat.read(output, as_version=4).cells if cell.cell_type == "code"]
    assert cells[-1].source == "checks.finish()"
    assert all(cell.execution_count for cell in cells)


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_defaults_of_a_runbook_are_safe(path: Path) -> None:
    """Hazard H13: a run without parameters must not reach for a real gateway."""
    book = nbformat.read(path, as_version=4)
    (parameters,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    defaults: dict[str, object] = {}
    exec(parameters.source, defaults)

    assert defaults.get("gateway", "paper") == "paper"
