"""A service on a disk of its own, and the ways in which the kernel itself can make that disk fail."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.commands import TOOLKIT
from toolkit.bus import topics
from toolkit.bus.embedded import EmbeddedProducer
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.status import OrderStatus

_OBEDIENT = (
    *(sys.executable, "-c"),
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])",
)
"""
Starts a command to which file permissions apply, whoever runs it: CAP_DAC_OVERRIDE leaves the
bounding set (PR_CAPBSET_DROP), and without it root too writes only what the mode bits allow.
"""


def send(home: Path, *intent_ids: str, **changes: Any) -> None:
    """Put an order for one share of SPY at the market on the bus for each id."""
    order = {"symbol": "SPY", "direction": "BUY", "quantity": 1, "order_type": "MARKET"} | changes
    producer = EmbeddedProducer(home / "bus.db")
    for intent_id in intent_ids:
        body = msgspec.json.encode({"intent_id": intent_id, **order})
        producer.send(topics.INTENTS, value=body, key=b"test")
    producer.flush()
    producer.close()


def limit_files(pid: int, size: int) -> None:
    """
    A full disk for one process: from here on the kernel refuses to let any of its files grow.

    RLIMIT_FSIZE; a write beyond ``size`` bytes fails as one to a full disk does, with another number.
    """
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))


@contextmanager
def stalled(database: Path) -> Iterator[None]:
    """
    A disk that does not answer: nobody else can commit to ``database`` meanwhile.

    SQLite's own write lock stands in for the flush that takes too long; whoever commits waits in the
    same call either way, at most the five seconds of its busy timeout.
    """
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("begin immediate")
        yield
        other.execute("rollback")


def obediently(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A toolkit command that ends by itself, and to which file permissions apply."""
    return subprocess.run(
        [*_OBEDIENT, *TOOLKIT, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **variables},
    )


def bound(home: Path) -> set[str]:
    """The intents to which the journal on disk has bound a broker order."""
    with JournalReader(home / "journal.db") as journal:
        return {name for name, state in journal.states().items() if state.order_id is not None}


def statuses(home: Path) -> dict[str, OrderStatus]:
    """Intent id -> where the journal on disk says its order stands."""
    with JournalReader(home / "journal.db") as journal:
        return {name: state.status for name, state in journal.states().items()}


def sent(gateway: PaperGateway) -> dict[str, int]:
    """Intent id -> orders that reached the broker for it."""
    return {name: len(orders) for name, orders in gateway.ledger.orders.items()}
