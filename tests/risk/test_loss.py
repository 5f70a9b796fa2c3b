"""What the broker tells about profit, and who is told when too much is lost."""

from __future__ import annotations

from decimal import Decimal

from tests import builders
from toolkit.orders.events import Decision
from toolkit.risk.limits import Limits
from toolkit.risk.loss import breaches, watch
from toolkit.risk.profit import Profit

DAY = 86_400.0
LIMITS = Limits.read({"max_daily_loss": 100, "max_drawdown": 100})


def test_a_fall_is_counted_from_the_highest_value_of_the_day() -> None:
    profit = Profit()
    for value, seconds, fall in ((1000, 0, 0), (1200, 1, 0), (1150, 2, 50), (1300, 3, 0), (900, DAY, 0)):
        profit.tell_value(Decimal(value), builders.at(seconds))
        assert profit.drawdown == fall


def test_a_value_that_cannot_be_read_leaves_no_fall_to_go_by() -> None:
    profit = Profit()
    profit.tell_value(Decimal(1000), builders.at(0))
    profit.tell_value(None, builders.at(1))
    assert profit.drawdown is None


def test_a_new_connection_has_told_nothing_but_the_days_highest_value_is_remembered() -> None:
    profit = Profit()
    profit.tell_value(Decimal(1200), builders.at(0))
    profit.tell_daily(Decimal(-5))
    profit.forget()
    assert (profit.daily, profit.drawdown) == (None, None)
    profit.tell_value(Decimal(1000), builders.at(1))
    assert profit.drawdown == 200


def test_whoever_watches_is_told_of_every_figure_beyond_a_limit() -> None:
    profit, told = Profit(), list[Decision]()
    watch(profit, lambda: LIMITS, told.append)
    profit.tell_daily(Decimal(-100))
    profit.tell_value(Decimal(1000), builders.at(0))
    assert told == []
    profit.tell_daily(Decimal("-100.01"))
    assert [each.code for each in told] == ["MAX_DAILY_LOSS"]
    profit.tell_value(Decimal(899), builders.at(1))
    assert [each.code for each in told[1:]] == ["MAX_DAILY_LOSS", "MAX_DRAWDOWN"]


def test_what_nobody_told_is_a_breach_for_orders_but_nothing_to_latch() -> None:
    profit, told = Profit(), list[Decision]()
    watch(profit, lambda: LIMITS, told.append)
    profit.tell_daily(None)
    assert [each.code for each in breaches(profit, LIMITS)] == ["NO_PNL", "NO_PNL"]
    assert told == []
