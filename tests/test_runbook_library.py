"""
Every runbook, run from beginning to end without anybody looking, against the paper gateway.

They share one kernel, whose names are forgotten between them: what a kernel of its own adds is the
runner's affair and is tested there, and under plain papermill.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.kafka_broker import free_ports
from toolkit.journal.reader import JournalReader
from toolkit.runbooks.book import find
from toolkit.runbooks.parameters import MODELS
from toolkit.runbooks.preflight import DRILLS
from toolkit.runbooks.runner import RunResult, run

RUNBOOKS = sorted((Path(__file__).parent.parent / "runbooks").glob("*.ipynb"))
SMALLER: dict[str, dict[str, object]] = {
    "kafka_orchestration": {"intents": 40},
    "disaster_recovery_drill": {"orders": 16},
    "kill_drill": {"orders": 10, "sleep_s": 8.0},
}
"""Less of the same, for the default run."""
DOING: dict[str, dict[str, object]] = {"flatten": {"dry_run": False}, "close_session": {"dry_run": False}}
"""What the dry run leaves out."""
CELL_S = 90


class Kernel:
    """A kernel with a TOOLKIT_HOME of its own."""

    def __init__(self, home: Path) -> None:
        from jupyter_client.manager import start_new_kernel

        (port,) = free_ports(1)
        told = {"TOOLKIT_HOME": str(home), "PROMETHEUS_PORT": str(port)}
        self.home = home
        for left in reversed(range(3)):
            try:
                self._manager, self._client = start_new_kernel(
                    kernel_name="python3", env={**os.environ, **told}
                )
                break
            except RuntimeError:  # it died at once, as when its port was taken meanwhile (hazard H54)
                if not left:
                    raise

    def run(self, path: Path, parameters: dict[str, object]) -> str:
        """Run every code cell with these parameters; what was printed or raised where it should not."""
        complaints: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "error":
                complaints.append(f"{content['ename']}: {content['evalue']}")
            elif message["msg_type"] == "stream" and "Traceback" in content["text"]:
                complaints.append(content["text"])  # what a cell shows could not be shown

        for source in self._cells(path, parameters):
            self._client.execute_interactive(source, timeout=CELL_S, output_hook=hear)
            if complaints:
                break
        return "\n".join(complaints)

    def _cells(self, path: Path, parameters: dict[str, object]) -> Iterator[str]:
        yield "%reset -f"
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                yield cell.source
                if "parameters" in cell.metadata.get("tags", []):
                    yield "\n".join(f"{name} = {value!r}" for name, value in parameters.items())

    def end(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    started = Kernel(tmp_path_factory.mktemp("home"))
    yield started
    started.end()


def test_every_runbook_has_a_model_of_its_parameters_and_every_drill_is_one() -> None:
    assert {path.stem for path in RUNBOOKS} == set(MODELS) >= set(DRILLS)


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_h51_a_runbook_uses_no_shell_line_whose_failure_nobody_would_hear_of(path: Path) -> None:
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]

    assert [
        line for cell in cells for line in cell.splitlines() if line.lstrip().startswith(("!", "%"))
    ] == []
    assert cells[-1] == "checks.finish()"


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_passes_against_the_paper_gateway_with_nothing_else(kernel: Kernel, path: Path) -> None:
    smaller = SMALLER.get(path.stem, {})
    assert smaller.keys() <= find(path.stem).parameters.keys()
    assert kernel.run(path, smaller) == ""


@pytest.mark.parametrize("name", sorted(DOING))
def test_a_runbook_that_is_told_to_does_what_its_dry_run_shows(kernel: Kernel, name: str) -> None:
    before = set(kernel.home.rglob("journal.db"))

    assert kernel.run(find(name).path, DOING[name]) == ""

    (journal,) = set(kernel.home.rglob("journal.db")) - before
    with JournalReader(journal) as reader:
        states = reader.states().values()
    assert states
    assert all(state.final for state in states)
    held = sum(
        fill.shares if fill.side == "BOT" else -fill.shares
        for state in states
        for fill in state.executions.values()
    )
    assert held == (0 if name == "flatten" else 110)


@pytest.mark.kafka
@pytest.mark.faults_all
def test_the_orchestration_drill_passes_on_a_real_kafka(
    kafka_bootstrap: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)

    result = run("kafka_orchestration", {"bus": "kafka", "intents": 40}, html=False)

    assert (result.outcome, result.reason) == ("passed", "")


@pytest.mark.faults_all
@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_the_runner_passes_a_runbook_as_it_is(
    home: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_PORT", str(free_ports(1)[0]))

    result: RunResult = run(path.stem)

    assert (result.outcome, result.exit_code, result.reason) == ("passed", 0, "")
    assert result.html is not None


@pytest.mark.parametrize("name", sorted(MODELS))
def test_h13_a_runbook_declares_the_parameters_of_its_model_with_the_same_safe_defaults(name: str) -> None:
    declared = {parameter: default for parameter, (_, default) in find(name).parameters.items()}

    assert declared == MODELS[name]().model_dump()
    assert declared.get("gateway", "paper") == "paper"
    assert declared.get("dry_run", True) is True
    assert declared.get("live", False) is False
