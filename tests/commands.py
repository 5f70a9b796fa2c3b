"""The command line as a process, for tests of what only a process has: signals, exit codes, ready lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from click.testing import CliRunner, Result

from tests.waiting import wait_until
from toolkit.bus.embedded import EmbeddedConsumer
from toolkit.bus.topics import INTENTS
from toolkit.cli import main

TOOLKIT = (sys.executable, "-m", "toolkit")
START_S = 30.0
"""Seconds for a process to start, or to end, on a busy machine."""


class Service:
    """
    A command that runs until it is told to stop.

    Attributes:
        process: the process.
        line: the first line that it printed.
    """

    def __init__(self, process: subprocess.Popen[bytes], out: IO[bytes], err: IO[bytes]) -> None:
        self.process = process
        self._out = out
        self._err = err
        self.line = ""

    @property
    def output(self) -> str:
        """Everything on its standard output so far."""
        return _read(self._out)

    @property
    def errors(self) -> str:
        """Everything on its standard error so far."""
        return _read(self._err)

    def wait_ready(self) -> None:
        """Return when it has printed a line; fail with its standard error when it ends instead."""
        wait_until(lambda: self.process.poll() is not None or "\n" in self.output, START_S)
        assert self.process.poll() is None, self.errors
        self.line = self.output.splitlines()[0]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(START_S)


@contextmanager
def running(*arguments: str, **variables: str) -> Iterator[Service]:
    """A command that was started and is ready, with more environment variables; killed at the end."""
    with TemporaryFile() as out, TemporaryFile() as err:
        process = subprocess.Popen(
            [*TOOLKIT, *arguments], stdout=out, stderr=err, env={**os.environ, **variables}
        )
        service = Service(process, out, err)
        try:
            service.wait_ready()
            yield service
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [*TOOLKIT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **variables},
    )


def _read(file: IO[bytes]) -> str:
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


def invoke(*arguments: object) -> Result:
    """A command in this process."""
    return CliRunner().invoke(main, [str(each) for each in arguments])


def only_line(text: str) -> str:
    """The one line of a text."""
    (line,) = text.splitlines()
    return line


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def intents_csv(path: Path, *rows: str) -> Path:
    return write(path, "intent_id,symbol,direction,quantity,order_type,limit_price", *rows)


def on_the_bus(home: Path) -> list[dict[str, Any]]:
    """The intents on the embedded bus; none when there is no bus."""
    if not (home / "bus.db").exists():
        return []
    consumer = EmbeddedConsumer(home / "bus.db", INTENTS, group_id="test")
    records = [record for batch in consumer.poll().values() for record in batch]
    consumer.close()
    return [json.loads(record.value or b"") for record in records]
