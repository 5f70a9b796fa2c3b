"""
Every exception that this package raises on purpose, as one tree.

    ToolkitError
    ├── ConfigError            a setting, option or parameter is wrong: fix it and start again
    ├── IntentError            one order intent cannot be understood; names the field
    ├── NotConnectedError      the gateway cannot be reached, or the connection is gone
    │   └── ClientIdTakenError   another program has our client id at the gateway
    ├── JournalError           nothing can be remembered, so nothing may be sent
    │   └── JournalLockedError   another process owns the journal; names its pid
    ├── ControlError           an operator's command is malformed, or was not obeyed
    ├── BusError               the intents or reports topic cannot be used
    ├── GatewayError           the paper gateway cannot start or serve
    │   └── WireError            a peer of the paper gateway broke the protocol
    └── RunbookError           a runbook could not run, or ran and did not end clean

Each carries one sentence for a person: what was wrong, where, and what to do. The command line
prints that sentence without a traceback.
"""

from __future__ import annotations


class ToolkitError(Exception):
    """Base of every error raised on purpose; ``str(error)`` is one sentence for a person."""


class ConfigError(ToolkitError):
    """A setting, option or parameter is missing or malformed."""


class IntentError(ToolkitError):
    """
    One order intent cannot be understood.

    Attributes:
        field: name of the offending field, or ``""`` when the message as a whole is at fault.
        code: machine-readable reason, upper case (``BAD_QUANTITY``, ``MISSING_LIMIT_PRICE``, ...).
    """

    def __init__(self, message: str, *, field: str = "", code: str = "BAD_INTENT") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


class NotConnectedError(ToolkitError):
    """The gateway cannot be reached, refused us, or the connection is gone."""


class ClientIdTakenError(NotConnectedError):
    """Another program, or an earlier life of this one, has our client id at the gateway (hazard H24)."""


class JournalError(ToolkitError):
    """The journal cannot be read or written; without it no order may be sent."""


class JournalLockedError(JournalError):
    """
    Another process owns the journal.

    Attributes:
        pid: process id of the owner, 0 when it could not be read.
    """

    def __init__(self, message: str, *, pid: int) -> None:
        super().__init__(message)
        self.pid = pid


class ControlError(ToolkitError):
    """An operator's command (kill, resume, arm, ...) is malformed, or was not obeyed; says why."""


class BusError(ToolkitError):
    """A topic cannot be read or written."""


class GatewayError(ToolkitError):
    """The paper gateway cannot start or serve."""


class WireError(GatewayError):
    """A peer of the paper gateway broke the protocol; its session ends, others go on."""


class RunbookError(ToolkitError):
    """A runbook could not run, or ran and did not end clean."""
