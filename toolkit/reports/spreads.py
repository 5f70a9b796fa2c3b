"""What single fills cost against the quotes around them: spreads, impact, markouts, price improvement."""

from __future__ import annotations

from typing import Final

import numpy as np

from toolkit.reports.asof import Floats, Quotes, taken
from toolkit.reports.inputs import Fills, Rows

HORIZONS: Final = {"1s": 1, "10s": 10, "60s": 60, "300s": 300}
"""How long after a fill the market is looked at again: name -> seconds."""
_SECOND: Final = 1_000_000_000


def spreads(rows: Rows, fills: Fills, quotes: Quotes) -> dict[str, Floats]:
    """
    Measures of every fill, in price units and in bps.

    The mid before a fill is that of the last quote strictly before it: one of the same moment may be
    the fill's own doing. Spreads and impact are in bps of that mid, markouts of the fill's price.
    """
    symbols, sign = rows.symbols[fills.rows], rows.sign[fills.rows]
    place = quotes.stream.last(symbols, fills.ts, strictly=True)
    bid, ask, mid = (taken(each, place) for each in (quotes.bid, quotes.ask, quotes.mid))
    effective = 2 * sign * (fills.price - mid)
    found = {
        "mid": mid,
        "effective_spread": effective,
        "effective_spread_bps": 1e4 * effective / mid,
        "price_improvement": np.where(sign > 0, ask - fills.price, fills.price - bid),
    }
    for name, seconds in HORIZONS.items():
        later = quotes.mid_after(symbols, fills.ts + seconds * _SECOND)
        realised, impact = 2 * sign * (fills.price - later), 2 * sign * (later - mid)
        markout = sign * (later - fills.price)
        found |= {
            f"realised_spread_{name}": realised,
            f"realised_spread_{name}_bps": 1e4 * realised / mid,
            f"price_impact_{name}": impact,
            f"price_impact_{name}_bps": 1e4 * impact / mid,
            f"markout_{name}": markout,
            f"markout_{name}_bps": 1e4 * markout / fills.price,
        }
    return found
