"""The message budget: a rate that holds, and cancels that never wait behind orders."""

from __future__ import annotations

import asyncio
from typing import Any

from toolkit.broker.pacing import Lane, Pacer


def test_a_burst_within_the_budget_passes_at_once(loop_run: Any) -> None:
    async def burst() -> float:
        loop = asyncio.get_running_loop()
        pacer = Pacer(40, loop.time)
        before = loop.time()
        for _ in range(40):
            await pacer.turn(Lane.ORDER)
        return loop.time() - before

    assert loop_run(burst()) < 0.2


def test_no_window_of_a_second_sees_more_than_twice_the_rate_and_the_mean_holds(loop_run: Any) -> None:
    async def stream() -> list[float]:
        loop = asyncio.get_running_loop()
        pacer = Pacer(100, loop.time)
        times = []
        for _ in range(200):
            await pacer.turn(Lane.ORDER)
            times.append(loop.time())
        return times

    times = loop_run(stream())
    assert times[-1] - times[0] >= 0.95  # 100 at once, then 100 at 100/s


def test_h11_a_cancel_overtakes_the_orders_that_wait(loop_run: Any) -> None:
    async def race() -> list[str]:
        pacer = Pacer(20, asyncio.get_running_loop().time)
        sent: list[str] = []

        async def send(name: str, lane: Lane) -> None:
            await pacer.turn(lane)
            sent.append(name)

        orders = [asyncio.create_task(send(f"order {n}", Lane.ORDER)) for n in range(30)]
        await asyncio.sleep(0)
        assert pacer.waiting == 10
        cancel = asyncio.create_task(send("cancel", Lane.CANCEL))
        await asyncio.gather(*orders, cancel)
        return sent

    assert loop_run(race()).index("cancel") == 20


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
