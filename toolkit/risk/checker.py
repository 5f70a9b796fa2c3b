"""The pre-trade risk checker: the specification's checks, open to subclasses."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from toolkit.errors import ConfigError
from toolkit.orders.events import Decision
from toolkit.orders.numbers import exact
from toolkit.risk import rules
from toolkit.risk.exposure import Book, gross_exposure

DEFAULTS: Mapping[str, object] = {
    "max_order_quantity": 1000,
    "max_gross_exposure": 1_000_000,
    "blocked_symbols": (),
}


class SimpleRiskChecker:
    """
    Decides whether an order intent may go to the broker.

    Args:
        config: ``max_order_quantity`` (units of the contract per order, default 1,000),
            ``max_gross_exposure`` (account currency, default 1,000,000) and ``blocked_symbols``
            (none). An unknown name raises ConfigError.

    A subclass adds its own checks by overriding ``validate`` and calling ``super().validate``.
    ``current_exposure`` is money, so a check of its own should add money to it, not shares.

    Bound to a book (``bind``; the client does it), the gross exposure limit is enforced on
    positions, open orders and the new order together. Unbound there is nothing to measure, and
    nothing that an unbound checker passes can reach a broker.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        given = dict(config or {})
        for name in given.keys() - DEFAULTS.keys():
            near = difflib.get_close_matches(name, DEFAULTS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(DEFAULTS)}."
            raise ConfigError(f"Risk limit {name!r} is unknown{hint}")
        self.config = {**DEFAULTS, **given}
        self.max_order_quantity = self.config["max_order_quantity"]
        self.max_gross_exposure = self.config["max_gross_exposure"]
        self.blocked_symbols = frozenset(self.config["blocked_symbols"])
        self._quantity_limit = _limit("max_order_quantity", self.max_order_quantity)
        self._exposure_limit = _limit("max_gross_exposure", self.max_gross_exposure)
        self._book: Book | None = None

    def bind(self, book: Book) -> None:
        """Measure exposure against this book from now on."""
        self._book = book

    @property
    def current_exposure(self) -> float:
        """
        Worst-case gross exposure of positions and open orders, in account currency.

        Raises:
            MissingPriceError: something held has no price.
        """
        return 0.0 if self._book is None else float(gross_exposure(self._book))

    @property
    def limits_hash(self) -> str:
        """A short fingerprint of the limits in force, stamped on every report."""
        content = msgspec.json.encode({name: str(value) for name, value in sorted(self.config.items())})
        return hashlib.sha256(content).hexdigest()[:12]

    def validate(self, intent: dict[str, Any]) -> bool:
        """
        Whether the intent may go. Override to add checks.

        Args:
            intent: the raw order intent.
        """
        return not self.violations(intent)

    def violations(self, intent: Mapping[str, Any]) -> list[Decision]:
        """The checks that the intent fails, each with a sentence; empty when it may go."""
        return [decision for decision in self.decisions(intent) if not decision.passed]

    def decisions(self, intent: Mapping[str, Any]) -> list[Decision]:
        """Every check's verdict, passed or not."""
        verdicts = [
            rules.quantity_above_zero(intent),
            rules.quantity_within_limit(intent, self._quantity_limit),
            rules.order_type_known(intent),
            rules.limit_price_given(intent),
            rules.stop_price_given(intent),
            rules.symbol_allowed(intent, self.blocked_symbols),
        ]
        if self._book is not None:
            verdicts.append(rules.gross_exposure_within_limit(intent, self._book, self._exposure_limit))
        return verdicts


def _limit(name: str, value: object) -> Decimal:
    try:
        limit = exact(value)
    except ValueError as error:
        raise ConfigError(f"Risk limit {name} {error}; give a number of 0 or more.") from None
    if limit < 0:
        raise ConfigError(f"Risk limit {name} is {limit}; give a number of 0 or more.")
    return limit
