"""``toolkit run`` as a scheduler starts it, and ``toolkit runs`` as a person asks afterwards."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner

from tests.notebooks import CHECKS, notebook
from toolkit.cli import main
from toolkit.gateway import PaperGateway
from toolkit.journal.sqlite import SqliteJournal
from toolkit.runbooks import Record, run
from toolkit.runbooks.book import find, read_parameters
from toolkit.runbooks.checks import EXIT_CODES
from toolkit.runbooks.reconcile import reconcile
from toolkit.runbooks.runner import RunResult

ROOT = Path(__file__).resolve().parent.parent
ENDED = "checks.that('all is well', True)\nchecks.finish()"


def command(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """``toolkit run`` the way cron does it: hardly an environment, no terminal, another folder."""
    kept = {name: os.environ[name] for name in ("TMPDIR", "TOOLKIT_HOME", "PYTHONDONTWRITEBYTECODE")}
    return subprocess.run(
        [sys.executable, "-m", "toolkit", "run", *map(str, arguments)],
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **kept, **variables},
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def latest(home: Path) -> Path:
    return (home / "latest").resolve()


def test_a_scheduler_needs_no_terminal_no_folder_and_hardly_an_environment(
    home: Path, tmp_path: Path
) -> None:
    path = notebook(tmp_path / "sample.ipynb", "account = ''", CHECKS, ENDED)
    (tmp_path / "day.yaml").write_text("account: 007\n")

    done = command(path, "-f", tmp_path / "day.yaml", "--no-html")

    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no progress bar where there is no terminal"
    record = Record.read(latest(home) / "result.json")
    assert (record.outcome, record.parameters) == ("passed", {"account": "007"})


def test_h51_a_run_that_takes_too_long_ends(home: Path, tmp_path: Path) -> None:
    path = notebook(tmp_path / "sample.ipynb", "", CHECKS, "import time\ntime.sleep(120)", "checks.finish()")

    done = command(path, "--timeout", "1", "--no-html")

    assert done.returncode == 7, done.stderr
    # A kernel that is ended while it starts may still complain after that.
    assert "The run took longer than its 1 s." in done.stderr.splitlines()
    assert Record.read(latest(home) / "result.json").outcome == "timed out"


@pytest.mark.parametrize(
    ("number", "outcome", "reason"),
    [
        ("SIGTERM", "terminated", "The run was terminated (SIGTERM)."),
        pytest.param(
            "SIGINT",
            "interrupted",
            "The run was interrupted from the keyboard.",
            marks=pytest.mark.faults_all,
        ),
    ],
)
def test_h51_a_signal_amid_an_order_leaves_notebook_and_journal_intact(
    home: Path, tmp_path: Path, paper_gateway: PaperGateway, number: str, outcome: str, reason: str
) -> None:
    paper_gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
    path = notebook(
        tmp_path / "sample.ipynb",
        "",
        f"{CHECKS}\nimport os, signal, time, toolkit\ndesk = toolkit.connect()",
        "desk.buy('SPY', 1, limit=400, intent_id='resting')\nchecks.that('it was sent', True)",
        f"os.kill(os.getppid(), signal.{number})\ntime.sleep(120)",
        "checks.finish()",
    )

    done = command(path, IBKR_PORT=str(paper_gateway.port), PROMETHEUS_PORT="0")

    assert done.returncode == EXIT_CODES[outcome], done.stderr
    folder = latest(home)
    record = Record.read(folder / "result.json")
    assert (record.outcome, record.reason) == (outcome, reason)
    assert [check.name for check in record.checks] == ["it was sent"]
    cells = nbformat.read(folder / "sample.ipynb", as_version=4).cells
    assert any("it was sent" in cell.source for cell in cells)
    assert outcome in (folder / "sample.html").read_text()
    with SqliteJournal(home / "journal.db") as journal:  # nobody holds it any more
        assert journal.last_seq
    assert reconcile(home / "journal.db", paper_gateway.ledger) == []


@pytest.fixture
def two_runs(home: Path, tmp_path: Path) -> tuple[RunResult, RunResult]:
    path = notebook(tmp_path / "sample.ipynb", "quantity = 1", CHECKS, "assert quantity > 1, 'none'", ENDED)
    return run(path, html=False), run(path, {"quantity": "2"}, html=False)


def table(*options: str) -> str:
    done = CliRunner().invoke(main, ["runs", *options])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_runs_are_listed_with_outcome_duration_parameters_and_report(
    two_runs: tuple[RunResult, RunResult], home: Path
) -> None:
    first, second = two_runs

    rows: list[dict[str, Any]] = [json.loads(line) for line in table("--json").splitlines()]

    assert [(row["runbook"], row["outcome"], row["exit_code"]) for row in rows] == [
        ("sample", "raised", 4),
        ("sample", "passed", 0),
    ]
    assert [json.loads(row["parameters"]) for row in rows] == [{"quantity": 1}, {"quantity": 2}]
    assert [row["report"] for row in rows] == [str(first.notebook), str(second.notebook)]
    assert all(0 < row["duration_s"] < 120 for row in rows)
    assert rows[0]["reason"].startswith("AssertionError")
    read = list(csv.DictReader(io.StringIO(table("--csv"))))
    assert [row["run_id"] for row in read] == [row["run_id"] for row in rows]
    assert all(word in table() for word in ("raised", "passed", "quantity=2", str(second.notebook)))
    assert latest(home) == second.folder
    (first.folder / "result.json").write_text("{")
    gone = next(
        row for row in map(json.loads, table("--json").splitlines()) if row["run_id"] not in str(second)
    )
    assert (gone["outcome"], "cannot be read" in gone["reason"]) == ("unfinished", True)


def test_before_the_first_run_there_is_nothing_to_list(home: Path) -> None:
    assert table() == "Nothing yet.\n"


def test_h51_every_ending_has_an_exit_code_of_its_own() -> None:
    codes = list(EXIT_CODES.values())

    assert len(set(codes)) == len(codes)
    assert [outcome for outcome, code in EXIT_CODES.items() if code == 0] == ["passed"]


# --- parameters in a file ------------------------------------------------------------------------


def test_h13_yaml_guesses_nothing_about_a_parameter(tmp_path: Path) -> None:
    path = tmp_path / "day.yaml"
    path.write_text("account: 007\nsymbol: ON\nlive: off\nquantity: 1e3\nnote: 'yes'\n")

    assert read_parameters(path) == {
        "account": "007",
        "symbol": "ON",
        "live": "off",
        "quantity": "1e3",
        "note": "yes",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("symbol: SPY\nsymbol: QQQ\n", "gives parameter symbol more than once; keep one."),
        (
            "symbol: SPY\nsides: [BUY]\n",
            "Line 2 of {path} is no parameter; write one `name: value` per line.",
        ),
        ("SPY\n", "Line 1 of {path} is no parameter; write one `name: value` per line."),
        ("a: b: c\n", "cannot be read: mapping values are not allowed here"),
    ],
)
def test_a_file_that_is_no_list_of_parameters_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "day.yaml"
    path.write_text(text)

    done = CliRunner().invoke(main, ["run", "paper_trading_test", "-f", str(path)])

    assert done.exit_code == 2
    assert sentence.format(path=path) in done.output


def test_the_command_line_overrules_the_file(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "day.yaml"
    path.write_text("symbol: QQQ\nquantity: 5\n")

    done = CliRunner().invoke(main, ["run", "paper_trading_test", "-f", str(path), "-p", "quantity", "0"])

    assert done.exit_code == 2
    assert done.output.startswith("Parameter quantity is 0: ")
    assert not home.exists()


# --- the typed model -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("quantity", "0", "Parameter quantity is 0: it should be greater than or equal to 1."),
        ("quantity", "100000", "Parameter quantity is 100000: it should be less than or equal to 10000."),
        ("gateway", "live", "Parameter gateway is 'live': it should be 'paper' or ''."),
        ("timeout_s", "-1", "Parameter timeout_s is -1.0: it should be greater than 0."),
        ("symbol", "spy", "Parameter symbol is 'spy': String should match pattern"),
    ],
)
def test_h13_a_parameter_out_of_range_is_refused_before_anything_starts(
    home: Path, name: str, value: str, sentence: str
) -> None:
    done = CliRunner().invoke(main, ["run", "paper_trading_test", "-p", name, value])

    assert done.exit_code == 2
    assert done.output.startswith(sentence)
    assert not home.exists()


def test_a_file_that_a_parameter_names_must_be_there(home: Path) -> None:
    done = CliRunner().invoke(main, ["run", "session_report", "-p", "journal", "/no/such/journal.db"])

    assert done.exit_code == 2
    assert done.output == "Parameter journal is '/no/such/journal.db': there is no such file.\n"


def test_a_runbook_knows_its_parameters_in_the_order_of_the_notebook() -> None:
    assert list(find("session_report").parameters) == ["journal", "quotes", "title"]
