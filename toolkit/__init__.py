"""
From a notebook idea to real orders at Interactive Brokers.

Read the tree as the path of an order: ``intents`` (what to hold, as orders) → ``orders`` (what an
order is) → ``risk`` (may it go?) → ``journal`` (remember before acting) → ``broker`` (tell Interactive
Brokers) → ``bus`` (hear intents, tell reports) → ``app`` (the main flow) → ``reports`` (what happened,
in pandas) → ``desk`` (what a quant touches). ``gateway`` is the paper gateway: a local server that
speaks the TWS protocol.

The names below are imported when first used, so that ``import toolkit`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.app.order_orchestrator import OrderOrchestrator as OrderOrchestrator
    from toolkit.broker.execution_wrapper import IBKRExecutionWrapper as IBKRExecutionWrapper
    from toolkit.broker.ibkr_exec_client import IBKRExecClient as IBKRExecClient
    from toolkit.desk.connecting import connect as connect
    from toolkit.desk.desk import Desk as Desk
    from toolkit.gateway import PaperGateway as PaperGateway
    from toolkit.orders.state import OrderState as OrderState
    from toolkit.orders.state import OrderStatus as OrderStatus
    from toolkit.risk.checker import SimpleRiskChecker as SimpleRiskChecker

__version__ = "0.1.0"

_HOMES = {
    "Desk": "toolkit.desk.desk",
    "IBKRExecClient": "toolkit.broker.ibkr_exec_client",
    "IBKRExecutionWrapper": "toolkit.broker.execution_wrapper",
    "OrderOrchestrator": "toolkit.app.order_orchestrator",
    "OrderState": "toolkit.orders.state",
    "OrderStatus": "toolkit.orders.state",
    "PaperGateway": "toolkit.gateway",
    "SimpleRiskChecker": "toolkit.risk.checker",
    "connect": "toolkit.desk.connecting",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'toolkit' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
