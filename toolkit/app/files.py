"""Intents from a file: CSV, JSON lines or Parquet, every bad row named with file, row and field."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from toolkit.errors import ConfigError, IntentError
from toolkit.orders.intent import OrderIntent, decode, parse

FORMATS: Final = (".csv", ".jsonl", ".ndjson", ".parquet")
_TRUTH: Final = {"true": True, "false": False}
_WHOLE: Final = ("con_id", "schema_version")


class BadRow(NamedTuple):
    """A row that is no intent: where it is, and one sentence about it."""

    where: str
    reason: str


def read_intents(path: Path, *, now: datetime, ttl: timedelta) -> tuple[list[OrderIntent], list[BadRow]]:
    """
    Every intent in a file, and every row that is none.

    Args:
        path: ``.csv`` (with a header; empty cells are absent fields), ``.jsonl``/``.ndjson`` or ``.parquet``.
        now: UTC, the default of ``created_at``.
        ttl: validity of intents that do not say themselves.

    Raises:
        ConfigError: the file is missing, of another format, or not readable as what its name says.
    """
    intents: list[OrderIntent] = []
    bad: list[BadRow] = []
    first_row: dict[str, int] = {}
    for row, content in _rows(path):
        where = f"{path.name} row {row}"
        try:
            intent = parse(decode(content) if isinstance(content, bytes) else content, now=now, ttl=ttl)
        except IntentError as error:
            bad.append(BadRow(where, str(error)))
            continue
        if intent.intent_id in first_row:
            earlier = first_row[intent.intent_id]
            bad.append(BadRow(where, f"intent_id {intent.intent_id} is also that of row {earlier}."))
            continue
        first_row[intent.intent_id] = row
        intents.append(intent)
    return intents, bad


def as_message(intent: OrderIntent) -> bytes:
    """An intent as one JSON object for the topic, its extra fields beside the known ones."""
    fields = msgspec.to_builtins(intent)
    extra = fields.pop("extra", {})
    return msgspec.json.encode({**extra, **fields})


def _rows(path: Path) -> Iterator[tuple[int, bytes | dict[str, Any]]]:
    """(row number as an editor or a spreadsheet shows it, content) of each row that is not empty."""
    try:
        match path.suffix.lower():
            case ".csv":
                with path.open(newline="", encoding="utf-8-sig") as file:
                    reader = csv.DictReader(file, strict=True)
                    for cells in reader:
                        yield reader.line_num, _typed(cells.items())
            case ".jsonl" | ".ndjson":
                with path.open("rb") as lines:
                    for number, line in enumerate(lines, 1):
                        if line.strip():
                            yield number, line
            case ".parquet":
                yield from _parquet_rows(path)
            case other:
                raise ConfigError(f"{path.name} is of an unknown format {other!r}; use {', '.join(FORMATS)}.")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {reason}.") from error


def _typed(cells: Iterable[tuple[str | None, Any]]) -> dict[str, Any]:
    """CSV cells as an intent's raw fields; numbers stay text, which is read exactly."""
    raw: dict[str, Any] = {}
    for name, text in cells:
        if name is None:
            raise IntentError(f"There are more cells than the header has columns: {text}.")
        if text is None or text == "":
            continue
        if name == "outside_rth":
            raw[name] = _TRUTH.get(text.lower(), text)
        elif name in _WHOLE and text.isdigit():
            raw[name] = int(text)
        else:
            raw[name] = text
    return raw


def _parquet_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise ConfigError(
            f"{path.name} needs pyarrow to be read; pip install pyarrow, or use CSV."
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} cannot be read as Parquet: {error}.") from error
    for number, record in enumerate(json.loads(frame.to_json(orient="records", date_format="iso")), 1):
        yield number, {name: value for name, value in record.items() if value is not None}
