"""
Secrets by reference: a parameter says where a secret is, never what it is (hazard H52).

Parameters stay readable in the executed notebook, in its metadata and in the record of the run; a
reference (``env:NAME``, ``file:PATH``) may be read by anybody.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from toolkit.errors import ConfigError

MASK: Final = "********"
SHORTEST: Final = 8
"""Characters; a shorter text occurs by chance, so nobody could keep it out of an output."""
_REFERENCE = re.compile(r"(env|file):(.+)")


def is_reference(value: object) -> bool:
    """Whether this is ``env:NAME`` or ``file:PATH``."""
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def secret(reference: str) -> SecretStr:
    """
    The secret behind a reference; ``get_secret_value()`` shows it, printing does not.

    Args:
        reference: ``env:NAME`` of an environment variable, or ``file:PATH`` of a file with only it.

    Raises:
        ConfigError: it is no reference, there is nothing behind it, or it is too short to be masked.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ConfigError("A secret is given by reference: env:NAME or file:PATH.")
    kind, where = match.groups()
    if kind == "env":
        value = os.environ.get(where, "")
    else:
        try:
            value = Path(where).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise ConfigError(f"The secret {reference} cannot be read: {why}.") from None
    if len(value) < SHORTEST:
        found = "is empty" if not value else f"has fewer than {SHORTEST} characters"
        raise ConfigError(f"The secret {reference} {found}; put it there before the run.")
    return SecretStr(value)


def referenced(parameters: Mapping[str, object]) -> dict[str, SecretStr]:
    """
    Reference -> secret, of every parameter that is one.

    Raises:
        ConfigError: there is nothing behind one of them.
    """
    return {
        value: secret(value)
        for value in parameters.values()
        if isinstance(value, str) and is_reference(value)
    }


def masked(text: str, secrets: Iterable[SecretStr]) -> str:
    """The text without these secrets, also where it is JSON, or JSON of what Python prints."""
    for each in secrets:
        plain = each.get_secret_value()
        for shown in (plain, repr(plain)[1:-1]):
            for form in (json.dumps(shown), json.dumps(shown, ensure_ascii=False)):
                text = text.replace(form[1:-1], MASK)
        text = text.replace(plain, MASK)
    return text
