"""The command ``toolkit gateway-control``: what a running paper gateway should do next."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import click
import yaml

from toolkit.errors import ConfigError, GatewayError

DEFAULT_PORT = 4003
TIMEOUT_SECONDS = 10.0


def ask(port: int, do: str, **values: Any) -> Iterator[dict[str, Any]]:
    """
    Ask the gateway whose control port this is; its rows, the last one without ``ok``.

    Raises:
        GatewayError: nothing listens there, or it does not answer.
        ConfigError: it refuses; one sentence.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as peer:
            peer.sendall(json.dumps({"do": do, **values}).encode() + b"\n")
            with peer.makefile(encoding="utf-8") as lines:
                for line in lines:
                    row = json.loads(line)
                    if "ok" not in row:
                        yield row
                        continue
                    if not row.pop("ok"):
                        raise ConfigError(row["error"])
                    yield row
                    return
    except (OSError, ValueError) as error:
        raise GatewayError(
            f"No paper gateway answers on control port {port} ({error}): start it with "
            f"`toolkit gateway --control-port {port}`."
        ) from error
    raise GatewayError(f"The paper gateway on control port {port} ended before it had answered.")


@click.group()
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="The --control-port of the gateway.",
)
@click.pass_context
def control(context: click.Context, port: int) -> None:
    """Tell a running paper gateway what to do: faults, quotes, notices; or read its ledger."""
    context.obj = port


@control.group()
def fault() -> None:
    """Faults: add, clear, list."""


@fault.command(name="add")
@click.argument("name")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.pass_obj
def add_fault(port: int, name: str, fields: tuple[str, ...]) -> None:
    """Set fault NAME, for example: add drop message=orderStatus times=2."""
    (answer,) = ask(port, "add", fault=name, **dict(_field(text) for text in fields))
    click.echo(f"fault {answer['number']} is set")


@fault.command(name="clear")
@click.argument("number", type=int, required=False)
@click.pass_obj
def clear_faults(port: int, number: int | None) -> None:
    """Take fault NUMBER back, or all."""
    list(ask(port, "clear", number=number))


@fault.command(name="list")
@click.pass_obj
def list_faults(port: int) -> None:
    """The faults that are set, as JSON lines."""
    (answer,) = ask(port, "list")
    for row in answer["faults"]:
        click.echo(json.dumps(row))


@control.command()
@click.argument("symbol")
@click.argument("bid", type=float)
@click.argument("ask_price", metavar="ASK", type=float)
@click.option("--bid-size", default=100, show_default=True)
@click.option("--ask-size", default=100, show_default=True)
@click.pass_obj
def quote(port: int, symbol: str, bid: float, ask_price: float, bid_size: int, ask_size: int) -> None:
    """Set the best bid and offer of SYMBOL (USD)."""
    list(ask(port, "quote", symbol=symbol, bid=bid, ask=ask_price, bid_size=bid_size, ask_size=ask_size))


@control.command()
@click.argument("symbol")
@click.argument("price", type=float)
@click.argument("size", type=int)
@click.pass_obj
def trade(port: int, symbol: str, price: float, size: int) -> None:
    """Print a trade of SIZE shares of SYMBOL at PRICE (USD)."""
    list(ask(port, "trade", symbol=symbol, price=price, size=size))


@control.command()
@click.pass_obj
def freeze(port: int) -> None:
    """Stop the market: from here on only `quote` moves it."""
    list(ask(port, "freeze"))


@control.command()
@click.argument("symbol")
@click.pass_obj
def halt(port: int, symbol: str) -> None:
    """Stop the trading of SYMBOL."""
    list(ask(port, "halt", symbol=symbol))


@control.command()
@click.argument("symbol")
@click.pass_obj
def resume(port: int, symbol: str) -> None:
    """Trade SYMBOL again."""
    list(ask(port, "resume", symbol=symbol))


@control.command()
@click.argument("code", type=int)
@click.option("--text", default="", help="What it says; the broker's own words when left out.")
@click.pass_obj
def notice(port: int, code: int, text: str) -> None:
    """Send every client a notice, for example 1100."""
    list(ask(port, "notice", code=code, text=text))


@control.command()
@click.option("--client", type=int, help="This client id only.")
@click.pass_obj
def disconnect(port: int, client: int | None) -> None:
    """Close the connections of all clients, or of one."""
    list(ask(port, "disconnect", **({} if client is None else {"client": client})))


@control.command(name="roll-ids")
@click.argument("count", type=int)
@click.option("--client", type=int, help="This client id only.")
@click.pass_obj
def roll_ids(port: int, count: int, client: int | None) -> None:
    """Make nextValidId fall back by COUNT."""
    list(ask(port, "roll-ids", count=count, **({} if client is None else {"client": client})))


@control.command()
@click.pass_obj
def ledger(port: int) -> None:
    """The ledger of truth as JSON lines: orders and cancels received, fills issued."""
    for row in ask(port, "ledger"):
        if row:
            click.echo(json.dumps(row))


def _field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"{text!r} should look like field=value, for example message=orderStatus.")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"The value of {name} cannot be read: {value!r}.") from error
