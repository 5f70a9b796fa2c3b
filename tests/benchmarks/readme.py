"""The table of goals in the README, written anew between its two markers."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.goals import GOALS, Goal, judged
from tests.benchmarks.measure import Figure, shown

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- speed -->", "<!-- /speed -->"
LIBRARIES = ("ib_async", "kafka-python", "msgspec", "pandas")


def write(figures: Sequence[Figure], *, quick: bool, path: Path = README) -> None:
    """
    Put the table between the markers.

    Raises:
        ValueError: the file has no such markers.
    """
    text = path.read_text(encoding="utf-8")
    table = f"{BEGIN}\n{_table(figures, quick=quick)}\n{END}"
    written, count = re.subn(f"{BEGIN}.*?{END}", lambda _: table, text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"{path} has no single pair of {BEGIN} and {END}; put them where the table belongs.")
    path.write_text(written, encoding="utf-8")


def _table(figures: Sequence[Figure], *, quick: bool) -> str:
    found = {figure.number: figure for figure in figures if figure.number}
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    machine = (
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {libraries}"
    )
    return "\n".join(
        [
            f"{machine}; preliminary: a quick run on fewer orders than the goals name."
            if quick
            else f"{machine}.",
            "",
            "| # | what | against | measured | ratio (lowest to highest) | n | goal | met |",
            "|---|---|---|--:|--:|--:|--:|---|",
            *(_row(goal, found.get(goal.number)) for goal in GOALS),
        ]
    )


def _row(goal: Goal, figure: Figure | None) -> str:
    cells = [goal.number, goal.what, goal.floor]
    if figure is None:
        cells += ["", "", "", goal.text, "not measured"]
    else:
        middle = f"{shown(statistics.median(figure.values))} {figure.unit}"
        cells += [middle, _spread(figure), str(len(judged(figure))), goal.text]
        cells.append("yes" if goal.met(figure) else "**no**")
    return f"| {' | '.join(cells)} |"


def _spread(figure: Figure) -> str:
    if not figure.ratios:
        return ""
    low, high = min(figure.ratios), max(figure.ratios)
    return f"{shown(statistics.median(figure.ratios))} ({shown(low)} to {shown(high)})"
