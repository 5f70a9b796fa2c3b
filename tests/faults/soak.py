"""
P9: a day of intents with everything going wrong at random, and one nightly restart of the gateway.

``python -m tests.faults.soak --intents 10000 --seed 1`` plays it as fast as the service's own message
budget allows (40 a second), and prints what was found. The same seed plays the same day, as far as
processes that die in the middle of their work can be repeated at all.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.crashes import PATH
from tests.faults.cuts import CUT_REPLY, REPLIES, SNAPSHOT
from tests.faults.evidence import Verdict, committed
from tests.faults.play import ASK, BID, Play
from tests.faults.processes import PATIENCE, Service

BATCH: Final = 25
"""Intents between two things that may go wrong."""
AHEAD: Final = 50
"""Most intents on the bus that the service has not committed."""
TROUBLE: Final = 0.4
"""How probable it is that something goes wrong after a batch."""
RANGE: Final = 1.50
"""USD from the opening price to the farthest limit or stop price."""
OPTIONS: Final[dict[str, Any]] = {
    "max_open_orders_per_side": 10**6,
    "max_gross_exposure": 10**12,
    "intent_ttl_s": 86_400.0,
}


@dataclass(frozen=True, slots=True)
class Day:
    """
    One case.

    Attributes:
        intents: how many.
        seed: of everything that is random.
    """

    intents: int
    seed: int

    def __str__(self) -> str:
        return f"{self.intents} intents, seed {self.seed}"


DAY: Final = Day(intents=10_000, seed=1)
"""The one of the public table."""


def run(case: Day, folder: Path) -> Verdict:
    """
    Play one day with its files in ``folder``.

    Raises:
        AssertionError: the day did not come to its end.
    """
    with Play(folder, **OPTIONS) as play:
        return _Trader(play, case).trade()


class _Trader:
    """Sends the day's intents, moves the market, and makes things go wrong."""

    def __init__(self, play: Play, day: Day) -> None:
        self._play = play
        self._day = day
        self._random = random.Random(day.seed)
        self._service: Service = play.serve()
        self.troubles: Counter[str] = Counter()

    def trade(self) -> Verdict:
        sent = 0
        night = self._day.intents // 2
        while sent < self._day.intents:
            size = min(BATCH, self._day.intents - sent)
            self._play.send(*(self._intent(sent + n) for n in range(size)))
            night_is_over = sent < night <= sent + size
            sent += size
            self._move_market()
            if night_is_over:
                self._wait_served()
                self._play.restart_gateway()
            elif self._random.random() < TROUBLE:
                self._wait_served()
                self._trouble()
            self._wait(lambda sent=sent: committed(self._play.settings) >= sent - AHEAD)
        self._play.gateway.do("clear")
        self._wait(lambda: committed(self._play.settings) == self._day.intents)
        # Every price is reached once more from both sides, so that nothing rests in the end.
        for middle in (BID - 2 * RANGE, BID + 2 * RANGE) * 2:
            self._play.print_trade(middle)
            self._play.quote(middle - 0.01, middle + 0.01)
            self._play.print_trade(middle)
        self._wait(self._play.settled, every=1.0)
        return self._play.finish(self._service)

    def _intent(self, number: int) -> dict[str, Any]:
        pick = self._random
        intent: dict[str, Any] = {
            "intent_id": f"day-{number}",
            "direction": pick.choice(("BUY", "SELL")),
            "quantity": pick.randint(1, 9),
            "order_type": pick.choice(("MARKET", "MARKET", "LIMIT", "STOP", "STOP_LIMIT")),
        }
        if number and pick.random() < 0.05:
            target = f"day-{pick.randrange(max(0, number - 100), number)}"
            return {"intent_id": intent["intent_id"], "action": "CANCEL", "target_intent_id": target}
        price = round(BID + pick.uniform(-RANGE, RANGE), 2)
        if intent["order_type"] in ("STOP", "STOP_LIMIT"):
            intent["stop_price"] = price
        if intent["order_type"] in ("LIMIT", "STOP_LIMIT"):
            intent["limit_price"] = price
        return intent

    def _move_market(self) -> None:
        away = round(self._random.uniform(-RANGE, RANGE), 2)
        # So few shares that many orders fill in parts.
        self._play.quote(BID + away, ASK + away, self._random.randint(1, 60))
        self._play.print_trade(BID + away)

    def _trouble(self) -> None:
        name = self._random.choice(("kill", "kill at a step", "cut", "cut in a snapshot", "upstream"))
        self.troubles[name] += 1
        gateway = self._play.gateway
        match name:
            case "kill":
                self._service.kill()
                self._service = self._play.serve()
            case "kill at a step":
                self._service.kill()
                moment, step = self._random.choice(("before", "after")), self._random.choice(PATH)
                self._service = self._play.serve(f"{moment} {step}")
            case "cut":
                how = self._random.choice([how for how in CUT_REPLY if not how.startswith("hang")])
                gateway.do("add", **CUT_REPLY[how], message=self._random.choice(REPLIES))
            case "cut in a snapshot":
                how = self._random.choice([how for how in CUT_REPLY if not how.startswith("hang")])
                gateway.do("add", **CUT_REPLY[how], message=self._random.choice(SNAPSHOT))
                gateway.do("disconnect")
            case "upstream":
                gateway.do("notice", code=1100)
                self._move_market()
                gateway.do("notice", code=self._random.choice((1101, 1102)))

    def _wait_served(self) -> None:
        self._wait(lambda: self._service.ready)

    def _wait(self, condition: Any, every: float = 0.02) -> None:
        """Wait as a supervisor does: a service that has ended is started again."""
        end = time.monotonic() + PATIENCE * 5
        while not condition():
            if self._service.process.exitcode is not None:
                self._service = self._play.serve()
            assert time.monotonic() < end, "the day stands still"
            time.sleep(every)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--intents", type=int, default=DAY.intents)
    parser.add_argument("--seed", type=int, default=DAY.seed)
    parser.add_argument("--keep", type=Path, help="a folder for the files of the day, kept afterwards")
    asked = parser.parse_args()
    day = Day(asked.intents, asked.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        verdict = run(day, asked.keep or Path(folder))
    print(f"{day}: {verdict.summary}, {time.monotonic() - began:.0f} s")
    sys.exit(0 if verdict.clean else 1)


if __name__ == "__main__":
    main()
