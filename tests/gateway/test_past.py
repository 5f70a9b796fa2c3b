"""The synthetic past: the same for the same seed, whole at every size, and joined to the market's opening."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime

import pytest

from toolkit.gateway.bars import bar_size, gathered
from toolkit.gateway.calendar import AlwaysOpen, RegularHours
from toolkit.gateway.instruments import Universe
from toolkit.gateway.market import SyntheticMarket
from toolkit.gateway.past import DAYS

START = datetime(2026, 1, 7, 17, 3, 20, tzinfo=UTC)  # Wednesday, 12:03:20 in New York
AAPL, EUR_USD = 265598, 12087792
CENT, FOREVER = 10**6, float("inf")
ALWAYS, REGULAR = AlwaysOpen(), RegularHours()


def past(con_id=AAPL, hours=ALWAYS, seed=1, start=START):
    return SyntheticMarket(Universe(), seed, start).past(con_id, hours)


def bars(past, what, size, days, hours=ALWAYS, *, regular=True):
    wanted = bar_size(size)
    begin = START.timestamp() - days * 86400
    return list(gathered(past.rows(what, begin, FOREVER, wanted.seconds), wanted, hours, regular=regular))


def test_the_same_seed_tells_the_same_past_and_another_one_another():
    first, same, other = (bars(past(seed=seed), "TRADES", "5 mins", 2) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_the_past_ends_with_the_last_whole_minute_at_the_opening_price():
    found = bars(past(), "MIDPOINT", "1 min", 1)
    assert datetime.fromtimestamp(found[-1].time, UTC) == datetime(2026, 1, 7, 17, 2, tzinfo=UTC)
    quote = next(iter(SyntheticMarket(Universe([Universe().get(AAPL)]), 1, START).quotes_until(START)))
    assert found[-1].close == pytest.approx(float(quote.bid + quote.ask) / 2 * 1e8, abs=3 * CENT)


@pytest.mark.parametrize(("size", "hours"), [("30 mins", ALWAYS), ("4 hours", REGULAR), ("1 day", ALWAYS)])
@pytest.mark.parametrize("what", ["TRADES", "MIDPOINT", "BID", "ASK"])
def test_large_bars_are_what_the_small_ones_add_up_to(what, size, hours):
    one = past(hours=hours)
    wanted, begin = bar_size(size), START.timestamp() - 3 * 86400
    small = gathered(one.rows(what, begin, FOREVER, 60), wanted, hours, regular=True)
    large = gathered(one.rows(what, begin, FOREVER, wanted.seconds), wanted, hours, regular=True)
    for minute_made, drawn in zip(small, large, strict=True):
        assert drawn[:5] == minute_made[:5]
        assert drawn.volume == minute_made.volume


def test_bid_midpoint_and_ask_keep_their_order_on_the_price_grid():
    one = past()
    for bid, middle, ask in zip(
        *(bars(one, what, "1 min", 1) for what in ("BID", "MIDPOINT", "ASK")), strict=True
    ):
        assert bid.close < middle.close < ask.close
        assert bid.close % CENT == ask.close % CENT == 0


def test_the_average_price_lies_within_its_bar():
    for bar in bars(past(), "TRADES", "5 mins", 2):
        assert bar.low <= bar.turnover / bar.volume <= bar.high


def test_a_day_moves_about_as_much_as_the_market_does_later():
    closes = [bar.close for bar in bars(past(), "MIDPOINT", "30 mins", 60)]
    moves = [math.log(b / a) for a, b in itertools.pairwise(closes)]
    deviation = math.sqrt(sum(move * move for move in moves) / len(moves))
    assert deviation == pytest.approx(0.7e-4 * math.sqrt(1800), rel=0.1)


def test_regular_hours_have_no_weekend_and_no_night():
    found = bars(past(hours=REGULAR), "TRADES", "30 mins", 7, REGULAR)
    moments = [datetime.fromtimestamp(bar.time, UTC) for bar in found]
    assert {moment.weekday() for moment in moments} == {0, 1, 2, 3, 4}
    assert min(moment.time() for moment in moments).hour == 14  # 09:30 in New York


def test_more_is_traded_at_the_open_than_at_noon():
    found = bars(past(hours=REGULAR), "TRADES", "30 mins", 60, REGULAR)
    by_clock: dict[str, float] = {}
    for bar in found:
        clock = f"{datetime.fromtimestamp(bar.time, UTC):%H:%M}"
        by_clock[clock] = by_clock.get(clock, 0) + bar.volume
    assert by_clock["14:30"] > 1.5 * by_clock["17:00"]


def test_forex_has_quotes_and_no_trades():
    assert bars(past(EUR_USD), "TRADES", "1 hour", 1) == []
    assert len(bars(past(EUR_USD), "MIDPOINT", "1 hour", 1)) == 25


def test_it_goes_back_a_year_and_not_further():
    found = bars(past(), "TRADES", "1 day", 5000)
    assert len(found) == DAYS + 1
    assert found[0].time == past().first("TRADES")


def test_it_knows_nothing_of_seconds():
    assert bars(past(), "TRADES", "5 secs", 1) == []
