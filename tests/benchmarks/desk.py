"""How long until a desk stands: the imports, the paper gateway, the connection, the journal."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial

from tests.benchmarks.measure import Figure, interleaved

OPEN = """
import time
began = time.perf_counter(), time.process_time()
import toolkit
desk = toolkit.connect("paper")
print(*(now - then for now, then in zip((time.perf_counter(), time.process_time()), began)))
desk.close()
"""
AGAIN = """
import toolkit, time
toolkit.connect("paper").close()
began = time.perf_counter(), time.process_time()
desk = toolkit.connect("paper")
print(*(now - then for now, then in zip((time.perf_counter(), time.process_time()), began)))
desk.close()
"""
PANDAS = """
import time
began = time.perf_counter(), time.process_time()
import pandas
print(*(now - then for now, then in zip((time.perf_counter(), time.process_time()), began)))
"""
WALL, CPU = 0, 1


def run(*, quick: bool) -> list[Figure]:
    """Opening a desk against the paper gateway: the first of a process, and another one."""
    rounds = 3 if quick else 9
    figures = []
    for what, program in (("the first of a process, imports included", OPEN), ("another one", AGAIN)):
        for clock, name in ((WALL, "wall"), (CPU, "CPU")):
            values, ratios = interleaved(
                rounds, partial(_seconds, program, clock), partial(_seconds, PANDAS, clock)
            )
            goal = "< 1.5 s" if clock == WALL else ""
            figures.append(Figure(f"desk, {name} to open {what}", values, "s", "import pandas", ratios, goal))
    return figures


def _seconds(program: str, clock: int) -> float:
    with tempfile.TemporaryDirectory() as home:
        told = subprocess.run(
            [sys.executable, "-c", program],
            env={"TOOLKIT_HOME": home, "PATH": "", "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(told.stdout.split()[clock])
