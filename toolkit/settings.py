"""
Settings from environment variables, read once, each with its unit.

``Settings.load()`` is the way in: it turns every mistake into one ConfigError sentence, and refuses
names that look like ours but are not, because a misspelled limit must not silently be no limit.
"""

from __future__ import annotations

import difflib
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from toolkit import limits_file
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
            its unit in ``toolkit.risk.catalogue.LIMITS``; lists are comma separated.
        limits_file: YAML file with risk limits; unset: limits.yaml in toolkit_home, if it is there.
        prometheus_port: where metrics, health and readiness are served, 0 for nowhere.
        alert_webhook_url: where alerts are posted as JSON, empty for nowhere; a secret, never shown.
        log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
        log_format: ``text`` for people, ``json`` for one object per line.
        log_mask_accounts: whether the service's log shows account numbers as ``DU****56``.
        kafka_bootstrap_servers: host:port, comma separated; empty for the embedded bus.
        toolkit_home: folder for the journal and outputs.
        intent_ttl_s: seconds an intent stays valid when it does not say itself.
        ibkr_restart_at: the gateway's daily restart, ``HH:MM`` with a time zone (``23:45
            America/New_York``; without one UTC); empty when it has none.
        ibkr_restart_window_s: seconds before and after it in which no order is sent.
        ibkr_sweep_s: seconds between two unasked checks of executions and positions.
        ibkr_fast_codec: read and write the messages about orders ourselves; false leaves them to ib_async.
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
    approve_above: Amount | None = None
    max_net_exposure: Amount | None = None
    max_daily_loss: Amount | None = None
    max_drawdown: Amount | None = None
    min_excess_liquidity: Amount | None = None
    what_if_above: Amount | None = None
    max_position: Amount | None = None
    max_position_pct_nav: Amount | None = None
    price_collar_bps: Amount | None = None
    price_collar_ticks: Amount | None = None
    max_quote_age_s: Amount | None = None
    max_spread_bps: Amount | None = None
    max_orders_per_second: Amount | None = None
    repeat_window_s: Amount | None = None
    max_orders_per_day: Amount | None = None
    max_quantity_per_day: Amount | None = None
    max_fills_per_minute: Amount | None = None
    max_order_efficiency_ratio: Amount | None = None
    fat_finger_multiple: Amount | None = None
    max_move_bps: Amount | None = None
    min_days_to_expiry: Amount | None = None
    max_open_orders: Amount | None = None
    max_open_orders_per_side: Amount | None = Decimal(20)
    allow_short: bool = True
    allow_unlocated_short: bool = True
    allow_closed_market: bool = True
    allow_self_cross: bool = True
    blocked_symbols: str = ""
    allowed_symbols: str = ""
    allowed_sec_types: str = ""
    limits_file: Path | None = None
    prometheus_port: Port = 8002
    alert_webhook_url: SecretStr = SecretStr("")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    log_mask_accounts: bool = False
    kafka_bootstrap_servers: str = ""
    toolkit_home: Path = Path("~/.toolkit")
    intent_ttl_s: Annotated[float, Field(gt=0)] = 300.0
    ibkr_restart_at: str = ""
    ibkr_restart_window_s: Annotated[float, Field(ge=0)] = 120.0
    ibkr_sweep_s: Annotated[float, Field(gt=0)] = 60.0
    ibkr_fast_codec: bool = True

    @field_validator("ibkr_restart_at")
    @classmethod
    def _is_a_time_of_day(cls, text: str) -> str:
        time_of_day(text)
        return text

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
        given = {name: value for name, value in changes.items() if value is not None}
        settings = cls._checked(given)
        limits = settings._limits_of_file()
        return settings if not limits else cls._checked({**limits, **given})

    @property
    def limits_path(self) -> Path:
        """The limits file, whether it is there or not."""
        return self.limits_file or self.toolkit_home / limits_file.NAME

    def source_of(self, limit: str) -> str:
        """Where a limit's value comes from, for a person."""
        if os.environ.get(limit.upper()):
            return f"environment {limit.upper()}"
        return str(self.limits_path) if limit in self._limits_of_file() else "default"

    @classmethod
    def _checked(cls, given: dict[str, Any], where: str = "") -> Settings:
        try:
            settings = cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            name = f"{name} in {where}" if where else name.upper()
            raise ConfigError(f"{name} is {first['input']!r}: {first['msg']}.") from error
        return settings.model_copy(update={"toolkit_home": settings.toolkit_home.expanduser()})

    def _limits_of_file(self) -> dict[str, Any]:
        """The limits that the file sets, none of which the environment may set too."""
        path = self.limits_path
        if self.limits_file is None and not path.exists():
            return {}
        values = limits_file.read(path, _LIMITS)
        for name, value in values.items():
            if os.environ.get(name.upper()):
                raise ConfigError(f"{name} is set in {path} and by {name.upper()}; keep one of them.")
            if isinstance(value, list):
                values[name] = ",".join(map(str, value))
            elif isinstance(value, bool) and not name.startswith("allow_"):
                raise ConfigError(f"{name} in {path} is {value}; give a number of 0 or more.")
        self._checked(values, where=str(path))
        return values

    @property
    def limits(self) -> dict[str, Any]:
        """The risk limits as ``SimpleRiskChecker`` and the execution client's config take them."""
        return {name: getattr(self, name) for name in _LIMITS}

    @property
    def restart_at(self) -> datetime | None:
        """The gateway's daily restart: its time of day and zone count, the date does not; None: not known."""
        return time_of_day(self.ibkr_restart_at)

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.toolkit_home / "journal.db"

    @property
    def bus_path(self) -> Path:
        """The embedded bus's file."""
        return self.toolkit_home / "bus.db"


def time_of_day(text: str) -> datetime | None:
    """
    ``HH:MM`` with a time zone, or UTC without one, on an arbitrary day; None for an empty text.

    Raises:
        ValueError: it is neither.
    """
    if not text:
        return None
    clock, _, zone = text.strip().partition(" ")
    try:
        hour, minute = map(int, clock.split(":"))
        return datetime(2000, 1, 1, hour, minute, tzinfo=ZoneInfo(zone.strip() or "UTC"))
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ValueError("it should be HH:MM and a time zone, for example 23:45 America/New_York") from error


_LIMITS = (
    "max_order_quantity",
    "max_gross_exposure",
    "max_order_notional",
    "approve_above",
    "max_net_exposure",
    "max_daily_loss",
    "max_drawdown",
    "min_excess_liquidity",
    "what_if_above",
    "max_position",
    "max_position_pct_nav",
    "price_collar_bps",
    "price_collar_ticks",
    "max_quote_age_s",
    "max_spread_bps",
    "max_orders_per_second",
    "repeat_window_s",
    "max_orders_per_day",
    "max_quantity_per_day",
    "max_fills_per_minute",
    "max_order_efficiency_ratio",
    "fat_finger_multiple",
    "max_move_bps",
    "min_days_to_expiry",
    "max_open_orders",
    "max_open_orders_per_side",
    "allow_short",
    "allow_unlocated_short",
    "allow_closed_market",
    "allow_self_cross",
    "blocked_symbols",
    "allowed_symbols",
    "allowed_sec_types",
)
_PREFIXES = (
    "ALERT_WEBHOOK",
    "LIMITS_",
    "IBKR_",
    "TOOLKIT_",
    "INTENT_",
    "LOG_MASK_",
    "KAFKA_BOOTSTRAP",
    "MAX_ORDER",
    "MAX_GROSS_",
    "APPROVE_",
    "MAX_NET_",
    "MAX_DAILY_",
    "MAX_DRAWDOWN",
    "MAX_POSITION",
    "MAX_OPEN_ORDER",
    "MAX_FILLS_",
    "MAX_MOVE_",
    "MIN_DAYS_",
    "MIN_EXCESS_",
    "WHAT_IF_",
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
