"""
A runbook and its parameters, checked against the declared ones before anything starts.

papermill itself only warns about an unknown parameter, runs with the default, and guesses the types
of the others; here the type of the declared default decides, and nothing is guessed.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from toolkit.errors import ConfigError
from toolkit.runbooks.parameters import MODELS
from toolkit.runbooks.secret import is_reference

_PACKAGE = Path(__file__).parent.parent
HOMES: Final = (_PACKAGE / "_runbooks", _PACKAGE.parent / "runbooks")
"""Where runbooks are when installed, and in a checkout."""

_SECRETS: Final = frozenset({"password", "passwd", "passphrase", "token", "secret", "key", "apikey", "pin"})
_TYPES: Final[Mapping[str, type]] = {"bool": bool, "int": int, "float": float, "str": str}
_WANTED: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
}
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Runbook:
    """A notebook and the parameters it declares: name -> (type, default; None for a required one)."""

    path: Path
    parameters: Mapping[str, tuple[type, object]]

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    def values(self, given: Mapping[str, object]) -> dict[str, object]:
        """
        The given parameters, each as the type its declared default has.

        Args:
            given: text from a command line, or plain values.

        Raises:
            ConfigError: unknown, missing, of another type, out of range, or a secret that is no reference.
        """
        values = {}
        for name, (_, default) in self.parameters.items():
            _refuse_secret(name, given.get(name, default))
        for name, value in given.items():
            if name not in self.parameters:
                _refuse_secret(name, value)
                near = difflib.get_close_matches(name, self.parameters, 1)
                hint = (
                    f"did you mean {near[0]}?" if near else f"it has {', '.join(self.parameters) or 'none'}."
                )
                raise ConfigError(f"Runbook {self.name} has no parameter {name!r}; {hint}")
            values[name] = _typed(name, value, self.parameters[name][0])
        required = [name for name, (_, default) in self.parameters.items() if default is None]
        missing = [name for name in required if name not in given]
        if missing:
            raise ConfigError(
                f"Runbook {self.name} needs {' and '.join(missing)}; add -p {missing[0]} VALUE."
            )
        if self.path.parent in HOMES and self.name in MODELS:
            defaults = {name: default for name, (_, default) in self.parameters.items()}
            MODELS[self.name].check({**defaults, **values})
        return values


def find(name: str | Path) -> Runbook:
    """
    A runbook by name or by path.

    Raises:
        ConfigError: there is none, it is no notebook, or a declared parameter's type is not clear.
    """
    path = Path(name)
    if path.suffix != ".ipynb" and len(path.parts) == 1:
        path = _named(path.name)
    if not path.is_file():
        raise ConfigError(f"There is no runbook at {path}; give a name or the path of an .ipynb file.")
    try:
        declared = papermill().inspect_notebook(str(path))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ConfigError(f"{path} is no notebook that can be run: {error}.") from error
    return Runbook(path, {parameter: _declared(path, item) for parameter, item in declared.items()})


def read_parameters(path: Path) -> dict[str, str]:
    """
    The parameters in a YAML file, one ``name: value`` per line, every value as the text it is there.

    YAML's own guesses (``off`` is false, ``007`` is 7, ``ON`` is true) are left out: the declared
    types decide, as on the command line.

    Raises:
        ConfigError: the file cannot be read, holds something else, or names a parameter twice.
    """
    import yaml

    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ConfigError(f"The parameters in {path} cannot be read: {why}.") from error
    if node is None:
        return {}
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(node, node)]
    values: dict[str, str] = {}
    for key, value in pairs:
        if not (isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)) or key is value:
            line = value.start_mark.line + 1
            raise ConfigError(f"Line {line} of {path} is no parameter; write one `name: value` per line.")
        if key.value in values:
            raise ConfigError(f"The file {path} gives parameter {key.value} more than once; keep one.")
        values[key.value] = value.value
    return values


def papermill() -> Any:
    """
    The library that executes notebooks.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import papermill as library
    except ImportError as error:
        raise ConfigError("Runbooks need papermill; pip install 'toolkit[notebook]'.") from error
    return library


def _refuse_secret(name: str, value: object) -> None:
    """What looks like a secret may only say where the secret is (hazard H52)."""
    if value in ("", None) or is_reference(value):
        return
    if _SECRETS & set(re.split(r"[^a-z]+", name.lower())):
        raise ConfigError(
            f"Parameter {name} looks like a secret, and parameters stay readable in the executed "
            "notebook; give a reference instead, env:NAME or file:PATH."
        )


def _named(name: str) -> Path:
    known = {file.stem: file for home in HOMES for file in sorted(home.glob("*.ipynb"))}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}."
    raise ConfigError(f"There is no runbook {name!r}; {hint}")


def _declared(path: Path, item: Mapping[str, str]) -> tuple[type, object]:
    """Type and default of one declared parameter; an annotation counts only where the default is None."""
    try:
        default = ast.literal_eval(item["default"])
    except (ValueError, SyntaxError):
        default = ...
    kind = _TYPES.get(item["inferred_type_name"], str) if default is None else type(default)
    if kind not in _WANTED:
        raise ConfigError(
            f"Parameter {item['name']} of {path} has the default {item['default']}; make it a plain number, "
            "a text, True, False, or None for a required one."
        )
    return kind, default


def _typed(name: str, value: object, kind: type) -> object:
    """One value as its declared type: no text for a flag, and ``007`` stays text where text is declared."""
    match value:
        case Path() if kind is str:
            return str(value)
        case "true" | "false" if kind is bool:
            return value == "true"
        case str() if kind is int and _WHOLE.fullmatch(value):
            return int(value)
        case str() | float() | int() if kind is float and not isinstance(value, bool):
            number = _number(value)
            if math.isfinite(number):
                return number
        case _ if type(value) is kind:
            return value
    raise ConfigError(f"Parameter {name} is {value!r}; give {_WANTED[kind]}.")


def _number(value: str | float) -> float:
    """The number, NaN for a text that is none."""
    if isinstance(value, str) and "_" in value:
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan
