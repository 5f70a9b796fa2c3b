"""
P2: the connection cut at every message of the order path and of the snapshot, in every way.

Each cut is made by the gateway's own fault primitives, or by a relay in the middle of a request.
A case: an order, a cut, the service's own way back to the gateway, the end of the order; then the books
are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.cutter import Cutter
from tests.faults.evidence import Verdict
from tests.faults.play import Play

ORDER: Final = "order-1"
CANCEL: Final = "cancel-1"
OTHER: Final = "order-2"
"""Rests while the first order fills, so that a snapshot has rows of every kind."""

REQUESTS: Final = ("placeOrder", "cancelOrder")
REPLIES: Final = ("openOrder", "orderStatus", "execDetails", "commissionReport")
SNAPSHOT: Final = (
    "nextValidId", "managedAccounts", "accountDownloadEnd", "position", "positionEnd", "execDetails",
    "commissionReport", "execDetailsEnd", "openOrder", "openOrderEnd", "completedOrder", "completedOrdersEnd",
)  # fmt: skip

WHOLE: Final = 10**6
"""More bytes than any message has."""
CUT_REPLY: Final[Mapping[str, Mapping[str, Any]]] = {
    "FIN before": {"fault": "close", "before": True},
    "FIN amid": {"fault": "half"},
    "FIN after": {"fault": "close"},
    "RST before": {"fault": "reset"},
    "RST amid": {"fault": "reset", "bytes": 9},
    "RST after": {"fault": "reset", "bytes": WHOLE},
    "hang before": {"fault": "mute"},
    "hang amid": {"fault": "half", "hang": True},
}
CUT_REQUEST: Final[Mapping[str, Mapping[str, Any]]] = {
    "FIN before": {"fault": "close", "before": True},
    "FIN after": {"fault": "close"},
    "RST before": {"fault": "reset", "served": False},
    "RST after": {"fault": "reset"},
    "hang before": {"fault": "mute", "served": False},
    "hang after": {"fault": "mute"},
}
AMID_REQUEST: Final = ("FIN amid", "RST amid", "hang amid")
"""Half of a request reaches the gateway: the relay's work."""
UPSTREAM: Final[Mapping[str, tuple[int | str, ...]]] = {
    "1100 1102": (1100, "fill", 1102),
    "1100 1101": (1100, "fill", 1101),
    "1100 three times": (1100, 1100, 1100, "fill", 1102),
    "1102 alone": ("fill", 1102),
    "1100 and the socket": (1100, "cut", "fill", 1102),
    "1100 and the socket twice": (1100, "cut", 1100, "cut", "fill", 1101),
    "1101 and the socket": (1100, "fill", 1101, "cut"),
    "1102 and the socket": (1100, "fill", 1102, "cut"),
    "2110 1102": (2110, "fill", 1102),
    "the gateway killed": ("restart", "fill"),
    "the gateway killed after a fill": ("fill", "restart"),
    "the gateway killed twice": ("restart", "restart", "fill"),
}
"""Messages about the way from the gateway to the broker, its own death, and what happens between."""


@dataclass(frozen=True, slots=True)
class Cut:
    """
    One case.

    Attributes:
        stage: ``order``, ``snapshot`` or ``upstream``.
        message: at which message, or which sequence of ``UPSTREAM``.
        how: one of ``CUT_REPLY``, ``CUT_REQUEST`` or ``AMID_REQUEST``; "" for upstream.
    """

    stage: str
    message: str
    how: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.stage, self.message, self.how)))


def cuts() -> Iterator[Cut]:
    """Every case."""
    for message in REQUESTS:
        for how in (*CUT_REQUEST, *AMID_REQUEST):
            yield Cut("order", message, how)
    for message in REPLIES:
        for how in CUT_REPLY:
            yield Cut("order", message, how)
    for message in SNAPSHOT:
        for how in CUT_REPLY:
            yield Cut("snapshot", message, how)
    for name in UPSTREAM:
        yield Cut("upstream", name)


def sample() -> list[Cut]:
    """Every message once, the ways to cut it taking turns, and every second upstream sequence."""
    every = list(cuts())
    chosen = [cut for cut in every if not cut.how][::2]
    for turn, key in enumerate(dict.fromkeys((cut.stage, cut.message) for cut in every if cut.how)):
        ways = [cut for cut in every if (cut.stage, cut.message) == key]
        chosen.append(ways[turn % len(ways)])
    return chosen


def run(case: Cut, folder: Path) -> Verdict:
    """
    Play one case with its files in ``folder``.

    Raises:
        AssertionError: the cut was not made, the end did not come, or it is not the one that is due.
    """
    with ExitStack() as stack:
        play = stack.enter_context(Play(folder))
        relay = None
        if case.message in REQUESTS and case.how in AMID_REQUEST:
            relay = stack.enter_context(Cutter(play.gateway.port, case.message, case.how.partition(" ")[0]))
            play.connect_through(relay.port)
        service = play.serve()
        play.wait(lambda: service.ready)
        if relay is None:
            _STAGES[case.stage](play, case)
        else:
            _cut_amid_request(play, case, relay)
        verdict = play.finish(service)
    _check(verdict)
    return verdict


def _cut_order(play: Play, case: Cut) -> None:
    """The cut strikes while the order is new, fills, or is being cancelled."""
    ways = CUT_REQUEST if case.message in REQUESTS else CUT_REPLY
    cut = {**ways[case.how], "message": case.message, "order_ref": ORDER}
    rests = case.message in ("execDetails", "commissionReport", "cancelOrder")
    if not rests:
        play.gateway.do("add", **cut)
    play.send(_buy(ORDER, 449.50))
    if rests:
        play.wait(lambda: play.told(ORDER, "Submitted"))
        play.gateway.do("add", **cut)
    if case.message == "cancelOrder":
        play.send({"intent_id": CANCEL, "action": "CANCEL", "target_intent_id": ORDER})
    elif rests:
        play.quote(449.40, 449.50)
    _wait_cut(play, case)
    # What the broker has and nobody cancelled is filled in the end.
    play.quote(449.40, 449.50)


def _cut_amid_request(play: Play, case: Cut, relay: Cutter) -> None:
    """Half of the request reaches the gateway; what the broker has fills in the end."""
    play.send(_buy(ORDER, 449.50))
    if case.message == "cancelOrder":
        play.wait(lambda: play.told(ORDER, "Submitted"))
        play.send({"intent_id": CANCEL, "action": "CANCEL", "target_intent_id": ORDER})
    play.wait(lambda: relay.struck)
    relay.release()
    play.quote(449.40, 449.50)


def _cut_snapshot(play: Play, case: Cut) -> None:
    """The connection is lost, an order fills meanwhile, and the snapshot that would tell it is cut."""
    play.send(_buy(ORDER, 449.50), _buy(OTHER, 440.00))
    play.wait(lambda: play.told(ORDER, "Submitted") and play.told(OTHER, "Submitted"))
    refusal = play.gateway.do("add", fault="refuse")["number"]
    play.gateway.do("disconnect")
    play.quote(449.40, 449.50)
    play.gateway.do("add", **CUT_REPLY[case.how], message=case.message)
    play.gateway.do("clear", number=refusal)
    _wait_cut(play, case)
    play.quote(439.90, 440.00)


def _cut_upstream(play: Play, case: Cut) -> None:
    """The gateway loses the broker, an order fills meanwhile, and the broker comes back."""
    play.send(_buy(ORDER, 449.50))
    play.wait(lambda: play.told(ORDER, "Submitted"))
    for step in UPSTREAM[case.message]:
        match step:
            case "fill":
                play.quote(449.40, 449.50)
            case "cut":
                play.gateway.do("disconnect")
            case "restart":
                play.restart_gateway()
            case code:
                play.gateway.do("notice", code=code)


_STAGES: Final = {"order": _cut_order, "snapshot": _cut_snapshot, "upstream": _cut_upstream}


def _buy(intent_id: str, limit: float) -> dict[str, Any]:
    return {"intent_id": intent_id, "order_type": "LIMIT", "limit_price": limit}


def _wait_cut(play: Play, case: Cut) -> None:
    """Return when the cut has been made; a peer that hangs is gone some time later."""
    play.wait(lambda: not play.gateway.do("list")["faults"])
    if case.how.startswith("hang"):
        play.gateway.do("disconnect")


def _check(verdict: Verdict) -> None:
    """The end that is due: an order that the broker had is filled or cancelled, any other is Unknown."""
    for name, status in verdict.outcomes.items():
        if name in verdict.unknowable:
            continue
        due = ("Filled", "Cancelled") if name == ORDER and CANCEL in verdict.outcomes else ("Filled",)
        assert name == CANCEL or status in due, f"{name} ended as {status}"
