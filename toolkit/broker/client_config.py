"""What an execution client may be told, merged with what the environment says."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from toolkit.broker.link import ESCALATIONS
from toolkit.errors import ConfigError
from toolkit.orders.deadlines import Deadlines
from toolkit.risk.catalogue import DEFAULTS
from toolkit.settings import Settings

LIVE_PORTS: Final = frozenset({4001, 7496})


def is_paper(account: str, port: int) -> bool:
    """Whether this account's orders are played, not traded: its name starts with D, no live port."""
    return account.startswith("D") and port not in LIVE_PORTS


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """
    How patient a client is; everything in seconds.

    Attributes:
        answer_timeout_s: for the complete answer to one question.
        settle_s: how long the broker's records may lag behind: after the link is back nothing is sent or
            concluded for so long, and what is found nowhere is looked for again after it.
        sweep_s: from one unasked check of executions and positions to the next.
        alarm_s: of incomplete answers until the alarm.
        heartbeat_s: of silence after which the gateway is asked whether it is awake.
        heartbeat_timeout_s: for its answer.
        escalate_after_s: without the broker, after which the log says so again.
        reconnect_first_s, reconnect_last_s: between attempts to connect, the least and the most.
        ack_timeout_s: for the first word about an order; then it is unknown.
        cancel_timeout_s: for the answer to a cancel or a change; then the broker is asked.
        restart_window_s: before and after the gateway's daily restart in which no order is sent.
    """

    answer_timeout_s: float = 10.0
    settle_s: float = 1.0
    sweep_s: float = 60.0
    alarm_s: float = 30.0
    heartbeat_s: float = 5.0
    heartbeat_timeout_s: float = 5.0
    escalate_after_s: tuple[float, ...] = ESCALATIONS
    reconnect_first_s: float = 2.0
    reconnect_last_s: float = 60.0
    ack_timeout_s: float = 5.0
    cancel_timeout_s: float = 10.0
    restart_window_s: float = 120.0

    @property
    def deadlines(self) -> Deadlines:
        """How long the broker has for its answers about an order."""
        return Deadlines(timedelta(seconds=self.ack_timeout_s), timedelta(seconds=self.cancel_timeout_s))


class ClientConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    What ``IBKRExecClient`` may be told; everything left out comes from the environment.

    Attributes:
        host, port, client_id, account: the gateway and who we are there.
        read_only: place nothing; None: read-only unless paper.
        home: folder of the journal.
        max_messages_per_second: our budget; the broker closes the connection above 50.
        intent_ttl_s: seconds an intent stays valid when it does not say itself.
        limits: risk limits of orders placed without an orchestrator; in ``of`` each by its own name,
            see ``toolkit.risk.catalogue.LIMITS``.
        restart_at: the gateway's daily restart, in its own zone; None: not known.
        fast_codec: read and write the messages about orders ourselves; False leaves them to ib_async.
        timing: how patient to be; in ``of`` each by its own name, see ``Timing``.
    """

    host: str
    port: int
    client_id: int
    account: str
    read_only: bool | None
    home: Path
    intent_ttl_s: float
    limits: Mapping[str, Any]
    max_messages_per_second: float = 40.0
    restart_at: datetime | None = None
    fast_codec: bool = True
    timing: Timing = Timing()

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> ClientConfig:
        """
        Merge a config dict with the environment.

        Raises:
            ConfigError: a name is unknown or a value malformed.
        """
        patience = Timing.__struct_fields__
        own = [name for name in cls.__struct_fields__ if name not in ("limits", "timing")]
        known = [*own, *patience, *DEFAULTS]
        for name in config:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
                raise ConfigError(f"Client setting {name!r} is unknown; {hint}")
        settings = Settings.load(
            ibkr_host=config.get("host"),
            ibkr_port=config.get("port"),
            ibkr_client_id=config.get("client_id"),
            ibkr_account=config.get("account"),
            ibkr_read_only=config.get("read_only"),
            toolkit_home=config.get("home"),
            intent_ttl_s=config.get("intent_ttl_s"),
            ibkr_restart_at=config.get("restart_at"),
            ibkr_restart_window_s=config.get("restart_window_s"),
            ibkr_sweep_s=config.get("sweep_s"),
            ibkr_fast_codec=config.get("fast_codec"),
        )
        given = {name: config[name] for name in patience if name in config}
        given |= {"sweep_s": settings.ibkr_sweep_s, "restart_window_s": settings.ibkr_restart_window_s}
        return cls(
            host=settings.ibkr_host,
            port=settings.ibkr_port,
            client_id=settings.ibkr_client_id,
            account=settings.ibkr_account,
            read_only=settings.ibkr_read_only,
            home=settings.toolkit_home,
            intent_ttl_s=settings.intent_ttl_s,
            limits={name: config.get(name, value) for name, value in settings.limits.items()},
            max_messages_per_second=float(config.get("max_messages_per_second", 40.0)),
            restart_at=settings.restart_at,
            fast_codec=settings.ibkr_fast_codec,
            timing=_timing(given),
        )


def _timing(given: Mapping[str, Any]) -> Timing:
    try:
        timing = msgspec.convert(given, Timing)
    except msgspec.ValidationError as error:
        raise ConfigError(f"A client setting in seconds is wrong: {error}.") from error
    for name in Timing.__struct_fields__:
        value = getattr(timing, name)
        if name != "escalate_after_s" and value < 0:
            raise ConfigError(f"Client setting {name} is {value:g} s; it cannot be negative.")
    return timing
