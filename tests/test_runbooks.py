"""Runbooks: parameters are checked before anything starts, and only the last cell can say "passed"."""

from __future__ import annotations

import functools
import json
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.notebooks import CHECKS, notebook
from toolkit.errors import ConfigError, RunbookError
from toolkit.runbooks import Checks, Record, find, run
from toolkit.settings import Settings

DEAR_TO_START = "raise AssertionError('this cell must never run')"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings.load()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    return functools.partial(notebook, tmp_path / "sample.ipynb")


def record_of(folder: Path) -> Record:
    return Record.read(folder / "result.json")


# --- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"symbl": "SPY"}, "Runbook sample has no parameter 'symbl'; did you mean symbol?"),
        ({"zzz": "1"}, "Runbook sample has no parameter 'zzz'; it has symbol, quantity, dry_run, limit."),
        ({"dry_run": "True"}, "Parameter dry_run is 'True'; give true or false."),
        ({"dry_run": "0"}, "Parameter dry_run is '0'; give true or false."),
        ({"quantity": "1_000"}, "Parameter quantity is '1_000'; give a whole number."),
        ({"quantity": "1e3"}, "Parameter quantity is '1e3'; give a whole number."),
        ({"quantity": True}, "Parameter quantity is True; give a whole number."),
        ({"limit": "nan"}, "Parameter limit is 'nan'; give a number."),
        ({"limit": True}, "Parameter limit is True; give a number."),
        ({"symbol": 7}, "Parameter symbol is 7; give text."),
    ],
)
def test_a_parameter_that_is_not_as_declared_is_refused_before_anything_starts(
    write: Callable[..., Path], settings: Settings, given: dict[str, object], sentence: str
) -> None:
    """Hazard H13."""
    path = write('symbol = "SPY"\nquantity = 100\ndry_run = True\nlimit = 1.5', DEAR_TO_START)

    with pytest.raises(ConfigError) as error:
        run(path, given, settings=settings)

    assert str(error.value) == sentence
    assert not settings.toolkit_home.exists()


def test_a_required_parameter_must_be_given(write: Callable[..., Path], settings: Settings) -> None:
    path = write("journal = None", DEAR_TO_START)

    with pytest.raises(ConfigError, match="Runbook sample needs journal; add -p journal VALUE"):
        run(path, settings=settings)

    assert not settings.toolkit_home.exists()


def test_the_type_of_the_default_decides_and_nothing_is_guessed(write: Callable[..., Path]) -> None:
    book = find(write('account = ""\nquantity = 1\nlimit = 1.0\nlive = False\nnote: str = None'))

    values = book.values(
        {
            "account": "007",
            "quantity": "0012",
            "limit": "3",
            "live": "true",
            "note": "false",
        }
    )

    assert values == {"account": "007", "quantity": 12, "limit": 3.0, "live": True, "note": "false"}
    assert [type(value) for value in values.values()] == [str, int, float, bool, str]


def test_a_default_that_is_an_expression_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match=r"Parameter home of .* has the default Path\.home"):
        find(write("home = Path.home()"))


def test_a_misspelled_runbook_is_named_with_the_one_that_was_probably_meant() -> None:
    with pytest.raises(ConfigError, match="no runbook 'paper_trading'; did you mean paper_trading_test"):
        find("paper_trading")


def test_a_runbook_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no runbook at .*none\.ipynb"):
        find(tmp_path / "none.ipynb")


def test_a_file_that_is_no_notebook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_text("{")

    with pytest.raises(ConfigError, match=r"broken\.ipynb is no notebook"):
        find(path)


# --- checks --------------------------------------------------------------------------------------


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runner waits for a record."""
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.mark.usefixtures("by_hand")
def test_a_failed_check_is_told_by_name_at_the_end() -> None:
    checks = Checks()

    checks.that("one is one", 1 == 1)
    checks.that("fills agree", condition=False, detail="100 here, 90 there")

    assert list(checks.table()["result"]) == ["passed", "FAILED"]
    with pytest.raises(RunbookError, match=r"1 of 2 checks failed: fills agree \(100 here, 90 there\)"):
        checks.finish()


@pytest.mark.usefixtures("by_hand")
def test_no_checks_at_all_is_no_success() -> None:
    with pytest.raises(RunbookError, match="made no checks"):
        Checks().finish()


# --- runs ----------------------------------------------------------------------------------------


def test_a_clean_run_passes_and_leaves_notebook_page_and_record(
    write: Callable[..., Path], settings: Settings
) -> None:
    path = write(
        "quantity = 1\naccount = ''",
        CHECKS,
        "print(f'{quantity=} {account=}')",
        "checks.that('the parameters arrived', (quantity, account) == (5, '007'))",
        "checks.finish()",
    )

    result = run(path, {"quantity": "5", "account": "007"}, settings=settings)

    assert (result.outcome, result.exit_code, result.reason) == ("passed", 0, "")
    assert result.folder.parent == settings.toolkit_home / "runs"
    record = record_of(result.folder)
    assert [(check.name, check.passed) for check in record.checks] == [("the parameters arrived", True)]
    assert record.finished is not None
    assert record.finished >= record.started
    assert "quantity=5" in json.dumps(nbformat.read(result.notebook, as_version=4))
    assert result.html is not None
    page = result.html.read_text(encoding="utf-8")
    assert "quantity=5" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page), "the page asks nobody for anything"


FAILING_TASK = """
import asyncio
async def fail():
    raise OSError('feed lost')
task = asyncio.create_task(fail())
await asyncio.sleep(0)
"""
FAILING_THREAD = """
import threading
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(
    ("cell", "outcome", "exit_code", "reason"),
    [
        ("raise ValueError('no fills')", "raised", 4, "ValueError: no fills"),
        ("import sys\nsys.exit(0)", "unfinished", 5, "The notebook ended before its last cell."),
        ("import os\nos._exit(0)", "kernel died", 6, "The kernel died."),
        (FAILING_TASK, "failed", 1, "in the background (OSError: feed lost"),
        (FAILING_THREAD, "failed", 1, "in the background (ZeroDivisionError"),
    ],
    ids=["a cell raises", "sys.exit", "the kernel dies", "a task fails", "a thread fails"],
)
def test_h51_nothing_but_the_last_cell_can_say_passed(
    write: Callable[..., Path], settings: Settings, cell: str, outcome: str, exit_code: int, reason: str
) -> None:
    path = write("", CHECKS, "checks.that('all is well', True)", cell, "checks.finish()")

    result = run(path, settings=settings, html=False)

    assert (result.outcome, result.exit_code) == (outcome, exit_code)
    assert reason in result.reason
    record = record_of(result.folder)
    assert record.outcome == outcome
    assert [check.name for check in record.checks][:1] == ["all is well"], "what it had found is kept"
    assert "all is well" in result.notebook.read_text()


def test_a_failure_after_the_last_check_is_a_failure(write: Callable[..., Path], settings: Settings) -> None:
    path = write("", CHECKS, "checks.that('all is well', True)\nchecks.finish()", "raise OSError('too late')")

    result = run(path, settings=settings, html=False)

    assert (result.outcome, result.reason) == ("raised", "OSError: too late")
    assert record_of(result.folder).reason == "OSError: too late"


DYING = """
import pathlib, sys
mark = pathlib.Path(sys.argv[1])
starts = len(mark.read_text()) if mark.exists() else 0
mark.write_text("." * (starts + 1))
if starts < int(sys.argv[2]):
    sys.exit(1)
from ipykernel.kernelapp import launch_new_instance
sys.argv[1:] = sys.argv[3:]
launch_new_instance()
"""


@pytest.mark.parametrize(
    ("deaths", "outcome", "starts"),
    [(1, "passed", 2), pytest.param(9, "unfinished", 3, marks=pytest.mark.faults_all)],
)
def test_h54_a_kernel_that_dies_before_its_first_cell_is_started_again_but_not_for_ever(
    write: Callable[..., Path],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deaths: int,
    outcome: str,
    starts: int,
) -> None:
    path = write("", CHECKS, "checks.that('all is well', True)\nchecks.finish()")
    mark, spec = tmp_path / "starts", tmp_path / "share" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (tmp_path / "dying.py").write_text(DYING)
    argv = [sys.executable, str(tmp_path / "dying.py"), str(mark), str(deaths), "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "p", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))

    result = run(path, settings=settings, html=False)

    assert (result.outcome, len(mark.read_text())) == (outcome, starts)
