"""
The money of one paper account: cash, positions, average cost, margin, realised profit, commission.

Pure and exact: every amount is ``Decimal`` USD, so cash plus positions at their marks equals net
liquidation, and realised plus unrealised profit equals its change, to the last digit. Margin is
Regulation T's simple form: half of the gross value to open, a quarter (long) or 30 % (short) to
keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from toolkit.errors import ConfigError
from toolkit.gateway.margin import STOCK, Rates

ZERO = Decimal(0)
_COST_UNIT = Decimal("0.00000001")

PER_SHARE = Decimal("0.005")
MINIMUM = {"fixed": Decimal("1.00"), "tiered": Decimal("0.35"), "forex": Decimal("2.00")}
PER_CONTRACT = {"futures": (Decimal("0.85"), ZERO), "options": (Decimal("0.65"), Decimal("1.00"))}
FOREX_RATE = Decimal("0.00002")  # of the value
CAP = Decimal("0.01")  # of the order's value; where both apply it beats the minimum
TIERS = (  # shares up to, USD per share; counted per order here, per month at the broker
    (Decimal(300_000), Decimal("0.0035")),
    (Decimal(3_000_000), Decimal("0.002")),
    (Decimal(20_000_000), Decimal("0.0015")),
    (Decimal(100_000_000), Decimal("0.001")),
    (Decimal("Infinity"), Decimal("0.0005")),
)

Number = Decimal | int | float | str


def commission(quantity: Number, price: Number, plan: str = "fixed") -> Decimal:
    """
    Commission in USD of one order that traded ``quantity`` shares at ``price`` USD.

    Fixed: 0.005 per share, at least 1.00, at most 1 % of the value; tiered: 0.0035 down to 0.0005
    per share, at least 0.35, same cap (exchange and regulatory fees are not included). Source: the
    broker's published schedule of US stock commissions. Forex: 0.2 basis points of the value, at
    least 2.00. Futures 0.85 a contract, options 0.65 a contract and at least 1.00 (both from memory,
    without the exchanges' own fees).

    Raises:
        ConfigError: for a plan other than ``fixed``, ``tiered``, ``forex``, ``futures``, ``options``.
    """
    shares = abs(_decimal(quantity))
    return _order_commission(shares, shares * _decimal(price), plan)


def commission_increments(fills: Iterable[Any], plan: str = "fixed") -> list[Decimal]:
    """
    What each further fill of one order adds to its commission, in USD.

    The minimum and the cap hold for the order as a whole, so the amounts sum to the commission of
    the whole order, and the first fill usually carries the minimum.

    Args:
        fills: in order, each a (quantity, price) pair, or a mapping with ``qty`` or ``quantity``
            (shares) and ``price`` (USD).
        plan: as in :func:`commission`.
    """
    meter = CommissionMeter(plan)
    return [meter.add(*_quantity_and_price(fill)) for fill in fills]


def plan_of(sec_type: str, stocks: str) -> str:
    """The plan that applies to a kind of instrument, given the one for stocks."""
    return {"CASH": "forex", "FUT": "futures", "OPT": "options"}.get(sec_type, stocks)


class CommissionMeter:
    """The commission of one order as its fills come in."""

    __slots__ = ("charged", "plan", "shares", "value")

    def __init__(self, plan: str = "fixed") -> None:
        self.plan = plan
        self.shares = ZERO
        self.value = ZERO
        self.charged = ZERO

    def add(self, shares: Decimal, price: Decimal) -> Decimal:
        """Count a fill; returns what it adds, in USD."""
        self.shares += abs(shares)
        self.value += abs(shares) * price
        total = _order_commission(self.shares, self.value, self.plan)
        added = total - self.charged
        self.charged = total
        return added


class Holding:
    """One instrument in one account: signed shares, their total cost, and their mark."""

    __slots__ = ("cost", "mark", "position", "rates", "realized")

    def __init__(self, rates: Rates = STOCK) -> None:
        self.rates = rates
        self.position = ZERO
        self.cost = ZERO  # signed; commissions included
        self.mark = ZERO
        self.realized = ZERO

    @property
    def average_cost(self) -> Decimal:
        """USD per share, commissions included, to 1e-8; 0 when flat."""
        if not self.position:
            return ZERO
        return (self.cost / self.position).quantize(_COST_UNIT, ROUND_HALF_EVEN)

    @property
    def market_value(self) -> Decimal:
        """Position at its mark, negative when short."""
        return self.position * self.mark

    @property
    def unrealized(self) -> Decimal:
        """Profit if closed at the mark, without further commission."""
        return self.market_value - self.cost


class Account:
    """
    One paper account in USD.

    Args:
        name: account code.
        cash: opening cash.

    Attributes:
        moved: its cash, a holding or a mark has changed; whoever writes it down takes this back.
    """

    __slots__ = (
        "_gross",
        "_initial",
        "_keep",
        "_value",
        "cash",
        "holdings",
        "moved",
        "name",
        "opening_cash",
        "realized",
    )

    def __init__(self, name: str, cash: Decimal) -> None:
        self.name = name
        self.opening_cash = cash
        self.cash = cash
        self.realized = ZERO
        self.holdings: dict[int, Holding] = {}
        self.moved = False
        self._value = ZERO  # of all positions at their marks
        self._gross = ZERO  # the same, without signs
        self._initial = ZERO
        self._keep = ZERO

    def fill(
        self, con_id: int, shares: Decimal, price: Decimal, fee: Decimal, rates: Rates = STOCK
    ) -> tuple[Holding, Decimal | None]:
        """
        Book a trade.

        Args:
            con_id: what was traded.
            shares: bought (positive) or sold (negative).
            price: USD per share, or per contract (the multiplier included).
            fee: commission in USD.
            rates: of margin, for an instrument that is new to the account.

        Returns:
            The holding, and the profit that closing shares realised (commissions of both sides
            included), None when nothing was closed.
        """
        holding = self.holdings.get(con_id)
        if holding is None:
            holding = self.holdings[con_id] = Holding(rates)
        if not holding.mark:
            holding.mark = price
        self.moved = True
        self._weigh(holding, -1)
        before = holding.position
        closing = min(abs(before), abs(shares)) if before * shares < 0 else ZERO
        self.cash -= shares * price + fee
        profit = None
        if closing:
            # Rounding the released cost, not the profit, keeps every later sum exact.
            released = holding.cost * closing / abs(before)
            if closing == abs(before):
                released = holding.cost
            else:
                released = released.quantize(_COST_UNIT, ROUND_HALF_EVEN)
            fee_closing = (fee * closing / abs(shares)).quantize(_COST_UNIT, ROUND_HALF_EVEN)
            sign = 1 if before > 0 else -1
            profit = sign * closing * price - released - fee_closing
            holding.cost -= released
            opening = shares + sign * closing
            holding.cost += opening * price + (fee - fee_closing)
            holding.realized += profit
            self.realized += profit
        else:
            holding.cost += shares * price + fee
        holding.position = before + shares
        self._weigh(holding, 1)
        return holding, profit

    def hold(self, con_id: int, holding: Holding) -> None:
        """Put a holding in as another process left it; for a restart."""
        self.holdings[con_id] = holding
        self._weigh(holding, 1)

    def mark(self, con_id: int, price: Decimal) -> None:
        """Value a held instrument at ``price`` USD from now on."""
        holding = self.holdings[con_id]
        if holding.mark != price:
            self.moved = True
            self._weigh(holding, -1)
            holding.mark = price
            self._weigh(holding, 1)

    def position(self, con_id: int) -> Decimal:
        """Signed shares held."""
        holding = self.holdings.get(con_id)
        return holding.position if holding else ZERO

    @property
    def net_liquidation(self) -> Decimal:
        """Cash plus all positions at their marks."""
        return self.cash + self._value

    @property
    def unrealized(self) -> Decimal:
        """Profit of open positions at their marks."""
        return self.net_liquidation - self.opening_cash - self.realized

    @property
    def gross_position_value(self) -> Decimal:
        """Sum of all positions' values without their signs."""
        return self._gross

    @property
    def initial_margin(self) -> Decimal:
        """What the positions would need to be opened now."""
        return self._initial

    @property
    def maintenance_margin(self) -> Decimal:
        """What they need to be kept."""
        return self._keep

    @property
    def available_funds(self) -> Decimal:
        """What new positions may still claim as initial margin."""
        return self.net_liquidation - self.initial_margin

    @property
    def excess_liquidity(self) -> Decimal:
        """Cushion above the maintenance margin."""
        return self.net_liquidation - self.maintenance_margin

    def margin_after(
        self, con_id: int, shares: Decimal, price: Decimal, rates: Rates = STOCK
    ) -> tuple[Decimal, Decimal]:
        """Initial and maintenance margin if ``shares`` (signed) traded at ``price``, in USD."""
        holding = self.holdings.get(con_id)
        initial_now, keep_now = (
            rates.needed(holding.position, holding.market_value) if holding else (ZERO, ZERO)
        )
        position = self.position(con_id) + shares
        initial, keep = rates.needed(position, position * price)
        return self._initial - initial_now + initial, self._keep - keep_now + keep

    def _weigh(self, holding: Holding, sign: int) -> None:
        value = holding.position * holding.mark * sign
        if not value:
            return
        self._value += value
        self._gross += value if holding.position > 0 else -value
        initial, keep = holding.rates.needed(holding.position, holding.market_value)
        self._initial += sign * initial
        self._keep += sign * keep


def _order_commission(shares: Decimal, value: Decimal, plan: str) -> Decimal:
    if plan == "fixed":
        per_share = shares * PER_SHARE
    elif plan == "tiered":
        per_share, below = ZERO, ZERO
        for up_to, rate in TIERS:
            if shares <= below:
                break
            per_share += (min(shares, up_to) - below) * rate
            below = up_to
    elif plan in PER_CONTRACT:
        per_contract, least = PER_CONTRACT[plan]
        return max(shares * per_contract, least)
    elif plan == "forex":
        return max(value * FOREX_RATE, MINIMUM[plan])
    else:
        raise ConfigError(f"Commission plan {plan!r} is unknown; choose fixed, tiered or forex.")
    return min(value * CAP, max(per_share, MINIMUM[plan]))


def _quantity_and_price(fill: Any) -> tuple[Decimal, Decimal]:
    if isinstance(fill, Mapping):
        quantity, price = fill.get("qty", fill.get("quantity")), fill["price"]
    else:
        quantity, price = fill
    return _decimal(quantity), _decimal(price)


def _decimal(value: Any) -> Decimal:
    return value if type(value) is Decimal else Decimal(str(value))
