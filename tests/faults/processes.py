"""
The service and the paper gateway as processes that can be killed, forked from a parent that has
imported everything: a process then costs what it does, not what Python costs to start.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.faults import kill_points
from toolkit.app.service import serve
from toolkit.gateway import PaperGateway
from toolkit.gateway.ledger import IssuedFill, Ledger, ReceivedOrder
from toolkit.settings import Settings

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 60.0
"""Seconds for anything that is due to happen, on a busy machine."""


def _forker() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "toolkit.app.engine", "toolkit.bus.embedded", "sqlite3"])
    return context


FORKER: Final = _forker()


class Service:
    """
    ``toolkit serve`` on the embedded bus.

    Args:
        settings: where the gateway and the files are.
        log: file for what it logs, its own.
        point: name of the kill point at which it kills itself; None: it lives.
    """

    def __init__(self, settings: Settings, log: Path, point: str | None = None) -> None:
        self.log = log
        self.process = FORKER.Process(target=_serve, args=(settings, str(log), point), daemon=True)
        self.process.start()

    @property
    def ready(self) -> bool:
        """Whether it has said that it serves."""
        return self.log.exists() and b"serving account" in self.log.read_bytes()

    def wait_killed(self) -> None:
        """Return when it has killed itself; fail when it ends otherwise or not at all."""
        self.process.join(PATIENCE)
        assert self.process.exitcode == -9, f"the kill point was not reached: {self.process.exitcode}"

    def end(self) -> None:
        """As a supervisor does it: SIGTERM, and a clean end."""
        self.process.terminate()
        self.process.join(PATIENCE)
        assert self.process.exitcode == 0, f"it did not end cleanly: {self.process.exitcode}"

    def kill(self) -> None:
        """As ``kill -9`` does."""
        kill(self.process)


class Gateway:
    """
    A paper gateway without quotes of its own, with its state in a file and a control port.

    Args:
        state: file that outlives it.
        log: file for what it logs.
        port: where to listen; 0 picks a free port.
    """

    def __init__(self, state: Path, log: Path, port: int = 0) -> None:
        ours, theirs = FORKER.Pipe()
        self.process = FORKER.Process(target=_trade, args=(str(state), str(log), port, theirs), daemon=True)
        self.process.start()
        theirs.close()
        with ours:
            assert ours.poll(PATIENCE), "the paper gateway did not start"
            self.port, control = ours.recv()
        self._control = socket.create_connection(("127.0.0.1", control), PATIENCE)
        self._answers = self._control.makefile("rb")

    def do(self, command: str, **values: Any) -> dict[str, Any]:
        """Ask its control port for something; what it answers."""
        return self._ask(command, values)[-1]

    def ledger(self) -> Ledger:
        """What truly happened, as its control port exports it."""
        ledger = Ledger()
        for row in self._ask("ledger", {})[:-1]:
            match row.pop("row"):
                case "order":
                    ledger.requests.append(msgspec.convert(row, ReceivedOrder))
                case "fill":
                    ledger.fills[row["exec_id"]] = msgspec.convert(row, IssuedFill)
                case "cancel":
                    ledger.cancels.append((row["client_id"], row["order_id"]))
        return ledger

    def _ask(self, command: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        self._control.sendall(msgspec.json.encode({"do": command, **values}) + b"\n")
        rows: list[dict[str, Any]] = []
        while not rows or "ok" not in rows[-1]:
            rows.append(msgspec.json.decode(self._answers.readline()))
        assert rows[-1]["ok"], rows[-1]["error"]
        return rows

    def kill(self) -> None:
        """As ``kill -9`` does."""
        self._answers.close()
        self._control.close()
        kill(self.process)


def kill(process: ForkServerProcess) -> None:
    """Kill one of our processes if it lives, and wait until it is gone."""
    if process.is_alive():
        process.kill()
    process.join(PATIENCE)


def _serve(settings: Settings, log: str, point: str | None) -> None:
    _log_to(log)
    if point is not None:
        kill_points.arm(point)
    serve(settings)


def _trade(state: str, log: str, port: int, pipe: Connection) -> None:
    _log_to(log)

    async def run() -> None:
        async with PaperGateway(port=port, quotes=None, state=state, control_port=0) as paper:
            assert paper.control is not None
            pipe.send((paper.port, paper.control.port))
            pipe.close()
            await paper.run_until(asyncio.Event())

    asyncio.run(run())


def _log_to(path: str) -> None:
    """Send what this process prints into a file, also what it prints when it fails."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
