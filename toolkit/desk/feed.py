"""What travels to the blotter: everything once, then only the rows that changed."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from toolkit.desk import rows
from toolkit.desk.rows import Row

STATIC_ROWS: Final = 100
"""Newest orders that the static table shows."""


class Feed:
    """What a front end has been told, row by row."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Row]] = {name: {} for name in rows.COLUMNS}
        self._number = 0
        self._complete = False

    def forget(self) -> None:
        """Tell everything again: a front end has just come, or missed something."""
        self._complete = False

    @property
    def complete(self) -> bool:
        """Whether a message with everything went out since ``forget``."""
        return self._complete

    def message(self, strip: Mapping[str, Any], tables: Mapping[str, Iterable[Row]]) -> dict[str, Any]:
        """
        The next message.

        Args:
            strip: what the status strip shows.
            tables: rows that may have changed, by table.

        Returns:
            ``kind`` ``full`` or ``delta``, ``number`` (1, 2, ... without holes), ``strip``, and
            ``tables``: in a delta those rows that differ from what was told last.
        """
        changed: dict[str, list[Row]] = {}
        for name, candidates in tables.items():
            told = self._told[name]
            new = [row for row in candidates if told.get(row["id"]) != row]
            told.update((row["id"], row) for row in new)
            if new:
                changed[name] = new
        self._number += 1
        kind = "delta" if self._complete else "full"
        content: dict[str, Any] = {"kind": kind, "number": self._number, "strip": dict(strip)}
        if self._complete:
            return {**content, "tables": changed}
        self._complete = True
        return {
            **content,
            "columns": {name: [column._asdict() for column in some] for name, some in rows.COLUMNS.items()},
            "tables": {name: list(told.values()) for name, told in self._told.items()},
        }


def strip_of(
    health: Mapping[str, Any], *, now: datetime, last_event: datetime | None, fault: str = ""
) -> dict[str, Any]:
    """
    What the status strip shows.

    Args:
        health: as ``desk.health`` gives it.
        now: UTC.
        last_event: when an order last changed, UTC; None: not since the blotter was made.
        fault: what went wrong in the blotter itself.
    """
    link = "connected" if health["ready"] else "NOT CONNECTED"
    return {
        "account": health["account"],
        "mode": "PAPER" if health["paper"] else "LIVE",
        "link": link if health["running"] else "closed",
        "gateway": health["gateway"],
        "read_only": health["read_only"],
        "control": "" if health["control"].startswith("ACTIVE") else health["control"],
        "working": health["orders_working"],
        "unknown": health["orders_unknown"],
        "error": fault or health["error"],
        "now": int(now.timestamp() * 1000),
        "last_event": None if last_event is None else int(last_event.timestamp() * 1000),
    }


def static_html(strip: Mapping[str, Any], orders: Iterable[Row]) -> str:
    """The blotter as it stands, for a place without a live front end: plain HTML, newest order first."""
    newest = sorted(orders, key=lambda row: row["at"])[::-1]  # of one moment, the last one first
    shown = [place for place, column in enumerate(rows.ORDERS) if column.kind not in ("age", "id", "action")]
    titles = [*(rows.ORDERS[place].title for place in shown), "Note", "Intent"]
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    body = "".join(f"<tr>{_cells(row, shown)}</tr>" for row in newest[:STATIC_ROWS])
    more = len(newest) - STATIC_ROWS
    moment = datetime.fromtimestamp(strip["now"] / 1000, UTC)
    words = [
        f"<b>{html.escape(strip['account'])} {strip['mode']}</b>",
        f"{html.escape(strip['link'])} ({html.escape(strip['gateway'])})",
        *([f"<b>{html.escape(strip['control'])}</b>"] if strip["control"] else []),
        f"{strip['working']} working",
        *([f"<b>{strip['unknown']} UNKNOWN</b>"] if strip["unknown"] else []),
        *([html.escape(strip["error"])] if strip["error"] else []),
        f"as of {moment:%Y-%m-%d %H:%M:%S} UTC",
    ]
    table = (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        if newest
        else "<p>No orders.</p>"
    )
    return f"<p>{' · '.join(words)}</p>{table}" + (f"<p>and {more} older orders</p>" if more > 0 else "")


def _cells(row: Row, shown: Iterable[int]) -> str:
    cells = []
    for place in shown:
        text = html.escape(row["cells"][place])
        kind = rows.ORDERS[place].kind
        align = "right" if kind in ("number", "fill") else "left"
        icon = f"{row['icon']}&nbsp;" if kind == "status" else ""
        cells.append(f'<td style="text-align:{align};white-space:nowrap">{icon}{text}</td>')
    words = (row["note"], row["id"])
    return "".join(cells) + "".join(f'<td style="text-align:left">{html.escape(text)}</td>' for text in words)
