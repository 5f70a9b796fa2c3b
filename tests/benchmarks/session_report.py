"""What the report of a day of 10,000 orders costs, beside reading its journal and nothing else."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from tests.benchmarks.measure import Figure, interleaved
from tests.builders import charged, denied, executed, placed, received, status
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import OrderLedger
from toolkit.runbooks import run as run_runbook
from toolkit.settings import Settings

ORDERS = 10_000
SYMBOLS = ("SPY", "QQQ", "IBM", "AAPL", "MSFT")


def run(*, quick: bool) -> list[Figure]:
    """CPU time of the runner and its kernel for one report."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = write_journal(home / "journal.db", ORDERS // 10 if quick else ORDERS)
        values, ratios = interleaved(1 if quick else 3, partial(_report, home, path), partial(_read, path))
    what = f"report of a session of {ORDERS // 10 if quick else ORDERS:,} orders, CPU"
    return [Figure(what, values, "s", "reading its journal", ratios, "< 30 s")]


def write_journal(path: Path, orders: int) -> Path:
    """A day: three fills for each order that trades, one in ten denied, one in ten left working."""
    with SqliteJournal(path) as journal:
        ledger = OrderLedger(journal)
        for number in range(orders):
            for event in _order(number):
                ledger.record(replace(event, at=event.at + timedelta(seconds=2 * number)))
        journal.flush()
    return path


def _order(number: int) -> list[AnyEvent]:
    name, symbol = f"day-{number:05d}", SYMBOLS[number % len(SYMBOLS)]
    if number % 10 == 0:
        return [received(name, symbol=symbol), denied(intent_id=name)]
    history = [*placed(name, number, symbol=symbol), status("Submitted", intent_id=name)]
    if number % 10 == 1:
        return history
    for part, shares in enumerate((50, 30, 20)):
        exec_id, seconds = f"{number:05d}.0{part}.01", 0.1 + part / 10
        price = Decimal("450.25") + Decimal(number % 7) / 100
        history.append(executed(shares, price, exec_id, seconds, name))
        history.append(charged("0.35", exec_id, seconds + 0.05, name))
    return history


def _report(home: Path, journal: Path) -> float:
    before = os.times()
    settings = Settings.load(toolkit_home=home)
    result = run_runbook("session_report", {"journal": str(journal)}, settings=settings, progress=False)
    assert result.outcome == "passed", result.reason
    return sum(os.times()[:4]) - sum(before[:4])


def _read(journal: Path) -> float:
    before = os.times()
    with JournalReader(journal) as reader:
        assert sum(1 for _ in reader.events())
    return sum(os.times()[:4]) - sum(before[:4])
