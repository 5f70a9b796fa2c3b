"""
Facts and reports as the JSON text that the journal keeps.

Every fact carries the version it was written with (``v``), so that a journal can be read for as
long as it exists: a change of meaning gets a new version and a step in ``decode`` that reads the old.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from toolkit.errors import JournalError
from toolkit.orders.controls import AnyFact
from toolkit.orders.events import AnyEvent

VERSION: Final = 1
_PREFIX: Final = b'{"v":%d,' % VERSION


def encode(event: AnyEvent) -> bytes:
    """
    One fact as a JSON object: ``v``, ``type``, and the fields that differ from their defaults.

    Raises:
        JournalError: a value in it has no JSON form (a broken character, a key that is no text).
    """
    return _PREFIX + _encode(event, lambda: f"{type(event).__name__} of {event.intent_id}")[1:]


def encode_report(report: Mapping[str, Any]) -> bytes:
    """
    One execution report as a JSON object.

    Raises:
        JournalError: as ``encode``.
    """
    return _encode(report, lambda: f"report {report.get('report_seq')} of {report.get('intent_id')}")


def encode_control(fact: AnyFact) -> bytes:
    """
    One operator's fact as a JSON object, as ``encode`` does.

    Raises:
        JournalError: as ``encode``.
    """
    return _PREFIX + _encode(fact, lambda: type(fact).__name__)[1:]


def decode_control(body: bytes, row: int) -> AnyFact:
    """
    The fact that ``encode_control`` wrote.

    Raises:
        JournalError: as ``decode``.
    """
    if not body.startswith(_PREFIX):
        _refuse_version(body, row)
    try:
        return _controls.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalError(f"Row {row} of the journal's controls cannot be read ({error}).") from error


def decode(body: bytes, row: int) -> AnyEvent:
    """
    The fact that ``encode`` wrote.

    Args:
        body: the JSON object.
        row: its sequence number in the journal, for the error.

    Raises:
        JournalError: broken JSON, a type or field we do not know, or a newer version; names the row.
    """
    if not body.startswith(_PREFIX):
        _refuse_version(body, row)
    try:
        return _events.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalError(
            f"Row {row} of the journal cannot be read ({error}); restore the journal from a copy, "
            "or move it away and start a new one."
        ) from error


def _encode(value: object, name: Callable[[], str]) -> bytes:
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise JournalError(f"The {name()} cannot be written as JSON ({error}); send plain values.") from error


def _plain(value: object) -> object:
    """The nearest JSON-ready value of a type that JSON does not know (numpy, pandas, anything)."""
    item = getattr(value, "item", None)
    return item() if callable(item) else str(value)


def _refuse_version(body: bytes, row: int) -> None:
    try:
        version = _version.decode(body).v
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalError(
            f"Row {row} of the journal is not a fact ({error}); restore the journal from a copy, "
            "or move it away and start a new one."
        ) from error
    if version > VERSION:
        raise JournalError(
            f"Row {row} of the journal was written by a newer toolkit (version {version}, this one reads "
            f"{VERSION}); upgrade toolkit."
        )
    if version < VERSION:
        raise JournalError(f"Row {row} of the journal has version {version}, which never existed.")


class _Version(msgspec.Struct):
    v: int


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_events: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_controls: msgspec.json.Decoder[AnyFact] = msgspec.json.Decoder(AnyFact)
_version = msgspec.json.Decoder(_Version)
