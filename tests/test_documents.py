"""
The operations documents: every command in them runs.

Each section's commands run in the situation that the section is about, at a real gateway, and what it
says about the end of it is looked at.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests import builders
from tests.documents import BLOCKS, Shell, shell
from tests.flex.xml import document, row
from tests.kafka_broker import free_ports
from tests.waiting import wait_until
from toolkit.app.engine import Engine
from toolkit.app.health import readiness
from toolkit.app.health_server import HealthServer
from toolkit.bus import choose
from toolkit.gateway import PaperGateway
from toolkit.orders.controls import ControlState
from toolkit.settings import Settings

SECTIONS = [
    (name, heading)
    for name, found in BLOCKS.items()
    for heading in dict.fromkeys(block.heading for block in found)
]
PATIENCE = 20.0


class Place:
    """A home, a gateway and a service of it, as one machine has them."""

    def __init__(self, gateway: PaperGateway, home: Path, folder: Path) -> None:
        self.gateway = gateway
        self.folder = folder
        self.port = free_ports(1)[0]
        self.settings = Settings.load(ibkr_port=gateway.port, toolkit_home=home, prometheus_port=self.port)
        self._engine: Engine | None = None
        self._health: HealthServer | None = None

    @property
    def engine(self) -> Engine:
        assert self._engine is not None, "the service was stopped"
        return self._engine

    def start(self) -> None:
        self._engine = engine = Engine(
            self.settings, bus=choose.consumer_and_producer, sweep_s=0.2, settle_s=0.05, ack_timeout_s=0.3
        )
        engine.start()

        async def serve() -> HealthServer:
            return HealthServer(self.port, lambda: readiness(engine, ""), engine.metrics.exposition)

        self._health = engine.call(serve())

    def stop(self) -> None:
        if self._health is not None and self._engine is not None:
            self._health.close()
            self._engine.stop()
        self._engine = self._health = None

    def buy(self, intent_id: str = builders.INTENT_ID, **changes: object) -> None:
        self.engine.call(
            self.engine.client.place_order(builders.raw_intent(intent_id=intent_id, quantity=1, **changes))
        )

    def systemctl(self, line: str) -> None:
        """What the unit would do."""
        verb = line.removeprefix("systemctl ").removesuffix(" toolkit")
        if verb in ("stop", "restart"):
            self.stop()
        if verb in ("start", "restart"):
            self.start()


@contextmanager
def made(home: Path, folder: Path) -> Iterator[Place]:
    """A service that holds one order and has filled another."""
    with PaperGateway(port=0, quotes=None) as gateway:
        gateway.market.set_quote("SPY", 450.00, 450.02, 500, 500)
        place = Place(gateway, home, folder)
        place.start()
        place.buy("resting", limit_price=440)
        place.buy("filled", limit_price=451)
        wait_until(lambda: place.engine.client.market.held())
        yield place
        place.stop()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """One for a section that is about something that goes wrong."""
    with made(tmp_path / "home", tmp_path) as place:
        yield place


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Shell, set[str]]]:
    """One for all other sections, and the lines that ran there: the same line twice tells nothing new."""
    folder = tmp_path_factory.mktemp("well")
    with made(folder / "home", folder) as place, shell_of(place) as opened:
        yield place, opened, set()


def shell_of(place: Place) -> AbstractContextManager[Shell]:
    return shell(
        place.folder,
        TOOLKIT_HOME=str(place.settings.toolkit_home),
        IBKR_PORT=str(place.gateway.port),
        PROMETHEUS_PORT=str(place.port),
    )


# --- the situations, and how they end -----------------------------------------------------------------


def state(place: Place) -> ControlState:
    return place.engine.client.controls.standing.state


def unknown(place: Place) -> None:
    place.gateway.faults.add("drop", message="placeOrder")
    place.buy(limit_price=440)
    wait_until(lambda: place.engine.client.ledger.unknown(), PATIENCE)


def nothing_unknown(place: Place) -> bool:
    return not place.engine.client.ledger.unknown() and len(place.gateway.ledger.requests) == 2


def broken(place: Place) -> None:
    place.gateway.faults.add("drop", message="execDetails", times=0)
    place.gateway.faults.add("liquidate", symbol="SPY")
    wait_until(lambda: place.engine.client.market.locks(), PATIENCE)


def killed(place: Place) -> None:
    place.engine.call(place.engine.client.kill("drill"))


def halted(place: Place) -> None:
    place.engine.call(place.engine.client.controls.order("halt", "ann", "drill"))


def latched(place: Place) -> None:
    place.engine.call(place.engine.client.controls.order("reduce-only", "risk", "loss"))


def wrong_fill(place: Place) -> None:
    """The statement knows another commission than the API told."""
    wait_until(lambda: place.gateway.ledger.fills, PATIENCE)
    (fill,) = place.gateway.ledger.fills.values()
    at = fill.time.astimezone(ZoneInfo("America/New_York"))
    content = document(
        row(
            ibExecID=fill.exec_id,
            ibOrderID=str(fill.perm_id),
            orderReference=fill.order_ref,
            quantity=str(fill.shares),
            tradePrice=str(fill.price),
            ibCommission="-1.23",
            dateTime=f"{at:%Y%m%d;%H%M%S}",
        ),
        fromDate=f"{at:%Y%m%d}",
        toDate=f"{at:%Y%m%d}",
        whenGenerated="",
    )
    (place.folder / "day.xml").write_bytes(content)


def gone(place: Place) -> None:
    place.stop()


def gross_limit(place: Place) -> Decimal:
    return place.engine.orchestrator.risk_checker.limits.numbers["max_gross_exposure"]


SCENES: dict[str, Callable[[Place], None]] = {
    "OrdersUnknown": unknown,
    "PositionBreak": broken,
    "Killed": killed,
    "Halted": halted,
    "LossLatch": latched,
    "WrongFill": wrong_fill,
    "MachineGone": gone,
}
"""Heading -> what happens before; the others begin with a service that is well."""
OVER: dict[str, Callable[[Place], object]] = {
    "First minute": lambda place: state(place) is ControlState.KILLED,
    "OrdersUnknown": nothing_unknown,
    "PositionBreak": lambda place: not place.engine.client.market.locks(),
    "Killed": lambda place: state(place) is ControlState.ACTIVE,
    "Halted": lambda place: state(place) is ControlState.ACTIVE,
    "LossLatch": lambda place: state(place) is ControlState.ACTIVE,
    "ManyRejections": lambda place: state(place) is ControlState.HALTED,
    "LimitNearlyUsed": lambda place: gross_limit(place) == 1_500_000,
    "Go live": lambda place: place.engine.client.controls.standing.token is None,
}
"""Heading -> what is true when its commands have run."""


def situations(*, special: bool) -> list[Any]:
    """The sections that begin or end in a situation of their own, or the others."""
    return [
        pytest.param(name, heading, id=heading)
        for name, heading in SECTIONS
        if (heading in SCENES or heading in OVER) is special
    ]


@pytest.mark.parametrize(("name", "heading"), situations(special=True))
def test_the_commands_of_a_section_run_and_end_what_it_is_about(
    name: str, heading: str, place: Place
) -> None:
    SCENES.get(heading, lambda _: None)(place)
    with shell_of(place) as opened:
        run(name, heading, opened, place, set())
    over = OVER.get(heading)
    if over is not None:
        wait_until(lambda: over(place), PATIENCE)


@pytest.mark.parametrize(("name", "heading"), situations(special=False))
def test_the_commands_of_a_section_run_where_all_is_well(
    name: str, heading: str, well: tuple[Place, Shell, set[str]]
) -> None:
    place, opened, known = well
    run(name, heading, opened, place, known)


def run(name: str, heading: str, opened: Shell, place: Place, known: set[str]) -> None:
    """Run a section line by line; of lines for the host, do what their unit would."""
    for block in BLOCKS[name]:
        for line in block.lines if block.heading == heading else ():
            if block.kind == "host":
                place.systemctl(line)
            elif block.kind == "" and line not in known:
                known.add(line)
                check(line, opened)


def check(line: str, opened: Shell) -> None:
    """Run a line, which ends with 0 or as it says."""
    if line.startswith("curl") and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    documented = re.search(r"# exits with (\d)$", line)
    done = opened.run(line)
    told = (line, done.stdout, done.stderr, opened.errors[-1:])
    assert done.returncode == int(documented[1] if documented else 0), told
    assert not any("Traceback" in text for text in opened.errors), opened.errors
