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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.commands import Service, run, running
from tests.kafka_broker import free_ports
from tests.waiting import DEADLINE, wait_until
from toolkit import __version__
from toolkit.bus.embedded import EmbeddedConsumer
from toolkit.bus.topics import INTENTS
from toolkit.cli import main
from toolkit.gateway import PaperGateway
from toolkit.gateway.wire import frame
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.state import OrderStatus

TABLES = ("orders", "fills", "reports", "positions")


def invoke(*arguments: object) -> Result:
    """A command in this process."""
    return CliRunner().invoke(main, [str(each) for each in arguments])


def only_line(text: str) -> str:
    """The one line of a text."""
    (line,) = text.splitlines()
    return line


def on_the_bus(home: Path) -> list[dict[str, Any]]:
    """The intents on the embedded bus; none when there is no bus."""
    if not (home / "bus.db").exists():
        return []
    consumer = EmbeddedConsumer(home / "bus.db", INTENTS, group_id="test")
    records = [record for batch in consumer.poll().values() for record in batch]
    consumer.close()
    return [json.loads(record.value or b"") for record in records]


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def intents_csv(path: Path, *rows: str) -> Path:
    return write(path, "intent_id,symbol,direction,quantity,order_type,limit_price", *rows)


@pytest.fixture
def variables(gateway: PaperGateway, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a service needs to know, also set for this process."""
    values = {"IBKR_PORT": str(gateway.port), "PROMETHEUS_PORT": "0"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def service(variables: dict[str, str]) -> Iterator[Service]:
    """A running ``toolkit serve`` on the embedded bus."""
    with running("serve", **variables) as started:
        yield started


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


# --- submit -------------------------------------------------------------------------------------------


def test_a_csv_of_good_rows_goes_onto_the_bus_exactly_as_written(home: Path, tmp_path: Path) -> None:
    file = write(
        tmp_path / "good.csv",
        "intent_id,symbol,direction,quantity,order_type,limit_price,tif,outside_rth,con_id,desk",
        "a1,SPY,BUY,10,LIMIT,450.10,GTC,true,756733,macro",
        "a2,SPY,SELL,5,MARKET,,,,,",
    )
    done = invoke("submit", file)
    assert (done.exit_code, done.stdout) == (0, "2 intents submitted.\n")
    first, second = on_the_bus(home)
    assert (first["limit_price"], first["outside_rth"], first["con_id"]) == ("450.10", True, 756733)
    assert first["desk"] == "macro"
    assert (second["intent_id"], second["quantity"]) == ("a2", "5")


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson"])
def test_json_lines_go_onto_the_bus_and_empty_lines_are_nothing(
    suffix: str, home: Path, tmp_path: Path
) -> None:
    row = {"symbol": "SPY", "direction": "BUY", "quantity": 1, "order_type": "LIMIT", "limit_price": 450.1}
    lines = [json.dumps({"intent_id": f"a{n}", **row}) for n in (1, 2)]
    done = invoke("submit", write(tmp_path / f"intents.{suffix}", lines[0], "", lines[1]))
    assert (done.exit_code, done.stdout) == (0, "2 intents submitted.\n")
    assert [(each["intent_id"], each["limit_price"]) for each in on_the_bus(home)] == [
        ("a1", "450.1"),
        ("a2", "450.1"),
    ]


def test_every_bad_row_is_named_with_file_row_and_field_and_nothing_is_submitted(
    home: Path, tmp_path: Path
) -> None:
    file = intents_csv(
        tmp_path / "mixed.csv",
        "a1,SPY,BUY,10,MARKET,",
        "a2,SPY,BUY,ten,MARKET,",
        "a3,SPY,BUY,10,LIMIT,",
        "a4,SPY,HOLD,10,MARKET,",
        "a1,SPY,BUY,10,MARKET,",
        "a5,SPY,BUY,10,MARKET,,surplus",
    )
    done = invoke("submit", file)
    assert done.exit_code == 2
    *rows, last = done.stderr.splitlines()
    assert [row.partition(": ")[0] for row in rows] == [f"mixed.csv row {n}" for n in (3, 4, 5, 6, 7)]
    for row, field in zip(rows, ("quantity", "limit_price", "direction", "intent_id", "cells"), strict=True):
        assert field in row
    assert last.startswith("5 of 6 rows are bad, so nothing was submitted")
    assert on_the_bus(home) == []


def test_partial_submits_the_good_rows_and_still_does_not_exit_0(home: Path, tmp_path: Path) -> None:
    file = intents_csv(tmp_path / "mixed.csv", "a1,SPY,BUY,10,MARKET,", "a2,SPY,BUY,,MARKET,")
    done = invoke("submit", "--partial", file)
    assert (done.exit_code, done.stdout) == (2, "1 intents submitted.\n")
    assert only_line(done.stderr).startswith("mixed.csv row 3: quantity is missing")
    assert [each["intent_id"] for each in on_the_bus(home)] == ["a1"]


def test_a_bad_json_line_is_named_by_its_line(home: Path, tmp_path: Path) -> None:
    done = invoke("submit", write(tmp_path / "x.jsonl", "", "{bad", "[1]"))
    assert done.exit_code == 2
    first, second, _ = done.stderr.splitlines()
    assert first.startswith("x.jsonl row 2: The message is not JSON")
    assert second.startswith("x.jsonl row 3: The message is a JSON list")


def test_a_row_that_repeats_an_intent_is_bad_and_names_the_other(home: Path, tmp_path: Path) -> None:
    row = "a1,SPY,BUY,10,MARKET,"
    done = invoke("submit", intents_csv(tmp_path / "twice.csv", row, row))
    assert "twice.csv row 3: intent_id a1 is also that of row 2." in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.csv", None, "none.csv cannot be read: No such file or directory."),
        ("intents.xlsx", b"PK", "intents.xlsx is of an unknown format '.xlsx'; use .csv,"),
        ("latin.csv", b"intent_id\n\xff\xfe\n", "latin.csv cannot be read:"),
        ("quote.csv", b'intent_id\n"a\n', "quote.csv cannot be read: unexpected end of data."),
        ("twice.csv", b"intent_id,symbol,symbol\n", "twice.csv has the column 'symbol' more than once"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    name: str, content: bytes | None, sentence: str, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    done = invoke("submit", file)
    assert done.exit_code == 2
    assert sentence in only_line(done.stderr)


def test_parquet_goes_onto_the_bus_with_exact_numbers(home: Path, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table(
        {
            "intent_id": ["a1", "a2"],
            "symbol": ["SPY", "SPY"],
            "direction": ["BUY", "SELL"],
            "quantity": [10.0, 20.0],
            "order_type": ["LIMIT", "MARKET"],
            "limit_price": [450.123456789012, None],
            "con_id": [756733.0, None],
            "created_at": [1_767_623_400_000_000, 1_767_623_400_000_001],
        }
    )
    table = table.set_column(7, "created_at", table["created_at"].cast(pa.timestamp("us", "UTC")))
    parquet.write_table(table, tmp_path / "x.parquet")
    done = invoke("submit", tmp_path / "x.parquet")
    assert (done.exit_code, done.stdout) == (0, "2 intents submitted.\n")
    first, second = on_the_bus(home)
    assert (first["limit_price"], first["con_id"]) == ("450.123456789012", 756733)
    assert (second["created_at"], "limit_price" in second) == ("2026-01-05T14:30:00.000001Z", False)


def test_a_file_that_is_not_parquet_is_one_sentence(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    done = invoke("submit", write(tmp_path / "x.parquet", "intent_id"))
    assert done.exit_code == 2
    assert "x.parquet cannot be read as Parquet" in only_line(done.stderr)


def test_parquet_without_pyarrow_says_what_to_install(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = invoke("submit", write(tmp_path / "x.parquet"))
    assert done.exit_code == 2
    assert only_line(done.stderr) == "x.parquet needs pyarrow to be read; pip install pyarrow, or use CSV."


def test_submitting_to_a_kafka_that_is_not_there_is_one_sentence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.bus.kafka.CONNECT_S", 0.1)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka")
    done = invoke("submit", intents_csv(tmp_path / "x.csv", "a1,SPY,BUY,10,MARKET,"))
    assert done.exit_code == 3
    assert only_line(done.stderr).startswith("Kafka at kafka cannot be used")


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
