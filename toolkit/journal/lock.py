"""One owner per journal: an advisory lock on a file beside it that names the owner's process id."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from toolkit.errors import JournalError, JournalLockedError


class OwnerLock:
    """
    Held from construction to ``release``; the kernel frees it when the process dies.

    The file stays when the lock is released: removing it would let two owners lock two files of one name.

    Raises:
        JournalLockedError: somebody holds it, in this process or another; carries the pid.
        JournalError: the lock file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(
                f"The journal's directory {path.parent} cannot be written ({error.strerror}); make it "
                "writable, or set TOOLKIT_HOME to a directory that is."
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._descriptor, 20, 0).strip()
            os.close(self._descriptor)
            if not isinstance(error, BlockingIOError):
                raise JournalError(
                    f"{path} cannot be locked ({error.strerror}); use a local disk."
                ) from error
            pid = int(owner) if owner.isdigit() else 0
            raise JournalLockedError(
                f"The journal {path.with_suffix('')} is in use by process {pid or 'unknown'}; stop it first, "
                "or set TOOLKIT_HOME to another directory.",
                pid=pid,
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let the next owner in."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
