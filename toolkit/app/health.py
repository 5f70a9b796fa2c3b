"""Whether the service works and should be given work, part by part, as plain values for ``/readyz``."""

from __future__ import annotations

import os
from typing import Any

from toolkit.app.engine import Engine


def readiness(engine: Engine, waiting_for: str) -> dict[str, Any]:
    """
    How each part is; ``ready`` only when all are well.

    Args:
        engine: the one that runs, or tries to.
        waiting_for: why this process is a standby, ``""`` when it is none.
    """
    if not engine.serving:
        state = "standby" if waiting_for else "starting"
        reason = waiting_for or "It has not connected yet."
        return {"ready": False, "state": state, "pid": os.getpid(), "reason": reason}
    client = engine.client
    broker = client.health()
    failure = client.journal.failure
    parts: dict[str, dict[str, Any]] = {
        "link": {"ok": broker["connected"], "reason": broker["error"]},
        "gate": {"ok": broker["ready"], "orders_unknown": broker["orders_unknown"]},
        "journal": {"ok": failure is None, "reason": "" if failure is None else str(failure)},
        **engine.orchestrator.health(),
    }
    ready = all(part["ok"] for part in parts.values())
    return {"ready": ready, "state": "serving", "pid": os.getpid(), **parts}
