"""Implementation shortfall: what an intent cost against the mid it was decided on (Perold, Wagner)."""

from __future__ import annotations

import numpy as np

from toolkit.reports.asof import Floats
from toolkit.reports.inputs import Fills, Rows


def shortfall(
    rows: Rows, fills: Fills, filled: Floats, decision: Floats, arrival: Floats, end: Floats, fees: Floats
) -> dict[str, Floats]:
    """
    The parts of the shortfall, in currency, positive = cost; and the whole in bps of what was ordered.

    No shares at an unknown price are worth 0: an order that filled completely has no opportunity cost
    whatever the market did afterwards, one that never filled no execution cost.

    Args:
        rows: what is measured.
        fills: its executions.
        filled: shares per row.
        decision: mid at the intent in price units, NaN where there was no quote.
        arrival: mid at the first submit.
        end: mid at the end.
        fees: currency.
    """
    count, unfilled = len(rows.index), rows.ordered - filled
    side = rows.sign * rows.multiplier

    def against(benchmark: Floats) -> Floats:
        # Fill by fill, since the small differences of large prices lose nothing.
        paid = fills.total(fills.qty * (fills.price - benchmark[fills.rows]), count)
        return side * np.where(filled == 0, 0.0, paid)

    def moved(shares: Floats, start: Floats, stop: Floats) -> Floats:
        return side * np.where(shares == 0, 0.0, shares * (stop - start))

    execution, opportunity = against(decision), moved(unfilled, decision, end)
    total = execution + opportunity + fees
    return {
        "is_execution": execution,
        "is_opportunity": opportunity,
        "is_fees": fees,
        "is_total": total,
        "is_bps": 1e4 * total / (rows.ordered * decision * rows.multiplier),
        "is_delay": moved(rows.ordered, decision, arrival),
        "is_delay_filled": moved(filled, decision, arrival),
        "is_delay_unfilled": moved(unfilled, decision, arrival),
        "is_trading": against(arrival),
        "is_opportunity_from_arrival": moved(unfilled, arrival, end),
    }
