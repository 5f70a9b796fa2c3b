"""The read-only view of a journal that somebody else writes."""

from __future__ import annotations

import html
import re
import warnings
from pathlib import Path
from typing import Any

from tests import builders
from tests.waiting import wait_until
from toolkit.desk.desk import Desk
from toolkit.desk.watch import Watch
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.ledger import OrderLedger
from toolkit.settings import Settings


def told(part: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part.value)).split())


def test_it_follows_what_another_owner_of_the_journal_does(desk: Desk, home: Path) -> None:
    watch = Watch(Settings.load())
    watch.start()
    try:
        filled = desk.buy("SPY", 10)
        wait_until(lambda: f"{filled}" in told(watch.orders) and "Filled" in told(watch.orders))
        wait_until(lambda: "540.02" in told(watch.fills))
        desk.sell("SPY", 5, limit=600)
        wait_until(lambda: "2 orders · 1 working" in told(watch.strip))
        desk.halt("lunch", by="ann")
        wait_until(lambda: "HALTED since" in told(watch.strip))
    finally:
        watch.close()


def test_it_reads_on_from_where_it_was(home: Path) -> None:
    with SqliteJournal(home / "journal.db") as journal:
        ledger = OrderLedger(journal)
        for event in builders.placed():
            ledger.record(event)
        journal.flush()
        watch = Watch(Settings.load())
        seen = watch._seq
        assert seen == len(list(builders.placed()))
        ledger.record(builders.executed())
        journal.flush()
        watch._follow()
        assert watch._seq == seen + 1
        assert "Filled" in told(watch.orders)
        with JournalReader(home / "journal.db") as reader:
            assert list(reader.events(after=seen)) == [builders.executed()]


async def _durable(desk: Desk) -> None:
    journal = desk.engine.client.journal
    await journal.durable(journal.last_seq)


def test_it_shows_why_an_order_was_denied(desk: Desk) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        desk.buy("SPY", 5_000)
    desk.engine.call(_durable(desk))
    assert "above max_order_quantity" in told(Watch(Settings.load()).orders)


def test_before_there_is_a_journal_it_says_so_and_makes_none(home: Path) -> None:
    watch = Watch(Settings.load())
    assert "No journal yet" in told(watch.strip)
    assert not home.exists()


def test_it_takes_no_lock(home: Path) -> None:
    with SqliteJournal(home / "journal.db"):
        pass
    watch = Watch(Settings.load())
    with SqliteJournal(home / "journal.db"):  # the owner comes back while it is watched
        watch._follow()
    assert told(watch.orders) == ""
    assert "0 orders" in told(watch.strip)
