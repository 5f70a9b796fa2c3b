"""
One raw dict, read field by field into exact values; every failure is an IntentError naming the field.

What JSON, Python and a DataFrame row call a number, a text or a time is decided here; which fields
an intent has, and which of them it needs, is the business of ``intent``.
"""

from __future__ import annotations

import difflib
import numbers
import re
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from toolkit.errors import IntentError
from toolkit.orders.numbers import LARGEST, exact

LONGEST_TEXT: Final = 64
"""Most characters of a text field."""

_IDENTITY = re.compile(r"[A-Za-z0-9._-]{1,40}")


class Fields:
    """
    The fields of one raw message.

    Every reader takes a field's name and returns its value, or None (``""`` for text) when the
    field is absent or null. All raise IntentError.

    Attributes:
        unknown: the fields that nobody here knows, by name.
    """

    def __init__(self, raw: Mapping[str, Any], known: Container[str]) -> None:
        self._raw = raw
        self.unknown = {str(key): value for key, value in raw.items() if key not in known}

    def given(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._raw.get(name) is not None

    def identity(self, name: str) -> str:
        """A required id: 1 to 40 of ``[A-Za-z0-9._-]``."""
        value = self._raw.get(name)
        if value is None or (isinstance(value, str) and not value):
            raise self.missing(name)
        if not is_identity(value):
            raise self.bad(name, f"is {shown(value)}; use 1 to 40 of A-Z a-z 0-9 . _ -")
        return str(value)

    def text(self, name: str) -> str:
        """Printable ASCII."""
        value = self._raw.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.bad(name, f"is {shown(value)}; it must be text")
        if not value.isascii() or not value.isprintable() or len(value) > LONGEST_TEXT:
            raise self.bad(name, f"is {shown(value)}; use up to {LONGEST_TEXT} printable ASCII characters")
        return str(value)

    def word(self, name: str, allowed: tuple[str, ...], default: str = "") -> str:
        """One of a few words, in their exact case; required when there is no ``default``."""
        value = self._raw.get(name)
        if value is None:
            if default:
                return default
            raise self.missing(name)
        if isinstance(value, str) and value in allowed:
            return str(value)
        hint = ""
        if isinstance(value, str):
            near = difflib.get_close_matches(value.upper().replace(" ", "_"), allowed, 1)
            hint = f" (did you mean {near[0]}?)" if near else ""
        raise self.bad(name, f"is {shown(value)}; it must be {choice(allowed)}{hint}")

    def whole(self, name: str) -> int | None:
        """A whole number from 0."""
        value = self._raw.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise self.bad(name, f"is {shown(value)}; it must be a whole number")
        number = int(value)
        if not 0 <= number <= LARGEST:
            raise self.bad(name, f"is {shown(number)}; it must be from 0 to {LARGEST:f}")
        return number

    def flag(self, name: str) -> bool | None:
        """True or false, and nothing that only behaves like it."""
        value = self._raw.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self.bad(name, f"is {shown(value)}; it must be true or false")

    def number(self, name: str, *, positive: bool = True) -> Decimal | None:
        """An exact number, above 0 unless told otherwise."""
        value = self._raw.get(name)
        if value is None:
            return None
        try:
            number = exact(value)
        except ValueError as error:
            raise self.bad(name, f"{error}; it must be a number{' above 0' if positive else ''}") from None
        if positive and number <= 0:
            raise self.bad(name, f"is {number}; it must be above 0")
        return number

    def time(self, name: str) -> datetime | None:
        """A datetime, or ISO 8601 text, with a time zone; in UTC, to the microsecond."""
        value = self._raw.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                raise self.bad(name, f"is {shown(value)}; use ISO 8601 in UTC") from None
        if not isinstance(value, datetime):
            raise self.bad(name, f"is {shown(value)}; use ISO 8601 in UTC")
        if value.tzinfo is None:
            raise self.bad(name, f"is {value.isoformat()} without a time zone; append Z for UTC")
        # pandas' Timestamp is a datetime with nanoseconds; the journal keeps plain datetimes.
        to_datetime: Callable[..., datetime] | None = getattr(value, "to_pydatetime", None)
        try:
            return (to_datetime(warn=False) if to_datetime else value).astimezone(UTC)
        except OverflowError:
            raise self.bad(name, f"is {value.isoformat()}; its year in UTC must be 1 to 9999") from None

    def missing(self, name: str, why: str = "it is required") -> IntentError:
        """The error for an absent field; an unknown field with nearly its name is pointed out."""
        near = difflib.get_close_matches(name, self.unknown, 1, 0.7)
        hint = f" (the message has {near[0]!r}: rename it to {name!r})" if near else ""
        return IntentError(f"{name} is missing; {why}{hint}.", field=name, code=f"MISSING_{name.upper()}")

    def bad(self, name: str, what: str) -> IntentError:
        """The error for a malformed field; ``what`` says what it is and what it must be."""
        return IntentError(f"{name} {what}.", field=name, code=f"BAD_{name.upper()}")


def is_identity(value: object) -> bool:
    """Whether a value can be an intent id: 1 to 40 of ``[A-Za-z0-9._-]``."""
    return isinstance(value, str) and _IDENTITY.fullmatch(value) is not None


def choice(words: Iterable[str]) -> str:
    """Words as a choice for a reader: ``A``, ``A or B``, ``A, B or C``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def shown(value: object) -> str:
    """A value as error messages quote it, at most 60 characters."""
    # Python refuses to spell out integers of more than 4,300 digits.
    text = hex(value) if type(value) is int and value.bit_length() > 200 else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
