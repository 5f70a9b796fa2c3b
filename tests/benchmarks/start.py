"""How long a process takes to have the toolkit, beyond what a bare Python takes."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.benchmarks.gateway import ROOT
from tests.benchmarks.measure import Figure

BARE = ("-c", "pass")
STARTS = (
    ("import toolkit, beyond a bare Python", ("-c", "import toolkit"), "<= 100 ms", "19a"),
    ("toolkit --help, beyond a bare Python", ("-m", "toolkit", "--help"), "<= 250 ms", "19b"),
)


def run(*, quick: bool) -> list[Figure]:
    """Every figure of this file."""
    rounds = 3 if quick else 15
    figures = []
    for what, command, goal, number in STARTS:
        added = []
        for _ in range(rounds):
            base = _started(BARE)
            added.append((_started(command) - base) * 1e3)
        figures.append(Figure(what, added, "ms", goal=goal, number=number))
    return figures


def _started(command: tuple[str, ...]) -> float:
    """Seconds from the start to the end of a Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began
