"""The programs of cases, and how to play many of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.faults import crashes, cuts, soak
from tests.faults.evidence import Verdict
from tests.faults.processes import FORKER

TURN_S: Final = 100.0
"""Seconds for the next case in turn to end."""
WORKERS: Final = 4
"""Cases at a time: most of a case is waiting, for disks and for the service's way back."""


class Program(NamedTuple):
    """
    One family of cases.

    Attributes:
        title: what was tried, for the table.
        cases: all of them.
        run: plays one with its files in a folder.
        size: how many a case counts for.
    """

    title: str
    cases: Callable[[], Iterable[Any]]
    run: Callable[[Any, Path], Verdict]
    size: Callable[[Any], int] = lambda _: 1


PROGRAMS: Final = (
    Program("P1 the service killed (SIGKILL) at every step", crashes.crashes, crashes.run),
    Program("P2 the connection cut at every message", cuts.cuts, cuts.run),
    Program("P9 a day of intents, faults at random", lambda: [soak.DAY], soak.run, lambda day: day.intents),
)


@contextmanager
def playing(
    run: Callable[[Any, Path], Verdict], cases: Iterable[Any], folder: Path
) -> Iterator[dict[Any, Future[Verdict]]]:
    """Play cases a few at a time; case -> its verdict, or why there is none."""
    with ProcessPoolExecutor(WORKERS, mp_context=FORKER) as pool:
        futures = {}
        for number, case in enumerate(cases):
            place = folder / str(number)
            place.mkdir()
            futures[case] = pool.submit(run, case, place)
        try:
            yield futures
        finally:
            pool.shutdown(cancel_futures=True)


def asked(request: pytest.FixtureRequest) -> list[Any]:
    """The cases of the tests that were selected from the module that asks."""
    found = (
        item.callspec.params.get("case")
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module and hasattr(item, "callspec")
    )
    return list(dict.fromkeys(case for case in found if case is not None))
