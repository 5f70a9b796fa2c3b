"""Limits in force: read from a config, checked, and of several the tighter ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from toolkit.errors import ConfigError
from toolkit.orders.numbers import exact
from toolkit.risk.catalogue import DEFAULTS, LIMITS

RATE_WINDOW_S: Final = Decimal(1)
"""Seconds over which orders are counted for ``max_orders_per_second``."""
RATE_WINDOW: Final = timedelta(seconds=float(RATE_WINDOW_S))


OWN_RATE: Final = "max_own_orders_per_second"
"""What ``max_orders_per_second`` is called where a strategy's section sets it: it counts that one's alone."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """
    Limits in force.

    Attributes:
        numbers: name -> value, those that are not enforced left out.
        names: name -> upper-case entries, empty ones left out.
        forbidden: flags that are false.
        in_force: which limits these are.
        look_back: how far back in time any of them looks at orders.
    """

    numbers: Mapping[str, Decimal]
    names: Mapping[str, frozenset[str]]
    forbidden: frozenset[str]
    in_force: frozenset[str]
    look_back: timedelta

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Limits:
        """
        The limits that a config names; a complete one names them all.

        Raises:
            ConfigError: a value is malformed; the sentence names it.
        """
        numbers: dict[str, Decimal] = {}
        names: dict[str, frozenset[str]] = {}
        forbidden: set[str] = set()
        for limit in LIMITS:
            if limit.name not in config:
                continue
            value = config[limit.name]
            if limit.kind == "names":
                if entries := _names(limit.name, value):
                    names[limit.name] = entries
            elif limit.kind == "flag":
                if not _flag(limit.name, value):
                    forbidden.add(limit.name)
            # The specification's two limits are always in force.
            elif value is not None or limit.name in _ALWAYS:
                numbers[limit.name] = _number(limit.name, value)
        return cls.of(numbers, names, frozenset(forbidden))

    @classmethod
    def of(
        cls,
        numbers: Mapping[str, Decimal],
        names: Mapping[str, frozenset[str]],
        forbidden: frozenset[str],
    ) -> Limits:
        """Limits by their values."""
        seconds = max(RATE_WINDOW_S, numbers.get("repeat_window_s", RATE_WINDOW_S))
        return cls(
            numbers=numbers,
            names=names,
            forbidden=forbidden,
            in_force=frozenset({*numbers, *names, *forbidden}),
            look_back=timedelta(seconds=float(seconds)),
        )

    def of_one_strategy(self) -> Limits:
        """The same where what counts orders counts those of one strategy, beside the account's own."""
        numbers = {
            OWN_RATE if name == "max_orders_per_second" else name: n for name, n in self.numbers.items()
        }
        return Limits.of(numbers, self.names, self.forbidden)

    def tightened(self, other: Limits) -> Limits:
        """Both together: of every limit the tighter one."""
        numbers, names = dict(self.numbers), dict(self.names)
        for name, value in other.numbers.items():
            tighter = max if name in _LARGER_IS_TIGHTER else min
            numbers[name] = tighter(numbers.get(name, value), value)
        for name, entries in other.names.items():
            mine = names.get(name, entries)
            names[name] = mine | entries if name == "blocked_symbols" else mine & entries
        return Limits.of(numbers, names, self.forbidden | other.forbidden)

    def written(self) -> dict[str, object]:
        """The limits in plain values, each written in one way only."""
        return {
            **{name: f"{value.normalize():f}" for name, value in self.numbers.items()},
            **{name: sorted(entries) for name, entries in self.names.items()},
            **dict.fromkeys(self.forbidden, "false"),
        }


_ALWAYS = frozenset({"max_order_quantity", "max_gross_exposure"})
_LARGER_IS_TIGHTER = frozenset({"repeat_window_s", "min_days_to_expiry", "min_excess_liquidity"})


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """
    A config with every default filled in.

    Raises:
        ConfigError: a name is unknown.
    """
    refuse_unknown(config, DEFAULTS, "Risk limit")
    return {**DEFAULTS, **config}


def refuse_unknown(config: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    """
    Stop at the first name that is not known.

    Raises:
        ConfigError: says which name, and what may be meant.
    """
    names = list(known)
    for name in config:
        if name not in names:
            near = difflib.get_close_matches(str(name), names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names)}."
            raise ConfigError(f"{what} {name!r} is unknown{hint}")


def _number(name: str, value: object) -> Decimal:
    try:
        number = exact(value)
    except ValueError as error:
        raise ConfigError(f"Risk limit {name} {error}; give a number of 0 or more.") from None
    if number < 0:
        raise ConfigError(f"Risk limit {name} is {number}; give a number of 0 or more.")
    return number


def _flag(name: str, value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, bool):
        return value
    raise ConfigError(f"Risk limit {name} is {value!r}; give true or false.")


def _names(name: str, value: object) -> frozenset[str]:
    if value is None:
        return frozenset()
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, Iterable):
        raise ConfigError(f"Risk limit {name} is {value!r}; give a list of names.")
    return frozenset(text for text in (str(entry).strip().upper() for entry in entries) if text)
