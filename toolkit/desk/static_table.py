"""The blotter as it stands, as plain HTML: what a saved notebook, papermill and a preview show."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from toolkit.desk.columns import COLUMNS, Column
from toolkit.desk.rows import Row

MOST_ROWS: Final = 100
"""Newest rows of each table."""
_LEFT_OUT: Final = ("age", "quote", "action", "id")
"""Kinds of columns that mean something only now, or have a place of their own."""
_TITLES: Final = {"orders": "Orders", "fills": "Fills", "positions": "Positions"}


def static_html(
    strip: Mapping[str, Any], tables: Mapping[str, Iterable[Row]], totals: Mapping[str, int]
) -> str:
    """
    Strip, orders (refused ones among them, with the reason), fills and positions; newest first.

    Args:
        strip: as ``strip_of`` gives it.
        tables: their newest rows, at most ``MOST_ROWS`` of which are shown.
        totals: table name -> how many rows there are in all; as many as are given when it is missing.
    """
    parts = [f"<p>{' · '.join(_strip(strip))}</p>"]
    if strip["why"]:
        parts.append(f"<p>Gate closed: {html.escape(strip['why'])}</p>")
    parts += [
        f"<p>{html.escape(name)} is locked: {html.escape(why)}</p>" for name, why in strip["locked"].items()
    ]
    for name, title in _TITLES.items():
        given = list(tables.get(name, ()))
        parts += _table(title, COLUMNS[name], given, totals.get(name, len(given)))
    return "".join(parts)


def _strip(strip: Mapping[str, Any]) -> list[str]:
    up = strip["gateway"] and strip["broker"]
    link = "closed" if strip["closed"] else "connected" if up else "NOT CONNECTED"
    moment = datetime.fromtimestamp(strip["now"] / 1000, UTC)
    return [
        f"<b>{html.escape(strip['account'])} {strip['mode']}</b>",
        f"{link} ({html.escape(strip['address'])})",
        *([f"<b>{html.escape(strip['control_told'])}</b>"] if strip["control"] else []),
        f"{strip['working']:,} working",
        *([f"<b>{strip['unknown']:,} UNKNOWN</b>"] if strip["unknown"] else []),
        *([html.escape(strip["error"])] if strip["error"] else []),
        f"as of {moment:%Y-%m-%d %H:%M:%S} UTC",
    ]


def _table(title: str, columns: tuple[Column, ...], rows: list[Row], total: int) -> list[str]:
    if not rows:
        return [] if title != "Orders" else ["<p>No orders.</p>"]
    newest = sorted(rows, key=lambda row: row["at"])[::-1]  # of one moment, the last one first
    shown = [place for place, column in enumerate(columns) if column.kind not in _LEFT_OUT]
    notes = any(row.get("note") for row in newest)
    identified = any(column.kind == "id" for column in columns)
    titles = [columns[place].title for place in shown]
    titles += ["Note"] * notes + ["Intent"] * identified
    head = "".join(f"<th>{html.escape(one)}</th>" for one in titles)
    body = ""
    for row in newest[:MOST_ROWS]:
        words = [row.get("note", "")] * notes
        words += [row.get("intent", row["id"])] * identified
        cells = "".join(_cell(row, columns[place], row["cells"][place]) for place in shown)
        body += f"<tr>{cells}{''.join(f'<td>{html.escape(word)}</td>' for word in words)}</tr>"
    more = total - min(len(newest), MOST_ROWS)
    table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return [
        f"<table><caption>{title} ({total:,})</caption>{table}</table>",
        f"<p>and {more:,} older</p>" if more > 0 else "",
    ]


def _cell(row: Row, column: Column, text: str) -> str:
    align = "right" if column.kind in ("number", "fill") else "left"
    icon = f"{row['icon']}&nbsp;" if column.kind == "status" else ""
    return f'<td style="text-align:{align};white-space:nowrap">{icon}{html.escape(text)}</td>'
