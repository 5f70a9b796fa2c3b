"""
One owner per journal: an advisory lock on a file beside it that names the owner's process id.

An owner that stops as it was told empties the file; a name in a file that nobody has locked is that of
a process that died.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from toolkit.errors import JournalError, JournalLockedError

_LOCKS: Final = Path("/proc/locks")


def lock_path(journal: Path) -> Path:
    """The lock file of a journal."""
    return journal.with_name(journal.name + ".lock")


def written_pid(path: Path) -> int | None:
    """
    The process id in a lock file, None when it is empty or there is none.

    Raises:
        JournalError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalError(
            f"{path} cannot be read ({error.strerror}); run as the user whose journal it is."
        ) from error
    return int(text) if text.isdigit() else None


def owner(path: Path) -> int | None:
    """
    The process that holds a lock file, without touching the lock; None when none is seen to.

    A process in another container is not seen; only an attempt to take the lock tells.
    """
    pid = written_pid(path)
    if pid is None or not _LOCKS.exists():
        return None
    mine = (str(pid), str(path.stat().st_ino))
    for line in _LOCKS.read_text(encoding="ascii").splitlines():
        # 1: FLOCK  ADVISORY  WRITE 31276 fe:00:9978661 0 EOF
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and (words[4], words[5].rpartition(":")[2]) == mine:
            return pid
    return None


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
