"""
``python -m tests.faults [P1 P2 P9]``: play the complete programs, and write the table into the README.

The table is written only when every program was played and every case came to its end.
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
    parser.add_argument("programs", nargs="*", metavar="P", help="some of them; the table is not written")
    asked = parser.parse_args().programs
    chosen = [program for program in PROGRAMS if not asked or program.title.split()[0] in asked]
    rows = [row for program in chosen if (row := play(program)) is not None]
    print("".join(map(str, rows)), end="")
    if len(rows) < len(chosen):
        sys.exit(1)
    if len(rows) == len(PROGRAMS):
        table.write(rows)
    if any(row.lost or row.duplicated or row.violated for row in rows):
        sys.exit(1)


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
