"""
P5, the disk fails: nothing is sent that is not remembered, one sentence says why, and nothing is lost.

Every failure is the kernel's own or stands in the files; ``disk`` says how each is made. A real
service runs as a process of its own against a real gateway, and is started again when the cause is gone.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands import START_S, run, running
from tests.faults.disk import bound, limit_files, obediently, send, sent, stalled, statuses
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.bus import choose
from toolkit.gateway import PaperGateway
from toolkit.orders.status import OrderStatus
from toolkit.settings import Settings

Variables = dict[str, str]


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    """SPY stands at 450.00 to 450.02."""
    with PaperGateway(quotes=None) as started:
        started.market.set_quote("SPY", 450.00, 450.02, 10_000, 10_000)
        yield started


@pytest.fixture
def variables(gateway: PaperGateway, home: Path) -> Variables:
    return {"IBKR_PORT": str(gateway.port), "PROMETHEUS_PORT": "0", "LOG_LEVEL": "WARNING"}


@pytest.fixture
def traded(gateway: PaperGateway, variables: Variables, home: Path) -> Path:
    """The journal of a service that filled one order and stopped cleanly."""
    with running("serve", **variables) as service:
        send(home, "first")
        wait_until(lambda: gateway.ledger.fills)
        assert service.end() == 0
    return home / "journal.db"


def goes_on(gateway: PaperGateway, variables: Variables, home: Path, *waiting: str) -> None:
    """A new service sends what waited, and nothing that was sent before."""
    before = sent(gateway)
    with running("serve", **variables):
        send(home, "after")
        wait_until(lambda: len(gateway.ledger.fills) >= len(before | dict.fromkeys([*waiting, "after"])))
    assert sent(gateway) == dict.fromkeys([*before, *waiting, "after"], 1)


def test_h2_a_full_disk_stops_the_service_before_any_order_that_it_could_not_remember(
    gateway: PaperGateway, variables: Variables, home: Path
) -> None:
    names = [f"full-{n}" for n in range(20)]
    with running("serve", **variables) as service:
        send(home, "first")
        wait_until(lambda: gateway.ledger.fills)
        limit_files(service.process.pid, (home / "journal.db-wal").stat().st_size + 50_000)
        send(home, *names)
        assert service.process.wait(START_S) == 1
        assert service.errors.splitlines()[-1] == (
            f"The journal {home / 'journal.db'} failed (disk I/O error); check the disk and restart."
        )
    assert set(sent(gateway)) <= bound(home)
    assert len(sent(gateway)) < len(names)
    goes_on(gateway, variables, home, *names)


def test_h7_a_full_disk_is_noticed_by_a_service_that_only_listens(
    gateway: PaperGateway, variables: Variables, home: Path
) -> None:
    """A fill cannot be written down, and no intent is there to stumble over it."""
    with running("serve", **variables) as service:
        send(home, "rests", order_type="LIMIT", limit_price=440)
        wait_until(lambda: gateway.ledger.requests)
        limit_files(service.process.pid, 4096)
        gateway.market.set_quote("SPY", 439.98, 440.00, 10_000, 10_000)
        assert service.process.wait(START_S) == 1
    with running("serve", **variables):
        wait_until(lambda: statuses(home) == {"rests": OrderStatus.FILLED})
    assert sent(gateway) == {"rests": 1}


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_journal_that_cannot_be_written_is_one_sentence_and_no_order(
    what: str, gateway: PaperGateway, variables: Variables, home: Path, traded: Path
) -> None:
    send(home, "waits")
    place = traded if what == "file" else home
    if what == "folder":
        for path in home.glob("journal.db*"):
            path.unlink()
    mode = place.stat().st_mode
    place.chmod(0o444 if what == "file" else 0o555)
    done = obediently("serve", **variables)
    place.chmod(mode)
    assert (done.returncode, done.stdout) == (1, "")
    sentence = done.stderr.splitlines()[-1]
    assert str(place) in sentence
    assert "or set TOOLKIT_HOME to a directory that is." in sentence
    assert sent(gateway) == {"first": 1}
    goes_on(gateway, variables, home, "waits")


def test_h2_while_the_disk_does_not_answer_nothing_is_sent_and_then_everything(
    gateway: PaperGateway, variables: Variables, home: Path
) -> None:
    settings = Settings.load(ibkr_port=gateway.port)
    engine = Engine(settings, bus=choose.consumer_and_producer)
    engine.start()
    try:
        with stalled(settings.journal_path):
            send(home, "slow-1", "slow-2")
            wait_until(lambda: engine.client.get_order_state("slow-1"))
            journal = engine.client.journal
            assert journal.durable_seq < journal.last_seq
            assert sent(gateway) == {}
        wait_until(lambda: len(gateway.ledger.fills) == 2)
    finally:
        engine.stop()
    assert sent(gateway) == {"slow-1": 1, "slow-2": 1}


def test_a_journal_with_a_broken_page_is_refused_until_its_copy_is_back(
    gateway: PaperGateway, variables: Variables, home: Path, traded: Path
) -> None:
    copy = shutil.copy(traded, home / "copy.db")
    with traded.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096)
    send(home, "waits")
    done = run("serve", **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"The journal {traded} is damaged" in done.stderr.splitlines()[-1]
    assert sent(gateway) == {"first": 1}
    shutil.copy(copy, traded)
    goes_on(gateway, variables, home, "waits")


def test_h31_facts_that_a_cut_wal_lost_come_back_from_the_broker_and_no_order_is_sent_again(
    gateway: PaperGateway, variables: Variables, home: Path
) -> None:
    """After a power cut on a disk that lied about its flushes: the newest commits are gone."""
    with running("serve", **variables) as service:
        send(home, "cut")
        wait_until(lambda: statuses(home) == {"cut": OrderStatus.FILLED})
        service.process.kill()
        service.process.wait()
    whole = (home / "journal.db-wal").read_bytes()
    # Page by page, down to where the reservation is the last thing that is still known.
    for end in range(len(whole), 0, -4096 - 24):
        (home / "journal.db-wal").write_bytes(whole[:end])
        (home / "journal.db-shm").unlink(missing_ok=True)
        if statuses(home) == {"cut": OrderStatus.PENDING_SUBMIT}:
            break
    assert bound(home) == {"cut"}
    goes_on(gateway, variables, home)
    assert statuses(home)["cut"] is OrderStatus.FILLED


def test_a_journal_of_a_newer_version_is_refused_until_the_newer_version_is_back(
    gateway: PaperGateway, variables: Variables, home: Path, traded: Path
) -> None:
    send(home, "waits")
    with closing(sqlite3.connect(traded, isolation_level=None)) as database:
        ((version,),) = database.execute("pragma user_version")
        database.execute("pragma user_version = 99")
    done = run("serve", **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert "was written by a newer toolkit (schema 99" in done.stderr.splitlines()[-1]
    assert sent(gateway) == {"first": 1}
    with closing(sqlite3.connect(traded, isolation_level=None)) as database:
        database.execute(f"pragma user_version = {version}")
    goes_on(gateway, variables, home, "waits")
