"""
What every test shares: a home of its own, and tools that write nothing beside the sources.

The variables are set at import, before any test imports Jupyter or matplotlib, and reach the
kernels and commands that tests start.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / ".venv" / ".scratch"
SCRATCH.mkdir(parents=True, exist_ok=True)

sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
# Sockets of kernels live in the runtime folder, and their paths must stay short.
os.environ["TMPDIR"] = tempfile.tempdir = str(SCRATCH)
for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
    os.environ[name] = str(SCRATCH / name.lower())
os.environ["TOOLKIT_HOME"] = str(SCRATCH / "home")
os.environ["MPLBACKEND"] = "agg"
for name in [
    name for name in os.environ if name.startswith(("IBKR_", "MAX_", "ALLOW", "BLOCKED_", "PRICE_"))
]:
    del os.environ[name]

set_hypothesis_home_dir(SCRATCH / "hypothesis")
# Derandomised, so that a red run is red again; a longer hunt sets its own seed on the command line.
settings.register_profile(
    "toolkit",
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("toolkit")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Our own way to share out whole files; xdist's for everything else."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.scheduling import SlowFirst

    return SlowFirst(config, log)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh TOOLKIT_HOME, also for the processes that the test starts."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TOOLKIT_HOME", str(folder))
    return folder


@pytest.fixture
def loop_run() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Runs coroutines in one event loop, with a deadline."""

    async def limited(work: Coroutine[Any, Any, Any]) -> Any:
        return await asyncio.wait_for(work, 60)

    with asyncio.Runner() as runner:
        yield lambda work: runner.run(limited(work))


@pytest.fixture
def gateway(paper_gateway: Any, home: Path) -> Any:
    """A market that moves only when the test says so: SPY 450.00 at 450.02, 500 shares each."""
    paper_gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
    return paper_gateway


@pytest.fixture
def variables(gateway: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a service needs to know, also set for this process."""
    values = {"IBKR_PORT": str(gateway.port), "PROMETHEUS_PORT": "0"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def service(variables: dict[str, str]) -> Iterator[Any]:
    """A running ``toolkit serve`` on the embedded bus."""
    from tests.commands import running

    with running("serve", **variables) as started:
        yield started


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The real Kafka that all tests of this run share; it starts when first asked for."""
    from tests.kafka_broker import kafka_broker

    with kafka_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka_server: Any) -> str:
    """``host:port`` of the shared broker."""
    return kafka_server if isinstance(kafka_server, str) else str(kafka_server.bootstrap)


@pytest.fixture(scope="session")
def kafka_gateway() -> Iterator[Any]:
    """One gateway for all services on Kafka: who trades at it has the same place in the consumer group."""
    from toolkit.gateway import PaperGateway

    with PaperGateway(port=0, quotes=None) as started:
        started.market.set_quote("SPY", 450.00, 450.02, 1_000_000, 1_000_000)
        yield started


@pytest.fixture
def kafka_service(kafka_gateway: Any, kafka_bootstrap: str, home: Path) -> dict[str, str]:
    """The variables of ``toolkit serve`` on the real Kafka."""
    return {
        "IBKR_PORT": str(kafka_gateway.port),
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "MAX_OPEN_ORDERS_PER_SIDE": "1000",
        "PROMETHEUS_PORT": "0",
        "LOG_LEVEL": "WARNING",
    }


@pytest.fixture
def own_kafka(kafka_server: Any) -> Iterator[Any]:
    """The shared broker as one that may be killed and frozen; it must run again when the test ends."""
    if isinstance(kafka_server, str):
        pytest.skip("the broker that KAFKA_BOOTSTRAP_SERVERS names is not ours to stop")
    yield kafka_server
    # kafka-python forgets to close the sockets of connections that were refused.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
