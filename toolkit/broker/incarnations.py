"""
Which of the broker's permanent ids stand behind one of our orders; there should be one.

A change that is sent while the link is degraded can become a second live order under the same
number, and ending one of them leaves the other at work (hazard H6). Pure.
"""

from __future__ import annotations

from toolkit.orders.events import AnyEvent, BrokerCancelled, BrokerRejected, Noticed, StatusReported
from toolkit.orders.status import LIVE_WORDS, WORDS


class Incarnations:
    """What the broker last said of each permanent id, by intent."""

    def __init__(self) -> None:
        self._words: dict[str, dict[int, str]] = {}
        """intent id -> permanent id -> the broker's last word"""
        self._owner: dict[int, str] = {}
        """permanent id -> intent id"""

    def note(self, intent_id: str, perm_id: int, word: str) -> bool:
        """Take one status of one permanent id, 0 is none; whether one more order of the intent lives now."""
        if not perm_id or word not in WORDS:
            return False
        words = self._words.setdefault(intent_id, {})
        self._owner[perm_id] = intent_id
        if not words or words.keys() == {perm_id}:
            words[perm_id] = word
            return False
        before = len(self.live(intent_id))
        words[perm_id] = word
        return len(self.live(intent_id)) != before

    def owner(self, perm_id: int) -> str | None:
        """The intent behind a permanent id, None when it is not known."""
        return self._owner.get(perm_id)

    def live(self, intent_id: str) -> list[int]:
        """Permanent ids of an intent that may still trade."""
        return [perm_id for perm_id, word in self._words.get(intent_id, {}).items() if word in LIVE_WORDS]

    def twins(self) -> list[str]:
        """Intents behind which the broker has, or had, more than one order, of which one still lives."""
        return [
            intent_id for intent_id, words in self._words.items() if len(words) > 1 and self.live(intent_id)
        ]

    def tempered(self, event: AnyEvent) -> AnyEvent:
        """The event, or a notice in its place when it ends one incarnation while another one lives."""
        words = self._words.get(event.intent_id)
        if words is None or len(words) < 2 or not self.live(event.intent_id):
            return event
        living = ", ".join(map(str, self.live(event.intent_id)))
        match event:
            case StatusReported() if event.word not in LIVE_WORDS:
                text = f"Permanent id {event.perm_id} is {event.word}, but {living} of the same order lives."
            case BrokerCancelled() | BrokerRejected():
                text = f"{event.text}; but permanent id {living} of the same order lives."
            case _:
                return event
        return Noticed(intent_id=event.intent_id, at=event.at, code=getattr(event, "code", 0), text=text)
