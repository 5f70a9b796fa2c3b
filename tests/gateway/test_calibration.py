"""The synthetic market behaves as measured stocks do: its statistics lie within their range."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, pstdev
from typing import Any

import pytest

from toolkit.gateway.instruments import Universe
from toolkit.gateway.market import MarketPrint, MarketQuote, SyntheticMarket

CALIBRATION = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "calibration.json"
OPEN = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
DAY_S = 23_400
KINDS = {"IBM": ("XXX", "IBM"), "BAC": ("SPY", "BAC", "AIG")}  # ours -> the measured of its kind


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    if not CALIBRATION.is_file():
        pytest.skip("the measured statistics are not beside this checkout (../shared/data)")
    found: dict[str, Any] = json.loads(CALIBRATION.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module", params=KINDS)
def day(request: pytest.FixtureRequest) -> tuple[str, list[tuple[int, Any]]]:
    """One regular session of one stock, as (second of the session, what happened)."""
    market = SyntheticMarket(Universe(Universe().find(symbol=request.param)), 1, OPEN)
    return request.param, [
        (second, move)
        for second in range(DAY_S)
        for move in market.moves_until(OPEN + timedelta(seconds=second))
    ]


def band(measured: dict[str, Any], names: tuple[str, ...], key: str) -> tuple[float, float]:
    values = [measured[name][key] for name in names if key in measured[name]]
    return min(values), max(values)


def test_spreads_stand_at_each_number_of_ticks_as_long_as_measured(measured, day):
    symbol, moves = day
    quotes = [move for _, move in moves if isinstance(move, MarketQuote)]
    found = Counter(int((quote.ask - quote.bid) / Decimal("0.01")) for quote in quotes)
    assert min(found) >= 1
    for ticks in range(1, 11):
        shares = [measured[name]["spread_ticks_time_share"][str(ticks)] for name in KINDS[symbol]]
        assert min(shares) - 0.03 <= found[ticks] / len(quotes) <= max(shares) + 0.03


def test_displayed_sizes_lie_between_the_measured_ones(measured, day):
    symbol, moves = day
    sizes = [move.bid_size for _, move in moves if isinstance(move, MarketQuote)]
    medians = [measured[name]["display_size_quantiles"]["0.5"] for name in KINDS[symbol]]
    assert min(medians) <= median(sizes) <= max(medians)


@pytest.mark.parametrize(
    ("kind", "key"),
    [(MarketQuote, "quote_rows_per_rth_second"), (MarketPrint, "trade_rows_per_rth_second")],
    ids=["quotes", "prints"],
)
def test_updates_come_as_often_as_measured(measured, day, kind, key):
    _, moves = day
    low, high = band(measured, tuple(measured), key)
    assert low <= sum(isinstance(move, kind) for _, move in moves) / DAY_S <= high


def test_the_middle_moves_as_much_in_a_second_as_measured(measured, day):
    _, moves = day
    middles = {second: float(move.bid + move.ask) for second, move in moves if isinstance(move, MarketQuote)}
    changes = [
        (middles[second] / middles[second - 1] - 1) * 10_000 for second in middles if second - 1 in middles
    ]
    low, high = band(measured, tuple(measured), "mid_1s_return_sd_bps")
    assert 0.8 * low <= pstdev(changes) <= 1.5 * high


def test_volume_is_spread_over_the_day_as_measured(measured, day):
    _, moves = day
    volume = Counter()
    for second, move in moves:
        if isinstance(move, MarketPrint):
            volume[second // 1800] += move.size
    for half_hour in range(13):
        shares = [row["volume_share_by_half_hour_from_0930"][half_hour] for row in measured.values()]
        assert min(shares) - 0.01 <= volume[half_hour] / volume.total() <= max(shares) + 0.01


def test_odd_lots_are_as_frequent_among_prints_as_measured(measured, day):
    _, moves = day
    prints = [move for _, move in moves if isinstance(move, MarketPrint)]
    assert sum(trade.cond == "I" for trade in prints) / len(prints) == pytest.approx(
        measured["XXX"]["odd_lot_trade_share"], abs=0.02
    )
