"""The journal remembers in groups, tells when it is safe, and comes back as it was."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.journal.histories import HISTORIES, notices, order_history, with_reports
from toolkit.errors import JournalError
from toolkit.journal.reader import JournalReader
from toolkit.journal.sqlite import SqliteJournal
from toolkit.orders.events import AnyEvent
from toolkit.orders.ledger import OrderLedger, fold_all


def append_all(journal: SqliteJournal, history: list[AnyEvent]) -> int:
    for event, report in with_reports(history):
        journal.append(event, report)
    return journal.last_seq


# --- remembering ---------------------------------------------------------------------------------


def test_facts_are_numbered_from_one_without_holes(journal):
    assert [journal.append(event, None) for event in notices(3)] == [1, 2, 3]


def test_a_reopened_journal_tells_the_same_facts_and_numbers_on(path):
    history = order_history()
    with SqliteJournal(path) as journal:
        append_all(journal, history)
    with SqliteJournal(path) as journal:
        assert list(journal.events()) == history
        assert journal.append(notices(1)[0], None) == len(history) + 1


def test_facts_still_queued_are_told_too(journal):
    history = notices(50)
    append_all(journal, history)
    assert list(journal.events()) == history


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES)
def test_what_is_read_back_adds_up_to_what_was_appended(tmp_path_factory, history):
    path = tmp_path_factory.mktemp("journal") / "journal.db"
    with SqliteJournal(path) as journal:
        append_all(journal, history)
    with JournalReader(path) as reader:
        assert reader.states() == fold_all(history)


def test_the_history_of_one_intent_is_its_own_facts_in_order(path):
    mine, other = order_history("a-1"), order_history("a-2", order_id=2)
    with SqliteJournal(path) as journal:
        append_all(journal, [fact for pair in zip(mine, other, strict=True) for fact in pair])
    with JournalReader(path) as reader:
        assert list(reader.history("a-1")) == mine
        assert list(reader.history("nobody")) == []


def test_a_ledger_on_a_reopened_journal_stands_where_it_stood(path):
    history = order_history("a-1") + order_history("a-2", order_id=2)[:-2]
    with SqliteJournal(path) as journal:
        ledger = OrderLedger(journal)
        for event in history:
            ledger.record(event)
        before = {state.intent_id: state for state in ledger}
    with SqliteJournal(path) as journal:
        again = OrderLedger(journal)
        assert {state.intent_id: state for state in again} == before
        assert again.by_order(7, 2) == before["a-2"]


# --- in groups -----------------------------------------------------------------------------------


def test_appending_never_waits_for_the_disk_and_a_burst_is_one_group(journal, busy_disk):
    with busy_disk():
        append_all(journal, notices(1_000))
        assert journal.durable_seq == 0
    journal.flush()
    assert journal.durable_seq == 1_000
    # The writer may have been waiting with the first fact alone; all others are one group.
    assert journal.commits <= 2


def test_who_waits_resumes_in_the_order_of_the_facts_also_when_one_was_on_disk_before_it_asked(journal):
    """Orders leave in the order of their ids, or the broker refuses them (code 103)."""

    async def race() -> list[int]:
        resumed: list[int] = []

        async def wait(seq: int) -> None:
            await journal.durable(seq)
            resumed.append(seq)

        first = asyncio.create_task(wait(journal.append(notices(1)[0], None)))
        await asyncio.sleep(0)  # it waits
        second = journal.append(notices(1)[0], None)
        journal.wait(second)  # both are on disk, and nobody in this loop could hear of it yet
        await wait(second)
        await first
        return resumed

    assert asyncio.run(race()) == [1, 2]


def test_a_fact_is_on_disk_when_durable_resumes(journal, path, busy_disk):
    async def scenario() -> None:
        with busy_disk():
            waiting = asyncio.create_task(journal.durable(journal.append(notices(1)[0], None)))
            done, _ = await asyncio.wait([waiting], timeout=0.05)
            assert not done
        await asyncio.wait_for(waiting, 10)
        with JournalReader(path) as reader:
            assert reader.last_seq() == 1

    asyncio.run(scenario())


def test_many_waits_on_one_group_all_resume(journal):
    async def scenario() -> None:
        numbers = [journal.append(event, None) for event in notices(200)]
        await asyncio.wait_for(asyncio.gather(*map(journal.durable, numbers)), 10)

    asyncio.run(scenario())
    assert journal.durable_seq == 200


def test_a_fact_that_is_still_to_come_can_be_awaited(journal):
    async def scenario() -> None:
        waiting = asyncio.create_task(journal.durable(2))
        await journal.durable(journal.append(notices(1)[0], None))
        assert not waiting.done()
        journal.append(notices(1)[0], None)
        await asyncio.wait_for(waiting, 10)

    asyncio.run(scenario())


def test_a_wait_that_was_given_up_does_not_disturb_the_others(journal, busy_disk):
    async def scenario() -> None:
        with busy_disk():
            seq = journal.append(notices(1)[0], None)
            given_up, kept = (asyncio.create_task(journal.durable(seq)) for _ in range(2))
            await asyncio.sleep(0)
            given_up.cancel()
        await asyncio.wait_for(kept, 10)
        assert given_up.cancelled()

    asyncio.run(scenario())


def test_a_loop_that_was_closed_while_waiting_does_not_disturb_the_journal(journal, busy_disk):
    async def abandon() -> None:
        task = asyncio.create_task(journal.durable(journal.append(notices(1)[0], None)))
        await asyncio.sleep(0)
        task.cancel()

    with busy_disk():
        asyncio.run(abandon())
    journal.flush()
    assert journal.failure is None


def test_a_thread_waits_until_the_fact_is_on_disk(journal, busy_disk):
    with busy_disk():
        seq = journal.append(notices(1)[0], None)
        assert not journal.wait(seq, timeout=0.01)
    assert journal.wait(seq, timeout=10)


def test_facts_of_several_threads_all_arrive_each_in_its_own_order(journal):
    def work(name: str) -> None:
        append_all(journal, notices(200, name))

    threads = [threading.Thread(target=work, args=(f"t-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = list(journal.events())
    assert len(told) == 800
    for n in range(4):
        assert [event.code for event in told if event.intent_id == f"t-{n}"] == list(range(200))


# --- the outbox ----------------------------------------------------------------------------------


def test_the_outbox_holds_reports_in_the_order_of_their_facts(journal):
    append_all(journal, order_history())
    journal.flush()
    bodies = [unsent.body.decode() for unsent in journal.outbox(100)]
    assert [body.split('"event":"')[1].split('"')[0] for body in bodies] == [
        "Accepted",
        "Submitted",
        "Fill",
        "Commission",
    ]
    assert {unsent.key for unsent in journal.outbox(100)} == {"a-1"}


def test_a_report_is_not_in_the_outbox_before_it_is_durable(journal, busy_disk):
    with busy_disk():
        append_all(journal, order_history())
        assert journal.outbox(100) == []
    journal.flush()
    assert len(journal.outbox(100)) == 4


def test_the_outbox_goes_on_after_the_last_one_taken(journal):
    append_all(journal, order_history())
    journal.flush()
    first = journal.outbox(3)
    assert len(first) == 3
    assert [unsent.id for unsent in journal.outbox(3, after=first[-1].id)] == [7]


def test_a_sent_report_leaves_the_outbox_and_stays_in_the_journal(path):
    with SqliteJournal(path) as journal:
        append_all(journal, order_history())
        journal.flush()
        sent = [unsent.id for unsent in journal.outbox(2)]
        journal.mark_sent(sent)
    with SqliteJournal(path) as journal:
        assert len(journal.outbox(100)) == 2
    with JournalReader(path) as reader:
        assert [report["report_seq"] for report in reader.reports()] == [1, 2, 3, 4]
        assert list(reader.reports("nobody")) == []


# --- the end -------------------------------------------------------------------------------------


def test_closing_commits_what_is_queued(path, busy_disk):
    journal = SqliteJournal(path)
    with busy_disk():
        append_all(journal, notices(100))
        closing = threading.Thread(target=journal.close)
        closing.start()
    closing.join(10)
    with JournalReader(path) as reader:
        assert len(list(reader.events())) == 100


def test_a_closed_journal_takes_nothing_and_says_so(path):
    journal = SqliteJournal(path)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        journal.append(notices(1)[0], None)
    with pytest.raises(JournalError, match="is closed"):
        journal.wait(1, timeout=1)
    with pytest.raises(JournalError, match="is closed"):
        asyncio.run(journal.durable(1))


def test_who_awaits_a_fact_that_never_comes_is_told_at_the_close(path):
    journal = SqliteJournal(path)

    async def scenario() -> None:
        waiting = asyncio.create_task(journal.durable(1))
        await asyncio.sleep(0)
        await asyncio.to_thread(journal.close)
        with pytest.raises(JournalError, match="is closed"):
            await waiting

    asyncio.run(scenario())


def test_a_journal_makes_its_own_directory(tmp_path: Path):
    with SqliteJournal(tmp_path / "home" / "deep" / "journal.db") as journal:
        journal.append(notices(1)[0], None)
