"""What travels to the blotter: everything once, then only the rows that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from toolkit.desk.columns import COLUMNS
from toolkit.desk.rows import Row
from toolkit.desk.words import milliseconds, price
from toolkit.orders.contract import Instrument, Quote


class Feed:
    """What a front end has been told, row by row."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Row]] = {name: {} for name in COLUMNS}
        self._quotes: dict[int, list[Any]] = {}
        self._strip: dict[str, Any] = {}
        self._number = 0
        self._complete = False

    def forget(self) -> None:
        """Tell everything again: a front end has just come, or missed something."""
        self._complete = False

    def message(
        self,
        strip: Mapping[str, Any],
        tables: Mapping[str, Iterable[Row]],
        quotes: Mapping[int, list[Any]] | None = None,
        *,
        due: bool = True,
    ) -> dict[str, Any] | None:
        """
        The next message; None when nothing is different and none is ``due``.

        Args:
            strip: what the status strip shows.
            tables: rows that may have changed, by table.
            quotes: all quotes, as ``quote_cells`` writes them; None: as they were.
            due: whether a sign of life must go out.

        Returns:
            ``kind`` ``full`` or ``delta``, ``number`` (1, 2, ... without holes), ``strip``, ``tables``
            and ``quotes``: in a delta those that differ from what was told last.
        """
        changed: dict[str, list[Row]] = {}
        for name, candidates in tables.items():
            told = self._told[name]
            new = [row for row in candidates if told.get(row["id"]) != row]
            told.update((row["id"], row) for row in new)
            if new:
                changed[name] = new
        moved = self._moved(self._quotes if quotes is None else quotes)
        lasting = {name: value for name, value in strip.items() if name not in _FLEETING}
        if self._complete and not (due or changed or moved or lasting != self._strip):
            return None
        self._strip = lasting
        self._number += 1
        kind = "delta" if self._complete else "full"
        content: dict[str, Any] = {"kind": kind, "number": self._number, "strip": dict(strip)}
        if self._complete:
            return {**content, "tables": changed, "quotes": moved}
        self._complete = True
        return {
            **content,
            "columns": {name: [column._asdict() for column in some] for name, some in COLUMNS.items()},
            "tables": {name: list(told.values()) for name, told in self._told.items()},
            "quotes": {str(con_id): cells for con_id, cells in self._quotes.items()},
        }

    def rows(self, table: str) -> list[Row]:
        """Every row of a table as it was told last, in the order in which they came."""
        return list(self._told[table].values())

    def _moved(self, quotes: Mapping[int, list[Any]]) -> dict[str, list[Any]]:
        """Quotes that differ from what was told; those that nobody keeps fresh any more are empty."""
        now = {**dict.fromkeys(self._quotes, _NONE), **quotes}
        moved = {con_id: cells for con_id, cells in now.items() if self._quotes.get(con_id, _NONE) != cells}
        self._quotes.update(moved)
        return {str(con_id): cells for con_id, cells in moved.items()}


_NONE: list[Any] = ["", "", 0, False]
"""As ``quote_cells`` writes a quote that is gone."""
_FLEETING = ("now", "lag")
"""Items of the strip that differ every time."""


def quote_cells(
    quotes: Mapping[int, Quote], by_number: Callable[[int], Instrument | None]
) -> dict[int, list[Any]]:
    """Contract number -> bid, ask, when (ms since 1970), and whether it comes late on purpose."""
    return {
        con_id: [
            price(quote.bid, by_number(con_id)),
            price(quote.ask, by_number(con_id)),
            milliseconds(quote.at),
            quote.delayed,
        ]
        for con_id, quote in quotes.items()
    }
