"""What a person hands over per symbol, a Series, a mapping or a frame, as exact numbers."""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple, TypeAlias

import pandas as pd

from toolkit.errors import IntentError

Figures: TypeAlias = "pd.Series[Any] | Mapping[str, Any]"
"""Symbol -> number."""

OPEN: Final = (("open_buys", "open_sells"), ("working_buys", "working_sells"))
"""What ``desk.risk.portfolio()`` and ``desk.positions`` call the open quantity of either side."""


class Held(NamedTuple):
    """Held in one symbol, and what open orders may still do to it, in shares, buys and sells from 0."""

    position: Decimal = Decimal(0)
    buys: Decimal = Decimal(0)
    sells: Decimal = Decimal(0)


def numbers(figures: Figures, what: str, among: Container[str] | None = None) -> dict[str, Decimal]:
    """
    Symbol -> exact number, by symbol.

    Args:
        figures: one number per symbol.
        what: they are called in sentences.
        among: the symbols that matter; None: all of them.

    Raises:
        IntentError: a symbol comes twice or is no text, or a figure is no finite number; names it.
    """
    if not isinstance(figures, (pd.Series, Mapping)):
        raise IntentError(
            f"{what} is a {type(figures).__name__}; give a Series or a dict with one number per symbol."
        )
    found: dict[str, Decimal] = {}
    for symbol, value in figures.items():
        if not isinstance(symbol, str) or not symbol:
            raise IntentError(f"{what} has the label {symbol!r}; the labels must be symbols.", field="symbol")
        if among is not None and symbol not in among:
            continue
        if symbol in found:
            raise IntentError(f"{what} has {symbol} twice; give one number per symbol.", field="symbol")
        found[symbol] = number(value, f"{what} of {symbol}")
    return dict(sorted(found.items()))


def number(value: object, what: str) -> Decimal:
    """
    One finite number, by its shortest text, so that 0.1 is a tenth.

    Raises:
        IntentError: it is none; ``what`` names it.
    """
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite():
        raise IntentError(f"{what} is {value!r}, not a finite number; drop it, or say 0.")
    return found


def held(positions: Figures | pd.DataFrame | None) -> dict[str, Held]:
    """
    Symbol -> what is held and open.

    Args:
        positions: shares by symbol, or a frame by symbol with the column ``position`` and those of
            ``OPEN``, as ``desk.risk.portfolio()`` and ``desk.positions`` are. None: flat.

    Raises:
        IntentError: a symbol comes twice, or a figure is no number; names it.
    """
    if positions is None:
        return {}
    if not isinstance(positions, pd.DataFrame):
        return {symbol: Held(position) for symbol, position in numbers(positions, "the position").items()}
    frame = positions.set_index("symbol") if "symbol" in positions.columns else positions
    if "position" not in frame.columns:
        raise IntentError("The frame of positions has no column 'position'.", field="position")
    names = next((pair for pair in OPEN if set(pair) <= set(frame.columns)), ())
    columns = [numbers(frame[name], name.replace("_", " ")) for name in ("position", *names)]
    return {symbol: Held(*(column[symbol] for column in columns)) for symbol in columns[0]}
