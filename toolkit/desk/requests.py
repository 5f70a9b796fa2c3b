"""What a front end may ask for: cancels, a change of one order, the kill switch. Nothing here waits."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from toolkit.desk.kill import KillSwitch
from toolkit.errors import NotConnectedError

if TYPE_CHECKING:
    from toolkit.desk.desk import Desk

Answer = dict[str, str]
"""``what`` (cancel, change, kill), ``intent_id`` (``""`` for kill), ``told`` (asked, refused), ``reason``."""

TERMS: Final = ("quantity", "limit_price", "stop_price")
TOO_LATE: Final = "The order is finished, or the gateway is away."


class Requests:
    """
    Hands on what was asked for; what comes of it is told later, from the engine's thread.

    Args:
        desk: whose orders they are.
        tell: takes each answer.
    """

    def __init__(self, desk: Desk, tell: Callable[[Answer], None]) -> None:
        self._desk = desk
        self._tell = tell

    def take(self, content: Mapping[str, Any]) -> None:
        """One message of the front end; unknown kinds are none of ours."""
        match content["kind"]:
            case "cancel":
                for intent_id in content["intent_ids"]:
                    self._ask("cancel", intent_id, self._cancel(intent_id))
            case "change":
                intent_id = content["intent_id"]
                self._ask("change", intent_id, self._change(intent_id, content))
            case "kill":
                self._kill(content["press"])

    async def _cancel(self, intent_id: str) -> str:
        asked = await self._desk.engine.client.cancel_intent(intent_id, by="blotter")
        return "" if asked else TOO_LATE

    async def _change(self, intent_id: str, content: Mapping[str, Any]) -> str:
        client, orchestrator = self._desk.engine.client, self._desk.engine.orchestrator
        account = client.market.account
        if not client.paper and content.get("typed") != account[-4:]:
            return f"The last four characters of the account {account} were not typed; nothing was changed."
        change_id = f"change-{secrets.token_hex(12)}"
        raw = {"intent_id": change_id, "action": "REPLACE", "target_intent_id": intent_id}
        raw |= {name: content[name] for name in TERMS if content.get(name)}
        if await orchestrator.process_order_intent(raw, source="blotter"):
            return ""
        denied = client.get_order_state(change_id)
        return TOO_LATE if denied is None else denied.reason

    def _kill(self, press: str) -> None:
        switch = KillSwitch.of(self._desk.engine)

        def answer() -> None:
            self._tell(
                {"what": "kill", "intent_id": "", "told": _told(switch.problem), "reason": switch.problem}
            )

        switch.press(press, "the blotter", answer)

    def _ask(self, what: str, intent_id: str, work: Coroutine[Any, Any, str]) -> None:
        def answer(done: Future[str]) -> None:
            error = None if done.cancelled() else done.exception()
            if done.cancelled():
                reason = "The engine stopped before it answered; connect again."
            else:
                reason = done.result() if error is None else str(error) or type(error).__name__
            self._tell({"what": what, "intent_id": intent_id, "told": _told(reason), "reason": reason})

        try:
            self._desk.engine.submit(work).add_done_callback(answer)
        except NotConnectedError as error:
            failed: Future[str] = Future()
            failed.set_exception(error)
            answer(failed)


def _told(reason: str) -> str:
    return "refused" if reason else "asked"
