"""
Risk limits in one YAML file: read strictly, because a misspelled limit must not silently be no limit.

One line per limit, ``name: value``, with the names and units of ``toolkit.risk.catalogue.LIMITS``; lists
as YAML lists or text with commas; ``null`` where a limit is not to be enforced.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from toolkit.errors import ConfigError

NAME: Final = "limits.yaml"
"""The file in TOOLKIT_HOME that is read when no other is named."""


def read(path: Path, known: Collection[str]) -> dict[str, Any]:
    """
    The limits that a file sets, as it says them.

    Args:
        path: the file.
        known: the names of limits.

    Raises:
        ConfigError: it cannot be read, is no list of limits, or names one twice or one that is unknown.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        node, values = yaml.compose(text), yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise ConfigError(f"The limits file {path} cannot be read ({why}); correct it.") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"The limits file {path} holds no limits; write one `name: value` per line.")
    names = [str(key.value) for key, _ in node.value]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}."
            raise ConfigError(f"The limits file {path} sets {name}, which is no limit; {hint}")
        if names.count(name) > 1:
            raise ConfigError(f"The limits file {path} sets {name} more than once; keep one.")
    return values


def write(path: Path, values: Mapping[str, Any], notes: Mapping[str, str]) -> None:
    """
    Write a file that ``read`` reads; the old one stays when that fails.

    Args:
        path: the file.
        values: the limits.
        notes: name -> what stands behind it as a comment (its unit).

    Raises:
        ConfigError: it cannot be written.
    """
    import yaml

    lines = ["# Risk limits, written by `toolkit limits set`; see `toolkit limits show`.\n"]
    for name, value in values.items():
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
        lines.append(f"{name}: {text}" + (f"  # {notes[name]}\n" if notes.get(name) else "\n"))
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text("".join(lines), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"The limits file {path} cannot be written ({error.strerror}).") from error
