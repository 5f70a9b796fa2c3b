"""
P1: the service killed with SIGKILL at every step of an order's path, and at every step of recovery.

A case: a paper gateway, an intent on the bus, a service that kills itself at one point, a second
one (in recovery cases it kills itself too, and a third follows) that must bring the intent to its
end; then the books are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.evidence import Verdict
from tests.faults.play import Play

INTENT: Final = "order-1"
TERMS: Final[dict[str, dict[str, Any]]] = {
    "MARKET": {},
    "LIMIT": {"limit_price": 449.50},
    "STOP": {"stop_price": 451.00},
    "STOP_LIMIT": {"stop_price": 451.00, "limit_price": 452.00},
}
"""Order type -> prices of a buy that rests at 450.00 to 450.02, but for the market order."""

PATH: Final = (
    "poll", "intent journaled", "risk decided", "approval journaled", "order reserved", "order on disk",
    "socket write", "acknowledged", "fill", "commission", "report on disk", "publish",
    "report on the bus", "report marked as sent", "offset commit",
)  # fmt: skip
RECOVERY: Final = (
    "ids told", "account asked", "account told", "positions asked", "positions told", "executions asked",
    "fill", "commission", "report on disk", "executions told", "open orders asked", "open orders told",
    "completed orders asked", "completed orders told", "publish", "report marked as sent",
)  # fmt: skip
NEEDS_FILL: Final = frozenset({"fill", "commission", "report on disk", "publish", "report on the bus"})
MAY_PARK: Final = frozenset(
    {"after order reserved", "after order on disk", "before socket write"}
    # The publisher has a thread of its own: while it marks the first report the order may be anywhere.
    | {"before report marked as sent", "after report marked as sent"}
)
"""Points at which the order may be durable without having been written: nobody can know, so nobody sends."""


@dataclass(frozen=True, slots=True)
class Crash:
    """
    One case.

    Attributes:
        order_type: MARKET, LIMIT, STOP or STOP_LIMIT.
        point: where the first service dies, or in recovery cases the second.
        recovery: the first service died after it had sent the order, and the order filled meanwhile.
    """

    order_type: str
    point: str
    recovery: bool = False

    def __str__(self) -> str:
        return f"{self.order_type} {self.point}{' in recovery' if self.recovery else ''}"


def crashes() -> Iterator[Crash]:
    """Every case."""
    for order_type in TERMS:
        for step in PATH:
            for moment in ("before", "after"):
                yield Crash(order_type, f"{moment} {step}")
        for step in RECOVERY:
            # "asked" and "told" are the two ends of one step.
            moments = {"asked": ("before",), "told": ("after",)}.get(
                step.rpartition(" ")[2], ("before", "after")
            )
            for moment in moments:
                yield Crash(order_type, f"{moment} {step}", recovery=True)


def sample() -> list[Crash]:
    """Every point once, the order types taking turns."""
    chosen: dict[tuple[str, bool], Crash] = {}
    every = list(crashes())
    for turn, key in enumerate(dict.fromkeys((crash.point, crash.recovery) for crash in every)):
        ways = [crash for crash in every if (crash.point, crash.recovery) == key]
        chosen[key] = ways[turn % len(ways)]
    return list(chosen.values())


def run(case: Crash, folder: Path) -> Verdict:
    """
    Play one case with its files in ``folder``.

    Raises:
        AssertionError: a point was not reached, the end did not come, or it is not the one that is due.
    """
    with Play(folder) as play:
        play.send({"intent_id": INTENT, "order_type": case.order_type, **TERMS[case.order_type]})
        moved = case.order_type == "MARKET"
        if case.recovery:
            play.serve("after acknowledged").wait_killed()
            _move_market(play, case.order_type)
            moved = True
        service = play.serve(case.point)
        if not moved and case.point.partition(" ")[2] in NEEDS_FILL:
            play.wait(play.ordered)
            _move_market(play, case.order_type)
            moved = True
        service.wait_killed()
        service = play.serve()
        if not moved:
            play.wait(lambda: play.ordered() or play.settled())
            _move_market(play, case.order_type)
        verdict = play.finish(service)
    parked = case.point in MAY_PARK and verdict.unknowable == [INTENT]
    assert parked or verdict.outcomes == {INTENT: "Filled"}, verdict
    return verdict


def _move_market(play: Play, order_type: str) -> None:
    """Bring the market to where the resting order trades."""
    if order_type == "LIMIT":
        play.quote(449.40, 449.50)
    elif order_type != "MARKET":
        play.print_trade(451.00)
