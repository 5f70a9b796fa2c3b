"""When the orders of one book end by themselves, or meet the close."""

from __future__ import annotations

from datetime import datetime

from toolkit.gateway.ladder import BookOrder


class Expiries:
    """Orders by the instant at which their day is over."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[datetime, dict[BookOrder, None]] = {}

    def add(self, order: BookOrder, moment: datetime) -> None:
        """The order's day is over at ``moment``."""
        order.expires = moment
        self._groups.setdefault(moment, {})[order] = None

    def remove(self, order: BookOrder) -> None:
        """The order does not end by itself, if it ever did."""
        if order.expires is not None:
            group = self._groups[order.expires]
            del group[order]
            if not group:
                del self._groups[order.expires]
            order.expires = None

    def first(self) -> datetime | None:
        """The next instant at which some order's day is over."""
        return min(self._groups, default=None)

    def at(self, moment: datetime) -> list[BookOrder]:
        """The orders whose day is over at that instant, oldest first."""
        return list(self._groups.get(moment, ()))
