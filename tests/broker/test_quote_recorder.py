"""What of the market is written down: the contracts that we trade, at a bounded rate, and its gaps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.builders import accepted, at, cancelled, executed, received, state_of
from tests.waiting import until
from toolkit.broker.market import MarketBook
from toolkit.broker.quote_recorder import AFTER, AGAIN, QuoteRecorder
from toolkit.journal.quotes import FILE, KEPT, QuoteWriter, RecordedQuote, read_quotes

BID, ASK = 1, 2
DELAYED_BID = 66


class Recording:
    """A recorder whose clock and market the test moves."""

    def __init__(self, home: Path) -> None:
        self.now = at(0)
        self.market = MarketBook(lambda: self.now)
        self.journal = home / "journal.db"
        self.recorder = QuoteRecorder(QuoteWriter(home / FILE), self.market, lambda: self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def tick(self, bid: str, ask: str, con_id: int = 1) -> None:
        self.market.tick(con_id, BID, Decimal(bid), Decimal(5))
        self.market.tick(con_id, ASK, Decimal(ask), Decimal(5))

    def traded(self, *more: Any) -> None:
        events = [received(), accepted(con_id=1), *more]
        self.recorder.hear(events[-1], state_of(*events))

    async def following(self, *more: Any) -> None:
        """An order of a contract with a quote, which is being followed."""
        self.recorder.start()
        self.tick("99.99", "100.01")
        self.traded(*more)
        await self.rows(1)

    async def rows(self, count: int) -> None:
        """Return when so many rows are in the file or on their way."""
        await until(lambda: len(self.recorder._rows) + len(read_quotes(self.journal)) >= count)


Record = Callable[[Callable[[Recording], Awaitable[Any]]], list[RecordedQuote]]


@pytest.fixture
def record(tmp_path: Path, loop_run: Any) -> Record:
    """Runs ``await work(recording)``, closes the recorder, and returns what is in its file."""

    def run(work: Callable[[Recording], Awaitable[Any]]) -> list[RecordedQuote]:
        async def session() -> None:
            recording = Recording(tmp_path)
            try:
                await work(recording)
            finally:
                await recording.recorder.close()

        loop_run(session())
        return read_quotes(tmp_path / "journal.db")

    return run


def test_a_fill_is_met_with_the_quote_of_its_moment(record: Record) -> None:
    async def work(recording: Recording) -> None:
        recording.tick("99.99", "100.01")
        recording.later(1)
        recording.traded(executed())

    (row,) = record(work)
    assert row == (1, "SPY", at(0), Decimal("99.99"), Decimal("100.01"), Decimal(5), Decimal(5))


def test_while_an_order_works_every_change_is_recorded_at_its_own_time(record: Record) -> None:
    async def work(recording: Recording) -> None:
        await recording.following()
        recording.later(2)
        recording.tick("100.00", "100.02")
        recording.later(0.5)
        await recording.rows(2)

    rows = record(work)
    assert [(row.at, row.bid) for row in rows] == [(at(0), Decimal("99.99")), (at(2), Decimal("100.00"))]


def test_an_unchanged_quote_is_told_again_so_that_silence_is_not_taken_for_it(record: Record) -> None:
    async def work(recording: Recording) -> None:
        await recording.following()
        recording.later(AGAIN.total_seconds())
        await recording.rows(2)

    assert [row.at for row in record(work)] == [at(0), at(0) + AGAIN]


def test_a_quote_that_is_gone_is_recorded_as_gone(record: Record) -> None:
    async def work(recording: Recording) -> None:
        recording.tick("99.99", "100.01")
        recording.traded(executed())
        recording.later(3)
        recording.market.forget_quote(1)
        recording.traded(executed(exec_id="other.01"))

    last = record(work)[-1]
    assert (last.at, last.bid, last.ask) == (at(3), None, None)


def test_a_delayed_quote_is_not_recorded(record: Record) -> None:
    async def work(recording: Recording) -> None:
        recording.market.tick(1, DELAYED_BID, Decimal("99.99"), Decimal(5))
        recording.traded(executed())

    assert record(work) == []


def test_a_contract_is_followed_until_its_longest_horizon_has_passed(record: Record) -> None:
    async def work(recording: Recording) -> None:
        await recording.following(cancelled())
        recording.later(AFTER.total_seconds())
        await until(lambda: not recording.recorder._followed)

    assert [row.at for row in record(work)] == [at(0), at(0) + AFTER]


def test_a_contract_that_nobody_traded_is_not_followed(record: Record) -> None:
    async def work(recording: Recording) -> None:
        recording.tick("10", "11", con_id=2)
        await recording.following()

    assert {row.con_id for row in record(work)} == {1}


def test_quotes_older_than_a_month_are_let_go(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old, new = (RecordedQuote(1, "SPY", now - age, *[Decimal(1)] * 4) for age in (2 * KEPT, KEPT / 2))
    for rows in ([old, new], []):
        writer = QuoteWriter(tmp_path / FILE)
        writer.write(rows)
        writer.close()
    assert [row.at for row in read_quotes(tmp_path / "journal.db")] == [new.at]
    assert read_quotes(tmp_path / "journal.db", since=now) == []
