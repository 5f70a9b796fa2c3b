"""Tighter limits for single strategies and symbols: of all that apply to an order the tightest wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from toolkit.errors import ConfigError
from toolkit.risk.catalogue import LIMITS
from toolkit.risk.limits import Limits, complete, refuse_unknown

SCOPES: Final = {"strategies": "strategy", "symbols": "symbol"}
"""Section of a config -> what its names are."""


class ScopedLimits:
    """
    The limits of an account, and those of its strategies and symbols.

    Args:
        config: limits by name; ``strategies`` and ``symbols`` hold sections of their own, by
            ``strategy_id`` and by symbol or contract number: ``{"max_order_quantity": 1000,
            "symbols": {"TSLA": {"max_order_quantity": 100}}}``.

    Attributes:
        account: what holds for every order.

    Raises:
        ConfigError: a limit is unknown, malformed, or cannot be set for less than the account.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        plain = {name: value for name, value in config.items() if name not in SCOPES}
        self.account = Limits.read(complete(plain))
        self._sections = {scope: _sections(config, section, scope) for section, scope in SCOPES.items()}
        self._merged: dict[tuple[str, str, int], Limits] = {}

    def of(self, strategy: str, symbol: str, con_id: int) -> Limits:
        """What holds for an order of a strategy in a contract."""
        strategies, symbols = self._sections["strategy"], self._sections["symbol"]
        if not strategies and not symbols:
            return self.account
        key = strategy, symbol, con_id
        found = self._merged.get(key)
        if found is None:
            found, own = self.account, strategies.get(strategy)
            if own is not None:
                found = found.tightened(own.of_one_strategy())
            for section in (symbols.get(symbol.upper()), symbols.get(str(con_id))):
                if section is not None:
                    found = found.tightened(section)
            self._merged[key] = found
        return found

    def written(self) -> dict[str, object]:
        """All of it in plain values, each written in one way only."""
        return {
            **self.account.written(),
            **{
                section: {name: limits.written() for name, limits in self._sections[scope].items()}
                for section, scope in SCOPES.items()
                if self._sections[scope]
            },
        }


def _sections(config: Mapping[str, Any], section: str, scope: str) -> dict[str, Limits]:
    found = config.get(section) or {}
    if not isinstance(found, Mapping):
        raise ConfigError(f"{section} is {found!r}; give limits by {scope}.")
    return {
        (str(name).upper() if scope == "symbol" else str(name)): _section(f"{section}.{name}", limits, scope)
        for name, limits in found.items()
    }


def _section(where: str, limits: Any, scope: str) -> Limits:
    if not isinstance(limits, Mapping):
        raise ConfigError(f"{where} is {limits!r}; give limits by name.")
    allowed = [limit.name for limit in LIMITS if scope in limit.scopes]
    for name in limits:
        if name not in allowed and any(limit.name == name for limit in LIMITS):
            raise ConfigError(
                f"{where}.{name} cannot be set for a {scope}, only for the account; "
                f"a {scope} may have {', '.join(allowed)}."
            )
    refuse_unknown(limits, allowed, f"Risk limit of {where}")
    return Limits.read(limits)
