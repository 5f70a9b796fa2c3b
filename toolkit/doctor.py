"""
``toolkit doctor``: what works on this machine, what does not, and what to do about it.

Each check looks at one thing the way the service would, places nothing, and never stops the others.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import socket
import tempfile
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from toolkit.errors import BusError, ConfigError, JournalError, JournalLockedError, ToolkitError
from toolkit.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from toolkit.app.probe import Sighting

MIN_FREE_BYTES: Final = 1_000_000_000
"""Room for the facts and reports of some 50,000 orders."""
MAX_CLOCK_ERROR_S: Final = 2.0
"""The broker tells its time in whole seconds; beyond this, intents go stale too early or too late."""
ANSWER_S: Final = 3.0
"""How long a peer has to answer, in seconds."""
PROBE_IDS: Final = range(900_000, 1_000_000)
"""Client ids that nobody would choose."""


class Check(NamedTuple):
    """One thing that was looked at: what was found, and what to do when it is not as it should be."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def examine(settings: Settings | None = None) -> list[Check]:
    """
    Look at everything; without readable settings, at what does not depend on them.

    Args:
        settings: None: what the environment says.
    """
    try:
        settings = settings or Settings.load()
    except ConfigError as error:
        return [_failed("settings", error), kernel()]
    journaled, held = journal(settings.journal_path)
    seen, reached = gateway(settings)
    return [
        Check("settings", True, f"readable; {_chosen()}"),
        home(settings.toolkit_home),
        disk(settings.toolkit_home),
        journaled,
        reached,
        clock(seen),
        bus(settings),
        metrics_port(settings.prometheus_port, serving=held),
        kernel(),
    ]


def home(folder: Path) -> Check:
    """Whether the journal's folder can be written; it is made when it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Check("home", True, f"{folder} can be written")
    except OSError as error:
        return Check(
            "home",
            False,
            f"{folder} cannot be written: {error.strerror}",
            "make it writable, or set TOOLKIT_HOME to a folder that is",
        )


def disk(folder: Path) -> Check:
    """Whether the disk has room for the journal of a few busy days."""
    there = next(each for each in (folder, *folder.absolute().parents) if os.access(each, os.F_OK))
    free = shutil.disk_usage(there).free
    return Check(
        "disk",
        free >= MIN_FREE_BYTES,
        f"{free / 1e9:.1f} GB free at {folder}",
        "" if free >= MIN_FREE_BYTES else "free some space: a full disk stops trading",
    )


def journal(path: Path) -> tuple[Check, bool]:
    """Whether the journal opens, or is in use; and whether somebody holds it."""
    from toolkit.journal.sqlite import SqliteJournal

    if not os.access(path, os.F_OK):
        return Check("journal", True, f"none yet at {path}; it is made when the service first starts"), False
    try:
        with SqliteJournal(path) as opened:
            return Check("journal", True, f"{path} opens; {opened.last_seq:,} facts"), False
    except JournalLockedError as error:
        return Check("journal", True, f"{path} is in use by process {error.pid or 'unknown'}"), True
    except JournalError as error:
        return _failed("journal", error), False


def gateway(settings: Settings) -> tuple[Sighting | None, Check]:
    """Whether the gateway answers and has our account; what was seen there."""
    from toolkit.app.probe import look

    where = f"{settings.ibkr_host}:{settings.ibkr_port}"
    try:
        seen = look(settings.ibkr_host, settings.ibkr_port, random.choice(PROBE_IDS), ANSWER_S)  # noqa: S311
    except ToolkitError as error:
        return None, _failed("gateway", error)
    kinds = ", ".join(f"{each} ({'paper' if seen.is_paper(each) else 'LIVE'})" for each in seen.accounts)
    detail = f"{where} answers, version {seen.server_version}: {kinds}"
    wanted = settings.ibkr_account
    if wanted and wanted not in seen.accounts:
        return seen, Check("gateway", False, f"{detail}, but not {wanted}", "correct IBKR_ACCOUNT")
    if not wanted and len(seen.accounts) > 1:
        return seen, Check("gateway", False, detail, "name one of the accounts in IBKR_ACCOUNT")
    return seen, Check("gateway", True, detail)


def clock(seen: Sighting | None) -> Check:
    """Whether this machine's clock agrees with the gateway's and runs evenly."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if seen is None:
        return Check("clock", True, f"{now}; not compared, because no gateway answers")
    synchronise = "synchronise this machine's clock (NTP)"
    if abs(seen.clock_step_s) > MAX_CLOCK_ERROR_S:
        return Check("clock", False, f"{now}; set by {seen.clock_step_s:+.1f} s while we looked", synchronise)
    detail = f"{now}; {seen.clock_error_s:+.1f} s from the gateway's"
    if abs(seen.clock_error_s) > MAX_CLOCK_ERROR_S:
        return Check("clock", False, detail, f"{synchronise}: intents are judged by their age")
    return Check("clock", True, detail)


def bus(settings: Settings) -> Check:
    """Whether Kafka answers, or the embedded bus's file is in order."""
    try:
        if settings.kafka_bootstrap_servers:
            from toolkit.bus.kafka import ensure_topics

            # No topics: it asks which there are, and makes none.
            ensure_topics(settings.kafka_bootstrap_servers, (), connect_s=ANSWER_S)
            return Check("bus", True, f"Kafka at {settings.kafka_bootstrap_servers} answers")
        return _embedded_bus(settings.bus_path)
    except BusError as error:
        return _failed("bus", error)


def _embedded_bus(path: Path) -> Check:
    from toolkit.bus.store import Store
    from toolkit.bus.topics import INTENTS, REPORTS

    if not os.access(path, os.F_OK):
        return Check("bus", True, f"embedded, none yet at {path}; it is made when it is first used")
    store = Store(path)
    try:
        intents, reports = store.end(INTENTS), store.end(REPORTS)
    finally:
        store.close()
    return Check("bus", True, f"embedded, {path}; {intents:,} intents, {reports:,} reports")


def metrics_port(port: int, *, serving: bool) -> Check:
    """Whether metrics can be served, or are served already by the process that holds the journal."""
    if not port:
        return Check("metrics", True, "not served (PROMETHEUS_PORT is 0)")
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("", port))
    except OSError as error:
        if serving and _serves_metrics(port):
            return Check("metrics", True, f"served on port {port}")
        return Check(
            "metrics",
            False,
            f"port {port} cannot be used: {error.strerror}",
            "set PROMETHEUS_PORT to a free one, or to 0 for none",
        )
    return Check("metrics", True, f"port {port} is free")


def _serves_metrics(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=ANSWER_S) as answer:
            return b"toolkit_" in answer.read()
    except (OSError, ValueError):
        # Whoever answers, or does not, it is not our service.
        return False


def kernel() -> Check:
    """Whether notebooks and runbooks can run: papermill, and a Python kernel."""
    install = "pip install 'toolkit[notebook]'"
    missing = [name for name in ("papermill", "jupyter_client") if importlib.util.find_spec(name) is None]
    if missing:
        return Check("notebooks", False, f"{' and '.join(missing)} cannot be imported", install)
    from jupyter_client.kernelspec import KernelSpecManager

    where = KernelSpecManager().find_kernel_specs().get("python3")
    if where is None:
        return Check("notebooks", False, "there is no kernel named python3", install)
    return Check("notebooks", True, f"papermill, and the kernel python3 at {where}")


def as_table(checks: list[Check]) -> Table:
    """The checks as a table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table("check", "")
    table.add_column("what was found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for check in checks:
        mark = Text("ok", "green") if check.ok else Text("FAIL", "bold red")
        table.add_row(check.name, mark, Text(check.detail), Text(check.advice))
    return table


def _failed(name: str, error: ToolkitError) -> Check:
    """A refusal as a check; our sentences say what was wrong, then, after a semicolon, what to do."""
    detail, _, advice = str(error).rstrip(".").partition("; ")
    return Check(name, False, detail, advice or "correct it and look again")


def _chosen() -> str:
    names = [field.upper() for field in Settings.model_fields if os.environ.get(field.upper())]
    return f"set are {', '.join(names)}" if names else "all are defaults"
