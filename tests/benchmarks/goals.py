"""The goals that were set for speed and size, and whether what was measured meets them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.measure import Figure


@dataclass(frozen=True, slots=True)
class Goal:
    """
    One goal.

    Attributes:
        number: its place in the list; ``6a`` and ``6b`` are two halves of one.
        what: is measured, and ``floor``: what it is held against in the same rounds.
        bound: of the median ratio, or of the median itself where there is no floor.
        least: whether the bound is the least instead of the most.
        unit: of the bound, empty for a ratio.
    """

    number: str
    what: str
    floor: str
    bound: float
    least: bool = False
    unit: str = ""

    @property
    def text(self) -> str:
        """The bound in words."""
        return f"{'≥' if self.least else '≤'} {self.bound:g}{f' {self.unit}' if self.unit else ''}"

    def met(self, figure: Figure) -> bool:
        """Whether a figure meets it."""
        value = statistics.median(judged(figure))
        return value >= self.bound if self.least else value <= self.bound


def judged(figure: Figure) -> Sequence[float]:
    """What a goal judges of a figure: its ratios, or its values where it has no floor."""
    return figure.ratios or figure.values


GOALS = (
    Goal("1", "intent bytes to order bytes, every rule and the journal's write included, CPU",
         "`IB.placeOrder(LimitOrder)`", 0.10),
    Goal("2", "durable intent to the socket, p50, one every 2 ms", "ib_async's `IB`, no journal", 1.0),
    Goal("3", "what durability adds to that, p50", "bare fdatasync, same gap", 1.5),
    Goal("4", "real Kafka to the socket, p50, 50 a second",
         "kafka-python's hop + fdatasync + hand-off", 1.5),
    Goal("5", "a cancel behind 1,000 orders at the pace limit", "one slot of the pace", 1.0),
    Goal("6a", "orders/s to filled and charged, fsync on", "ib_async's `IB`, pipelined", 8.0, least=True),
    Goal("6b", "the same", "official ibapi", 3.0, least=True),
    Goal("7", "orders/s, real Kafka in to real Kafka out", "ib_async's `IB`, no Kafka", 2.5, least=True),
    Goal("8", "CPU per order at 80,000 orders", "at 1,000", 1.1),
    Goal("9", "CPU per fill of an order with 1,000", "with 5", 1.2),
    Goal("10a", "memory of a live order", "ib_async's `Trade`", 1 / 20),
    Goal("10b", "memory that each order of a session adds", "ib_async's session", 1 / 8),
    Goal("11a", "longest pause of gc with 100,000 orders live", "", 5, unit="ms"),
    Goal("11b", "longest pause of a scrape with them", "", 5, unit="ms"),
    Goal("12", "ready to trade: 1,000 live of 100,000 orders", "decoding all of them", 0.05),
    Goal("13", "replay of 500,000 events", "reading their rows", 1.5),
    Goal("14a", "a frame of a million fills, CPU", "copy of its columns", 1.5),
    Goal("14b", "its memory", "the columns' bytes", 1.2),
    Goal("15a", "blotter tick: 5,000 live, 200 changed", "all rows built anew", 0.02),
    Goal("15b", "the same with 100,000 finished orders more, and a tenth for noise", "without them", 1.1),
    Goal("16", "metrics and logs, CPU added per order", "without them", 0.08),
    Goal("17", "market order to filled", "NautilusTrader's engine", 0.25),
    Goal("18", "an idle service, CPU", "a bare idle consumer", 1.5),
    Goal("19a", "`import toolkit`, more than `python -c pass`", "", 100, unit="ms"),
    Goal("19b", "`toolkit --help`, more than `python -c pass`", "", 250, unit="ms"),
)  # fmt: skip
