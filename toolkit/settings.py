"""
Settings from environment variables, read once, each with its unit.

``Settings.load()`` is the way in: it turns every mistake into one ConfigError sentence, and refuses
names that look like ours but are not, because a misspelled limit must not silently be no limit.
"""

from __future__ import annotations

import difflib
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from toolkit.errors import ConfigError

Port = Annotated[int, Field(ge=0, le=65535)]
Amount = Annotated[Decimal, Field(ge=0)]


class Settings(BaseSettings):
    """
    What the environment says. Field names in capitals are the variables' names.

    Attributes:
        ibkr_host, ibkr_port, ibkr_client_id: where the gateway listens and who we are there.
            Ports 4001 and 7496 are live, 4002 and 7497 paper.
        ibkr_account: account to trade, ``""`` for the only one.
        ibkr_read_only: connect and watch, place nothing; unset: read-only unless paper.
        max_order_quantity, max_gross_exposure, ... allowed_sec_types: risk limits, each explained with
            its unit in ``toolkit.risk.limits.LIMITS``; lists are comma separated.
        prometheus_port: where metrics are served, 0 for nowhere.
        log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        kafka_bootstrap_servers: host:port, comma separated; empty for the embedded bus.
        toolkit_home: folder for the journal and outputs.
        intent_ttl_s: seconds an intent stays valid when it does not say itself.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_ignore_empty=True)

    ibkr_host: str = "127.0.0.1"
    ibkr_port: Port = 4002
    ibkr_client_id: Annotated[int, Field(ge=0)] = 2
    ibkr_account: str = ""
    ibkr_read_only: bool | None = None
    max_order_quantity: Amount = Decimal(1000)
    max_gross_exposure: Amount = Decimal(1_000_000)
    max_order_notional: Amount | None = None
    max_net_exposure: Amount | None = None
    max_daily_loss: Amount | None = None
    max_drawdown: Amount | None = None
    max_position: Amount | None = None
    price_collar_bps: Amount | None = None
    max_quote_age_s: Amount | None = None
    max_spread_bps: Amount | None = None
    max_orders_per_second: Amount | None = None
    repeat_window_s: Amount | None = None
    max_orders_per_day: Amount | None = None
    max_fills_per_minute: Amount | None = None
    max_order_efficiency_ratio: Amount | None = None
    fat_finger_multiple: Amount | None = None
    max_move_bps: Amount | None = None
    min_days_to_expiry: Amount | None = None
    max_open_orders: Amount | None = None
    max_open_orders_per_side: Amount | None = Decimal(20)
    allow_short: bool = True
    allow_closed_market: bool = True
    allow_self_cross: bool = True
    blocked_symbols: str = ""
    allowed_symbols: str = ""
    allowed_sec_types: str = ""
    prometheus_port: Port = 8002
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    kafka_bootstrap_servers: str = ""
    toolkit_home: Path = Path("~/.toolkit")
    intent_ttl_s: Annotated[float, Field(gt=0)] = 300.0

    @classmethod
    def load(cls, **changes: Any) -> Settings:
        """
        The settings that the environment describes.

        Args:
            changes: fields that a command line or a caller sets instead; None leaves a field alone.

        Raises:
            ConfigError: a variable is malformed, or carries our prefix and is unknown.
        """
        names = [field.upper() for field in cls.model_fields]
        for name in os.environ:
            if name.startswith(_PREFIXES) and name not in names and name not in _NOT_SETTINGS:
                near = difflib.get_close_matches(name, names, 1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(names))}."
                raise ConfigError(f"The environment variable {name} is unknown; {hint}")
        try:
            settings = cls(**{name: value for name, value in changes.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]).upper()
            raise ConfigError(f"{name} is {first['input']!r}: {first['msg']}.") from error
        return settings.model_copy(update={"toolkit_home": settings.toolkit_home.expanduser()})

    @property
    def limits(self) -> dict[str, Any]:
        """The risk limits as ``SimpleRiskChecker`` and the execution client's config take them."""
        return {name: getattr(self, name) for name in _LIMITS}

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.toolkit_home / "journal.db"

    @property
    def bus_path(self) -> Path:
        """The embedded bus's file."""
        return self.toolkit_home / "bus.db"


_LIMITS = (
    "max_order_quantity",
    "max_gross_exposure",
    "max_order_notional",
    "max_net_exposure",
    "max_daily_loss",
    "max_drawdown",
    "max_position",
    "price_collar_bps",
    "max_quote_age_s",
    "max_spread_bps",
    "max_orders_per_second",
    "repeat_window_s",
    "max_orders_per_day",
    "max_fills_per_minute",
    "max_order_efficiency_ratio",
    "fat_finger_multiple",
    "max_move_bps",
    "min_days_to_expiry",
    "max_open_orders",
    "max_open_orders_per_side",
    "allow_short",
    "allow_closed_market",
    "allow_self_cross",
    "blocked_symbols",
    "allowed_symbols",
    "allowed_sec_types",
)
_PREFIXES = (
    "IBKR_",
    "TOOLKIT_",
    "INTENT_",
    "KAFKA_BOOTSTRAP",
    "MAX_ORDER",
    "MAX_GROSS_",
    "MAX_NET_",
    "MAX_DAILY_",
    "MAX_DRAWDOWN",
    "MAX_POSITION",
    "MAX_OPEN_ORDER",
    "MAX_FILLS_",
    "MAX_MOVE_",
    "MIN_DAYS_",
    "FAT_FINGER_",
    "MAX_QUOTE_",
    "MAX_SPREAD_",
    "PRICE_COLLAR",
    "ALLOW_SHORT",
    "ALLOW_SELF_",
    "ALLOW_CLOSED_",
    "ALLOWED_SYMBOL",
    "ALLOWED_SEC_",
    "BLOCKED_SYMBOL",
    "REPEAT_WINDOW",
)
_NOT_SETTINGS = frozenset({"TOOLKIT_REQUIRE", "TOOLKIT_TEST_CACHE"})
"""Variables of the test suite that share our prefix."""
