"""``toolkit doctor``: each check looks at the real thing, and each failing one says what to do."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kafka_broker import free_ports
from toolkit import doctor
from toolkit.app.health_server import HealthServer
from toolkit.app.metrics import Metrics
from toolkit.app.probe import Sighting, clock_error
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.bus.embedded import EmbeddedProducer
from toolkit.bus.topics import INTENTS
from toolkit.doctor import Check, examine
from toolkit.gateway import PaperGateway
from toolkit.journal.sqlite import SqliteJournal
from toolkit.settings import Settings


@pytest.fixture
def settings(paper_gateway: PaperGateway, home: Path) -> Settings:
    return Settings.load(ibkr_port=paper_gateway.port, prometheus_port=free_ports(1)[0])


def named(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


def test_on_a_machine_where_all_is_well_every_check_passes(settings: Settings) -> None:
    checks = examine(settings)
    assert [check.name for check in checks] == [
        *("settings", "home", "disk", "journal", "gateway", "clock", "bus", "metrics", "notebooks")
    ]
    assert [check for check in checks if not check.ok] == []


def test_it_looks_and_leaves_no_trace(settings: Settings, paper_gateway: PaperGateway) -> None:
    examine(settings)
    assert (paper_gateway.ledger.requests, paper_gateway.ledger.cancels) == ([], [])
    assert list(settings.toolkit_home.iterdir()) == []


def test_without_a_gateway_it_says_so_and_looks_at_everything_else(
    settings: Settings, paper_gateway: PaperGateway
) -> None:
    paper_gateway.stop()
    checks = examine(settings)
    assert [check.name for check in checks if not check.ok] == ["gateway"]
    gateway = named(checks, "gateway")
    assert gateway.detail == f"Connection refused: nothing listens on 127.0.0.1:{settings.ibkr_port}"
    assert gateway.advice.startswith("start TWS, IB Gateway or `toolkit gateway` there")
    assert "not compared" in named(checks, "clock").detail


def test_without_readable_settings_it_still_looks_at_what_it_can(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_PROT", "4002")
    settings, notebooks = examine()
    assert settings == Check(
        "settings", False, "The environment variable IBKR_PROT is unknown", "did you mean IBKR_PORT?"
    )
    assert notebooks.ok


def test_the_settings_that_differ_from_the_defaults_are_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_ORDER_QUANTITY", "5")
    assert "MAX_ORDER_QUANTITY" in named(examine(settings), "settings").detail


# --- gateway and clock --------------------------------------------------------------------------------


def test_the_gateway_is_named_with_its_account_and_its_version(settings: Settings) -> None:
    seen, check = doctor.gateway(settings)
    assert seen is not None
    assert seen.accounts == ("DU123456",)
    assert check.detail.endswith(f"answers, version {seen.server_version}: DU123456 (paper)")
    assert seen.server_version > 100


def test_it_does_not_need_the_client_id_of_the_service(
    settings: Settings, loop_run: Callable[..., object]
) -> None:
    async def beside_a_service() -> Check:
        client = IBKRExecClient({"port": settings.ibkr_port})
        assert await client.connect_async()
        check = (await asyncio.to_thread(doctor.gateway, settings))[1]
        await client.disconnect_async()
        return check

    check = loop_run(beside_a_service())
    assert isinstance(check, Check)
    assert check.ok


@pytest.mark.parametrize(
    ("account", "accounts", "detail", "advice"),
    [
        ("DU9", "DU1", "DU1 (paper), but not DU9", "correct IBKR_ACCOUNT"),
        ("", "DU1,DU2", "DU1 (paper), DU2 (paper)", "name one of the accounts in IBKR_ACCOUNT"),
        ("", "U1,DU2", "U1 (LIVE), DU2 (paper)", "name one of the accounts in IBKR_ACCOUNT"),
    ],
    ids=["absent", "several", "live and paper"],
)
def test_an_account_that_cannot_be_chosen_fails(
    account: str, accounts: str, detail: str, advice: str, home: Path
) -> None:
    with PaperGateway(quotes=None, account=accounts) as gateway:
        _, check = doctor.gateway(Settings.load(ibkr_port=gateway.port, ibkr_account=account))
    assert (check.ok, check.advice) == (False, advice)
    assert check.detail.endswith(detail)


def sighting(error: float = 0.0, step: float = 0.0, port: int = 4002) -> Sighting:
    return Sighting(port, ("DU1",), 178, error, step)


def test_a_live_port_makes_every_account_live() -> None:
    assert sighting().is_paper("DU1")
    assert not sighting(port=4001).is_paper("DU1")
    assert not sighting().is_paper("U1")


@pytest.mark.parametrize(
    ("asked", "answered", "error"),
    [(100.2, 100.4, 0), (99.9, 100.1, 0), (100.9, 101.1, 0), (103.0, 103.1, 2), (97.0, 97.5, -2.5)],
    ids=["within", "just before", "just after", "ahead", "behind"],
)
def test_our_clock_is_off_only_when_both_cannot_be_right(asked: float, answered: float, error: float) -> None:
    assert clock_error(100, asked, answered) == pytest.approx(error)


@pytest.mark.parametrize(
    ("seen", "detail"),
    [
        (sighting(error=3.0), "+3.0 s from the gateway's"),
        (sighting(error=-40.0), "-40.0 s from the gateway's"),
        (sighting(step=60.0), "set by +60.0 s while we looked"),
    ],
    ids=["ahead", "behind", "stepped"],
)
def test_a_clock_that_is_off_fails_and_is_to_be_synchronised(seen: Sighting, detail: str) -> None:
    check = doctor.clock(seen)
    assert not check.ok
    assert check.detail.endswith(detail)
    assert "synchronise this machine's clock" in check.advice


def test_a_clock_within_the_limit_passes() -> None:
    assert doctor.clock(sighting(error=1.9)).ok


# --- home, disk, journal ------------------------------------------------------------------------------


def test_a_home_that_cannot_be_made_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check = doctor.home(tmp_path / "file" / "home")
    assert not check.ok
    assert check.detail == f"{tmp_path / 'file' / 'home'} cannot be written: Not a directory"
    assert "set TOOLKIT_HOME" in check.advice


def test_too_little_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.disk(tmp_path / "not" / "yet").ok
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 10**18)
    check = doctor.disk(tmp_path / "not" / "yet")
    assert not check.ok
    assert check.advice.startswith("free some space")


def test_a_journal_that_is_in_use_is_named_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with SqliteJournal(path):
        check, held = doctor.journal(path)
    assert (check.ok, held) == (True, True)
    assert check.detail == f"{path} is in use by process {os.getpid()}"
    assert doctor.journal(path) == (Check("journal", True, f"{path} opens; 0 facts"), False)


def test_a_damaged_journal_fails_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"no database at all" * 100)
    check, held = doctor.journal(path)
    assert (check.ok, held) == (False, False)
    assert "is damaged" in check.detail
    assert check.advice.startswith("restore it from a copy")


# --- bus, metrics, notebooks --------------------------------------------------------------------------


def test_the_embedded_bus_is_counted(home: Path) -> None:
    settings = Settings.load()
    with EmbeddedProducer(settings.bus_path) as producer:
        producer.send(INTENTS, b"{}")
    check = doctor.bus(settings)
    assert check.ok
    assert check.detail == f"embedded, {settings.bus_path}; 1 intents, 0 reports"


def test_an_embedded_bus_that_is_none_fails(home: Path) -> None:
    settings = Settings.load()
    home.mkdir()
    settings.bus_path.write_bytes(b"no database at all" * 100)
    check = doctor.bus(settings)
    assert not check.ok
    assert "set KAFKA_BOOTSTRAP_SERVERS to use Kafka" in check.advice


def test_a_kafka_that_does_not_answer_fails(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ANSWER_S", 0.1)
    servers = f"127.0.0.1:{free_ports(1)[0]}"
    check = doctor.bus(Settings.load(kafka_bootstrap_servers=servers))
    assert not check.ok
    assert check.detail.startswith(f"Kafka at {servers} cannot be used")
    assert check.advice.startswith("start it, correct KAFKA_BOOTSTRAP_SERVERS")


def test_a_port_that_another_program_has_fails(paper_gateway: PaperGateway) -> None:
    for serving in (False, True):
        check = doctor.metrics_port(paper_gateway.port, serving=serving)
        assert (check.ok, check.advice) == (False, "set PROMETHEUS_PORT to a free one, or to 0 for none")


def test_a_port_on_which_our_service_serves_metrics_passes(
    settings: Settings, loop_run: Callable[..., object]
) -> None:
    async def look() -> Check:
        client = IBKRExecClient({"port": settings.ibkr_port})
        assert await client.connect_async()
        metrics = Metrics(client)
        await client.disconnect_async()
        server = HealthServer(settings.prometheus_port, dict, metrics.exposition)
        try:
            return await asyncio.to_thread(doctor.metrics_port, server.port, serving=True)
        finally:
            await asyncio.to_thread(server.close)

    check = loop_run(look())
    assert check == Check("metrics", True, f"served on port {settings.prometheus_port}")


def test_no_metrics_are_fine(home: Path) -> None:
    assert doctor.metrics_port(0, serving=False).ok


def test_a_missing_papermill_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "papermill", None)
    check = doctor.kernel()
    assert (check.ok, check.advice) == (False, "pip install 'toolkit[notebook]'")
    assert "papermill" in check.detail


def test_a_missing_kernel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_client.kernelspec import KernelSpecManager

    monkeypatch.setattr(KernelSpecManager, "find_kernel_specs", lambda _: {"ir": "somewhere"})
    check = doctor.kernel()
    assert (check.ok, check.detail) == (False, "there is no kernel named python3")


def test_every_failing_row_of_the_table_says_what_to_do(
    settings: Settings, paper_gateway: PaperGateway
) -> None:
    paper_gateway.stop()
    settings.toolkit_home.mkdir(exist_ok=True)
    settings.journal_path.write_bytes(b"no database at all" * 100)
    failing = [check for check in examine(settings) if not check.ok]
    assert {check.name for check in failing} == {"gateway", "journal"}
    assert all(check.advice for check in failing)
    assert doctor.as_table(failing).row_count == 2
