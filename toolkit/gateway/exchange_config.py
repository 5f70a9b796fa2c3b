"""How the exchange behaves."""

from __future__ import annotations

from toolkit.gateway.matching import MatchingConfig


class ExchangeConfig(MatchingConfig, frozen=True, kw_only=True):
    """
    How the exchange behaves: how its orders fill, what they cost, and what they are called.

    Attributes:
        commission_plan: ``fixed`` or ``tiered``.
        run: number of this run; execution ids and permanent ids of different runs differ, so a
            client that remembers yesterday's does not take today's for repeats.
    """

    commission_plan: str = "fixed"
    run: int = 1
