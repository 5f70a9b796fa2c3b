"""The message budget: what no second exceeds, and who goes first when it is short."""

from __future__ import annotations

import asyncio
from typing import Any

from toolkit.broker.pacing import SAFE, Lane, Pacer


def test_a_burst_within_the_budget_passes_at_once(loop_run: Any) -> None:
    async def burst() -> float:
        loop = asyncio.get_running_loop()
        pacer = Pacer(40, loop.time)
        before = loop.time()
        for _ in range(5):
            await pacer.turn(Lane.ORDER)
        return loop.time() - before

    assert loop_run(burst()) < 0.1


def test_h43_no_second_sees_more_messages_than_the_broker_certainly_takes(loop_run: Any) -> None:
    async def stream() -> list[float]:
        loop = asyncio.get_running_loop()
        pacer, times = Pacer(40, loop.time), []

        async def send(lane: Lane) -> None:
            await pacer.turn(lane)
            times.append(loop.time())

        await asyncio.gather(*(send(lane) for lane in [Lane.ORDER] * 60 + [Lane.CANCEL] * 40))
        return times

    times = loop_run(stream())
    assert len(times) == 100
    # A millisecond is between the moment that was allowed and the one that was noted.
    assert all(later - first >= 0.99 for first, later in zip(times, times[SAFE:], strict=False))


def test_the_budget_holds_on_average(loop_run: Any) -> None:
    async def stream() -> float:
        loop = asyncio.get_running_loop()
        pacer, before = Pacer(40, loop.time), loop.time()
        for _ in range(45):
            await pacer.turn(Lane.ORDER)
        return loop.time() - before

    assert loop_run(stream()) >= 0.95  # five at once, then forty at forty a second


def test_h11_a_cancel_goes_at_once_while_orders_wait(loop_run: Any) -> None:
    async def race() -> tuple[list[str], float]:
        loop = asyncio.get_running_loop()
        pacer, sent = Pacer(20, loop.time), []

        async def send(name: str, lane: Lane) -> None:
            await pacer.turn(lane)
            sent.append(name)

        orders = [asyncio.create_task(send(f"order {n}", Lane.ORDER)) for n in range(30)]
        await asyncio.sleep(0)
        assert pacer.waiting == 5
        before = loop.time()
        for _ in range(10):
            await send("cancel", Lane.CANCEL)
        took = loop.time() - before
        await asyncio.gather(*orders)
        return sent, took

    sent, took = loop_run(race())
    assert took < 1
    assert sent.index("cancel") <= 26


def test_h11_orders_that_reduce_overtake_changes_and_these_overtake_new_ones(loop_run: Any) -> None:
    async def race() -> list[Lane]:
        pacer, sent = Pacer(50, asyncio.get_running_loop().time), []

        async def send(lane: Lane) -> None:
            await pacer.turn(lane)
            sent.append(lane)

        await asyncio.gather(*(send(Lane.ORDER) for _ in range(50)))
        await asyncio.gather(*(send(lane) for lane in reversed(Lane)))
        return sent[50:]

    # The first to ask may have had its turn before the others asked.
    assert loop_run(race())[-4:] == [Lane.REDUCE, Lane.REPLACE, Lane.ORDER, Lane.DATA]


def test_a_waiter_that_gives_up_costs_the_others_nothing(loop_run: Any) -> None:
    async def give_up() -> None:
        pacer = Pacer(50, asyncio.get_running_loop().time)
        for _ in range(50):
            await pacer.turn(Lane.ORDER)
        waiting = [asyncio.create_task(pacer.turn(Lane.ORDER)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(*waiting[1:])
        assert pacer.waiting == 0

    loop_run(give_up())
