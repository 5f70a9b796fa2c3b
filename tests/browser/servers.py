"""Servers that a browser test looks at: each on a free loopback port, with a token, and nothing else."""

from __future__ import annotations

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

from tests.browser.conftest import NO_NEWS, ROOT, SCRATCH
from tests.waiting import wait_until


def free_port() -> int:
    """A port of this machine on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def jupyter_lab(folder: Path, variables: dict[str, str]) -> Iterator[str]:
    """
    A JupyterLab over the notebooks of a folder.

    Args:
        folder: also keeps its settings and its log.
        variables: more of its kernels' environment.

    Yields:
        The address of a notebook, with ``{}`` for its name.
    """
    config = folder / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig" / "page_config.json").write_text(json.dumps(NO_NEWS))
    port, token = free_port(), secrets.token_hex(8)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"),
        *("--expose-app-in-browser", "--ServerApp.terminals_enabled=False", "--log-level=ERROR"),
    ]
    environment = {"HOME": str(SCRATCH), "JUPYTER_CONFIG_DIR": str(config), "PYTHONPATH": str(ROOT)}
    with _running(command, {**os.environ, **environment, **variables}, folder / "lab.log"):
        address = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{address}/api/status?token={token}"), deadline=60)
        yield f"{address}/lab/tree/{{}}?token={token}"


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        server = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        yield
    finally:
        server.terminate()
        server.wait(30)


def answers(address: str) -> bool:
    """Whether a GET of this address is answered with 200."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def blotter_page(folder: Path, variables: dict[str, str], *options: str) -> Iterator[str]:
    """``toolkit blotter`` on a free port; yields the one address that it prints."""
    environment = {**os.environ, "HOME": str(SCRATCH), "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-u", "-m", "toolkit", "blotter", "--port", "0", *options]
    log = folder / "page.log"
    with _running(command, environment, log):
        wait_until(lambda: b"\n" in log.read_bytes(), deadline=60)
        address = log.read_text().splitlines()[0]
        wait_until(lambda: listens(address), deadline=60)
        yield address


def listens(address: str) -> bool:
    """Whether somebody accepts connections there; unlike a GET of the page this starts no kernel."""
    port = int(address.split(":")[2].split("/")[0])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
