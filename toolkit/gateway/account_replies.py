"""What the gateway says of accounts, positions and profits, by name: values -> one frame."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from toolkit.gateway.events import PortfolioRow, PositionChanged
from toolkit.gateway.fields import UNSET_DOUBLE, number
from toolkit.gateway.replies import contract_fields
from toolkit.gateway.wire import frame


def account_value(key: str, value: Decimal | str, currency: str, account: str) -> bytes:
    """One value of the account stream."""
    return frame(("6", "2", key, _value(value), currency, account))


def portfolio_value(row: PortfolioRow) -> bytes:
    """One position of the account stream, at market."""
    return frame(
        (
            "7",
            "8",
            *contract_fields(row.instrument, row.instrument.primary_exchange),
            number(row.position),
            number(row.market_price),
            number(row.market_value),
            number(row.average_cost),
            number(row.unrealized_pnl),
            number(row.realized_pnl),
            row.account,
        )
    )


def account_update_time(now: datetime) -> bytes:
    """When the account stream was last refreshed."""
    return frame(("8", "1", now.strftime("%H:%M")))


def account_download_end(account: str) -> bytes:
    """The account stream is complete; only changes follow."""
    return frame(("54", "1", account))


def account_update_multi(
    req_id: int, account: str, model: str, key: str, value: Decimal | str, currency: str
) -> bytes:
    """One account value under a request id."""
    return frame(("73", "1", str(req_id), account, model, key, _value(value), currency))


def account_update_multi_end(req_id: int) -> bytes:
    """The values under this request id are complete; only changes follow."""
    return frame(("74", "1", str(req_id)))


def account_summary(req_id: int, account: str, tag: str, value: Decimal | str, currency: str) -> bytes:
    """One value of an account summary."""
    return frame(("63", "1", str(req_id), account, tag, _value(value), currency))


def account_summary_end(req_id: int) -> bytes:
    """The summary is complete; only changes follow."""
    return frame(("64", "1", str(req_id)))


def position(row: PositionChanged) -> bytes:
    """One position."""
    return frame(("61", "3", row.account, *_position(row)))


def position_end() -> bytes:
    """The positions are complete; only changes follow."""
    return frame(("62", "1"))


def position_multi(req_id: int, row: PositionChanged, model: str) -> bytes:
    """One position under a request id."""
    return frame(("71", "1", str(req_id), row.account, *_position(row), model))


def position_multi_end(req_id: int) -> bytes:
    """The positions under this request id are complete; only changes follow."""
    return frame(("72", "1", str(req_id)))


def pnl(req_id: int, daily: Decimal, unrealized: Decimal, realized: Decimal) -> bytes:
    """Profit of an account, in its currency."""
    return frame(("94", str(req_id), number(daily), number(unrealized), number(realized)))


def pnl_single(req_id: int, row: PortfolioRow, daily: Decimal) -> bytes:
    """Profit of one position, in the account's currency."""
    values = (row.position, daily, row.unrealized_pnl, row.realized_pnl, row.market_value)
    return frame(("95", str(req_id), *map(number, values)))


def pnl_single_of_nothing(req_id: int) -> bytes:
    """There is no such position: its profits are unset, which is how the broker says so."""
    return frame(("95", str(req_id), "0", UNSET_DOUBLE, UNSET_DOUBLE, UNSET_DOUBLE, "0"))


def _value(value: Decimal | str) -> str:
    return value if isinstance(value, str) else number(value)


def _position(row: PositionChanged) -> tuple[str, ...]:
    contract = contract_fields(row.instrument, "")
    return (*contract, number(row.position), number(row.average_cost))
