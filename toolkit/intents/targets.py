"""
Target positions, weights or signals into the orders that lead there.

Pure: the same figures give the same orders, in the order of their symbols. ``plan`` works out one
row per symbol and says what was held back and why; the ``from_`` functions turn it into intents.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import pandas as pd

from toolkit.errors import IntentError
from toolkit.intents.figures import Figures, Held, held, number, numbers

ZERO: Final = Decimal(0)
MILLIONTH: Final = Decimal("0.000001")
ROUNDINGS: Final = {"zero": ROUND_DOWN, "nearest": ROUND_HALF_DOWN}
"""Towards zero, or to the nearest lot and of two towards zero."""
CROSSINGS: Final = ("clip", "split", "allow")

Positions: TypeAlias = "Figures | pd.DataFrame | None"


class Move(NamedTuple):
    """
    One symbol on its way to its target, in shares; see ``plan``.

    Attributes:
        target: rounded.
        held: as it stands.
        wanted: what leads from all that is held and open to the target; buys > 0.
        delta: what remains of it to be ordered at once.
        beyond: what is left for a second order beyond zero.
        held_back: why ``delta`` and ``beyond`` are less than ``wanted``; ``""`` when they are not.
    """

    target: Decimal
    held: Held
    wanted: Decimal
    delta: Decimal
    beyond: Decimal = ZERO
    held_back: str = ""

    def without(self, why: str) -> Move:
        """Nothing ordered."""
        return self._replace(delta=ZERO, beyond=ZERO, held_back=why)


def plan(
    targets: Figures,
    positions: Positions = None,
    prices: Figures | None = None,
    *,
    rounding: Literal["zero", "nearest"] = "zero",
    lot: float = 1,
    min_shares: float = 0,
    min_notional: float = 0,
    max_turnover: float | None = None,
    crossing: Literal["clip", "split", "allow"] = "clip",
    close_others: bool = False,
) -> pd.DataFrame:
    """
    What leads from what is held and open to the targets, symbol by symbol.

    Targets are rounded to whole lots; then ``position + open_buys - open_sells + delta + beyond`` is
    the target, unless something is held back: first what would cross zero, then what is too small,
    then what exceeds the turnover, in proportion and down to whole lots, then what that made too small.

    Args:
        targets: shares to hold by symbol, short < 0.
        positions: ``desk.risk.portfolio()``, which counts all that is open, also of other programs;
            or ``desk.positions``; or shares by symbol when nothing is open. None: flat. Positions
            follow fills by a moment: wait for them before the next plan.
        prices: USD by symbol; needed for ``min_notional`` and ``max_turnover``.
        rounding: of the targets: to ``zero``, or to the ``nearest`` lot (of two the one nearer to zero).
        lot: shares.
        min_shares: smaller orders are left out.
        min_notional: the same in USD.
        max_turnover: most that all orders together may trade, USD.
        crossing: what becomes of an order that would take a position through zero, in whatever order
            the open orders fill: ``clip`` ends it at zero; ``split`` makes two orders, to zero and
            beyond; ``allow`` sends it as it is.
        close_others: also close what is held and not among the targets, which else is left alone.

    Returns:
        Index ``symbol``, sorted. ``position``, ``open_buys``, ``open_sells``, ``target``, ``delta``,
        ``beyond`` (shares, buys > 0), ``price``, ``notional`` (of both orders, USD; NaN without a
        price), ``held_back`` (str).

    Raises:
        IntentError: a figure is none, comes twice, or a price is missing; names the symbol.
    """
    lots = number(lot, "lot")
    if lots <= 0 or lots != lots.to_integral_value():
        raise IntentError(f"lot is {lot!r}; it must be a whole number above 0.")
    if rounding not in ROUNDINGS:
        raise IntentError(f"rounding is {rounding!r}; it must be zero or nearest.")
    if crossing not in CROSSINGS:
        raise IntentError(f"crossing is {crossing!r}; it must be clip, split or allow.")
    wanted, have = numbers(targets, "the target"), held(positions)
    if close_others:
        wanted |= {symbol: ZERO for symbol in have if symbol not in wanted}
    worth = numbers({} if prices is None else prices, "the price", wanted)
    moves = {
        symbol: _crossed(
            _move(_rounded(wanted[symbol], lots, ROUNDINGS[rounding]), have.get(symbol, Held())), crossing
        )
        for symbol in sorted(wanted)
    }
    if min_notional or max_turnover is not None:
        _demand_prices(moves, worth)
    small = number(min_shares, "min_shares"), number(min_notional, "min_notional")
    moves = {symbol: _worthwhile(move, worth.get(symbol), *small) for symbol, move in moves.items()}
    if max_turnover is not None:
        moves = _capped(moves, worth, number(max_turnover, "max_turnover"), lots)
        moves = {symbol: _worthwhile(move, worth.get(symbol), *small) for symbol, move in moves.items()}
    return _frame(moves, worth)


def from_targets(
    targets: Figures,
    positions: Positions = None,
    prices: Figures | None = None,
    *,
    order_type: str = "MARKET",
    strategy_id: str = "",
    **rules: Any,
) -> pd.DataFrame:
    """
    The orders that lead from what is held and open to the targets.

    Args:
        targets: as for ``plan``.
        positions: as for ``plan``.
        prices: as for ``plan``.
        rules: what else ``plan`` takes.
        order_type: of every order; add the column ``limit_price`` yourself where it needs one.
        strategy_id: carried into every report.

    Returns:
        One row per order for ``desk.submit``, labelled by its symbol (the second one of a ``split``
        ``SYMBOL beyond zero``), so that a batch name gives every row the same id whatever their order.

    Raises:
        IntentError: as ``plan``.
    """
    return _orders(plan(targets, positions, prices, **rules), order_type, strategy_id)


def from_weights(
    weights: Figures,
    positions: Positions,
    prices: Figures,
    capital: float,
    *,
    order_type: str = "MARKET",
    strategy_id: str = "",
    **rules: Any,
) -> pd.DataFrame:
    """
    The orders that bring each symbol to its part of the capital.

    Args:
        weights: fraction of ``capital`` by symbol, short < 0.
        positions: as for ``plan``.
        prices: USD by symbol, above 0.
        capital: USD.
        order_type: as for ``from_targets``.
        strategy_id: as for ``from_targets``.
        rules: what else ``plan`` takes.

    Raises:
        IntentError: as ``plan``; and a price is not above 0.
    """
    targets = targets_of(weights, prices, capital)
    return _orders(plan(targets, positions, prices, **rules), order_type, strategy_id)


def from_signals(
    signals: Figures,
    positions: Positions,
    prices: Figures,
    capital: float,
    *,
    gross: float = 1.0,
    neutral: bool = False,
    max_weight: float | None = None,
    order_type: str = "MARKET",
    strategy_id: str = "",
    **rules: Any,
) -> pd.DataFrame:
    """
    The orders that hold each symbol in proportion to its signal.

    Args:
        signals: as for ``weights_of``.
        positions: as for ``plan``.
        prices: as for ``from_weights``.
        capital: USD.
        gross: as for ``weights_of``.
        neutral: as for ``weights_of``.
        max_weight: as for ``weights_of``.
        order_type: as for ``from_targets``.
        strategy_id: as for ``from_targets``.
        rules: what else ``plan`` takes.

    Returns:
        As ``from_weights``, with ``signal_strength``, which travels into every report.
    """
    weights = weights_of(signals, gross=gross, neutral=neutral, max_weight=max_weight)
    orders = from_weights(
        weights, positions, prices, capital, order_type=order_type, strategy_id=strategy_id, **rules
    )
    strengths = {symbol: float(signal) for symbol, signal in numbers(signals, "the signal").items()}
    return orders.assign(signal_strength=orders["symbol"].map(strengths).astype("float64"))


def weights_of(
    signals: Figures, *, gross: float = 1.0, neutral: bool = False, max_weight: float | None = None
) -> pd.Series[float]:
    """
    Weights in proportion to signals.

    Args:
        signals: any scale, by symbol; 0 holds nothing.
        gross: sum of the weights without their signs, as a fraction of the capital.
        neutral: take the mean off the signals first, so that the weights add up to 0.
        max_weight: most of one symbol, as a fraction; what is cut off is not given to others.

    Raises:
        IntentError: a signal is no number; names the symbol.
    """
    found = numbers(signals, "the signal")
    series = pd.Series({symbol: float(value) for symbol, value in found.items()}, dtype="float64")
    if neutral:
        series = series - series.mean()
    total = series.abs().sum()
    weights = series * (gross / total) if total else series * 0.0
    return weights if max_weight is None else weights.clip(-max_weight, max_weight)


def targets_of(weights: Figures, prices: Figures, capital: float) -> dict[str, Decimal]:
    """
    Shares by symbol, not rounded, that are worth each weight of the capital.

    Raises:
        IntentError: a figure is none, or a price is missing or not above 0; names the symbol.
    """
    shares = numbers(weights, "the weight")
    worth = numbers(prices, "the price", shares)
    money = number(capital, "capital")
    for symbol in shares:
        if worth.get(symbol, ZERO) <= 0:
            told = f"is {worth[symbol]}; it must be above 0" if symbol in worth else "is missing"
            raise IntentError(f"The price of {symbol} {told}.", field="price")
    return {symbol: weight * money / worth[symbol] for symbol, weight in shares.items()}


def _rounded(value: Decimal, lot: Decimal, rounding: str) -> Decimal:
    """Whole lots; what is a millionth away from them is them, for floats leave a third of 300 at 99.99..."""
    return (value / lot).quantize(MILLIONTH).to_integral_value(rounding) * lot


def _move(target: Decimal, have: Held) -> Move:
    wanted = target - have.position - have.buys + have.sells
    return Move(target, have, wanted, wanted)


def _crossed(move: Move, crossing: str) -> Move:
    """
    Keep a position on its side of zero.

    With all open buys filled it may be as high as ``up``, with all open sells as low as ``down``;
    what may be long may be sold no further than to zero from below, and the other way round.
    """
    if crossing == "allow":
        return move
    up, down = move.held.position + move.held.buys, move.held.position - move.held.sells
    delta = move.delta
    if delta < 0 and up > 0:
        delta = max(delta, -max(down, ZERO))
    elif delta > 0 and down < 0:
        delta = min(delta, max(-up, ZERO))
    if delta == move.delta:
        return move
    if crossing == "clip":
        return move._replace(delta=delta, held_back="would cross zero")
    return move._replace(delta=delta, beyond=move.delta - delta)


def _worthwhile(move: Move, price: Decimal | None, min_shares: Decimal, min_notional: Decimal) -> Move:
    shares = abs(move.delta + move.beyond)
    if not shares:
        return move
    if shares < min_shares:
        return move.without("below min_shares")
    if price is not None and shares * price < min_notional:
        return move.without("below min_notional")
    return move


def _capped(
    moves: dict[str, Move], worth: dict[str, Decimal], most: Decimal, lot: Decimal
) -> dict[str, Move]:
    total = sum((abs(m.delta + m.beyond) * worth[s] for s, m in moves.items() if m.delta or m.beyond), ZERO)
    if total <= most:
        return moves
    return {symbol: _scaled(move, max(most, ZERO) / total, lot) for symbol, move in moves.items()}


def _scaled(move: Move, part: Decimal, lot: Decimal) -> Move:
    """The same way, but only a part of it; a split order ends at zero first."""
    if not (move.delta or move.beyond):
        return move
    whole = _rounded((move.delta + move.beyond) * part, lot, ROUND_DOWN)
    delta = min(whole, move.delta, key=abs)
    return move._replace(delta=delta, beyond=whole - delta, held_back="above max_turnover")


def _demand_prices(moves: dict[str, Move], worth: dict[str, Decimal]) -> None:
    for symbol, move in moves.items():
        if move.wanted and worth.get(symbol, ZERO) <= 0:
            told = f"is {worth[symbol]}; it must be above 0" if symbol in worth else "is missing"
            raise IntentError(
                f"The price of {symbol} {told}; min_notional and max_turnover need it.", field="price"
            )


def _frame(moves: dict[str, Move], worth: dict[str, Decimal]) -> pd.DataFrame:
    nan = float("nan")
    figures = {
        "position": [float(move.held.position) for move in moves.values()],
        "open_buys": [float(move.held.buys) for move in moves.values()],
        "open_sells": [float(move.held.sells) for move in moves.values()],
        "target": [float(move.target) for move in moves.values()],
        "delta": [float(move.delta) for move in moves.values()],
        "beyond": [float(move.beyond) for move in moves.values()],
        "price": [float(worth.get(symbol, nan)) for symbol in moves],
    }
    frame = pd.DataFrame(figures, index=pd.Index(list(moves), name="symbol", dtype="str"), dtype="float64")
    frame["notional"] = (frame["delta"] + frame["beyond"]).abs() * frame["price"]
    frame["held_back"] = pd.Series([move.held_back for move in moves.values()], frame.index, dtype="str")
    return frame


def _orders(planned: pd.DataFrame, order_type: str, strategy_id: str) -> pd.DataFrame:
    parts = [planned["delta"], planned["beyond"].rename(lambda symbol: f"{symbol} beyond zero")]
    deltas = pd.concat(parts)
    symbols = [*planned.index, *planned.index]
    orders = pd.DataFrame(
        {
            "symbol": pd.array(symbols, dtype="str"),
            "direction": pd.array(["BUY" if delta > 0 else "SELL" for delta in deltas], dtype="str"),
            "quantity": deltas.abs().to_numpy(),
            "order_type": pd.array([order_type] * len(deltas), dtype="str"),
            "strategy_id": pd.array([strategy_id] * len(deltas), dtype="str"),
        },
        index=pd.Index(list(deltas.index), dtype="str"),
    )
    return orders[orders["quantity"] > 0].sort_values("symbol", kind="stable")
