"""Log lines of the service: for people, or one JSON object each; account numbers masked when asked."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final

ACCOUNT: Final = re.compile(r"\b(DU|DF|DI|U|F|I)(\d{3,})(\d{2})\b")
"""Account numbers at Interactive Brokers: a letter or two, and five digits or more."""


class TextFormatter(logging.Formatter):
    """One line per record, a traceback after it."""

    def __init__(self, *, mask: bool) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        text = super().format(record)
        return masked(text) if self._mask else text


class JsonFormatter(logging.Formatter):
    """One JSON object per record: ``at`` (UTC), ``level``, ``logger``, ``thread``, ``message``, ``error``."""

    def __init__(self, *, mask: bool) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        fields = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        text = json.dumps(fields, default=str)
        return masked(text) if self._mask else text


def masked(text: str) -> str:
    """Account numbers with nothing but their letters and last two digits: ``DU123456`` is ``DU****56``."""
    return ACCOUNT.sub(lambda found: f"{found[1]}{'*' * len(found[2])}{found[3]}", text)


def configure(level: str, form: str, *, mask: bool) -> None:
    """
    Send every log record of this process to standard error.

    Args:
        level: the least that is logged.
        form: ``text`` or ``json``.
        mask: whether account numbers are masked.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(mask=mask) if form == "json" else TextFormatter(mask=mask))
    logging.basicConfig(level=level, handlers=[handler])
    if level == "INFO":
        # The Kafka client tells of every connection that it makes and closes.
        logging.getLogger("kafka").setLevel(logging.WARNING)
