r"""
Framing and handshake of the TWS socket protocol: bytes in, fields out, and the other way round.

No socket and no clock in here. A conversation starts with ``API\0`` and one frame that names the
versions a client speaks; from then on both sides send frames: a 4-byte big-endian length, then
that many bytes of text in which every field is ended by a NUL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from toolkit.errors import WireError

OLDEST_VERSION = 151
"""Oldest server version whose layouts are known here."""

NEWEST_VERSION = 178
"""Newest server version announced; later ones change layouts again and end in protobuf."""

MAX_FRAME_BYTES = 1 << 20
"""Longest frame accepted from a client, in bytes; a real request has a few hundred."""

MAX_HELLO_BYTES = 1024
"""Longest version frame accepted, in bytes: ``v157..178`` and a few connect options."""

_PREFIX = b"API\0"
_HELLO = re.compile(r"v(\d{1,5})(?:\.\.(\d{1,5}))?(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame of a client: the versions it speaks (inclusive), and its connect options."""

    oldest: int
    newest: int
    options: str = ""


def negotiate(hello: Hello) -> int:
    """
    The server version to announce to this client: the newest that both sides speak.

    Raises:
        WireError: there is none.
    """
    version = min(hello.newest, NEWEST_VERSION)
    if version < max(hello.oldest, OLDEST_VERSION):
        raise WireError(
            f"The client speaks versions {hello.oldest} to {hello.newest} and this gateway "
            f"{OLDEST_VERSION} to {NEWEST_VERSION}: use a client that speaks one of these."
        )
    return version


def frame(fields: Iterable[str]) -> bytes:
    """
    One frame that carries these fields.

    Clients from version 153 on read some texts as escaped, so everything leaves as printable
    ASCII: any other character becomes ``?``.
    """
    payload = ("\0".join(fields) + "\0").encode("ascii", "replace")
    return len(payload).to_bytes(4, "big") + payload


class Receiver:
    """
    The receiving half of one connection: feed it bytes as they come, in any cut.

    After it raised WireError it must not be fed again: the place in the stream is lost.
    """

    __slots__ = ("_buffer", "_greeted")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._greeted = False

    def feed(self, data: bytes | memoryview) -> list[Hello | list[str]]:
        """
        Take bytes from the client and return what they complete, oldest first.

        Returns:
            One Hello, once; then the fields of every further frame, the message id first.

        Raises:
            WireError: this is no client of this protocol, or a frame is too long or malformed.
        """
        self._buffer += data
        buffer = self._buffer
        complete: list[Hello | list[str]] = []
        start = 0
        if not self._greeted:
            if not buffer.startswith(_PREFIX[: len(buffer)]):
                raise WireError("The client did not start with the API prefix: it is too old.")
            start = len(_PREFIX)
        while (end := self._frame_end(start)) is not None:
            payload = buffer[start + 4 : end]
            if self._greeted:
                complete.append(_fields(payload))
            else:
                complete.append(_hello(payload))
                self._greeted = True
            start = end
        if self._greeted:
            del buffer[:start]
        return complete

    def _frame_end(self, start: int) -> int | None:
        """Where the frame at ``start`` ends, or None while it is incomplete."""
        if len(self._buffer) < start + 4:
            return None
        length = int.from_bytes(self._buffer[start : start + 4], "big")
        limit = MAX_FRAME_BYTES if self._greeted else MAX_HELLO_BYTES
        if not 0 < length <= limit:
            raise WireError(f"The client announced a frame of {length} bytes; 1 to {limit} are allowed.")
        end = start + 4 + length
        return end if len(self._buffer) >= end else None


def _fields(payload: bytearray) -> list[str]:
    if payload[-1]:
        raise WireError("The client sent a frame whose last field has no end.")
    try:
        return payload[:-1].decode().split("\0")
    except UnicodeDecodeError as error:
        raise WireError("The client sent a frame that is not text.") from error


def _hello(payload: bytearray) -> Hello:
    match = _HELLO.fullmatch(payload.decode("ascii", "replace"))
    if match is None:
        raise WireError("The client's first frame does not name the versions it speaks.")
    oldest, newest, options = match.groups()
    return Hello(int(oldest), int(newest or oldest), options or "")
