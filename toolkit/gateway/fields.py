"""How single values are written in a field, and read from one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from toolkit.errors import WireError

UNSET = frozenset(
    {"", "1.7976931348623157e+308", "1.7976931348623157E308", "2147483647", "9223372036854775807"}
)
"""The spellings of "not set" that clients use for numbers."""

UNSET_DOUBLE = "1.7976931348623157E308"
"""What the broker sends for a profit that does not exist; clients compare with it."""

# Years from 1970 to 2199: there is arithmetic with them that must not overflow.
_MOMENT = re.compile(r"^((?:19[7-9]|2[01]\d)\d{5})(?: {1,2}|-)(\d{2}:\d{2}:\d{2})(?: ([A-Za-z_/]+))?$")


MAX_NUMBER_LENGTH = 40
"""Longest number accepted, in characters: longer ones only serve to burn processor time."""


def number(value: Decimal | float | None) -> str:
    """A number without exponent and without needless zeros (``100``, not ``100.0``); None: empty."""
    if value is None:
        return ""
    text = str(value)
    if "e" in text or "E" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def flag(value: bool) -> str:
    """A boolean."""
    return "1" if value else "0"


@lru_cache(maxsize=64)  # a batch has one moment
def timestamp(moment: datetime) -> str:
    """A moment as executions carry it: single blanks and a zone name, which every client reads."""
    return moment.strftime("%Y%m%d %H:%M:%S UTC")


def moment(text: str, name: str) -> datetime | None:
    """
    The moment in a field, in UTC; one without a zone is UTC already. None when the field is empty.

    Raises:
        WireError: it is no such time; names the field.
    """
    if not text:
        return None
    try:
        day, clock, zone = _MOMENT.findall(text)[0]
        found = datetime.strptime(f"{day} {clock} +0000", "%Y%m%d %H:%M:%S %z")
        return found.replace(tzinfo=ZoneInfo(zone or "UTC")).astimezone(UTC)
    except (IndexError, ValueError, KeyError, OSError, OverflowError) as error:
        raise WireError(
            f"Field {name} should look like '20260102 15:30:00 UTC' and is {text[:MAX_NUMBER_LENGTH]!r}."
        ) from error


@lru_cache(maxsize=4096)
def decimal(text: str, name: str) -> Decimal | None:
    """
    The number in a field; None when it is unset.

    Raises:
        WireError: not a finite number; names the field.
    """
    if text in UNSET:
        return None
    try:
        value = Decimal(text) if len(text) <= MAX_NUMBER_LENGTH else None
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite() or not -30 <= value.adjusted() <= 30:
        raise WireError(f"Field {name} should be a number and is {text[:MAX_NUMBER_LENGTH]!r}.")
    return value


@lru_cache(maxsize=4096)
def integer(text: str, name: str) -> int:
    """
    The whole number in a field; 0 when it is unset.

    Raises:
        WireError: not a whole number of at most 64 bits; names the field.
    """
    if text in UNSET:
        return 0
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
        raise WireError(f"Field {name} should be a whole number and is {text[:MAX_NUMBER_LENGTH]!r}.")
    return int(text)


class Reader:
    """A cursor over the fields of one request; every read names its field, for the error."""

    __slots__ = ("_at", "_fields", "version")

    def __init__(self, fields: Sequence[str], version: int) -> None:
        self._fields = fields
        self._at = 1
        self.version = version

    def text(self, name: str) -> str:
        """The next field as it is. Raises WireError when the request ends before it."""
        if self._at >= len(self._fields):
            raise WireError(f"The request ends before field {name}.")
        value = self._fields[self._at]
        self._at += 1
        return value

    def integer(self, name: str) -> int:
        """The next field as a whole number, 0 when unset. Raises WireError."""
        return integer(self.text(name), name)

    def flag(self, name: str) -> bool:
        """The next field as a boolean, false when empty. Raises WireError."""
        text = self.text(name)
        if text not in {"", "0", "1", "true", "false", "True", "False"}:
            raise WireError(f"Field {name} should be 0 or 1 and is {text[:MAX_NUMBER_LENGTH]!r}.")
        return text in {"1", "true", "True"}

    def skip(self, name: str, count: int = 1) -> None:
        """Pass over fields that carry nothing for us. Raises WireError."""
        for _ in range(count):
            self.text(name)
