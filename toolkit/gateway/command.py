"""The command ``toolkit gateway``."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import click

from toolkit.errors import ConfigError, GatewayError
from toolkit.gateway.server import PaperGateway

WRONG_OPTION = 2
"""Exit code when an option cannot be used."""

CANNOT_START = 3
"""Exit code when the gateway cannot be started."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=4002,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="TCP port; 0 picks a free one.",
)
@click.option(
    "--account",
    default="DU123456",
    show_default=True,
    help="Account code, or several separated by commas.",
)
@click.option(
    "--pacing/--no-pacing",
    default=False,
    show_default=True,
    help="Cut off a client that sends more than 50 messages a second, with error 100.",
)
@click.option("--read-only", is_flag=True, help="Refuse every order, with error 321.")
@click.option(
    "--master-client-id",
    type=click.IntRange(0),
    help="The client that hears of the orders and fills of all clients.",
)
@click.option(
    "--market-data",
    default="live",
    show_default=True,
    type=click.Choice(["live", "delayed"]),
    help="What accounts have subscribed; delayed: error 354, or data of 15 minutes ago for who asks.",
)
@click.option(
    "--quotes",
    default="synthetic",
    show_default=True,
    metavar="synthetic|FILE",
    help="Synthetic quotes, or a CSV or Parquet file to replay.",
)
@click.option("--seed", default=1, show_default=True, help="Seed of the synthetic quotes.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds at the gateway per second of real time.",
)
@click.option(
    "--latency-ms",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Milliseconds from an order's arrival until it is in the market.",
)
@click.option(
    "--hours",
    default="always",
    show_default=True,
    type=click.Choice(["always", "regular"]),
    help="Trade at all hours, or in exchange sessions only.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False),
    help="File in which orders, executions, positions and ids outlive this process.",
)
@click.option(
    "--faults",
    type=click.Path(dir_okay=False),
    help="YAML file with what is to go wrong.",
)
@click.option(
    "--control-port",
    type=click.IntRange(1, 65535),
    help="TCP port on this machine for toolkit gateway-control.",
)
@click.option(
    "--limit-fill",
    default="quote",
    show_default=True,
    type=click.Choice(["quote", "queue"]),
    help="What fills a resting limit: quotes that reach it, or prints as well.",
)
@click.option(
    "--commission-plan",
    default="fixed",
    show_default=True,
    type=click.Choice(["fixed", "tiered"]),
    help="The broker's price list for stocks.",
)
@click.option(
    "--symbols", metavar="FILE", help="A CSV file of what can be traded.  [default: a shipped table]"
)
def gateway(**options: Any) -> None:
    """
    Run a paper gateway: a simulated broker for any TWS API client.

    It prints one line when it listens, and runs until it is interrupted.
    """
    try:
        asyncio.run(_serve(PaperGateway(**options)))
    except (ConfigError, GatewayError) as error:
        click.echo(str(error), err=True)
        sys.exit(WRONG_OPTION if isinstance(error, ConfigError) else CANNOT_START)


async def _serve(paper: PaperGateway) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with paper:
        accounts = ",".join(paper.accounts)
        click.echo(f"paper gateway ready on {paper.host}:{paper.port} account {accounts}")
        sys.stdout.flush()
        await paper.run_until(stop)
