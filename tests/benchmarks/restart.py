"""A restart on a long journal: until orders may be placed, and the whole history played again."""

from __future__ import annotations

import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec

from tests.benchmarks.growth import life
from tests.benchmarks.measure import Figure, interleaved
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.ledger import OrderLedger
from toolkit.orders.state import OrderState


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds, orders = (3, 2_000) if quick else (9, 100_000)
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "journal.db"
        count = _written(path, orders, live=orders // 100)
        with JournalReader(path) as reader:
            snapshot = msgspec.msgpack.encode(list(reader.states().values()))
        decode = msgspec.msgpack.Decoder(list[OrderState]).decode
        ready, shares = interleaved(rounds, partial(_timed, lambda: _open(path)),
                                    partial(_timed, lambda: decode(snapshot)))  # fmt: skip
        replay, ratios = interleaved(rounds, partial(_timed, lambda: _replay(path)),
                                     partial(_timed, lambda: _read(path)))  # fmt: skip
    return [
        Figure(f"ready to trade, {orders // 100:,} live of {orders:,} orders", [1e3 * each for each in ready],
               "ms", "decoding all of them", shares, "<= 0.05", "12"),
        Figure(f"replay of {count:,} events", [1e3 * each for each in replay],
               "ms", "reading their rows", ratios, "<= 1.5", "13"),
    ]  # fmt: skip


def _written(path: Path, orders: int, live: int) -> int:
    """A journal of so many orders, the last ``live`` of them working; how many facts."""
    with SqliteJournal(path) as journal:
        ledger = OrderLedger(journal)
        for number in range(orders):
            for fact in life(number, fills=int(number < orders - live)):
                ledger.record(fact)
            if number % 2000 == 0:
                journal.flush()
        return journal.last_seq


def _open(path: Path) -> None:
    """What a start does with its journal before it connects."""
    with SqliteJournal(path) as journal:
        assert OrderLedger(journal).working()


def _replay(path: Path) -> None:
    with JournalReader(path) as reader:
        assert reader.states()


def _read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("select seq, body from events order by seq").fetchall()


def _timed(work: Callable[[], object]) -> float:
    """CPU seconds of one call, after what earlier ones left behind was cleared away."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began
