"""Intents from a file: CSV, JSON lines or Parquet, every bad row named with file, row and field."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from toolkit.errors import ConfigError, IntentError
from toolkit.orders.intent import OrderIntent, decode, parse

FORMATS: Final = (".csv", ".jsonl", ".ndjson", ".parquet")
_TRUTH: Final = {"true": True, "false": False}
_WHOLE: Final = ("con_id", "schema_version")

Raw = dict[str, Any]


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
    for row, read in _rows(path):
        where = f"{path.name} row {row}"
        try:
            intent = parse(read(), now=now, ttl=ttl)
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


def _rows(path: Path) -> Iterator[tuple[int, Callable[[], Raw]]]:
    """(row number as an editor or a spreadsheet shows it, how to read it) of each row that is not empty."""
    try:
        match path.suffix.lower():
            case ".csv":
                with path.open(newline="", encoding="utf-8-sig") as file:
                    reader = csv.DictReader(file, strict=True)
                    _check_header(path, reader.fieldnames or ())
                    for cells in reader:
                        yield reader.line_num, partial(_typed, cells)
            case ".jsonl" | ".ndjson":
                with path.open("rb") as lines:
                    for number, line in enumerate(lines, 1):
                        if line.strip():
                            yield number, partial(decode, line)
            case ".parquet":
                yield from _parquet_rows(path)
            case other:
                raise ConfigError(f"{path.name} is of an unknown format {other!r}; use {', '.join(FORMATS)}.")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path} cannot be read: {reason}.") from error


def _check_header(path: Path, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{path.name} has the column {twice!r} more than once; keep one of them.")


def _typed(cells: Mapping[str | None, Any]) -> Raw:
    """CSV cells as an intent's raw fields; numbers stay text, which is read exactly."""
    raw: Raw = {}
    for name, text in cells.items():
        if name is None:
            raise IntentError(f"There are more cells than the header has columns: {', '.join(text)}.")
        if text is None or text == "":
            continue
        if name == "outside_rth":
            raw[name] = _TRUTH.get(text.lower(), text)
        elif name in _WHOLE and text.isdigit():
            raw[name] = int(text)
        else:
            raw[name] = text
    return raw


def _parquet_rows(path: Path) -> Iterator[tuple[int, Callable[[], Raw]]]:
    try:
        pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigError(
            f"{path.name} needs pyarrow to be read; pip install pyarrow, or use CSV."
        ) from error
    try:
        records = parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        raise ConfigError(f"{path} cannot be read as Parquet: {error}.") from error
    for number, record in enumerate(records, 1):
        yield number, partial(_present, record)


def _present(record: Raw) -> Raw:
    """A Parquet row without its empty cells; whole numbers may come as floats, times as the reader's own."""
    raw: Raw = {}
    for name, value in record.items():
        if isinstance(value, datetime):
            raw[name] = value.isoformat()
        elif name in _WHOLE and isinstance(value, float) and value.is_integer():
            raw[name] = int(value)
        elif value is not None:
            raw[name] = value
    return raw
