"""The gateway as a process of its own, to be killed without warning."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class GatewayProcess:
    """``python -m toolkit.gateway`` on a free port."""

    def __init__(self, *options: str, stderr: int | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "toolkit.gateway", "--port", "0", *options],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("paper gateway ready on "), line
        self.host, _, port = line.split()[4].partition(":")
        self.port = int(port)

    def kill(self) -> None:
        """As ``kill -9`` does: nothing is said and nothing is tidied up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def gateway_process(*options: str) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(*options)
    try:
        yield gateway
    finally:
        gateway.kill()
