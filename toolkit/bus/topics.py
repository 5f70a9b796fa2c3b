"""The four topics, by name."""

from __future__ import annotations

from typing import Final

INTENTS: Final = "order_intents"
"""Order intents as JSON; key: strategy id or intent id."""

REPORTS: Final = "exec_reports"
"""Execution reports as JSON; key: intent id."""

DEAD_LETTERS: Final = "order_intents.dlq"
"""Messages that are no intents, byte for byte; headers: source topic, partition, offset, reason."""

CONTROL: Final = "order_control"
"""Operators' commands (kill, reduce-only, resume); key: account."""

TOPICS: Final = (INTENTS, REPORTS, DEAD_LETTERS, CONTROL)
