"""``toolkit serve`` as a process: who owns the lane, how it is, what it logs, and how it ends."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import builders
from tests.commands import Service, run, running
from tests.kafka_broker import free_ports
from tests.waiting import wait_until
from toolkit.bus import topics
from toolkit.bus.choose import send_all
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.settings import Settings

PATIENCE = 30.0
"""Seconds for everything to come true on a busy machine."""


@pytest.fixture
def variables(gateway: PaperGateway, home: Path) -> dict[str, str]:
    return {"IBKR_PORT": str(gateway.port), "PROMETHEUS_PORT": "0", "LOG_LEVEL": "WARNING"}


@contextmanager
def watched(**variables: str) -> Iterator[tuple[Service, int]]:
    """A service with its health port."""
    (port,) = free_ports(1)
    with running("serve", **{**variables, "PROMETHEUS_PORT": str(port)}) as service:
        yield service, port


def ask(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of one path."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def ready(port: int) -> bool:
    return ask(port, "/readyz")[0] == 200


def buy(settings: Settings, *names: str) -> None:
    rows = [builders.market_intent(intent_id=name, quantity=1) for name in names]
    send_all(settings, topics.INTENTS, [("test", msgspec.json.encode(row)) for row in rows])


# --- whose lane it is ---------------------------------------------------------------------------------


def test_h17_a_second_service_of_one_home_stands_by_and_takes_over_when_the_first_is_killed(
    variables: dict[str, str], settings: Settings, gateway: PaperGateway, home: Path
) -> None:
    with running("serve", **variables) as first, watched(**variables) as (second, port):
        assert first.line.startswith("serving account DU123456")
        owner = first.process.pid
        assert second.line.startswith(
            f"standing by: The journal {home / 'journal.db'} is in use by process {owner};"
        )
        status, standby = ask(port, "/readyz")
        assert (status, standby["state"]) == (503, "standby")
        assert ask(port, "/healthz") == (200, {"alive": True})
        assert "toolkit_ready 0.0" in scrape(port)
        buy(settings, "a")
        wait_until(lambda: "a" in gateway.ledger.orders, PATIENCE)
        first.process.kill()
        first.process.wait()
        wait_until(lambda: "serving account DU123456" in second.output, PATIENCE)
        buy(settings, "b")
        wait_until(lambda: "b" in gateway.ledger.orders, PATIENCE)
        wait_until(lambda: ready(port), PATIENCE)
    assert {name: len(orders) for name, orders in gateway.ledger.orders.items()} == {"a": 1, "b": 1}


def test_h17_h24_a_service_of_another_home_stands_by_while_its_client_id_is_taken(
    variables: dict[str, str], home: Path, tmp_path: Path
) -> None:
    elsewhere = {**variables, "TOOLKIT_HOME": str(tmp_path / "elsewhere")}
    with running("serve", **variables) as first, running("serve", **elsewhere) as second:
        assert second.line.startswith("standing by: Client id 2 is already in use")
        assert first.end() == 0
        wait_until(lambda: "serving account" in second.output, PATIENCE)
        assert second.output.count("standing by") == 1
        assert second.end() == 0


def test_a_standby_ends_at_once_when_it_is_told_to(variables: dict[str, str], home: Path) -> None:
    with running("serve", **variables), running("serve", **variables) as second:
        assert second.end() == 0
        assert "Traceback" not in second.errors


# --- how it is ----------------------------------------------------------------------------------------


def test_a_ready_service_says_how_each_part_is(variables: dict[str, str], settings: Settings) -> None:
    with watched(**variables) as (_, port):
        wait_until(lambda: ready(port), PATIENCE)
        _, parts = ask(port, "/readyz")
        assert {name: part["ok"] for name, part in parts.items() if isinstance(part, dict)} == dict.fromkeys(
            ("link", "gate", "journal", "bus", "outbox"), True
        )
        assert (parts["bus"]["lag"], parts["bus"]["partitions"], parts["outbox"]["waiting"]) == (0, 1, 0)


def test_h22_a_service_without_its_gateway_is_alive_but_not_ready(
    variables: dict[str, str], gateway: PaperGateway
) -> None:
    with watched(**variables) as (_, port):
        wait_until(lambda: ready(port), PATIENCE)
        gateway.stop()
        wait_until(lambda: not ready(port), PATIENCE)
        _, parts = ask(port, "/readyz")
        assert (parts["link"]["ok"], parts["gate"]["ok"], parts["journal"]["ok"]) == (False, False, True)
        assert parts["link"]["reason"]
        assert ask(port, "/healthz")[0] == 200


def test_an_unknown_path_names_those_that_there_are(variables: dict[str, str]) -> None:
    with watched(**variables) as (_, port):
        assert ask(port, "/") == (404, {"paths": ["/metrics", "/healthz", "/readyz"]})


# --- what it logs -------------------------------------------------------------------------------------


def test_logs_are_json_when_asked_with_masked_accounts_and_nothing_secret(
    variables: dict[str, str], settings: Settings
) -> None:
    quiet = {
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "LOG_MASK_ACCOUNTS": "1",
        "TWS_PASSWORD": "hunter2-xyz",
    }
    with running("serve", **{**variables, **quiet}) as service:
        assert service.line.startswith("serving account DU****56 (paper)")
        buy(settings, "a")
        with JournalReader(settings.journal_path) as journal:
            wait_until(lambda: any(report["final"] for report in journal.reports("a")), PATIENCE)
        assert service.end() == 0
        told, said = service.errors, service.output
    lines = [json.loads(line) for line in told.splitlines()]
    assert lines
    assert all({"at", "level", "logger", "message"} <= line.keys() for line in lines)
    assert "DU123456" not in told + said
    assert "hunter2-xyz" not in told + said


# --- how it ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        ({"IBKR_PORT": "1"}, 3, "Connection refused: nothing listens on 127.0.0.1:1"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "kafka"}, 3, "Kafka at kafka cannot be used"),
        ({"LOG_MASK_ACOUNTS": "1"}, 2, "The environment variable LOG_MASK_ACOUNTS is unknown"),
        ({"IBKR_ACCOUNT": "DU9"}, 3, "Account DU9 is not behind this gateway"),
    ],
    ids=["gateway", "kafka", "variable", "account"],
)
def test_what_keeps_it_from_starting_is_one_sentence_once_and_an_exit_code(
    change: dict[str, str], code: int, sentence: str, variables: dict[str, str]
) -> None:
    done = run("serve", **{**variables, **change})
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(sentence), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_home_that_cannot_be_used_is_exit_1(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("serve", **{**variables, "TOOLKIT_HOME": str(tmp_path / "file" / "home")})
    assert (done.returncode, done.stdout) == (1, "")
    assert "set TOOLKIT_HOME to a directory that is" in done.stderr


def test_sigterm_while_the_gateway_is_away_ends_it_with_its_intents_left_on_the_bus(
    variables: dict[str, str], settings: Settings, gateway: PaperGateway
) -> None:
    with watched(**variables) as (service, port):
        wait_until(lambda: ready(port), PATIENCE)
        gateway.stop()
        wait_until(lambda: not ready(port), PATIENCE)
        buy(settings, "late")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0
        assert "Traceback" not in service.errors
    with (
        PaperGateway(port=settings.ibkr_port, quotes=None) as again,
        running("serve", **variables),
    ):
        again.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        wait_until(lambda: "late" in again.ledger.orders, PATIENCE)
