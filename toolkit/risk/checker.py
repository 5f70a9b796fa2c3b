"""The pre-trade risk checker: the specification's checks and every other limit, open to subclasses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from toolkit.orders.contract import Instrument
from toolkit.orders.events import Decision
from toolkit.risk.catalogue import DEFAULTS
from toolkit.risk.context import Context
from toolkit.risk.exposure import Book
from toolkit.risk.limits import Limits
from toolkit.risk.order import Order
from toolkit.risk.rules import RuleSet, denials, in_force, judge, passed
from toolkit.risk.scopes import ScopedLimits


class SimpleRiskChecker:
    """
    Decides whether an order intent may go to the broker.

    Args:
        config: limits by name, see ``catalogue.LIMITS``: ``max_order_quantity`` (units of the contract
            per order, default 1,000), ``max_gross_exposure`` (account currency, default 1,000,000)
            and more, which are not in force unless set; ``strategies`` and ``symbols`` hold tighter
            ones, see ``scopes.ScopedLimits``. An unknown name raises ConfigError.

    A subclass adds its own checks by overriding ``validate`` and calling ``super().validate`` first.
    The specification's own example compares ``current_exposure + quantity`` with the limit. It works
    as it stands, but adds shares to money: 150 shares at 500 USD count as 150 there, not as 75,000.
    It is ``super().validate`` that holds the order's money against ``max_gross_exposure``; a check of
    its own should add quantity x price x multiplier x exchange rate.

    Bound to a book (``bind``; the client does it), limits are enforced on positions, open orders,
    quotes and the new order together. Unbound there is nothing to measure, and nothing that an
    unbound checker passes can reach a broker.

    Attributes:
        config: every limit, as given or by default.
        limits: those of the account, read and checked.
        limits_in_force: what is enforced, by name, as plain text and lists; for the journal.
        limits_hash: a short fingerprint of it, stamped on every report.
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self._book: Book | None = None
        self._rules: dict[int, RuleSet] = {}
        """which limits -> the rules that they put in force"""
        self._set({**DEFAULTS, **(config or {})})

    def change(self, limits: Mapping[str, Any]) -> None:
        """
        Put other limits in force, by name; those that are not named stay.

        Raises:
            ConfigError: a name is unknown or a value malformed; nothing was changed.
        """
        self._set({**self.config, **limits})

    def bind(self, book: Book) -> None:
        """Measure against this book from now on; asked before every order, so the same again is free."""
        if book is self._book:
            return
        self._book = book
        self._rules = {}

    @property
    def current_exposure(self) -> float:
        """
        Worst-case gross exposure of positions and open orders, in account currency.

        Raises:
            MissingPriceError, MissingRateError: something held has no price, or no exchange rate.
        """
        return 0.0 if self._book is None else float(self._book.exposure.total().gross)

    def validate(self, intent: dict[str, Any]) -> bool:
        """
        Whether the intent may go. Override to add checks, in money where the limit is money.

        Args:
            intent: the raw order intent.
        """
        return not self.violations(intent)

    def violations(self, intent: Mapping[str, Any]) -> list[Decision]:
        """The checks that the intent fails, all of them, each with a sentence; empty when it may go."""
        order, context = self._asked(intent)
        return denials(self.rules(context.limits), order, context)

    def decisions(self, intent: Mapping[str, Any]) -> list[Decision]:
        """The verdict of every check in force, passed ones too, for a person to read."""
        order, context = self._asked(intent)
        return [
            judge(rule, order, context) or passed(rule, context) for rule in self.rules(context.limits).rules
        ]

    def _asked(self, intent: Mapping[str, Any]) -> tuple[Order, Context]:
        order, book = Order.read(intent), self._book
        instrument = None if book is None else book.instrument(intent)
        limits = self.limits_of(order, instrument)
        if book is None:
            return order, Context(limits=limits)
        return order, Context.of(order, book, instrument, limits)

    def verdict(self, intent: dict[str, Any]) -> tuple[Decision, ...]:
        """
        Why the intent may not go, () when it may.

        What ``validate`` refuses without a limit's reason is refused as ``RISK_LIMITS``.
        """
        if self.validate(intent):
            return ()
        return tuple(self.violations(intent)) or (
            Decision(code="RISK_LIMITS", message="Risk limits exceeded"),
        )

    def rules(self, limits: Limits) -> RuleSet:
        """What these limits put in force, with a book or without one."""
        rules = self._rules.get(id(limits))
        if rules is None:  # the limits live as long as the checker, so their id names them
            rules = self._rules[id(limits)] = in_force(limits, bound=self._book is not None)
        return rules

    def limits_of(self, order: Order, instrument: Instrument | None) -> Limits:
        """The limits that hold for an order, whatever it calls its contract."""
        if instrument is None:
            return self._scoped.of(order.strategy, order.symbol, order.con_id)
        return self._scoped.of(order.strategy, instrument.symbol, instrument.con_id)

    def _set(self, config: dict[str, Any]) -> None:
        scoped = ScopedLimits(config)
        self._scoped, self.config, self.limits = scoped, config, scoped.account
        self.max_order_quantity = config["max_order_quantity"]
        self.max_gross_exposure = config["max_gross_exposure"]
        self.blocked_symbols = scoped.account.names.get("blocked_symbols", frozenset())
        self._rules = {}
        self.limits_in_force = scoped.written()
        self.limits_hash = _fingerprint(self.limits_in_force)


def _fingerprint(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:12]
