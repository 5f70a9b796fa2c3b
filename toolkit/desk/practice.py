"""A paper gateway in this process, for ``toolkit.connect("paper")``."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from toolkit.errors import ConfigError, JournalError

if TYPE_CHECKING:
    from toolkit.gateway import PaperGateway

OPTIONS: Final = frozenset({"quotes", "seed", "speed", "latency_ms", "hours", "cash"})
"""What the gateway may be told; see ``toolkit.PaperGateway``."""
ACCOUNT: Final = "DU123456"


def start(account: str | None, options: dict[str, Any]) -> PaperGateway:
    """
    A paper gateway on a free port of this machine, in a thread of its own.

    Raises:
        ConfigError: the account's code is none of a paper account.
        GatewayError: it cannot start.
    """
    from toolkit.gateway import PaperGateway

    account = account or ACCOUNT
    if not account.startswith("D"):
        raise ConfigError(
            f"Account {account!r} is no paper account; their codes start with D, as {ACCOUNT} does."
        )
    return PaperGateway.start_in_thread(port=0, account=account, **options)


def new_home(home: Path) -> Path:
    """
    A new folder for one practice session: a fresh account must not meet the journal of an old one.

    Raises:
        JournalError: it cannot be made.
    """
    folder = home / "practice" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise JournalError(
            f"The folder {folder} cannot be made ({error.strerror}); set TOOLKIT_HOME to one that can."
        ) from error
    return folder
