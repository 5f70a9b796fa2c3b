"""What an account's statement shows: TWS account values and portfolio lines."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from toolkit.gateway.account import Account
from toolkit.gateway.events import PortfolioRow
from toolkit.gateway.instruments import Instrument
from toolkit.gateway.margin import STOCK

_CENT = Decimal("0.01")


def account_values(account: Account) -> dict[str, tuple[Decimal | str, str]]:
    """TWS account keys -> (value rounded to the cent, currency or ``""``)."""
    equity = account.net_liquidation
    amounts = {
        "NetLiquidation": equity,
        "TotalCashValue": account.cash,
        "CashBalance": account.cash,
        "BuyingPower": max(account.available_funds, Decimal(0)) / STOCK.long_initial,
        "AvailableFunds": account.available_funds,
        "ExcessLiquidity": account.excess_liquidity,
        "GrossPositionValue": account.gross_position_value,
        "InitMarginReq": account.initial_margin,
        "MaintMarginReq": account.maintenance_margin,
        "UnrealizedPnL": account.unrealized,
        "RealizedPnL": account.realized,
        "EquityWithLoanValue": equity,
    }
    values: dict[str, tuple[Decimal | str, str]] = {"AccountType": ("INDIVIDUAL", "")}
    for key, amount in amounts.items():
        values[key] = (amount.quantize(_CENT), "USD")
    return values


def portfolio(account: Account, instruments: Mapping[int, Instrument]) -> list[PortfolioRow]:
    """One row per instrument that the account holds or held, money rounded to the cent."""
    return [
        PortfolioRow(
            account.name,
            instruments[con_id],
            held.position,
            held.mark / instruments[con_id].units,
            held.market_value.quantize(_CENT),
            held.average_cost,
            held.unrealized.quantize(_CENT),
            held.realized.quantize(_CENT),
        )
        for con_id, held in account.holdings.items()
    ]
