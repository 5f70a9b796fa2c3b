"""Measures of many orders or fills by group: weighted means, and how sure they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from toolkit.errors import ConfigError
from toolkit.reports.asof import Floats

MEANS: Final = (
    "decision_slippage_bps",
    "arrival_slippage_bps",
    "vwap_slippage_bps",
    "twap_slippage_bps",
    "effective_spread_bps",
    "realised_spread_60s_bps",
    "price_impact_60s_bps",
    "markout_1s_bps",
    "markout_10s_bps",
    "markout_60s_bps",
    "markout_300s_bps",
    "price_improvement",
    "commission_bps",
)
"""What is averaged when nobody says; those of them that the frame has."""
WEIGHTS: Final = {"share": "filled_qty", "notional": "notional"}
NONE: Final = (np.nan, np.nan)
_CHUNK: Final = 4_000_000
"""Draws at a time; bounds the memory of a bootstrap to some 30 MB."""


def aggregate(
    measures: pd.DataFrame,
    by: str | Sequence[str],
    columns: Iterable[str] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """
    Means per group, weighted by shares and by notional, with bootstrap confidence intervals.

    Weights are what was filled, so orders without fills count only in ``n``. The interval is the
    percentile interval of means of rows drawn anew with replacement; the same seed draws the same rows.

    Args:
        measures: as ``measure`` or ``measure_fills`` makes it, joined with the columns to group by.
        by: one column or several (``strategy_id``, ``symbol``, ``order_type``, ``hour``, ``exchange``, ...).
        columns: what to average; None: those of ``MEANS`` that are there.
        confidence: of the intervals.
        resamples: how many times rows are drawn.
        seed: of the draws.

    Returns:
        Index: the groups and ``measure``. Columns ``n`` rows, ``missing`` (rows whose value or weight is not
        known, or 0 shares), and ``share_mean``, ``share_low``, ``share_high``, ``notional_mean``,
        ``notional_low``, ``notional_high`` in the measure's unit.

    Raises:
        ConfigError: a column is not there.
    """
    groups = [by] if isinstance(by, str) else list(by)
    names = [name for name in MEANS if name in measures] if columns is None else list(columns)
    lacking = [name for name in [*groups, *names, *WEIGHTS.values()] if name not in measures]
    if lacking:
        raise ConfigError(
            f"The measures have no column {', '.join(lacking)}; join it first, as in "
            "measures.join(parents.set_index('parent_id')[['symbol']])."
        )
    rows = [
        {**dict(zip(groups, key, strict=True)), **row}
        for key, some in measures.groupby(groups, sort=True, dropna=False)
        for row in _group(some, names, confidence, resamples, seed)
    ]
    figures = [f"{weight}_{figure}" for weight in WEIGHTS for figure in ("mean", "low", "high")]
    frame = pd.DataFrame(rows, columns=[*groups, "measure", "n", "missing", *figures])
    return frame.set_index([*groups, "measure"])


def _group(
    rows: pd.DataFrame, names: Sequence[str], confidence: float, resamples: int, seed: int
) -> list[dict[str, Any]]:
    values = rows[list(names)].to_numpy(float)
    weights = {name: rows[[column]].to_numpy(float) for name, column in WEIGHTS.items()}
    known = np.isfinite(values)
    for weight in weights.values():
        known &= weight > 0
    found: list[dict[str, Any]] = [
        {"measure": name, "n": len(rows), "missing": int(missing)}
        for name, missing in zip(names, (~known).sum(axis=0), strict=True)
    ]
    for name, weight in weights.items():
        counted = np.where(known, weight, 0.0)
        weighted = np.where(known, weight * values, 0.0)
        # Every weight and measure meets the same draws, so that they can be compared.
        drawn = _resampled(np.hstack([weighted, counted]), resamples, seed)
        means = _mean(weighted.sum(axis=0), counted.sum(axis=0))
        again = _mean(drawn[:, : len(names)], drawn[:, len(names) :])
        for row, mean, drawn_means in zip(found, means, again.T, strict=True):
            some = drawn_means[np.isfinite(drawn_means)]
            low, high = np.quantile(some, [(1 - confidence) / 2, (1 + confidence) / 2]) if len(some) else NONE
            row |= {f"{name}_mean": mean, f"{name}_low": low, f"{name}_high": high}
    return found


def _resampled(columns: Floats, resamples: int, seed: int) -> Floats:
    """Sums of the columns over rows drawn with replacement; one row per resample."""
    random = np.random.default_rng(seed)
    count = len(columns)
    sums = np.empty((resamples, columns.shape[1]))
    step = max(1, _CHUNK // count)
    for start in range(0, resamples, step):
        some = min(step, resamples - start)
        drawn = random.integers(count, size=(some, count)) + count * np.arange(some)[:, None]
        times = np.bincount(drawn.ravel(), minlength=some * count).reshape(some, count)
        sums[start : start + step] = times @ columns
    return sums


def _mean(weighted: Floats, weight: Floats) -> Floats:
    means: Floats = np.full(np.shape(weight), np.nan)
    np.divide(weighted, weight, out=means, where=weight > 0)
    return means
