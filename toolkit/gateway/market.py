"""
Where quotes come from: a synthetic market, or a recorded one played again.

Both are pure: asked what has happened until ``now`` (aware UTC), they tell it in time order. What a
synthetic symbol does depends on the seed, its contract id and the time of day: not on how often one asks (as
long as that is once a minute) nor on which other symbols there are.
"""

from __future__ import annotations

import heapq
import math
import random
from bisect import bisect
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import msgspec

from toolkit.gateway.calendar import NEW_YORK, Hours
from toolkit.gateway.instruments import Instrument, Universe
from toolkit.gateway.past import Past, Stage
from toolkit.gateway.replay import MarketPrint, MarketQuote, Replay
from toolkit.gateway.ticks import price, price_units

LONGEST_GAP_S = 60.0  # a longer pause (a suspended laptop) is crossed in one step
VOLATILITY = 0.7e-4  # of the mid, per square root of a second: 0.4 to 0.8 bps in real stocks


class QuoteSource(Protocol):
    """What a gateway asks for market data."""

    def quotes_until(self, now: datetime) -> Iterable[MarketQuote]:
        """Quotes since the last call up to and including ``now``, in time order."""
        ...

    def moves_until(self, now: datetime) -> Iterable[MarketQuote | MarketPrint]:
        """The same with the prints between them, where the source has any."""
        ...

    def past(self, con_id: int, hours: Hours) -> Past | None:
        """What an instrument did before the source began, where the source can tell."""
        ...


def open_market(
    quotes: str | Path, universe: Universe, seed: int, start: datetime
) -> SyntheticMarket | Replay:
    """
    The market that ``--quotes`` names: ``synthetic``, a CSV file, or ``SYMBOL=FILE``.

    Raises:
        GatewayError: when the file cannot be replayed.
    """
    if str(quotes) == "synthetic":
        return SyntheticMarket(universe, seed, start)
    return Replay.open(str(quotes), universe, start)


class Character(msgspec.Struct, frozen=True):
    """
    How a kind of instrument quotes; shares and seconds.

    Attributes:
        spreads: cumulative share of time with a spread of 1, 2, 3, ... ticks.
        display: median displayed size.
        dispersion: standard deviation of the size's logarithm.
        updates: quotes per second.
        prints: trades per quote.
    """

    spreads: tuple[float, ...]
    display: int
    dispersion: float
    updates: float
    prints: float


# Rounded from aggregate statistics of five US stocks: liquid low-priced names and large ETFs stand
# at one tick with much size; names above about 100 USD at two to four ticks with few round lots.
ONE_TICK = Character((0.985, 0.995, 1.0), 2_000, 0.9, 1.0, 0.6)
WIDE = Character((0.06, 0.28, 0.53, 0.70, 0.80, 0.87, 0.92, 0.95, 0.98, 1.0), 200, 0.6, 1.5, 0.6)
FUTURE = Character((0.97, 0.99, 1.0), 40, 0.8, 1.5, 0.6)
OPTION = Character((0.30, 0.60, 0.80, 0.92, 1.0), 30, 0.8, 0.2, 0.05)
FOREX = Character((0.55, 0.90, 1.0), 1_000_000, 0.5, 1.5, 0.0)


# Trading by half hour from 09:30 New York as a multiple of the day's mean, over the same five stocks.
VOLUME_CURVE = (1.76, 1.26, 1.12, 0.86, 0.96, 0.69, 0.60, 0.67, 0.62, 0.82, 0.66, 0.98, 2.00)
_OPENING_S = 9.5 * 3600


def activity(moment: datetime) -> float:
    """How much is traded at that time of day, as a multiple of the mean; 1 outside regular hours."""
    local = moment.astimezone(NEW_YORK)
    since_open = local.hour * 3600 + local.minute * 60 + local.second - _OPENING_S
    half_hour = int(since_open // 1800)
    return VOLUME_CURVE[half_hour] if 0 <= half_hour < len(VOLUME_CURVE) else 1.0


def character(instrument: Instrument) -> Character:
    """The kind of market that an instrument has."""
    by_type = {"CASH": FOREX, "FUT": FUTURE, "OPT": OPTION}.get(instrument.sec_type)
    if by_type is not None:
        return by_type
    if instrument.reference_price < 100 or instrument.stock_type == "ETF":
        return ONE_TICK
    return WIDE


class SyntheticSymbol:
    """
    One instrument's synthetic market: a random walk on its price grid, never crossed or below 0.

    Args:
        instrument: where it starts and on which grid.
        seed: of its own random stream.
    """

    __slots__ = ("_asks", "_bids", "_character", "_fair", "_lot", "_random", "_rule", "instrument",
                 "opening", "quote")  # fmt: skip

    def __init__(self, instrument: Instrument, seed: int) -> None:
        self.instrument = instrument
        self._random = random.Random(f"{seed}/{instrument.con_id}")  # noqa: S311 - not for secrets
        self._character = character(instrument)
        self._rule = [(price_units(edge), price_units(step)) for edge, step in instrument.increments]
        self._lot = {"CASH": 1_000, "FUT": 1, "OPT": 1}.get(instrument.sec_type, 100)
        self._fair = float(price_units(instrument.reference_price))
        self._bids, self._asks = self._size(), self._size()
        self.quote = self._stand()
        self.opening = self._fair

    @property
    def stage(self) -> Stage:
        """The same market as its past needs it."""
        kind = self._character
        spread = 1 + bisect(kind.spreads[:-1], 0.5)
        return Stage(VOLATILITY, kind.updates * kind.prints, activity, spread, self._rule)

    def pause(self) -> float:
        """Seconds until its next quote."""
        return self._random.expovariate(self._character.updates)

    def step(self, seconds: float, busy: float = 1.0) -> list[MarketQuote | MarketPrint]:
        """
        What happens after ``seconds`` of quiet: perhaps prints, then a new quote.

        ``busy`` multiplies how many prints there are on average.
        """
        draw = self._random
        moves: list[MarketQuote | MarketPrint] = []
        due = self._character.prints * busy
        moves += [self._print() for _ in range(int(due) + (draw.random() < due % 1))]
        shock = draw.gauss(0.0, VOLATILITY * math.sqrt(seconds))
        self._fair *= math.exp(shock)
        if draw.random() < 0.5:
            self._bids = self._size()
        else:
            self._asks = self._size()
        self.quote = self._stand()
        moves.append(self.quote)
        return moves

    def _stand(self) -> MarketQuote:
        tick = self._tick(self._fair)
        self._fair = max(self._fair, 12.0 * tick)  # room for the widest spread above zero
        ticks = 1 + bisect(self._character.spreads[:-1], self._random.random())
        bid = math.floor((self._fair - ticks * tick / 2) / tick + 0.5) * tick
        bid -= bid % self._tick(bid)
        ask = bid + ticks * tick
        ask += -ask % self._tick(ask)  # a price that crossed an increment edge
        return MarketQuote(self.instrument.con_id, price(bid), price(ask), self._bids, self._asks)

    def _tick(self, units: float) -> int:
        return [step for edge, step in self._rule if units >= edge][-1]

    def _size(self) -> int:
        drawn = self._random.lognormvariate(math.log(self._character.display), self._character.dispersion)
        return max(self._lot, round(drawn / self._lot) * self._lot)

    def _print(self) -> MarketPrint:
        draw = self._random
        buyer = draw.random() < 0.5
        at, offered = (
            (self.quote.ask, self.quote.ask_size) if buyer else (self.quote.bid, self.quote.bid_size)
        )
        odd = draw.random() < 0.45
        size = draw.randint(1, 99) if odd else min(offered, 100 * (1 + int(draw.expovariate(1.2))))
        return MarketPrint(self.instrument.con_id, at or Decimal(0), size, "I" if size < 100 else "")


class SyntheticMarket:
    """
    Seeded synthetic quotes and prints for every instrument of a universe.

    Args:
        universe: what is quoted.
        seed: the same seed gives the same market.
        start: when it begins; each instrument has a quote then.
    """

    def __init__(self, universe: Universe, seed: int, start: datetime) -> None:
        self._symbols = {instrument.con_id: SyntheticSymbol(instrument, seed) for instrument in universe}
        self._seed = seed
        self._start = start
        self._last = dict.fromkeys(self._symbols, 0.0)
        self._pasts: dict[int, Past] = {}
        self._opened = False
        self._agenda = [(symbol.pause(), con_id) for con_id, symbol in self._symbols.items()]
        heapq.heapify(self._agenda)

    def quotes_until(self, now: datetime) -> Iterator[MarketQuote]:
        """Quotes since the last call up to and including ``now``, in time order."""
        return (move for move in self.moves_until(now) if isinstance(move, MarketQuote))

    def past(self, con_id: int, hours: Hours) -> Past:
        """What an instrument did before ``start``."""
        if con_id not in self._pasts:
            symbol = self._symbols[con_id]
            name = f"{self._seed}/{con_id}"
            self._pasts[con_id] = Past(name, symbol.stage, self._start, symbol.opening, hours)
        return self._pasts[con_id]

    def moves_until(self, now: datetime) -> Iterator[MarketQuote | MarketPrint]:
        """Quotes and prints since the last call up to and including ``now``, in time order."""
        if not self._opened:
            self._opened = True
            yield from [symbol.quote for symbol in self._symbols.values()]
        until = (now - self._start) / timedelta(seconds=1)
        while self._agenda and self._agenda[0][0] <= until:
            due, con_id = self._agenda[0]
            symbol = self._symbols[con_id]
            if until - due > LONGEST_GAP_S:
                due = until
            busy = activity(self._start + timedelta(seconds=due))
            moves = symbol.step(due - self._last[con_id], busy)
            self._last[con_id] = due
            heapq.heapreplace(self._agenda, (due + symbol.pause(), con_id))
            yield from moves
