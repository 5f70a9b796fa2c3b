"""
The command line: parse, call, print.

Heavy imports happen inside the commands, so that ``toolkit --help`` answers at once. A mistake of
the user ends in one sentence on stderr and an exit code, never in a traceback.

Exit codes: 0 done, 1 a check or a runbook failed, 2 usage or configuration, 3 cannot connect; of
``run`` also 4 a cell raised, 5 it ended before its last cell, 6 the kernel died, 7 timed out,
130 interrupted, 143 terminated.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from toolkit import (
    blotter_command,
    control_commands,
    flex_command,
    operator_commands,
    session_command,
)
from toolkit.errors import BusError, ConfigError, GatewayError, IntentError, NotConnectedError, ToolkitError

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.settings import Settings

FAILED: Final = 1
USAGE: Final = 2
CANNOT_CONNECT: Final = 3

SHOWN: Final = {
    "orders": [
        *("received_at", "symbol", "side", "quantity", "filled_quantity", "order_type", "limit_price"),
        *("stop_price", "avg_fill_price", "commission", "status", "reason_code"),
    ],
    "fills": [
        *("time", "intent_id", "symbol", "side", "shares", "price", "commission", "currency"),
        *("slippage_bps", "exchange"),
    ],
    "reports": [
        *("intent_id", "report_seq", "event", "status", "symbol", "side", "quantity", "filled_quantity"),
        *("avg_fill_price", "commission", "reason_code"),
    ],
    "positions": ["account", "position", "average_cost", "realized", "commission", "currency"],
}
"""Columns that fit a terminal; --csv and --json have all."""


class _Group(click.Group):
    """Turns our own errors into a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ToolkitError as error:
            click.echo(str(error), err=True)
            sys.exit(_exit_code(error))


def _exit_code(error: ToolkitError) -> int:
    match error:
        case ConfigError() | IntentError():
            return USAGE
        case NotConnectedError() | BusError() | GatewayError():
            return CANNOT_CONNECT
    return FAILED


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="toolkit", prog_name="toolkit")
def main() -> None:
    """From a notebook idea to real orders at Interactive Brokers."""


@main.command()
@click.option("--seed", default=2026, show_default=True, help="Seed of the market and of the intents.")
def demo(seed: int) -> None:
    """Watch a paper-trading day happen, with nothing else installed."""
    from toolkit.demo import run_demo

    sys.exit(run_demo(_settings(), seed=seed))


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def gateway(options: tuple[str, ...]) -> None:
    """Run a paper gateway: a simulated broker for any TWS API client."""
    from toolkit.gateway.command import gateway as command

    command.main(list(options), prog_name="toolkit gateway")


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def tap(options: tuple[str, ...]) -> None:
    """Record what a client and a gateway say to each other, or play a recording back."""
    from toolkit.gateway.tap_command import tap as command

    command.main(list(options), prog_name="toolkit tap")


@main.command(
    name="gateway-control", context_settings={"ignore_unknown_options": True}, add_help_option=False
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def gateway_control(options: tuple[str, ...]) -> None:
    """Tell a running paper gateway what to do: faults, quotes, notices; or read its ledger."""
    from toolkit.gateway.control_command import control

    control.main(list(options), prog_name="toolkit gateway-control")


@main.command()
@click.option("--host", help="Gateway to connect to [IBKR_HOST].")
@click.option("--port", type=int, help="Its API port [IBKR_PORT].")
@click.option("--client-id", type=int, help="Our id there [IBKR_CLIENT_ID].")
@click.option("--limits", type=click.Path(path_type=Path), help="YAML file of risk limits [LIMITS_FILE].")
def serve(host: str | None, port: int | None, client_id: int | None, limits: Path | None) -> None:
    """Run the order orchestrator as a service, until it is interrupted."""
    from toolkit.app.service import serve as run_service

    run_service(_settings(ibkr_host=host, ibkr_port=port, ibkr_client_id=client_id, limits_file=limits))


@main.command()
def doctor() -> None:
    """Check what works on this machine, and say what to do about what does not."""
    from rich.console import Console

    from toolkit.doctor import as_table, examine

    checks = examine()
    Console().print(as_table(checks))
    sys.exit(0 if all(check.ok for check in checks) else FAILED)


@main.command()
@click.argument("runbook")
@click.option(
    "-p", "--param", nargs=2, multiple=True, metavar="NAME VALUE", help="One parameter; repeatable."
)
@click.option(
    "-f", "--file", type=click.Path(path_type=Path), help="YAML file of parameters; -p overrules it."
)
@click.option("--html/--no-html", default=True, show_default=True, help="Write an HTML report.")
@click.option(
    "--timeout", type=click.FloatRange(1), default=3600, show_default=True, help="Seconds it may take."
)
def run(
    runbook: str, param: tuple[tuple[str, str], ...], file: Path | None, html: bool, timeout: float
) -> None:
    """
    Run one runbook: a notebook with parameters, checks and an honest exit code.

    Exit codes: 0 passed, 1 a check failed, 2 wrong parameters, 4 a cell raised, 5 it ended before its
    last cell, 6 its kernel died, 7 it took too long, 130 interrupted, 143 terminated.
    """
    from toolkit import runbooks
    from toolkit.runbooks.book import read_parameters

    given = {} if file is None else read_parameters(file)
    given |= dict(_once(param))
    result = runbooks.run(runbook, given, settings=_settings(), html=html, time_limit=timeout)
    click.echo(f"{result.outcome}: {result.notebook}")
    if result.reason:
        click.echo(result.reason, err=True)
    if result.html is not None:
        click.echo(f"report: {result.html}")
    sys.exit(result.exit_code)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--partial", is_flag=True, help="Submit the good rows of a file that has bad ones.")
def submit(file: Path, partial: bool) -> None:
    """Put intents from a CSV, JSON lines or Parquet FILE on the bus."""
    from datetime import UTC, datetime, timedelta

    from toolkit.app.files import as_message, read_intents
    from toolkit.bus.choose import send_all
    from toolkit.bus.topics import INTENTS

    settings = _settings()
    intents, bad = read_intents(file, now=datetime.now(UTC), ttl=timedelta(seconds=settings.intent_ttl_s))
    for row in bad:
        click.echo(f"{row.where}: {row.reason}", err=True)
    if bad and not partial:
        raise ConfigError(
            f"{len(bad)} of {len(bad) + len(intents)} rows are bad, so nothing was submitted; "
            "correct them, or use --partial."
        )
    send_all(
        settings,
        INTENTS,
        [(intent.strategy_id or intent.intent_id, as_message(intent)) for intent in intents],
    )
    click.echo(f"{len(intents)} intents submitted.")
    sys.exit(USAGE if bad else 0)


@main.command()
@click.argument("intent_id")
def cancel(intent_id: str) -> None:
    """Ask the running service to cancel the order of INTENT_ID."""
    import uuid

    import msgspec

    from toolkit.bus.choose import send_all
    from toolkit.bus.topics import INTENTS

    settings = _settings()
    with _journal(settings) as journal:
        state = journal.states().get(intent_id)
    if state is None:
        raise ConfigError(f"The journal {settings.journal_path} has no intent {intent_id}.")
    if state.final:
        raise ConfigError(f"The order of {intent_id} is {state.status.value} already.")
    message = {
        "intent_id": f"cancel-{uuid.uuid4().hex[:12]}",
        "action": "CANCEL",
        "target_intent_id": intent_id,
    }
    # The key of the intent itself, so that its cancel goes the same way and cannot overtake it.
    key = (state.intent.strategy_id if state.intent else "") or intent_id
    send_all(settings, INTENTS, [(key, msgspec.json.encode(message))])
    click.echo(f"Cancel of {intent_id} requested; its reports will say what came of it.")


for _command in control_commands.COMMANDS:
    main.add_command(_command)


@main.command()
@click.option("--csv", "form", flag_value="csv", help="Comma separated, with a header.")
@click.option("--json", "form", flag_value="json", help="JSON lines.")
def runs(form: str | None) -> None:
    """Every run of a runbook: when, how it ended, its parameters, and where its report is."""
    from toolkit.runbooks.past import lines, runs_frame

    found = runs_frame(_settings().toolkit_home)
    if form is None and len(found):
        click.echo("\n".join(lines(found)))
    else:
        _print(found, form, [])


def _table_command(name: str, text: str) -> None:
    """Register one command that prints a table from the journal."""

    @main.command(name, help=text)
    @click.option("--csv", "form", flag_value="csv", help="Comma separated, with a header.")
    @click.option("--json", "form", flag_value="json", help="JSON lines.")
    def command(form: str | None) -> None:
        with _journal(_settings()) as journal:
            _print(_frame(name, journal), form, SHOWN[name])


main.add_command(blotter_command.blotter)
main.add_command(operator_commands.resolve)
main.add_command(operator_commands.reconcile)
main.add_command(flex_command.flex)
main.add_command(session_command.session)
_table_command("orders", "Every order in the journal.")
_table_command("fills", "Every execution in the journal, with its commission.")
_table_command("reports", "Every execution report in the journal.")
_table_command("positions", "Positions that the journal's fills add up to.")


def _frame(name: str, journal: Any) -> pd.DataFrame:
    from toolkit.reports import frames, positions

    match name:
        case "orders":
            return frames.orders_frame(journal.states().values())
        case "fills":
            return frames.fills_frame(journal.states().values())
        case "reports":
            return frames.reports_frame(journal.reports())
    return positions.positions_frame(journal.states().values())


def _print(frame: pd.DataFrame, form: str | None, shown: list[str]) -> None:
    if form == "csv":
        click.echo(frame.to_csv(), nl=False)
    elif form == "json":
        if len(frame):
            click.echo(frame.reset_index().to_json(orient="records", lines=True, date_format="iso"), nl=False)
    elif frame.empty:
        click.echo("Nothing yet.")
    else:
        times = {
            name: "{:%m-%d %H:%M:%S}".format for name in shown if name in ("received_at", "time", "started")
        }
        click.echo(frame[shown].to_string(na_rep="-", formatters=times))


def _journal(settings: Settings) -> Any:
    from toolkit.journal.reader import JournalReader

    return JournalReader(settings.journal_path)


def _settings(**changes: Any) -> Settings:
    from toolkit.settings import Settings

    return Settings.load(**changes)


def _once(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"Parameter {twice!r} is given more than once.")
    return pairs
