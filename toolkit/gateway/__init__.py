"""
The paper gateway: a simulated broker that any TWS API client can connect to.

Read it in this order: ``wire`` and ``fields`` (bytes and fields), ``order_layout`` and
``order_form`` (the long messages), ``requests`` and ``replies`` (everything by name), ``session``
(one client's conversation) with its ``*_requests``, ``lookups`` and ``api_settings``, ``watches``
(market data), ``history`` with ``bars``, ``record`` and ``past``, ``floor`` (where conversations and
exchange meet), ``exchange`` and what is under it (matching, account, market), ``server`` (sockets
and clock). ``day`` is the broker's day, ``state`` the memory (with ``restart``), ``faults`` and its
neighbours are what can go wrong, ``tap`` listens in. It imports nothing of the rest of the toolkit
but its errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.gateway.server import PaperGateway

__all__ = ["PaperGateway"]


def __getattr__(name: str) -> Any:
    """Load the server only when it is asked for: the pure parts do without sockets."""
    if name == "PaperGateway":
        from toolkit.gateway.server import PaperGateway

        return PaperGateway
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
