"""
Dead man: cancel our resting orders when the process that looks after them is gone (control 22).

The broker keeps the orders of a program that has died. Who looks after them owns the journal, and the
kernel frees its lock when that process ends, however it ends. When nobody has taken it again in time,
we do, connect with the same client id, and press the kill switch: a person has to resume.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from toolkit.app.operator import told
from toolkit.app.vigil import Finding, Sight, Vigil
from toolkit.broker.ibkr_exec_client import IBKRExecClient
from toolkit.errors import JournalLockedError, NotConnectedError
from toolkit.journal.lock import lock_path, owner, written_pid
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import Swept
from toolkit.settings import Settings

log = logging.getLogger(__name__)

LOOK: Final = 0.5
"""Seconds between two looks."""
RETRY: Final = 5.0
"""Seconds between two attempts to reach the gateway."""
ANSWER: Final = 3.0
"""Seconds that the health port has to answer."""


class Watchdog:
    """
    Watches one journal.

    Args:
        settings: whose journal, gateway and client id.
        after: seconds without an owner, or of an owner's silence, after which our orders are cancelled.
        after_stop: also when the owner stopped cleanly.
    """

    def __init__(self, settings: Settings, after: float, *, after_stop: bool = False) -> None:
        self._settings = settings
        self._after = after
        self._lock = lock_path(settings.journal_path)
        self._vigil = Vigil(after, after_stop=after_stop, now=time.monotonic())
        self._stop = asyncio.Event()
        self._told = ""
        self._nothing_open = False
        """whether the journal was found without open orders since it was last owned"""

    async def run(self) -> Swept | None:
        """
        Watch until orders had to be cancelled, or a signal comes.

        Returns:
            What was left of them; None when nothing had to be done.

        Raises:
            JournalError: the journal cannot be read or written.
        """
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        while not self._stop.is_set():
            sight = await asyncio.to_thread(self._look)
            self._tell(sight)
            finding, wait = self._vigil.judge(sight, time.monotonic()), LOOK
            if sight.owner is not None:
                self._nothing_open = False
            if finding is Finding.DEAF:
                _end(sight.owner, self._after)
            elif finding is Finding.GONE and not self._nothing_open:
                swept = await self._act()
                if swept is not None:
                    return swept
                wait = RETRY
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)
        return None

    def _look(self) -> Sight:
        pid = owner(self._lock)
        # In this order: whoever lets go as told has emptied the file before the lock is seen to be free,
        # and whoever has just taken it is seen by the second look.
        died = pid is None and written_pid(self._lock) is not None and owner(self._lock) is None
        return Sight(pid, died, _heard(self._settings.prometheus_port))

    def _tell(self, sight: Sight) -> None:
        """Say who is there, whenever that changes."""
        if sight.owner is None:
            told = "Nobody owns the journal" + ("; the last owner died." if sight.died else ".")
        else:
            answers = "answers" if sight.heard == sight.owner else "does not answer"
            told = f"Process {sight.owner} owns the journal and {answers} at the health port."
        if told != self._told:
            log.info("%s", told)
        self._told = told

    async def _act(self) -> Swept | None:
        """Cancel what is open; None when there is nothing, or somebody else has it, or nobody can yet."""
        count = _open_orders(self._settings.journal_path)
        if not count:
            log.warning("Nobody owns the journal, and none of its orders may still trade.")
            self._nothing_open = True
            return None
        why = f"no process has owned the journal for {self._after:g} s"
        log.critical("%d orders of ours may still trade, and %s.", count, why)
        client = IBKRExecClient(told(self._settings))
        try:
            await client.open()
            return await client.kill(why, "watchdog")
        except JournalLockedError as error:
            log.warning("Somebody else has taken over: %s", error)
            self._vigil.owned(time.monotonic())
        except NotConnectedError as error:  # also while the gateway still holds the client id of the dead
            log.critical("They cannot be cancelled yet: %s", error)
        finally:
            await client.disconnect_async()
        return None


def _heard(port: int) -> int | None:
    """Id of the process whose event loop answers at its health port; None when none does."""
    if not port:
        return None
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER)
    try:
        connection.request("GET", "/readyz")
        parts = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):  # whatever it is, nobody has answered
        return None
    finally:
        connection.close()
    pid = parts.get("pid") if isinstance(parts, dict) else None
    return pid if isinstance(pid, int) else None


def _end(pid: int | None, after: float) -> None:
    """End a process that is deaf, so that a standby, or we, can take its place."""
    assert pid is not None
    log.critical("Process %d has not answered for %g s; it is killed.", pid, after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _open_orders(path: Path) -> int:
    if not path.exists():
        return 0
    with JournalReader(path) as journal:
        return sum(state.working for state in journal.states().values())
