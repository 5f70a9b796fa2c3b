"""
Alerts to a URL, as JSON by POST, from a thread of their own: whoever raises one never waits for it.

The URL is a secret (chat services put the key into it), so it is in no log line and no error.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

from toolkit.errors import ConfigError

log = logging.getLogger(__name__)

ATTEMPTS: Final = 3
PAUSE_S: Final = 0.5
"""Seconds before the second attempt; twice as long before the third."""
TIMEOUT_S: Final = 3.0
"""Seconds that one attempt may take."""
WAITING: Final = 100
"""Alerts that may wait; more are given up, with a line in the log for each."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would become a GET, and its alert be lost."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


class Webhook:
    """
    Posts alerts, one after the other.

    Args:
        url: where to, http or https.

    Attributes:
        delivered: alerts that were taken.
        given_up: alerts that were not, after every attempt.

    Raises:
        ConfigError: ``url`` is none.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("ALERT_WEBHOOK_URL is no address; it should begin with https://.")
        self.delivered = self.given_up = 0
        self._url = url
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._queue: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="toolkit-alerts", daemon=True)

    def start(self) -> None:
        """Begin to post."""
        self._thread.start()

    def send(self, message: dict[str, Any]) -> None:
        """Have a message posted; returns at once."""
        if self._queue.qsize() >= WAITING:
            self._give_up(message, f"{WAITING} others wait")
        else:
            self._queue.put(message)

    def close(self, timeout: float = 5.0) -> None:
        """Post what waits, without further pauses, for at most ``timeout`` seconds; blocks."""
        if not self._thread.is_alive():
            return
        self._closing.set()
        self._queue.put(None)
        self._thread.join(timeout)
        self._over = True

    def _run(self) -> None:
        while (message := self._queue.get()) is not None:
            self._deliver(message)

    def _deliver(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        why = "the engine ended"
        for attempt in range(0 if self._over else ATTEMPTS):
            if attempt:
                self._closing.wait(PAUSE_S * 2 ** (attempt - 1))
            request = urllib.request.Request(  # noqa: S310 - the scheme was checked
                self._url, body, {"Content-Type": "application/json", "User-Agent": "toolkit"}
            )
            try:
                with self._opener.open(request, timeout=TIMEOUT_S):
                    self.delivered += 1
                    return
            except urllib.error.HTTPError as error:
                with error:
                    why = f"status {error.code}"
            except OSError as error:
                reason = getattr(error, "reason", error)
                why = type(reason).__name__
        self._give_up(message, why)

    def _give_up(self, message: dict[str, Any], why: str) -> None:
        self.given_up += 1
        log.error("The alert %s (%s) was not delivered: %s.", message["alert"], message["status"], why)
