"""Schedules run nothing on holidays, and name only commands and runbooks that there are."""

from __future__ import annotations

import ast
import configparser
import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.documents import Shell, shell
from toolkit.cli import main
from toolkit.errors import ConfigError
from toolkit.trading_day import NoSession, TradingDay, trading_day

ROOT = Path(__file__).resolve().parent.parent
SCHEDULE = ROOT / "runbooks" / "schedule"
RUNBOOKS = {"preflight", "open_session", "close_session", "end_of_day"}
"""What a trading day runs."""
REAL = ["-p", "gateway", ""]
"""Of every runbook: not the paper gateway of its own that it would practise on."""
SESSION, HOLIDAY = "2026-11-25", "2026-11-26"
NOON = datetime(2026, 11, 25, 17, tzinfo=UTC)


def session(*options: str) -> Result:
    return CliRunner().invoke(main, ["session", *options])


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """The scheduler's shell, with this installation's toolkit."""
    with shell(tmp_path_factory.mktemp("scheduler")) as opened:
        yield opened


# --- the calendar -------------------------------------------------------------------------------------


def test_a_day_with_a_session_is_exit_0_and_a_holiday_is_exit_1() -> None:
    open_day, closed = session("--date", SESSION), session("--date", HOLIDAY)
    assert (open_day.exit_code, closed.exit_code) == (0, 1)
    assert open_day.stdout == f"XNYS has a session on {SESSION} from 14:30 to 21:00 UTC.\n"
    assert closed.stdout == f"XNYS has no session on {HOLIDAY}; the next is on 2026-11-27.\n"


def test_an_early_close_is_told() -> None:
    assert "from 14:30 to 18:00 UTC, an early close" in session("--date", "2026-11-27").stdout


def test_summer_time_moves_the_session() -> None:
    found = trading_day("XNYS", date(2026, 7, 6), NOON)
    assert isinstance(found, TradingDay)
    assert (found.opens, found.early) == (datetime(2026, 7, 6, 13, 30, tzinfo=UTC), False)


@pytest.mark.parametrize(
    ("now", "day"), [("2026-11-27T04:59:00+00:00", 26), ("2026-11-27T05:01:00+00:00", 27)]
)
def test_today_is_the_exchanges_today(now: str, day: int) -> None:
    assert trading_day("XNYS", None, datetime.fromisoformat(now)).day == date(2026, 11, day)


def test_another_exchange_has_other_holidays() -> None:
    assert isinstance(trading_day("XLON", date(2026, 11, 26), NOON), TradingDay)
    assert isinstance(trading_day("XLON", date(2026, 12, 28), NOON), NoSession)


@pytest.mark.parametrize("options", [("--exchange", "NYX"), ("--date", "1066-10-14"), ("--date", "tomorrow")])
def test_what_is_no_exchange_and_no_day_is_exit_2_not_a_holiday(options: tuple[str, str]) -> None:
    assert session(*options).exit_code == 2


def test_an_exchange_without_a_calendar_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"There is no calendar of the exchange 'NYX'; use its market"):
        trading_day("NYX", None, NOON)


def test_a_moment_that_has_passed_is_exit_1() -> None:
    done = session("--date", SESSION[:-2] + "02", "--until", "close", "--minutes-before", "10")
    assert (done.exit_code, done.stderr) == (1, "2026-11-02 20:50 UTC has passed.\n")


def test_it_waits_until_so_many_minutes_before_the_close() -> None:
    began = time.monotonic()
    assert session("--exchange", "24/7").exit_code == 0
    ahead = 3 * (time.monotonic() - began) + 0.3  # a busy machine needs longer to begin to wait
    now = datetime.now(UTC)
    found = trading_day("24/7", now.date(), now)
    assert isinstance(found, TradingDay)
    moment = datetime.now(UTC) + timedelta(seconds=ahead)
    minutes = (found.closes - moment).total_seconds() / 60
    done = session("--exchange", "24/7", "--until", "close", "--minutes-before", str(minutes))
    assert done.exit_code == 0, done.stderr
    assert datetime.now(UTC) >= moment


# --- systemd ------------------------------------------------------------------------------------------

UNITS = sorted(SCHEDULE.glob("*.service"))
TIMERS = sorted(SCHEDULE.glob("*.timer"))


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


def condition(path: Path) -> str:
    """What a unit asks before it runs, for the shell that it names."""
    program, flag, script = shlex.split(unit(path)["Service"]["ExecCondition"])
    assert (program, flag) == ("/bin/sh", "-c")
    return script.replace("$$", "$").replace("/opt/toolkit/bin/toolkit", "toolkit")


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_skipped_on_a_holiday(path: Path, scheduler: Shell) -> None:
    script = condition(path)
    assert "--exchange XNYS" in script
    assert scheduler.run(script.replace("XNYS", f"XNYS --date {HOLIDAY}")).returncode == 1


def test_a_unit_fails_when_there_is_no_calendar(scheduler: Shell) -> None:
    """255 is the only exit code of a condition that systemd takes for a failure."""
    scripts = {condition(path).partition(";")[2] for path in UNITS}
    assert len(scripts) == 1
    assert scheduler.run(condition(UNITS[0]).replace("XNYS", "NYX")).returncode == 255


def test_a_unit_runs_on_a_day_with_a_session(scheduler: Shell) -> None:
    script = condition(SCHEDULE / "toolkit-runbook@.service")
    assert scheduler.run(script.replace("XNYS", f"XNYS --date {SESSION}")).returncode == 0


def test_each_timer_starts_a_runbook_in_new_yorks_time_and_makes_up_for_nothing() -> None:
    started = set()
    for path in TIMERS:
        timer = unit(path)["Timer"]
        name, _, instance = timer["Unit"].removesuffix(".service").partition("@")
        service = SCHEDULE / f"{name}{'@' if instance else ''}.service"
        program, command, runbook, *options = shlex.split(
            unit(service)["Service"]["ExecStart"].replace("%i", instance)
        )
        assert options == REAL
        assert (Path(program).name, command) == ("toolkit", "run")
        assert re.fullmatch(r"Mon\.\.Fri \d\d:\d\d America/New_York", timer["OnCalendar"])
        assert timer["Persistent"] == "false"
        started.add(runbook)
    assert started == RUNBOOKS


def test_systemd_has_nothing_to_object_to(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    for path in (*UNITS, *TIMERS, ROOT / "runbooks" / "deploy" / "toolkit.service"):
        text = path.read_text().replace("/opt/toolkit/bin/toolkit", "/bin/true")
        (tmp_path / path.name).write_text(text)
    files = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "toolkit" in line]
    assert (done.returncode, ours) == (0, [])


# --- cron ---------------------------------------------------------------------------------------------

CRONTAB = (SCHEDULE / "crontab").read_text()
JOBS = [line.split(maxsplit=5) for line in CRONTAB.splitlines() if re.match(r"\d", line)]


def runbook_of(job: list[str]) -> str:
    _, _, line = job[5].partition(" && toolkit run ")
    name, *options = shlex.split(line)
    assert options == REAL
    return name


def test_the_crontab_keeps_new_yorks_time_and_runs_the_same_day_as_the_timers() -> None:
    assert "CRON_TZ=America/New_York" in CRONTAB
    at = {runbook_of(job): f"{int(job[1]):02}:{int(job[0]):02}" for job in JOBS}
    timers = {
        path.stem.removeprefix("toolkit-"): unit(path)["Timer"]["OnCalendar"].split()[1] for path in TIMERS
    }
    assert at == timers
    assert at.keys() == RUNBOOKS
    assert {tuple(job[2:5]) for job in JOBS} == {("*", "*", "1-5")}


def test_jobs_of_cron_are_one_line_and_ask_first() -> None:
    for job in JOBS:
        assert "%" not in job[5], "cron takes it for the end of the line"
        assert re.fullmatch(r"toolkit session --exchange XNYS[-\w ]* && toolkit run .+", job[5])


@pytest.mark.parametrize("job", [JOBS[0], JOBS[2]], ids=["preflight", "close_session"])
def test_a_job_of_cron_runs_nothing_on_a_holiday(job: list[str], tmp_path: Path, scheduler: Shell) -> None:
    marker = tmp_path / "ran"
    line = re.sub(r"toolkit run .*", f"touch {marker}", job[5])
    line = line.replace("--exchange XNYS", f"--exchange XNYS --date {HOLIDAY}")
    assert scheduler.run(line).returncode == 1
    assert not marker.exists()


def test_a_job_of_cron_runs_on_a_day_with_a_session_and_has_the_services_settings(
    tmp_path: Path, scheduler: Shell
) -> None:
    settings = tmp_path / "toolkit.env"
    settings.write_text((ROOT / "runbooks" / "deploy" / "toolkit.env").read_text())
    line = JOBS[0][5].replace("--exchange XNYS", f"--exchange XNYS --date {SESSION}")
    line = re.sub(r"toolkit run .*", "printenv IBKR_PORT LOG_FORMAT", line)
    environment = f"export BASH_ENV={SCHEDULE / 'environment.sh'} TOOLKIT_ENV={settings}; exec bash -c "
    done = scheduler.run(environment + shlex.quote(line))
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["4002", "json"])


# --- Airflow ------------------------------------------------------------------------------------------

DAG = (SCHEDULE / "airflow_dag.py").read_text()
TREE = ast.parse(DAG)


def calls(name: str) -> list[ast.Call]:
    """Calls of a function or class, in the order of the file."""
    return [
        node
        for node in ast.walk(TREE)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_the_dag_compiles_and_imports_airflow_and_nothing_of_ours() -> None:
    """Airflow itself is too large to install for one file, so its grammar is checked, not its run."""
    compile(DAG, "airflow_dag.py", "exec")
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(TREE)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported == {
        *("__future__", "os", "subprocess", "datetime", "pendulum"),
        *("airflow.sdk", "airflow.providers.papermill.operators.papermill"),
    }


def test_the_dag_runs_the_same_day_once_and_makes_up_for_nothing() -> None:
    assert {ast.literal_eval(call.args[0]) for call in calls("runbook")} == RUNBOOKS
    (dag,) = calls("DAG")
    options = {keyword.arg: keyword.value for keyword in dag.keywords}
    assert ast.literal_eval(options["catchup"]) is False
    assert ast.literal_eval(options["max_active_runs"]) == 1
    (operator,) = calls("PapermillOperator")
    given = {keyword.arg for keyword in operator.keywords}
    assert {"task_id", "input_nb", "output_nb", "parameters", "retries"} <= given


def test_the_conditions_of_the_dag_are_ones_that_the_command_takes() -> None:
    for call in calls("condition"):
        options = [ast.literal_eval(each) for each in call.args]
        assert session("--date", HOLIDAY, *options).exit_code == 1


# --- runbooks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_what_a_schedule_runs_takes_the_parameter_that_it_is_given(name: str) -> None:
    if not (ROOT / "runbooks" / f"{name}.ipynb").exists():
        pytest.skip(f"the runbook {name} is not there")
    cells = json.loads((ROOT / "runbooks" / f"{name}.ipynb").read_text())["cells"]
    (declared,) = [cell["source"] for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    assert re.search(r"^gateway = ", "".join(declared), re.MULTILINE)
