"""
``python -m tests.faults [P1 P2 P9]``: play complete programs, and write their rows into the README's table.

A row is written only when every case of its program came to its end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import table
from tests.faults.programs import PROGRAMS, Program, playing
from tests.faults.table import Row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "programs", nargs="*", metavar="P", help="some of them, by number; all when none is named"
    )
    asked = parser.parse_args().programs
    clean = True
    for program in PROGRAMS:
        if asked and program.title.split()[0] not in asked:
            continue
        row = play(program)
        if row is None:
            clean = False
            continue
        print(row, end="", flush=True)
        table.update(row)
        clean = clean and not (row.lost or row.duplicated or row.violated)
    sys.exit(0 if clean else 1)


def play(program: Program) -> Row | None:
    """Play every case of one program; None when one did not come to its end."""
    began = time.monotonic()
    verdicts = []
    unfinished = False
    cases = list(program.cases())
    with tempfile.TemporaryDirectory() as folder, playing(program.run, cases, Path(folder)) as futures:
        for case, future in futures.items():
            error = future.exception()
            if error is not None:
                unfinished = True
                print(f"{program.title}: {case}: {error!r}", file=sys.stderr)
                continue
            verdict = future.result()
            verdicts.append(verdict)
            if not verdict.clean:
                print(f"{program.title}: {case}: {verdict.summary}", file=sys.stderr)
    if unfinished:
        return None
    return Row(
        program.title,
        sum(map(program.size, cases)),
        sum(len(verdict.lost) for verdict in verdicts),
        sum(len(verdict.duplicated) for verdict in verdicts),
        sum(len(verdict.breaches) for verdict in verdicts),
        sum(len(verdict.unknowable) for verdict in verdicts),
        round(time.monotonic() - began),
    )


if __name__ == "__main__":
    main()
