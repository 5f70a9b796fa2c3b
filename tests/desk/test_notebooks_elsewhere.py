"""Every notebook under what people run notebooks with when they do not look at them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.desk.test_notebooks_run_twice import NOTEBOOKS

pytestmark = pytest.mark.faults_all

COMMANDS = {
    "papermill": ["papermill", "--no-progress-bar", "{source}", "{target}"],
    "nbconvert": [
        "jupyter",
        "nbconvert",
        "--to",
        "notebook",
        "--execute",
        "--output",
        "{target}",
        "{source}",
    ],
}


def execute(source: Path, target: Path, command: str, **variables: str) -> nbformat.NotebookNode:
    """What a notebook left when it was executed from the command line."""
    words = [word.format(source=source, target=target) for word in COMMANDS[command]]
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, "-m", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return nbformat.read(target, as_version=4)


def code(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_the_command_line(path: Path, command: str, home: Path, tmp_path: Path) -> None:
    cells = code(execute(path, tmp_path / path.name, command))
    assert all(cell.execution_count for cell in cells)
    assert any(cell.outputs for cell in cells)


@pytest.mark.kafka
def test_the_bus_notebook_runs_on_a_real_kafka(kafka_bootstrap: str, home: Path, tmp_path: Path) -> None:
    source = next(path for path in NOTEBOOKS if path.stem == "06_kafka")
    servers: dict[str, Any] = {"KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap}
    cells = code(execute(source, tmp_path / source.name, "papermill", **servers))
    assert f"bus: {kafka_bootstrap}" in str(cells[0].outputs)
