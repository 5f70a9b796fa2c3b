"""
What each runbook may be told: types, ranges and words, checked before anything is connected.

The runner checks them before it starts a kernel, and each runbook checks its own again in its first
cell, because plain papermill guesses types and only warns about unknown names (hazard H13). The
defaults are those of the notebooks, and safe: a paper gateway of its own, and a dry run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from toolkit.errors import ConfigError

Gateway = Literal["paper", ""]
"""A paper gateway of its own, or the one of the settings."""
Symbol = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9. ]{0,11}$")]
Symbols = Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9. ]{0,11}(,[A-Z][A-Z0-9. ]{0,11})*)?$")]
Account = Annotated[str, Field(pattern=r"^([A-Z]{1,4}[0-9]{4,9})?$")]
"""An account's code; ``""`` for the only one."""
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


def _there(path: str) -> str:
    if path and not Path(path).is_file():
        raise ValueError("there is no such file")
    return path


File = Annotated[str, AfterValidator(_there)]


class Parameters(BaseModel):
    """The parameters of one runbook."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @classmethod
    def check(cls, names: Mapping[str, object]) -> Self:
        """
        The parameters among some names, such as a notebook's ``globals()``.

        Raises:
            ConfigError: one is of another type, out of range, or not among its words.
        """
        try:
            return cls(**{name: names[name] for name in cls.model_fields if name in names})
        except ValidationError as error:
            first = error.errors()[0]
            why = first["msg"].removeprefix("Value error, ").replace("Input", "it")
            raise ConfigError(f"Parameter {first['loc'][0]} is {first['input']!r}: {why}.") from None


class PaperTradingTest(Parameters):
    """See ``runbooks/paper_trading_test.ipynb``."""

    gateway: Gateway = "paper"
    symbol: Symbol = "SPY"
    quantity: Annotated[int, Field(ge=1, le=10_000)] = 100
    seed: Seed = 7
    timeout_s: Seconds = 30.0


class SessionReport(Parameters):
    """See ``runbooks/session_report.ipynb``."""

    journal: File = ""
    quotes: File = ""
    title: Annotated[str, Field(max_length=200)] = "Trading session"


class EndOfDay(Parameters):
    """See ``runbooks/end_of_day.ipynb``."""

    journal: File = ""
    gateway: Gateway = "paper"
    seed: Seed = 7


class Preflight(Parameters):
    """See ``runbooks/preflight.ipynb``."""

    gateway: Gateway = "paper"
    live: bool = False
    account: Annotated[Account, Field(validate_default=True)] = ""
    symbols: Symbols = "SPY"
    drills_within_days: Annotated[int, Field(ge=1, le=366)] = 30

    @field_validator("account")
    @classmethod
    def _is_named_when_live(cls, account: str, others: ValidationInfo) -> str:
        if others.data.get("live") and not account:
            raise ValueError("name the live account that is meant")
        return account


class KafkaOrchestration(Parameters):
    """See ``runbooks/kafka_orchestration.ipynb``."""

    bus: Literal["embedded", "kafka"] = "embedded"
    intents: Annotated[int, Field(ge=1, le=10_000)] = 200
    symbol: Symbol = "SPY"
    seed: Seed = 7
    timeout_s: Seconds = 120.0


class OpenSession(Parameters):
    """See ``runbooks/open_session.ipynb``."""

    gateway: Gateway = "paper"
    account: Account = ""
    symbols: Symbols = "SPY,QQQ"


class CloseSession(Parameters):
    """See ``runbooks/close_session.ipynb``."""

    gateway: Gateway = "paper"
    account: Account = ""
    dry_run: bool = True
    timeout_s: Seconds = 60.0


class Reconcile(Parameters):
    """See ``runbooks/reconcile.ipynb``."""

    gateway: Gateway = "paper"
    account: Account = ""


class DisasterRecoveryDrill(Parameters):
    """See ``runbooks/disaster_recovery_drill.ipynb``."""

    orders: Annotated[int, Field(ge=4, le=500)] = 40
    symbol: Symbol = "SPY"
    seed: Seed = 7
    timeout_s: Seconds = 60.0


class KillDrill(Parameters):
    """See ``runbooks/kill_drill.ipynb``."""

    gateway: Gateway = "paper"
    symbol: Symbol = "SPY"
    orders: Annotated[int, Field(ge=1, le=500, validate_default=True)] = 50
    foreign: Annotated[int, Field(ge=0, le=100)] = 5
    sleep_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    seed: Seed = 7

    @field_validator("orders")
    @classmethod
    def _are_as_many_as_a_broker_takes(cls, orders: int, others: ValidationInfo) -> int:
        if others.data.get("gateway") == "" and orders > 40:
            raise ValueError("the broker takes 20 resting orders per side; give 40 at most")
        return orders


class Flatten(Parameters):
    """See ``runbooks/flatten.ipynb``."""

    gateway: Gateway = "paper"
    account: Account = ""
    symbols: Symbols = ""
    dry_run: bool = True
    timeout_s: Seconds = 60.0


MODELS: Final[Mapping[str, type[Parameters]]] = {
    "paper_trading_test": PaperTradingTest,
    "session_report": SessionReport,
    "end_of_day": EndOfDay,
    "preflight": Preflight,
    "kafka_orchestration": KafkaOrchestration,
    "open_session": OpenSession,
    "close_session": CloseSession,
    "reconcile": Reconcile,
    "disaster_recovery_drill": DisasterRecoveryDrill,
    "flatten": Flatten,
    "kill_drill": KillDrill,
}
"""Runbook -> its parameters."""
