"""One run: a gateway process, an honest client, the bad ones, and what came of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO

from tests.gateway.fuzz.garbage import ACCOUNT as BAD_ACCOUNT
from tests.gateway.fuzz.healthy import ACCOUNT, CLIENT_ID, PATIENCE, DisturbedError, Healthy
from tests.gateway.processes import ROOT, GatewayProcess, free_port
from toolkit.gateway.control_command import ask

MAX_GROWTH_MIB = 256
"""How much more memory the gateway may hold at its largest than at its start: unsent replies, in the main."""


@dataclass
class Outcome:
    """What one run came to; ``failures`` is empty when nothing was hurt."""

    seed: int
    failures: list[str] = field(default_factory=list)
    attacks: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    orders: int = 0
    cancels: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    rss: list[float] = field(default_factory=list)
    """Resident memory of the gateway in MiB, at the start and after every round of the honest client."""
    log_lines: int = 0

    def __str__(self) -> str:
        worst = ", ".join(f"{what} {seconds * 1000:.0f} ms" for what, seconds in self.worst.items())
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.attacks.items()))
        memory = (
            f"{self.rss[0]:.0f} MiB at the start, {max(self.rss):.0f} at most, {self.rss[-1]:.0f} at the end"
        )
        lines = [
            f"seed {self.seed}: {self.attacks.total()} attacks, {self.sent / 2**20:.1f} MiB sent ({kinds})",
            f"honest client: {self.orders} orders filled, {self.cancels} cancelled; worst waits: {worst}",
            f"gateway: {memory}; {self.log_lines} log lines",
            *(f"FAILED (seed {self.seed}): {failure}" for failure in self.failures),
        ]
        return "\n".join(lines)


class Log:
    """Reads the gateway's log as it comes; keeps only what follows a sign of a crash."""

    def __init__(self, stream: IO[str]) -> None:
        self.lines = 0
        self.crash: list[str] = []
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.lines += 1
                if self.crash or line.startswith("Traceback"):
                    self.crash = [*self.crash, line][:40]

    def join(self) -> None:
        """Return when the gateway has closed its log."""
        self._thread.join()


def fuzz(seed: int, seconds: float, pause: float = 0.0) -> Outcome:
    """
    Attack a gateway for a while.

    Args:
        seed: decides what is sent.
        seconds: how long.
        pause: seconds between two attacks of each of the attackers.
    """
    outcome = Outcome(seed)
    control = free_port()
    options = ("--account", f"{ACCOUNT},{BAD_ACCOUNT}", "--seed", str(seed), "--control-port", str(control))
    gateway = GatewayProcess(*options, stderr=subprocess.PIPE)
    assert gateway.process.stderr is not None
    log = Log(gateway.process.stderr)
    try:
        asyncio.run(_attack(gateway, control, outcome, seconds, pause))
    except (DisturbedError, OSError) as error:
        outcome.failures.append(f"{error}")
    finally:
        ended = gateway.process.poll()
        gateway.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            gateway.process.wait(PATIENCE)
        code = gateway.process.poll()
        gateway.kill()
        log.join()
    outcome.log_lines = log.lines
    if ended is not None or code != 0:
        outcome.failures.append(f"the gateway ended with exit code {code if ended is None else ended}")
    if log.crash:
        outcome.failures.append("the gateway logged a crash:\n" + "".join(log.crash))
    return outcome


async def _attack(
    gateway: GatewayProcess, control: int, outcome: Outcome, seconds: float, pause: float
) -> None:
    healthy = Healthy()
    await healthy.connect(gateway.port)
    await healthy.round()
    outcome.rss.append(_resident_mib(gateway.process.pid))
    command = (sys.executable, "-m", "tests.gateway.fuzz.attackers")
    attackers = await asyncio.create_subprocess_exec(
        *command, *map(str, (gateway.port, outcome.seed, seconds, pause)), cwd=ROOT, stdout=subprocess.PIPE
    )
    told = asyncio.create_task(attackers.communicate())
    try:
        while not told.done():
            await healthy.round()
            outcome.rss.append(_resident_mib(gateway.process.pid))
        output, _ = await told
        await _settled(gateway, healthy, outcome)
    finally:
        if attackers.returncode is None:
            attackers.kill()
        await asyncio.wait({told})
        outcome.worst = healthy.worst
        outcome.orders, outcome.cancels = len(healthy.filled), healthy.cancelled
        healthy.disconnect()
    if attackers.returncode:
        raise DisturbedError(f"the attackers ended with exit code {attackers.returncode}")
    report = json.loads(output)
    outcome.attacks, outcome.sent = Counter(report["kinds"]), report["bytes"]
    outcome.failures += [f"{attack} was neither answered nor closed" for attack in report["silent"]]
    if max(outcome.rss) - outcome.rss[0] > MAX_GROWTH_MIB:
        outcome.failures.append(f"the gateway grew from {outcome.rss[0]:.0f} to {max(outcome.rss):.0f} MiB")
    outcome.failures += _contradictions(control, healthy)


async def _settled(gateway: GatewayProcess, healthy: Healthy, outcome: Outcome) -> None:
    """Once the bad clients are gone, others come in as before."""
    await healthy.round()
    outcome.rss.append(_resident_mib(gateway.process.pid))
    reader, writer = await asyncio.wait_for(asyncio.open_connection(gateway.host, gateway.port), PATIENCE)
    writer.write(b"API\0\0\0\0\x04v178")
    if not await asyncio.wait_for(reader.read(4), PATIENCE):
        raise DisturbedError("A new client was turned away after the attack.")
    writer.close()
    await writer.wait_closed()


def _contradictions(control: int, healthy: Healthy) -> list[str]:
    """Where the gateway's ledger tells another story of the honest client's orders than the client."""
    rows = [row for row in ask(control, "ledger") if row.get("client_id", CLIENT_ID) == CLIENT_ID]
    filled: Counter[str] = Counter()
    for row in rows:
        if row.get("row") == "fill" and row["account"] == ACCOUNT:
            filled[row["order_ref"]] += Decimal(str(row["shares"]))  # type: ignore[assignment]
    found = [
        f"{ref}: {filled[ref]} shares in the ledger, {healthy.filled.get(ref)} at the client"
        for ref in {*filled, *healthy.filled}
        if filled[ref] != healthy.filled.get(ref)
    ]
    orders = [row for row in rows if row.get("row") == "order"]
    if len(orders) != len(healthy.filled) + healthy.cancelled or any(row["refused"] for row in orders):
        found.append(f"the ledger has {len(orders)} orders of the honest client")
    return found


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise DisturbedError("the gateway is gone")
