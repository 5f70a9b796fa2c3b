"""The command line as a user types it: what it prints, what it exits with, and one sentence for a mistake."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.commands import Service, intents_csv, invoke, only_line, run, running
from tests.kafka_broker import free_ports
from tests.waiting import DEADLINE, wait_until
from toolkit import __version__
from toolkit.bus.embedded import EmbeddedConsumer
from toolkit.bus.topics import INTENTS
from toolkit.gateway import PaperGateway
from toolkit.gateway.wire import frame
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.state import OrderStatus

TABLES = ("orders", "fills", "reports", "positions")


# --- help and version --------------------------------------------------------------------------------


def test_help_names_every_command() -> None:
    done = invoke("--help")
    assert done.exit_code == 0
    for name in ("demo", "gateway", "serve", "run", "submit", "cancel", "doctor", *TABLES):
        assert re.search(rf"^  {name} ", done.stdout, re.MULTILINE), name


def test_help_imports_nothing_that_takes_time() -> None:
    code = (
        "import sys\n"
        "from toolkit.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "heavy = {'pandas', 'numpy', 'ib_async', 'pydantic', 'kafka', 'rich', 'asyncio', 'sqlite3'}\n"
        "print('imported:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_the_version_is_that_of_the_package() -> None:
    assert invoke("--version").stdout == f"toolkit, version {__version__}\n"


def test_the_module_is_the_command() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"toolkit, version {__version__}\n")


def test_an_unknown_command_is_a_usage_error() -> None:
    done = invoke("ordres")
    assert done.exit_code == 2
    assert "No such command 'ordres'" in done.stderr


# --- gateway ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_gateway_prints_one_ready_line_and_stops_cleanly(number: signal.Signals) -> None:
    with running("gateway", "--port", "0", "--account", "DU7") as gateway:
        assert re.fullmatch(r"paper gateway ready on 127\.0\.0\.1:\d+ account DU7", gateway.line)
        assert gateway.end(number) == 0
        assert gateway.output == f"{gateway.line}\n"
        assert gateway.errors == ""


def test_the_settings_of_the_api_can_be_given_on_the_command_line() -> None:
    options = ("--read-only", "--pacing", "--master-client-id", "9")
    with running("gateway", "--port", "0", *options) as gateway:
        port = int(gateway.line.split()[4].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as peer:
            peer.sendall(b"API\0" + b"\0\0\0\x09v157..178")
            peer.sendall(frame(["71", "2", "0", ""]) + frame(["58", "1"]))
            heard = b""
            while b"Read-Only" not in heard:
                heard += peer.recv(65536)


def test_a_gateway_on_a_busy_port_cannot_connect(gateway: PaperGateway) -> None:
    done = run("gateway", "--port", str(gateway.port))
    assert (done.returncode, done.stdout) == (3, "")
    assert f"cannot listen on 127.0.0.1:{gateway.port}" in only_line(done.stderr)


# --- serve --------------------------------------------------------------------------------------------


def test_serve_says_when_orders_may_be_placed_and_where(
    service: Service, gateway: PaperGateway, home: Path
) -> None:
    place = f"127.0.0.1:{gateway.port}"
    assert service.line == f"serving account DU123456 (paper) on {place}, embedded bus {home / 'bus.db'}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_the_service_and_the_next_run_goes_on_where_it_stopped(
    number: signal.Signals, variables: dict[str, str], gateway: PaperGateway, home: Path, tmp_path: Path
) -> None:
    names = [f"m{n}" for n in range(60)]
    rows = [f"{name},SPY,BUY,1,MARKET," for name in names]
    assert invoke("submit", intents_csv(tmp_path / "many.csv", *rows)).exit_code == 0
    with running("serve", **variables) as first:
        wait_until(lambda: gateway.ledger.requests)
        assert first.end(number) == 0
        assert "Traceback" not in first.errors
    with JournalReader(home / "journal.db") as journal:
        states = journal.states().values()
        assert not any(state.undecided or state.status is OrderStatus.UNKNOWN for state in states)

    with running("serve", **variables):
        wait_until(lambda: len(gateway.ledger.fills) == len(names))
    assert {name: len(orders) for name, orders in gateway.ledger.orders.items()} == dict.fromkeys(names, 1)


def test_serve_without_a_gateway_is_one_sentence_and_exit_3(home: Path) -> None:
    done = run("serve", IBKR_PORT="1", PROMETHEUS_PORT="0")
    assert (done.returncode, done.stdout) == (3, "")
    sentence = "Connection refused: nothing listens on 127.0.0.1:1; start"
    assert only_line(done.stderr).startswith(sentence)


def test_the_options_of_serve_win_over_the_environment(home: Path) -> None:
    done = run("serve", "--host", "localhost", "--port", "1", IBKR_PORT="2", PROMETHEUS_PORT="0")
    assert "nothing listens on localhost:1;" in done.stderr


def test_a_taken_metrics_port_ends_the_service_in_one_sentence(
    gateway: PaperGateway, variables: dict[str, str]
) -> None:
    done = run("serve", **{**variables, "PROMETHEUS_PORT": str(gateway.port)}, LOG_LEVEL="WARNING")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Metrics cannot be served on port {gateway.port}" in only_line(done.stderr)


def test_metrics_are_served_at_the_port_that_is_set(variables: dict[str, str]) -> None:
    (port,) = free_ports(1)
    with (
        running("serve", **{**variables, "PROMETHEUS_PORT": str(port)}),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert "toolkit_ready 1.0" in answer.read().decode()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("IBKR_PORT", "abc", "IBKR_PORT is 'abc': Input should be a valid integer"),
        ("IBKR_PORT", "70000", "IBKR_PORT is '70000': Input should be less than or equal to 65535"),
        (
            "MAX_ORDER_QUANTITY",
            "-1",
            "MAX_ORDER_QUANTITY is '-1': Input should be greater than",
        ),
        ("IBKR_PROT", "4002", "The environment variable IBKR_PROT is unknown; did you mean IBKR_PORT?"),
    ],
)
def test_a_wrong_variable_is_one_sentence_and_exit_2(
    name: str, value: str, sentence: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    for command in (["serve"], ["orders"], ["cancel", "m1"]):
        done = invoke(*command)
        assert done.exit_code == 2
        assert only_line(done.stderr).startswith(sentence)


# --- the tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_a_table_without_a_journal_is_one_sentence(table: str, home: Path) -> None:
    done = invoke(table)
    assert done.exit_code == 1
    assert only_line(done.stderr) == (
        f"There is no journal at {home / 'journal.db'}; it is made when the service first starts."
    )


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_an_empty_journal_says_so_and_keeps_its_header(table: str, home: Path) -> None:
    SqliteJournal(home / "journal.db").close()
    assert invoke(table).stdout == "Nothing yet.\n"
    assert invoke(table, "--json").stdout == ""
    assert len(next(csv.reader(io.StringIO(invoke(table, "--csv").stdout)))) > 5


def test_submit_feeds_a_running_service_and_the_tables_show_what_came_of_it(
    service: Service, home: Path, tmp_path: Path
) -> None:
    rows = ("buy,SPY,BUY,10,MARKET,", "sell,SPY,SELL,4,LIMIT,449.99", "huge,SPY,BUY,5000,MARKET,")
    submitted = run("submit", intents_csv(tmp_path / "x.csv", *rows))
    assert (submitted.returncode, submitted.stdout) == (0, "3 intents submitted.\n")

    def all_told() -> bool:
        with JournalReader(home / "journal.db") as journal:
            return sum(report["event"] in ("Commission", "Rejected") for report in journal.reports()) == 3

    wait_until(all_told)
    orders = [json.loads(line) for line in invoke("orders", "--json").stdout.splitlines()]
    assert [(each["intent_id"], each["status"], each["reason_code"]) for each in orders] == [
        ("buy", "Filled", ""),
        ("sell", "Filled", ""),
        ("huge", "Rejected", "MAX_ORDER_QUANTITY"),
    ]
    fills = list(csv.DictReader(io.StringIO(invoke("fills", "--csv").stdout)))
    assert [(each["intent_id"], each["price"]) for each in fills] == [("buy", "450.02"), ("sell", "450.0")]
    (position,) = [json.loads(line) for line in invoke("positions", "--json").stdout.splitlines()]
    assert (position["symbol"], position["position"]) == ("SPY", 6)
    reports = run("reports").stdout
    for event in ("Accepted", "Submitted", "Fill", "Commission", "Rejected"):
        assert event in reports
    table = invoke("orders").stdout.splitlines()
    assert len(table) == 5
    assert max(map(len, table)) < 170


# --- cancel -------------------------------------------------------------------------------------------


def test_cancel_reaches_the_order_of_a_running_service(
    service: Service, gateway: PaperGateway, home: Path, tmp_path: Path
) -> None:
    assert invoke("submit", intents_csv(tmp_path / "x.csv", "rest,SPY,BUY,10,LIMIT,400")).exit_code == 0

    def status() -> str:
        with JournalReader(home / "journal.db") as journal:
            state = journal.states().get("rest")
            return "" if state is None else state.status.value

    wait_until(lambda: status() == "Submitted")
    done = run("cancel", "rest")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Cancel of rest requested")
    wait_until(lambda: status() == "Cancelled")
    assert len(gateway.ledger.cancels) == 1

    again = invoke("cancel", "rest")
    assert again.exit_code == 2
    assert only_line(again.stderr) == "The order of rest is Cancelled already."


def test_a_cancel_has_the_key_of_its_intent_and_so_cannot_overtake_it(
    service: Service, home: Path, tmp_path: Path
) -> None:
    invoke("submit", intents_csv(tmp_path / "x.csv", "rest,SPY,BUY,10,LIMIT,400"))

    def known() -> bool:
        with JournalReader(home / "journal.db") as journal:
            return "rest" in journal.states()

    wait_until(known)
    assert invoke("cancel", "rest").exit_code == 0
    consumer = EmbeddedConsumer(home / "bus.db", INTENTS, group_id="test")
    keys = [record.key for batch in consumer.poll().values() for record in batch]
    consumer.close()
    assert keys == [b"rest", b"rest"]


def test_cancel_of_an_unknown_intent_is_one_sentence(home: Path) -> None:
    SqliteJournal(home / "journal.db").close()
    done = invoke("cancel", "nobody")
    assert done.exit_code == 2
    assert only_line(done.stderr) == f"The journal {home / 'journal.db'} has no intent nobody."


# --- doctor -------------------------------------------------------------------------------------------


def test_doctor_exits_0_when_all_is_well(variables: dict[str, str]) -> None:
    done = invoke("doctor")
    assert done.exit_code == 0, done.stdout
    assert "FAIL" not in done.stdout


def test_doctor_exits_1_and_says_what_to_do_when_something_is_not(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_PORT", "1")
    done = invoke("doctor")
    assert done.exit_code == 1
    assert re.search(r"gateway .* FAIL .* start TWS", done.stdout)
