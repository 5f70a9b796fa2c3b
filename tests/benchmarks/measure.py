"""Rounds, medians and a table: what every benchmark here needs, and nothing more."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

CLOCK_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One measured thing.

    Attributes:
        what: in words.
        values: one per round, in ``unit``.
        unit: of the values.
        floor: what it is held against, measured in the same rounds; empty when there is none.
        ratios: value over floor, round by round.
        goal: in words, as it was set.
        number: of the goal in ``goals.GOALS`` that this figure answers; empty when it answers none.
    """

    what: str
    values: Sequence[float]
    unit: str
    floor: str = ""
    ratios: Sequence[float] = ()
    goal: str = ""
    number: str = ""


def interleaved(
    rounds: int, subject: Callable[[], float], floor: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Both measured in turn, so that a drift of the machine meets both; returns values and ratios."""
    values, ratios = [], []
    for _ in range(rounds):
        base = floor()
        value = subject()
        values.append(value)
        ratios.append(value / base)
    return values, ratios


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICK


def resident_mb(pid: int) -> float:
    """Memory that a process holds, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def report(figures: Sequence[Figure]) -> None:
    """Print the table: medians, spread, number of rounds, ratio to the floor."""
    table = Table(title=f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python "
                        f"{platform.python_version()}", title_justify="left")  # fmt: skip
    for name, side in (("what", "left"), ("median", "right"), ("min to max", "right"), ("n", "right"),
                       ("floor", "left"), ("ratio", "right"), ("goal", "left")):  # fmt: skip
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    for figure in figures:
        middle = statistics.median(figure.values)
        table.add_row(
            figure.what,
            f"{shown(middle)} {figure.unit}",
            f"{shown(min(figure.values))} to {shown(max(figure.values))}",
            str(len(figure.values)),
            figure.floor,
            f"{statistics.median(figure.ratios):.2f}" if figure.ratios else "",
            figure.goal,
        )
    Console(width=170).print(table)


def shown(value: float) -> str:
    """A number as people read it: three digits, thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
