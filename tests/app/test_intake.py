"""Intake's own promises: it ends when told to, commits only what is done, and survives a failed commit."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from toolkit.app import intake
from toolkit.app.intake import Intake
from toolkit.bus.embedded import EmbeddedConsumer, EmbeddedProducer
from toolkit.errors import BusError

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Consumer(EmbeddedConsumer):
    """A real consumer whose next call of a method can be made to fail as kafka-python's do."""

    failing: str = ""
    may_return = threading.Event()
    commits = 0

    def poll(self, timeout_ms: float = 0, max_records: int = 500) -> dict[Any, Any]:
        if self.failing == "poll":
            raise RuntimeError("fenced")
        if self.failing == "for ever":
            self.may_return.wait(30)
            return {}
        if self.failing == "silently":
            self._claim()
            time.sleep(timeout_ms / 1000)
            return {}
        return super().poll(timeout_ms, max_records)

    def commit(self) -> None:
        if self.failing == "commit":
            self.failing = ""
            raise RuntimeError("expelled")
        super().commit()
        self.commits += 1


@pytest.fixture
def send(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Puts texts on the topic."""
    with EmbeddedProducer(tmp_path / "bus.db") as producer:

        def put(*texts: str) -> None:
            for text in texts:
                producer.send("t", value=text.encode())
            producer.flush()

        yield put


@pytest.fixture
def consumer(tmp_path: Path) -> Iterator[Consumer]:
    with Consumer(tmp_path / "bus.db", "t", group_id="g") as made:
        yield made


def position(tmp_path: Path) -> int:
    """How many records the group is done with."""
    with EmbeddedConsumer(tmp_path / "bus.db", "t", group_id="g") as reader:
        left = sum(len(batch) for batch in reader.poll().values())
        (partition,) = reader.assignment()
        return reader.position(partition) - left


def fail(error: BaseException) -> None:
    raise AssertionError(error)


def test_a_record_that_waits_for_ever_is_given_up_and_not_committed(
    consumer: Consumer,
    send: Callable[..., None],
    loop_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "GRACE", 0.05)
    seen: list[bytes] = []
    given_up: list[bytes] = []

    async def handle(record: Any) -> None:
        seen.append(record.value)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(record.value)
            raise

    async def scenario() -> None:
        reading = Intake(consumer, handle, fail)
        reading.start()
        send("a", "b")
        await until(lambda: seen)
        await reading.stop()

    loop_run(scenario())
    consumer.close()
    assert (seen, given_up) == ([b"a"], [b"a"])
    assert position(tmp_path) == 0


def test_the_record_in_work_is_finished_before_the_end_and_the_rest_left_for_the_next(
    consumer: Consumer, send: Callable[..., None], loop_run: Run, tmp_path: Path
) -> None:
    done: list[bytes] = []

    async def scenario() -> None:
        started, may_end = asyncio.Event(), asyncio.Event()

        async def handle(record: Any) -> None:
            started.set()
            await may_end.wait()
            done.append(record.value)

        reading = Intake(consumer, handle, fail)
        send("a", "b")
        reading.start()
        await started.wait()
        stopping = asyncio.ensure_future(reading.stop())
        await asyncio.sleep(0)
        may_end.set()
        await stopping

    loop_run(scenario())
    consumer.close()
    assert done == [b"a"]
    assert position(tmp_path) == 0


def test_h17_a_failed_commit_stops_nothing_and_the_next_one_covers_it(
    consumer: Consumer, send: Callable[..., None], loop_run: Run, tmp_path: Path
) -> None:
    consumer.failing = "commit"
    seen: list[bytes] = []

    async def handle(record: Any) -> None:
        seen.append(record.value)

    async def scenario() -> None:
        reading = Intake(consumer, handle, fail)
        reading.start()
        send("a")
        await until(lambda: not consumer.failing)
        send("b")
        await until(lambda: consumer.commits)
        await reading.stop()

    loop_run(scenario())
    consumer.close()
    assert seen == [b"a", b"b"]
    assert position(tmp_path) == 2


def test_a_bus_that_cannot_be_read_any_more_is_one_sentence(consumer: Consumer, loop_run: Run) -> None:
    consumer.failing = "poll"
    errors: list[BaseException] = []

    async def scenario() -> None:
        async def handle(record: Any) -> None:
            raise AssertionError(record)

        reading = Intake(consumer, handle, errors.append)
        reading.start()
        await until(lambda: errors)
        await reading.stop()

    loop_run(scenario())
    (error,) = errors
    assert isinstance(error, BusError)
    assert "cannot be read from the bus any more (RuntimeError: fenced)" in str(error)


def test_h20_a_consumer_that_never_comes_back_from_poll_ends_intake_and_does_not_hold_up_the_end(
    consumer: Consumer, loop_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "STUCK_S", 0.2)
    consumer.failing = "for ever"
    errors: list[BaseException] = []

    async def scenario() -> None:
        async def handle(record: Any) -> None:
            raise AssertionError(record)

        reading = Intake(consumer, handle, errors.append)
        reading.start()
        await until(lambda: errors)
        await reading.stop()

    try:
        loop_run(scenario())
    finally:
        consumer.may_return.set()
    (error,) = errors
    assert isinstance(error, BusError)
    assert "has not come back from poll()" in str(error)


@pytest.mark.parametrize("renewable", [True, False])
def test_h46_a_silent_consumer_is_made_anew_or_ends_intake(
    renewable: bool,
    consumer: Consumer,
    send: Callable[..., None],
    loop_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "LOOK_S", 0.05)
    monkeypatch.setattr(intake, "SILENCE_S", 0.3)
    consumer.failing = "silently"
    seen: list[bytes] = []
    errors: list[BaseException] = []

    async def scenario() -> None:
        async def handle(record: Any) -> None:
            seen.append(record.value)

        renew = (lambda: Consumer(tmp_path / "bus.db", "t", group_id="g")) if renewable else None
        reading = Intake(consumer, handle, errors.append, renew)
        reading.start()
        send("a")
        await until(lambda: seen or errors)
        await reading.stop()
        assert reading.renewals == int(renewable)

    loop_run(scenario())
    assert seen == ([b"a"] if renewable else [])
    assert ["has not given any of the 1 intents" in str(error) for error in errors] == [True] * (
        not renewable
    )
