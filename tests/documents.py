"""Documents as their headings and commands, and a shell in which the commands really run."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner

from toolkit.cli import main

END = b"\0--end--\0"
SHIM = """#!/bin/bash
exec 3<>"/dev/tcp/127.0.0.1/$SHIM_PORT"
{ printf '%s\\0' "$#" "$@"; env -0; printf -- '\\0--end--\\0'; } >&3
read -r code <&3
cat <&3
exit "$code"
"""
"""``toolkit`` for a shell: the command runs in the test's own process, which saves starting Python."""


class Block(NamedTuple):
    """One block of commands; ``kind`` is ``""``, ``host`` or ``runbook``."""

    heading: str
    kind: str
    lines: tuple[str, ...]


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", _without_blocks(text), re.MULTILINE)


def blocks(text: str) -> list[Block]:
    """Every block of shell commands, with the heading that it stands under."""
    found, heading = [], ""
    for part in re.split(r"(^#+ .+$|^```\w*[^`]*?^```$)", text, flags=re.MULTILINE):
        if part.startswith("#"):
            heading = part.lstrip("# ")
        elif part.startswith("```"):
            first, *lines = part.splitlines()[:-1]
            language, _, kind = first.removeprefix("```").partition(" ")
            assert language == "bash", f"{heading}: a block of {language or 'nothing'}"
            found.append(Block(heading, kind, tuple(lines)))
    return found


def words(text: str) -> str:
    """A document without its blocks."""
    return _without_blocks(text)


def _without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


class Shell:
    """
    Runs lines in bash, with a ``toolkit`` that answers from this process.

    Attributes:
        errors: what the commands wrote to standard error.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        program = folder / "bin" / "toolkit"
        program.parent.mkdir()
        program.write_text(SHIM)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self._folder = folder
        self._server = socket.create_server(("127.0.0.1", 0))
        self._variables = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "SHIM_PORT": str(self._server.getsockname()[1]),
            "USER": "ann",
            **variables,
        }
        self.errors: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=self._folder,
            env={**os.environ, **self._variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._server.accept()
                with connection:
                    request = b""
                    while not request.endswith(END):
                        request += connection.recv(65536)
                    connection.sendall(self._answer(request.removesuffix(END)))

    def _answer(self, request: bytes) -> bytes:
        count, *rest = request.decode().split("\0")
        arguments, variables = rest[: int(count)], rest[int(count) :]
        env = dict(each.partition("=")[::2] for each in variables if "=" in each)
        here = Path.cwd()
        os.chdir(self._folder)
        try:
            done = CliRunner().invoke(main, arguments, env={**env, "COLUMNS": "200"})
        finally:
            os.chdir(here)
        self.errors.append(done.stderr)
        return f"{done.exit_code}\n{done.stdout}".encode()


@contextlib.contextmanager
def shell(folder: Path, **variables: str) -> Iterator[Shell]:
    """One that is closed in the end."""
    opened = Shell(folder, **variables)
    try:
        yield opened
    finally:
        opened.close()


RUNBOOKS = Path(__file__).resolve().parent.parent / "runbooks"
NAMES = ("DEPLOYMENT", "INCIDENT_PLAYBOOK", "RACI")
DOCUMENTS = {name: (RUNBOOKS / f"{name}.md").read_text() for name in NAMES}
BLOCKS = {name: blocks(text) for name, text in DOCUMENTS.items()}
