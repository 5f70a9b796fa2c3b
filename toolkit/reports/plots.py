"""
Pictures of a trading day, one call each: what was traded at which price, what it cost, what was held.

Every function takes the frames of this package and returns a matplotlib figure; see ``drawing`` for
how they look.
"""

from __future__ import annotations

from toolkit.reports.plots_costs import markout_curve, shortfall_waterfall, slippage_distribution
from toolkit.reports.plots_market import exposure_through_the_day, fills_against_quote, order_life
from toolkit.reports.plots_orders import headroom_bars, latency_stages, order_funnel, order_outcomes

__all__ = [
    "exposure_through_the_day",
    "fills_against_quote",
    "headroom_bars",
    "latency_stages",
    "markout_curve",
    "order_funnel",
    "order_life",
    "order_outcomes",
    "shortfall_waterfall",
    "slippage_distribution",
]
