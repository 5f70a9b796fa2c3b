"""One client's line while faults are set: what is lost, late, doubled, cut off or made up on it."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from toolkit.errors import WireError
from toolkit.gateway import fault_broker, replies
from toolkit.gateway.fault_messages import (
    ENDS,
    Seen,
    changed,
    see_reply,
    see_request,
    split,
)
from toolkit.gateway.faults import Fault

if TYPE_CHECKING:
    from toolkit.gateway.server import PaperGateway
    from toolkit.gateway.session import Session

logger = logging.getLogger(__name__)

NOTICES = {
    326: "Unable to connect as the client id is already in use. Retry with a unique client id.",
    1100: "Connectivity between IB and the paper gateway has been lost.",
    1101: "Connectivity between IB and the paper gateway has been restored - data lost.",
    1102: "Connectivity between IB and the paper gateway has been restored - data maintained.",
    1300: "Socket port has been reset and this connection is being dropped.",
    2103: "Market data farm connection is broken:paper",
    2104: "Market data farm connection is OK:paper",
    2105: "HMDS data farm connection is broken:paper",
    2106: "HMDS data farm connection is OK:paper",
    2110: "Connectivity between the paper gateway and server is broken. It will be restored automatically.",
}
"""What the broker says with a code when the fault gives no text of its own."""

_FOR_EVER = float("inf")


class FaultyLine:
    """
    Stands between one session and its socket.

    Attributes:
        busy: it holds something back, so that nothing may pass it by.
        frozen: nothing is read or written for now.
    """

    def __init__(self, gateway: PaperGateway, session: Session, transport: asyncio.Transport) -> None:
        self.session = session
        self.gateway = gateway
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        self._held: list[tuple[str, bytes]] = []
        self._late = bytearray()
        self._mute = self._deaf = self.frozen = False
        self._greeted = False
        self._ordered = False
        session.intercept = self._intercept

    @property
    def busy(self) -> bool:
        """Whether something is held back."""
        return self._mute or self.frozen or bool(self._held)

    def end(self) -> None:
        """The connection is gone, and with it all that was still to come."""
        for timer in self._timers:
            timer.cancel()

    # ---- replies ------------------------------------------------------------------------------

    def write(self, output: bytes) -> None:
        """Send what a session has to say, and do to it what the plan says."""
        sent: list[tuple[str, bytes]] = []
        for reply in split(output):
            greeted = self._greeted or self.session.client_id >= 0
            seen = see_reply(reply, self.session.client_id, self.session.floor, greeted=greeted)
            self._greeted = True
            here = [reply]
            for fault in self.gateway.faults.strike(seen):
                here = self._strike_reply(fault, seen, here, sent)
            sent += [(seen.message, frame) for frame in here]
            if here:
                released = [frame for behind, frame in self._held if behind == seen.message]
                self._held = [each for each in self._held if each[0] != seen.message]
                sent += [("", frame) for frame in released]
        self._send(b"".join(frame for _, frame in sent))

    def _strike_reply(
        self, fault: Fault, seen: Seen, here: list[bytes], sent: list[tuple[str, bytes]]
    ) -> list[bytes]:
        """What is left to be sent of one message; ``sent`` is the batch before it."""
        options = fault.options
        match fault.name:
            case "drop":
                return []
            case "mutate":
                return [self._changed(reply, seen, options["set"]) for reply in here]
            case "duplicate":
                copies = [self._changed(reply, seen, options["set"]) for reply in here]
                return [*here, *copies * options["copies"]]
            case "delay":
                self.later(options["seconds"], lambda: self._send(b"".join(here)))
                return []
            case "reorder":
                self._held += [(options["behind"], reply) for reply in here]
                self.later(options["seconds"], self._release)
                return []
            case "early_end":
                rows = ENDS[seen.message]
                late = [frame for message, frame in sent if message in rows]
                sent[:] = [each for each in sent if each[0] not in rows]
                return here + late if options["late"] else here
            case "error":
                told = replies.error(self.session.version, seen.order_id, options["code"], _text(fault))
                return [told, *here] if options["before"] else [*here, told]
            case "notice":
                return [*here, self._notice(fault)]
            case "half":
                whole = b"".join(here)
                self._send(
                    b"".join(frame for _, frame in sent) + whole[: options["bytes"] or len(whole) // 2]
                )
                sent.clear()
                self._mute = True
                if not options["hang"]:
                    self._transport.close()
                return []
            case "close":
                self._send(
                    b"".join(frame for _, frame in sent) + (b"" if options["before"] else b"".join(here))
                )
                sent.clear()
                self._transport.close()
                return []
            case "reset":
                self._send(b"".join(frame for _, frame in sent) + b"".join(here)[: options["bytes"]])
                sent.clear()
                self.strike_session(fault)
                return []
        self.strike_session(fault)
        return here if fault.name != "mute" else []

    def _changed(self, reply: bytes, seen: Seen, changes: dict[str, object]) -> bytes:
        return changed(reply, seen.message, self.session.version, changes) if changes else reply

    def _send(self, data: bytes) -> None:
        if self._mute or self._transport.is_closing():
            return
        if self.frozen:
            self._late += data
        elif data:
            self._transport.write(data)

    def _release(self) -> None:
        held, self._held = self._held, []
        self._send(b"".join(frame for _, frame in held))

    # ---- requests -------------------------------------------------------------------------------

    def _intercept(self, fields: list[str], now: datetime) -> bool:
        """Whether a request needs no further answer."""
        faults = self.gateway.faults
        if self._deaf or not faults:
            return self._deaf
        seen = see_request(fields, self.session.client_id, self.session.floor)
        first = seen.message == "placeOrder" and not self._ordered
        self._ordered = self._ordered or first
        return any(self._strike_request(fault, seen, fields, now, first) for fault in faults.strike(seen))

    def _strike_request(
        self, fault: Fault, seen: Seen, fields: list[str], now: datetime, first: bool
    ) -> bool:
        options = fault.options
        match fault.name:
            case "drop":
                return True
            case "dialog":
                return first
            case "delay":
                self.later(options["seconds"], lambda: self._serve(fields))
                return True
            case "duplicate":
                for _ in range(options["copies"]):
                    self.session.answer(fields, now)
                return False
            case "error":
                if not options["before"]:
                    self.session.answer(fields, now)
                self.session.error(seen.order_id, options["code"], _text(fault))
                return not options["before"]
            case "refuse":
                self.session.error(-1, options["code"], _text(fault))
                self.session.ended = True
                return True
            case "notice":
                self.session.send(self._notice(fault))
                return False
            case "mute" | "reset":
                if options["served"]:
                    self.session.answer(fields, now)
                self.strike_session(fault)
                return True
            case "close":
                if not options["before"]:
                    self.session.answer(fields, now)
                self.session.ended = True
                return True
            case "freeze":  # what is read already is acted on, and its reply held back
                self.strike_session(fault)
                return False
        try:
            return fault_broker.strike(fault, self, fields, now)
        except WireError:  # the session says what is wrong with it
            return False

    def _serve(self, fields: list[str]) -> None:
        """Answer a request now that came some time ago."""
        try:
            self.gateway.call(lambda now: self.session.answer(fields, now))
        except WireError as error:
            logger.warning("closed client %s: %s", self.session.client_id, error)
            self._transport.close()

    # ---- the whole connection ---------------------------------------------------------------------

    def strike_session(self, fault: Fault) -> None:
        """Do what needs no message: mute, freeze, reset, close, notice."""
        options = fault.options
        match fault.name:
            case "mute":
                self._mute, self._deaf = True, not options["served"]
                self._for(options["seconds"], self.thaw)
            case "freeze":
                if not self.frozen and not self._transport.is_closing():
                    self.frozen = True
                    self._transport.pause_reading()
                self._for(options["seconds"], self.thaw)
            case "reset":
                self._mute = True
                self.later(options["seconds"], self.reset)
            case "close":
                self._transport.close()
            case "notice":
                self._send(self._notice(fault))

    def thaw(self) -> None:
        """Read and write again, beginning with what has piled up; and speak again."""
        self._mute = self._deaf = False
        if self.frozen and not self._transport.is_closing():
            self.frozen = False
            self._transport.resume_reading()
            late, self._late = bytes(self._late), bytearray()
            self._send(late)

    def reset(self) -> None:
        """End the connection with RST: what the client has not read yet may be lost."""
        end: socket.socket = self._transport.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after a while, if the connection still stands then."""
        self._timers.append(self._loop.call_later(seconds, action))

    def _for(self, seconds: float, end: Callable[[], object]) -> None:
        if seconds:
            self.later(seconds, end)

    def _notice(self, fault: Fault) -> bytes:
        return replies.error(self.session.version, -1, fault.options["code"], _text(fault))


def _text(fault: Fault) -> str:
    return fault.options["text"] or NOTICES.get(fault.options["code"], "A fault was asked for.")
