"""JupyterLab with a kernel of ours, and Chromium looking at it; nothing reaches beyond this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.accessibility import axe  # noqa: F401 - a fixture
from tests.waiting import wait_until
from toolkit.gateway import PaperGateway

ROOT = Path(__file__).resolve().parent.parent.parent
SCRATCH = ROOT / ".venv" / ".scratch"
"""Home of the browser and of JupyterLab, so that neither writes into the user's."""
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


@pytest.fixture(scope="module")
def shared_market() -> Iterator[PaperGateway]:
    """A paper gateway of a module's own, with one quote that stands still."""
    with PaperGateway(quotes=None) as gateway:
        gateway.market.set_quote("SPY", 540.00, 540.02, 10_000, 10_000)
        yield gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """
    Headless Chromium; without it the test is skipped, unless TOOLKIT_REQUIRE names ``browser``.

    It ends with its module: while it lives this thread has a running event loop, and asyncio.run
    would fail in other tests.
    """
    missing = [name for name in ("playwright", "jupyterlab") if importlib.util.find_spec(name) is None]
    if not CHROMIUM.exists():
        missing.append(str(CHROMIUM))
    if missing:
        reason = f"the browser tests need {' and '.join(missing)}"
        if "browser" in os.environ.get("TOOLKIT_REQUIRE", ""):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=FLAGS, env={**os.environ, "HOME": str(SCRATCH)}
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of what the tests saw are, for a person to look at."""
    return tmp_path_factory.getbasetemp() / "screenshots"


@pytest.fixture
def market(paper_gateway: Any) -> Any:
    """A gateway with quotes that stand still."""
    paper_gateway.market.set_quote("SPY", 540.00, 540.01, 500, 500)
    paper_gateway.market.set_quote("QQQ", 460.00, 460.02, 500, 500)
    return paper_gateway


@pytest.fixture
def lab(tmp_path: Path, home: Path, browser: Any, paper_gateway: Any) -> Iterator[tuple[str, Path]]:
    """
    A JupyterLab whose kernels find the paper gateway by their settings.

    Yields:
        The address of its notebooks up to the file name, with ``?token=...`` to be appended by the
        test's page, and the folder they are in.
    """
    with running_lab(tmp_path, {"IBKR_PORT": str(paper_gateway.port)}) as started:
        yield started


@contextmanager
def running_lab(scratch: Path, variables: dict[str, str]) -> Iterator[tuple[str, Path]]:
    """
    As ``lab``, in an empty folder.

    Args:
        scratch: for its notebooks, settings and log.
        variables: more of its kernels' environment.
    """
    folder = scratch / "notebooks"
    folder.mkdir()
    config = scratch / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig" / "page_config.json").write_text(json.dumps(NO_NEWS))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"),
        *("--expose-app-in-browser", "--ServerApp.terminals_enabled=False", "--log-level=ERROR"),
    ]
    environment = {
        **os.environ,
        "HOME": str(SCRATCH),
        "JUPYTER_CONFIG_DIR": str(config),
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    with (scratch / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(f"{address}/api/status?token={token}"), deadline=60)
        yield f"{address}/lab/tree/{{}}?token={token}", folder
    finally:
        server.terminate()
        server.wait(30)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
