"""The pre-trade risk checker: the specification's checks and every other limit, open to subclasses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from toolkit.orders.events import Decision
from toolkit.risk.context import Context
from toolkit.risk.exposure import Book, gross_exposure
from toolkit.risk.limits import Limits, complete
from toolkit.risk.order import Order
from toolkit.risk.rules import in_force


class SimpleRiskChecker:
    """
    Decides whether an order intent may go to the broker.

    Args:
        config: limits by name, see ``limits.LIMITS``: ``max_order_quantity`` (units of the contract
            per order, default 1,000), ``max_gross_exposure`` (account currency, default 1,000,000)
            and more, which are not in force unless set. An unknown name raises ConfigError.

    A subclass adds its own checks by overriding ``validate`` and calling ``super().validate``.
    ``current_exposure`` is money, so a check of its own should add money to it, not shares.

    Bound to a book (``bind``; the client does it), limits are enforced on positions, open orders,
    quotes and the new order together. Unbound there is nothing to measure, and nothing that an
    unbound checker passes can reach a broker.

    Attributes:
        config: every limit, as given or by default.
        limits: the same, read and checked.
        limits_in_force: what is enforced, by name, as plain text and lists; for the journal.
        limits_hash: a short fingerprint of it, stamped on every report.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self._book: Book | None = None
        self._set(complete(config or {}))

    def change(self, limits: Mapping[str, Any]) -> None:
        """
        Put other limits in force, by name; those that are not named stay.

        Raises:
            ConfigError: a name is unknown or a value malformed; nothing was changed.
        """
        self._set(complete({**self.config, **limits}))

    def bind(self, book: Book) -> None:
        """Measure against this book from now on; asked before every order, so the same again is free."""
        if book is self._book:
            return
        self._book = book
        self._checks = in_force(self.limits, bound=True)

    @property
    def current_exposure(self) -> float:
        """
        Worst-case gross exposure of positions and open orders, in account currency.

        Raises:
            MissingPriceError: something held has no price.
        """
        return 0.0 if self._book is None else float(gross_exposure(self._book))

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
        """The verdict of every check in force, passed or not."""
        order = Order.read(intent)
        book = self._book
        context = self._alone if book is None else Context.of(order, book, self.limits)
        return [check(order, context) for check in self._checks]

    def _set(self, config: dict[str, Any]) -> None:
        limits = Limits.read(config)
        self.config, self.limits = config, limits
        self.max_order_quantity = config["max_order_quantity"]
        self.max_gross_exposure = config["max_gross_exposure"]
        self.blocked_symbols = limits.names.get("blocked_symbols", frozenset())
        self._checks = in_force(limits, bound=self._book is not None)
        self._alone = Context(limits=limits)
        self.limits_in_force = _plain(limits)
        self.limits_hash = _fingerprint(self.limits_in_force)


def _plain(limits: Limits) -> dict[str, Any]:
    return {
        **{name: f"{value.normalize():f}" for name, value in limits.numbers.items()},
        **{name: sorted(entries) for name, entries in limits.names.items()},
        **dict.fromkeys(limits.forbidden, "false"),
    }


def _fingerprint(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:12]
