"""Every runbook with a wrong parameter, which must reach nobody, and with a failure, which must be told."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

import toolkit
from tests.notebooks import CHECKS, notebook
from toolkit.cli import main
from toolkit.errors import RunbookError
from toolkit.gateway import PaperGateway
from toolkit.journal.sqlite import SqliteJournal
from toolkit.runbooks import Checks, Record, run
from toolkit.runbooks.desks import open_desk
from toolkit.runbooks.reconcile import reconcile

RUNBOOKS = sorted(path.stem for path in (Path(__file__).parent.parent / "runbooks").glob("*.ipynb"))
OUT_OF_RANGE = {
    "close_session": ("timeout_s", "0"),
    "disaster_recovery_drill": ("orders", "1"),
    "end_of_day": ("journal", "/no/such/journal.db"),
    "flatten": ("dry_run", "no"),
    "kafka_orchestration": ("bus", "rabbit"),
    "kill_drill": ("orders", "9999"),
    "open_session": ("symbols", "spy"),
    "paper_trading_test": ("quantity", "-1"),
    "preflight": ("account", "007"),
    "reconcile": ("gateway", "live"),
    "session_report": ("journal", "/no/such/journal.db"),
}


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where the gateway and Kafka would be; whoever calls is noticed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("IBKR_PORT", str(port))
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
        yield server


def nobody_called(server: socket.socket) -> bool:
    server.setblocking(False)
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return True
    return False


@pytest.mark.parametrize("name", RUNBOOKS)
def test_h13_a_wrong_parameter_ends_a_runbook_before_any_connection(
    name: str, home: Path, listener: socket.socket
) -> None:
    misspelled = ("dry_rum", "true")
    for parameter, value in (OUT_OF_RANGE[name], misspelled):
        done = CliRunner().invoke(main, ["run", name, "-p", parameter, value])

        assert done.exit_code == 2, done.output
        assert parameter in done.output
        assert len(done.output.splitlines()) == 1, "one sentence"
    assert not home.exists(), "nothing was started"
    assert nobody_called(listener)


def test_h13_live_needs_the_name_of_the_account_before_any_connection(
    home: Path, listener: socket.socket
) -> None:
    done = CliRunner().invoke(main, ["run", "preflight", "-p", "live", "true"])

    assert (done.exit_code, done.output) == (
        2,
        "Parameter account is '': name the live account that is meant.\n",
    )
    assert nobody_called(listener)


def test_h13_a_live_account_that_nobody_named_gets_no_desk(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)
    with PaperGateway(port=0, account="U1234567") as gateway:
        monkeypatch.setenv("IBKR_PORT", str(gateway.port))
        with pytest.raises(RunbookError, match=r"U1234567 \(LIVE\); name a live account to use it"):
            open_desk(Checks(), "")
        with open_desk(Checks(), "", "U1234567") as desk:
            assert desk.health()["account"] == "U1234567"
        assert gateway.ledger.requests == []


def test_h13_a_live_port_is_not_even_called_without_a_name(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)
    monkeypatch.setenv("IBKR_PORT", "7496")

    with pytest.raises(RunbookError, match=r"a live account is named \(port 7496 is for live trading\)"):
        open_desk(Checks(), "")


def test_h13_a_kill_drill_at_a_real_gateway_rests_no_more_orders_than_a_broker_takes(
    home: Path, listener: socket.socket
) -> None:
    done = CliRunner().invoke(main, ["run", "kill_drill", "-p", "gateway", ""])

    assert (done.exit_code, done.output) == (
        2,
        "Parameter orders is 50: the broker takes 20 resting orders per side; give 40 at most.\n",
    )
    assert nobody_called(listener)


# --- planted failures ----------------------------------------------------------------------------

Plant = Callable[[PaperGateway, Path], dict[str, object]]
"""Makes something go wrong at the gateway of the settings, or in the home; the run's parameters."""


def no_quotes(gateway: PaperGateway, home: Path) -> dict[str, object]:
    return {"gateway": ""}


def no_quotes_for_a_drill(gateway: PaperGateway, home: Path) -> dict[str, object]:
    return {"gateway": "", "orders": 10, "sleep_s": 5.0}


def a_journal(gateway: PaperGateway, home: Path) -> Path:
    """The journal of a day with a fill and an order that rests."""
    gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
    with toolkit.connect() as desk:
        desk.buy("SPY", 10, intent_id="bought")
        desk.wait("bought")
        desk.buy("SPY", 10, limit=400, intent_id="resting")
    return home / "journal.db"


def a_lost_report(gateway: PaperGateway, home: Path) -> dict[str, object]:
    path = a_journal(gateway, home)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("delete from reports where report_seq = 2")
    return {"gateway": ""}


def a_lost_report_in_a_file(gateway: PaperGateway, home: Path) -> dict[str, object]:
    a_lost_report(gateway, home)
    return {"journal": str(home / "journal.db")}


def lost_cancels(gateway: PaperGateway, home: Path) -> dict[str, object]:
    a_journal(gateway, home)
    gateway.faults.add("drop", message="cancelOrder", times=0)
    return {"gateway": "", "dry_run": False, "timeout_s": 1.0}


def a_kill_file(gateway: PaperGateway, home: Path) -> dict[str, object]:
    a_journal(gateway, home)
    (home / "KILL").touch()
    return {"gateway": "", "dry_run": False, "timeout_s": 5.0}


def killed_before_the_open(gateway: PaperGateway, home: Path) -> dict[str, object]:
    a_journal(gateway, home)
    (home / "KILL").touch()
    return {"gateway": "", "symbols": "SPY"}


def an_unknown_symbol(gateway: PaperGateway, home: Path) -> dict[str, object]:
    return {"symbol": "NOSUCH"}


PLANTED: dict[str, tuple[Plant, str]] = {
    "close_session": (lost_cancels, "TimeoutError"),
    "disaster_recovery_drill": (an_unknown_symbol, "orders were traded"),
    "end_of_day": (a_lost_report, "journal and reports tell one story"),
    "flatten": (a_kill_file, "every position is flat"),
    "kafka_orchestration": (an_unknown_symbol, "every intent within the limits filled"),
    "kill_drill": (no_quotes_for_a_drill, "SPY has a quote"),
    "open_session": (killed_before_the_open, "orders may be sent"),
    "paper_trading_test": (no_quotes, "there is a quote"),
    "preflight": (no_quotes, "SPY has a quote"),
    "reconcile": (a_lost_report, "journal, reports and live orders tell one story"),
    "session_report": (a_lost_report_in_a_file, "journal and reports tell one story"),
}
IN_EVERY_RUN = ("flatten", "open_session")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.faults_all)
        for name in sorted(PLANTED)
    ],
)
def test_a_planted_failure_is_told_and_leaves_notebook_and_journal_intact(
    name: str, home: Path, paper_gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_PORT", str(paper_gateway.port))
    monkeypatch.setenv("PROMETHEUS_PORT", "0")
    monkeypatch.setenv("PLANTED_SECRET", "hunter2-hunter2")
    plant, reason = PLANTED[name]
    given = plant(paper_gateway, home)

    result = run(name, given, html=False)

    assert result.exit_code not in (0, 2, 3), result.reason
    assert reason in result.reason
    record = Record.read(result.folder / "result.json")
    assert (record.outcome, record.reason) == (result.outcome, result.reason)
    cells = nbformat.read(result.notebook, as_version=4).cells
    assert any(cell.get("outputs") for cell in cells), "it shows how far it got"
    for journal in home.rglob("journal.db"):
        with SqliteJournal(journal) as opened:  # free, and every fact readable
            assert len(list(opened.events())) == opened.last_seq
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"hunter2" in path.read_bytes()], "hazard H52"


@pytest.mark.faults_all
def test_a_preflight_of_a_live_account_judges_it_and_sends_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PaperGateway(port=0, account="U1234567") as gateway:
        monkeypatch.setenv("IBKR_PORT", str(gateway.port))
        monkeypatch.setenv("PROMETHEUS_PORT", "0")

        result = run("preflight", {"gateway": "", "live": True, "account": "U1234567"}, html=False)

        assert (result.outcome, gateway.ledger.requests) == ("failed", [])
    for line in ("IBKR_READ_ONLY is not set", "not set: max_order_notional", "not passed within 30 days"):
        assert line in result.reason


@pytest.mark.faults_all
def test_h51_after_a_kernel_died_amid_an_order_the_next_run_reconciles(
    home: Path, tmp_path: Path, paper_gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_PORT", str(paper_gateway.port))
    paper_gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
    path = notebook(
        tmp_path / "sample.ipynb",
        "",
        f"{CHECKS}\nimport os, toolkit\ndesk = toolkit.connect()",
        "desk.buy('SPY', 1, limit=400)\ndesk.buy('SPY', 1)\nos._exit(5)",
        "checks.finish()",
    )

    died = run(path, html=False)
    after = run("reconcile", {"gateway": ""}, html=False)

    assert (died.outcome, died.exit_code) == ("kernel died", 6)
    assert (after.outcome, after.reason) == ("passed", "")
    assert reconcile(home / "journal.db", paper_gateway.ledger) == []


def test_every_runbook_has_its_planted_failure_and_its_wrong_parameter() -> None:
    assert sorted(PLANTED) == sorted(OUT_OF_RANGE) == RUNBOOKS
