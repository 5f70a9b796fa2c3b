"""How a desk comes about: a gateway of the settings, one given by hand, or a paper gateway of our own."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from toolkit.app.engine import Engine
from toolkit.desk import practice
from toolkit.desk.desk import OPEN, Desk
from toolkit.errors import ConfigError, NotConnectedError
from toolkit.settings import Settings


def connect(
    gateway: str | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    client_id: int | None = None,
    account: str | None = None,
    home: str | Path | None = None,
    **options: Any,
) -> Desk:
    """
    Connect to a gateway, and learn what happened while we were away.

    A second call with the same journal, as when a cell is run again, closes the first desk and takes
    its place; orders at the broker stay as they are.

    Args:
        gateway: None for the gateway of the settings; ``"paper"`` to start a paper gateway of our own
            in this process, with a fresh account and journal, which ends with the desk.
        host: instead of IBKR_HOST.
        port: instead of IBKR_PORT.
        client_id: instead of IBKR_CLIENT_ID.
        account: instead of IBKR_ACCOUNT.
        home: folder of the journal, instead of TOOLKIT_HOME.
        options: other settings by name (``max_order_quantity``, ``intent_ttl_s``, ...), options of the
            client (``max_messages_per_second``), and for ``"paper"`` those of the gateway (``seed``,
            ``quotes``, ``speed``, ``latency_ms``, ``hours``, ``cash``).

    Raises:
        NotConnectedError: the gateway cannot be reached or refused us; says what to do.
        ConfigError: a setting or option is wrong.
        JournalError: the journal cannot be opened, or another process owns it.
    """
    if gateway not in (None, "paper"):
        raise ConfigError(f'The gateway is {gateway!r}; say "paper", or leave it out and give host and port.')
    changes = {
        "ibkr_host": host,
        "ibkr_port": port,
        "ibkr_client_id": client_id,
        "ibkr_account": account,
        "toolkit_home": None if home is None else Path(home),
        "ibkr_read_only": options.pop("read_only", None),
    }
    changes |= {name: options.pop(name) for name in tuple(options) if name in Settings.model_fields}
    if gateway == "paper":
        if host is not None or port is not None:
            raise ConfigError('"paper" starts its own gateway; leave out host and port.')
        return _practise(changes, options)
    settings = Settings.load(**changes)
    earlier = OPEN.get(settings.toolkit_home.resolve())
    if earlier is not None:
        earlier.close()
    engine = Engine(settings, **options)
    try:
        engine.start()
    except NotConnectedError as error:
        where = settings.ibkr_host, settings.ibkr_port
        if host is None and port is None and _nothing_listens(*where):
            raise NotConnectedError(
                f"Nothing listens on {where[0]}:{where[1]}; start TWS or IB Gateway there and enable its "
                'API, or practise with toolkit.connect("paper").'
            ) from error
        raise
    return Desk(engine)


def _practise(changes: dict[str, Any], options: dict[str, Any]) -> Desk:
    told = {name: options.pop(name) for name in practice.OPTIONS & options.keys()}
    home = practice.new_home(Settings.load(**changes).toolkit_home)
    gateway = practice.start(changes["ibkr_account"], told)
    changes |= {
        "ibkr_host": gateway.host,
        "ibkr_port": gateway.port,
        "ibkr_account": gateway.accounts[0],
        "toolkit_home": home,
    }
    # Nothing but practice money is at stake here, whatever the environment says.
    if changes["ibkr_read_only"] is None:
        changes["ibkr_read_only"] = False
    try:
        engine = Engine(Settings.load(**changes), **options)
        engine.start()
    except BaseException:
        gateway.stop()
        raise
    return Desk(engine, gateway)


def _nothing_listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False
