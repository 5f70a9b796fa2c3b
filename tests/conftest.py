"""
What every test shares: a home of its own, and tools that write nothing beside the sources.

The variables are set at import, before any test imports Jupyter or matplotlib, and reach the
kernels and commands that tests start.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
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


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``host:port`` of a real broker that all tests of this run share; it starts when first asked for."""
    from tests.kafka_broker import kafka_broker

    with kafka_broker(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap
