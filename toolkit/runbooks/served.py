"""``toolkit serve`` as a process of its own, for runbooks that drill with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from toolkit.errors import RunbookError
from toolkit.settings import Settings

START_S: Final = 60.0
"""Seconds that a service has to connect, or to end."""
LOOK_S: Final = 0.02
READY: Final = "serving account"


class Served:
    """
    A service with settings of its own, whatever this process's environment says.

    Args:
        settings: by variable (``IBKR_PORT``, ``TOOLKIT_HOME``, ...); what is not named is a default.
        log: file for what it prints and logs, one life after the other.

    Raises:
        RunbookError: it does not start; says why.
    """

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        ours = {name.upper() for name in Settings.model_fields}
        others = {name: value for name, value in os.environ.items() if name not in ours}
        before = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "toolkit", "serve"],
                env={**others, "PROMETHEUS_PORT": "0", "IBKR_READ_ONLY": "false", **settings},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        with log.open("rb") as said:
            said.seek(before)
            self._wait_ready(said)

    def _wait_ready(self, said: IO[bytes]) -> None:
        deadline, text = time.monotonic() + START_S, ""
        while READY not in text:
            over = self.process.poll() is not None
            text += said.read().decode(errors="replace")
            if READY in text:
                return
            if over or time.monotonic() > deadline:
                self.kill()
                last = text.strip().rpartition("\n")[2]
                raise RunbookError(f"The service did not start: {last or 'it said nothing'}")
            time.sleep(LOOK_S)

    def kill(self) -> None:
        """As ``kill -9`` does."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """As a supervisor does it: SIGTERM; its exit code, 0 when it drained and ended well."""
        self.process.terminate()
        try:
            return self.process.wait(START_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()


def service_settings(home: Path, port: int, account: str, bootstrap: str = "") -> dict[str, str]:
    """
    Variables of a service that plays on a paper gateway of this machine.

    Args:
        home: folder of its journal.
        port: where the gateway listens.
        account: at the gateway.
        bootstrap: Kafka servers; ``""`` for the embedded bus in ``home``.
    """
    return {
        "TOOLKIT_HOME": str(home),
        "IBKR_HOST": "127.0.0.1",
        "IBKR_PORT": str(port),
        "IBKR_ACCOUNT": account,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        # A burst of a drill's orders is no reason to refuse them.
        "MAX_OPEN_ORDERS_PER_SIDE": "1000",
        "LOG_LEVEL": "WARNING",
    }
