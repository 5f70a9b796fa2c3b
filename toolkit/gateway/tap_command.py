"""The command ``toolkit tap``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TextIO

import click

from toolkit.errors import GatewayError
from toolkit.gateway.tap import Player, Tap
from toolkit.gateway.tape import Line, read_tape

CANNOT_START = 3
"""Exit code when the port cannot be listened on."""


@click.command()
@click.argument("listen")
@click.argument("target", required=False)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write here instead of stdout.")
@click.option(
    "--replay",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Play this recording to clients instead of passing them on to TARGET.",
)
def tap(listen: str, target: str | None, out: Path | None, replay: Path | None) -> None:
    """
    Record what a client and a gateway say to each other, or play a recording back.

    LISTEN and TARGET are HOST:PORT, or a PORT of this machine. Account numbers are masked.
    """
    if (target is None) == (replay is None):
        raise click.UsageError("Give either a TARGET to pass clients on to, or --replay FILE.")
    here = _address(listen)
    try:
        if replay is not None:
            with replay.open(encoding="utf-8") as lines:
                tape = list(read_tape(lines, replay.name))
            asyncio.run(_serve(Player(*here, tape=tape)))
            return
        assert target is not None
        with out.open("a", encoding="utf-8") if out is not None else sys.stdout as sink:
            asyncio.run(_serve(Tap(*here, target=_address(target), heard=_Writer(sink))))
    except GatewayError as error:
        click.echo(str(error), err=True)
        sys.exit(CANNOT_START)


class _Writer:
    """Writes each message as one line, at once, so that a killed recording is whole up to its end."""

    def __init__(self, sink: TextIO) -> None:
        self._sink = sink

    def __call__(self, line: Line) -> None:
        self._sink.write(line.as_json() + "\n")
        self._sink.flush()


async def _serve(listener: Tap | Player) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with listener:
        click.echo(f"tap ready on {listener.host}:{listener.port}", err=True)
        await stop.wait()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"{text!r} is no address; use HOST:PORT, or a PORT of this machine.")
    return host or "127.0.0.1", int(port)
