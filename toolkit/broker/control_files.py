"""
How an operator reaches a running process when nothing else answers: files in TOOLKIT_HOME.

``KILL`` closes the gate as soon as it exists; an empty one will do (``touch``). Other commands are
files in ``control/``, read in the order of their names and removed once they are decided.
"""

from __future__ import annotations

import getpass
import os
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from toolkit.errors import ControlError
from toolkit.orders.controls import Command

KILL: Final = "KILL"
REQUESTS: Final = "control"


class ControlFiles:
    """The files of one home; nothing is kept in memory, so that every process sees the same."""

    def __init__(self, home: Path) -> None:
        self.kill_file = home / KILL
        self._kill_name = str(self.kill_file)
        self._requests = home / REQUESTS

    # --- the operator's side

    def leave(self, command: Command) -> Path:
        """
        Put a command where a running process finds it; a kill is in force from this moment.

        Raises:
            ControlError: the file cannot be written.
        """
        kill = command.action == "kill"
        path = self.kill_file if kill else self._requests / f"{command.at:%Y%m%dT%H%M%S%f}-{command.id}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(command))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError as error:
            raise ControlError(
                f"{path} cannot be written ({error.strerror}); make its folder writable, or set TOOLKIT_HOME."
            ) from error
        return path

    # --- the running process' side

    @property
    def killed(self) -> bool:
        """Whether ``KILL`` exists, or cannot be looked for: what is unreadable forbids."""
        try:
            os.stat(self._kill_name)  # noqa: PTH116 - asked three times per order; a Path doubles its price
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def kill(self) -> Command | None:
        """
        The command that ``KILL`` holds, None when there is no such file.

        Whatever else stands in it, its being there is a kill.
        """
        try:
            written = datetime.fromtimestamp(self.kill_file.stat().st_mtime, UTC)
            body = self.kill_file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            now = datetime.now(UTC)
            return Command(
                action="kill", by=f"the file {KILL}", at=now, reason=str(error), id=f"{KILL}-unread"
            )
        try:
            command = msgspec.json.decode(body, type=Command)
        except (msgspec.DecodeError, UnicodeDecodeError):
            name = f"{KILL}-{written:%Y%m%dT%H%M%S%f}"
            reason = body[:200].decode(errors="replace").strip()
            return Command(action="kill", by=f"the file {KILL}", at=written, reason=reason, id=name)
        return msgspec.structs.replace(
            command, action="kill", id=command.id or f"{KILL}-{written.timestamp()}"
        )

    def lift(self, command: Command) -> str:
        """Remove ``KILL`` for a resume; why that must not be, or ``""``."""
        kill = self.kill()
        if kill is None:
            return ""
        if kill.at > command.at:
            return f"The file {self.kill_file} was made later, at {kill.at:%Y-%m-%d %H:%M:%S} UTC."
        try:
            self.kill_file.unlink(missing_ok=True)
        except OSError as error:
            return f"The file {self.kill_file} cannot be removed ({error.strerror}); remove it by hand."
        return ""

    def requests(self) -> list[tuple[Path, Command | None]]:
        """The commands that wait, oldest first; None for a file that holds none."""
        try:
            paths = sorted(path for path in self._requests.iterdir() if not path.name.startswith("."))
        except FileNotFoundError:
            return []
        return [(path, _command(path)) for path in paths]


def _command(path: Path) -> Command | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Command)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError):
        return None


def new_command(action: str, by: str, reason: str, at: datetime, **terms: Any) -> Command:
    """A command under an id of its own; ``terms`` are more of its fields."""
    return Command(action=action, by=by, reason=reason, at=at, id=uuid.uuid4().hex[:12], **terms)


def whoami() -> str:
    """The name of the user whose process this is."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"
