"""
The clients of others, as they are published: each installed once per machine, in a folder of its own.

Nothing of them is part of this project. The official ``ibapi`` has a licence of its own; it is fetched
only when its test runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
ROOT = Path(__file__).parents[3]
INSTALL_S = 100.0
"""Less than a test may take, in seconds: the reason should be ours."""


@dataclass(frozen=True)
class Client:
    """
    A client library and the small program of ours that uses it.

    Attributes:
        name: how tests call it.
        package: what is installed, ``name==version`` or ``name@version``; empty: it is here already.
        program: a file in ``programs``, and what comes before host and port on its command line.
        version: server version at which the gateway should speak to it.
    """

    name: str
    package: str
    program: tuple[str, ...]
    version: int

    def command(self) -> tuple[list[str], dict[str, str]]:
        """
        The command line up to host and port, and the environment; installs what is missing.

        Skips the test with the reason when it cannot be installed, or fails it when
        ``TOOLKIT_REQUIRE`` lists ``clients``.
        """
        try:
            home = self.installed()
        except RuntimeError as error:
            if "clients" in os.environ.get("TOOLKIT_REQUIRE", "").split(","):
                pytest.fail(str(error))
            pytest.skip(str(error))
        script = [str(PROGRAMS / self.program[0]), *self.program[1:]]
        if "@" in self.package:
            return ["node", *script], {**os.environ, "CLIENT_HOME": str(home)}
        return [sys.executable, "-B", *script], {**os.environ, "PYTHONPATH": str(home)}

    def installed(self) -> Path:
        """The folder that it is in, filled when it is not there yet; RuntimeError when it cannot be."""
        if not self.package:
            return ROOT
        given = os.environ.get("TOOLKIT_TEST_CACHE")
        cache = (Path(given) if given else ROOT / ".venv" / ".cache") / "clients"
        cache.mkdir(parents=True, exist_ok=True)
        home = cache / self.package.strip("@").replace("/", "-").replace("==", "-").replace("@", "-")
        if home.is_dir():
            return home
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            work = Path(folder) / "work"
            work.mkdir()
            _install(self.package, work, cache)
            try:
                work.rename(home)  # one step, so that nobody ever sees half of it
            except OSError:
                if not home.is_dir():
                    raise
        return home


def _install(package: str, folder: Path, cache: Path) -> None:
    if "@" in package:
        if shutil.which("node") is None or shutil.which("npm") is None:
            raise RuntimeError(f"no {package}: node and npm are not installed")
        quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts")
        command = ["npm", "install", *quiet, "--cache", str(cache / "npm"), "--prefix", str(folder), package]
    else:
        quiet = ("-q", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-compile")
        command = [sys.executable, "-m", "pip", "install", *quiet, "--target", str(folder), package]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_S, cwd=folder, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"no {package}: its installation takes more than {INSTALL_S:.0f} s") from error
    if done.returncode:
        raise RuntimeError(f"no {package}: it cannot be installed: {done.stderr.strip()[-300:]}")


CLIENTS = (
    Client("ib_async", "", ("insync.py", "ib_async"), 178),
    Client("ib_insync", "ib_insync==0.9.86", ("insync.py", "ib_insync"), 176),
    Client("ibapi", "ibapi==9.81.1.post1", ("official.py",), 157),
    Client("stoqey", "@stoqey/ib@1.6.10", ("stoqey.mjs",), 178),
)
