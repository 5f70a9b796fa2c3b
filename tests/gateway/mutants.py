"""One small, plausible mistake per line, and how to see whether the table of fill cases notices it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JUDGE = """
from tests.gateway.case_table import CASES
from tests.gateway.test_cases import simulated
for case in CASES:
    try:
        found = simulated(case)
    except Exception as error:
        found = error
    if found != {"fills": case.fills, "final": case.final, "errors": case.errors}:
        print(f"{case.rule}: {case.sentence}")
"""


@dataclass(frozen=True)
class Mutant:
    """``old`` in a file of the gateway, which must be there once, becomes ``new``."""

    rule: str
    mistake: str
    file: str
    old: str
    new: str


MUTANTS = [
    Mutant("R1", "orders before quotes of their stamp", "matching.py", '"order": 2,', '"order": -1,'),
    Mutant("R1", "no latency", "book.py", "now + self._latency\n", "now\n"),
    Mutant("R2", "the same size offered again", "sides.py", "if price != self.price or size != self.size:", "if True:"),
    Mutant("R3", "a directed rest waits", "book.py", "elif order.directed and order.at_market:", "elif False:"),
    Mutant("R3", "market orders pay no quote", "book.py", "if order.at_market or order.taking:", "if order.taking:"),
    Mutant("R4", "takers pay their limit", "book.py", "if order.at_market or order.taking:", "if order.at_market:"),
    Mutant("R4", "takers for ever", "sides.py", "[o for o in self.taking if o.key > self.key]", "[]"),
    Mutant("R5", "makers pay the quote", "book.py", "quantity, order.limit, \"add\", now)\n\n    def _fill", "quantity, side.price, \"add\", now)\n\n    def _fill"),
    Mutant("R5", "a touch is not enough", "book.py", "order.key > reach:", "order.key >= reach:"),
    Mutant("R5q", "nobody is ahead", "sides.py", "free = left - order.ahead", "free = left"),
    Mutant("R5q", "our own prints count", "sides.py", "if own_side or order.ahead", "if order.ahead"),
    Mutant("R6", "always open", "waiting.py", "return phase is Phase.REGULAR or", "return True or"),
    Mutant("R6", "the close is a minute late", "calendar.py", "time(16), time(20)", "time(16, 1), time(20)"),
    Mutant("R7", "one observation is enough", "triggers.py", "if not self._double or", "if True or"),
    Mutant("R7", "far prints count", "book.py", "price * 1000 <= ask * 1005", "True"),
    Mutant("R7", "an old last price is forgotten", "triggers.py", "if method == LAST and last", "if False and last"),
    Mutant("R8", "odd lots are last prices", "book.py", '"IZUWCNH"', '"ZUWCNH"'),
    Mutant("R9", "crossed quotes fill", "book.py", "self._crossed = bool(sell.price >", "self._crossed = bool(0 * sell.price >"),
    Mutant("R9", "locked quotes are crossed", "book.py", "bool(sell.price > buy.price", "bool(sell.price >= buy.price"),
    Mutant("R10", "immediate orders rest", "book.py", "if order.tif in IMMEDIATE or order.tif ==", "if order.tif =="),
    Mutant("R10", "fill or kill takes a part", "book.py", "if offered < order.remaining:", "if False:"),
    Mutant("R11", "the latest first", "ladder.py", "return next(iter(self._levels[", "return next(reversed(self._levels["),
    Mutant("R11", "the worst price first", "book.py", "else -order.side * order.limit", "else -order.side * order.limit * 0 - 10**8 * order.seq"),
    Mutant("R12", "any price fits", "terms.py", "units % increment == 0", "True"),
    Mutant("R12", "one increment for all prices", "ticks.py", "(0, SCALE // 10_000)", "(0, SCALE // 100)"),
    Mutant("R13", "a new price keeps its place", "ladder.py", "(self.limit, self.stop) == (other.limit, other.stop)", "self.stop == other.stop"),
    Mutant("R13", "a new quantity loses its place", "book.py", "elif wanted.same_place(order):", "elif False:"),
    Mutant("R13", "a cancel does nothing", "book.py", "self._end(order, now, reason)", "pass"),
    Mutant("R13", "cancels before quotes", "matching.py", '"cancel": 2,', '"cancel": -1,'),
    Mutant("TRAIL", "it goes back", "ladder.py", "self.side * stop >= self.side * self.stop", "False"),
    Mutant("TRAIL", "it never moves", "triggers.py", "if order.triggered or not observed:", "if True:"),
    Mutant("TRAIL", "off the grid", "ladder.py", "        stop += self.side * (-self.side * stop % increment)\n", ""),
    Mutant("TRAIL LIMIT", "the limit stays behind", "ladder.py", "stop, limit if self.has_limit else 0", "stop, self.limit or limit"),
    Mutant("TRAIL LIMIT", "the offset is on the wrong side", "ladder.py", "stop + self.side * (self.offset or 0) if", "stop - self.side * (self.offset or 0) if"),
    Mutant("TRAIL LIMIT", "no limit at all", "ladder.py", "return self.kind in (\"MKT\", \"STP\", \"TRAIL\")", "return self.kind in (\"MKT\", \"STP\", \"TRAIL\", \"TRAIL LIMIT\")"),
    Mutant("CLOSE", "a limit is ignored", "book.py", "if at and (not order.has_limit or", "if at and (True or"),
    Mutant("CLOSE", "the quote instead of the last price", "book.py", "at = self._regular_last or", "at ="),
    Mutant("BRACKET", "children are live at once", "links.py", "if parent is None or parent.state is State.FILLED:", "if True:"),
    Mutant("BRACKET", "children stay held", "links.py", "if child.transmit else []", "if False else []"),
    Mutant("HALT", "quotes count", "halts.py", "self._kept = bid, ask, bid_size, ask_size\n            return", "return super().quote(bid, ask, bid_size, ask_size, now)\n            return"),
    Mutant("HALT", "prints count", "halts.py", "if self.halted:\n            return self.advance(now)\n        return super().trade", "if False:\n            return self.advance(now)\n        return super().trade"),
    Mutant("HALT", "the old quote when it resumes", "halts.py", "self._kept = bid, ask, bid_size, ask_size", "pass"),
    Mutant("OCA", "no block", "links.py", "and self.kind != REDUCE:", "and False:"),
    Mutant("OCA", "kind 1 only reduces", "links.py", "0 if self.kind == CANCEL else", "0 if False else"),
]  # fmt: skip


def noticed(mutant: Mutant | None, folder: Path) -> list[str]:
    """
    The cases that fail in a copy of the sources with that mistake in it (None: without any).

    A copy that cannot even be imported would prove nothing, so that is an error here.
    """
    for part in ("toolkit/gateway", "tests/gateway"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "errors.py"):
        shutil.copy(ROOT / "toolkit" / name, folder / "toolkit" / name)
    if mutant is not None:
        path = folder / "toolkit" / "gateway" / mutant.file
        text = path.read_text(encoding="utf-8")
        assert text.count(mutant.old) == 1, f"{mutant.old!r} is there {text.count(mutant.old)} times"
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-B", "-c", JUDGE],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
