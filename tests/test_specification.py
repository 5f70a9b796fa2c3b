"""
Every code block of the specification, taken from its text and run against the paper gateway.

Only the package's name is changed. Blocks run in the order of the document, each section in one
namespace, with ``await`` at the top level as in a notebook. The paper gateway listens on the port
that the document names, 4002; when something else does, these tests fail rather than talk to it.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.risk.desk import Desk
from tests.waiting import until
from toolkit.app.engine import Metrics
from toolkit.broker.execution_wrapper import IBKRExecutionWrapper
from toolkit.broker.ibkr_exec_client import IBKRExecClient, OrderStatus
from toolkit.bus.embedded import EmbeddedConsumer, EmbeddedProducer
from toolkit.gateway import PaperGateway
from toolkit.settings import Settings

DOCUMENT = Path(__file__).with_name("specification.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = 4002


def section(title: str) -> str:
    """The text under one heading, up to the next heading of the same rank."""
    # In code a "#" is no heading: look for headings with the code blanked out.
    outline = BLOCK.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), DOCUMENT)
    start = re.search(rf"^(#+) {re.escape(title)}$", outline, re.MULTILINE)
    assert start is not None, title
    end = re.compile(rf"^#{{1,{len(start[1])}}} ", re.MULTILINE).search(outline, start.end())
    return DOCUMENT[start.end() : end.start() if end else None]


def blocks(title: str, language: str = "python") -> list[str]:
    """The code blocks of one section, with the package's name as it is here; never none."""
    found = [code for kind, code in BLOCK.findall(section(title)) if kind == language]
    assert found, title
    return [code.replace("order_plane", "toolkit") for code in found]


async def run(code: str, names: dict[str, Any]) -> None:
    """Run one block in ``names``; ``await`` may stand at its top level."""
    compiled = compile(code, "<specification>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, names)
    if inspect.isawaitable(result):
        await result


@pytest.fixture(scope="module")
def gateway() -> Iterator[PaperGateway]:
    """A paper gateway on the port that the document names."""
    started = PaperGateway.start_in_thread(port=PORT, seed=3)
    yield started
    started.stop()


async def connected(home: Path) -> tuple[IBKRExecClient, dict[str, Any]]:
    """The names after the section that connects."""
    names: dict[str, Any] = {}
    await run(blocks("1. Initialize IBKR Client")[0], names)
    return names["ibkr_client"], names


def test_the_usage_section_runs_as_it_is_written(
    gateway: PaperGateway, home: Path, loop_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def usage() -> None:
        client, names = await connected(home)
        for title in (
            "2. Place an Order",
            "3. Monitor Order Status",
            "4. Get Execution Reports",
            "5. Cancel Order",
        ):
            (code,) = blocks(title)
            await run(code, names)
        await client.disconnect_async()

    loop_run(usage())
    printed = capsys.readouterr().out
    # The document's example is a MARKET order with a limit price: an extra price is refused.
    assert "Order placement failed" in printed
    assert "Status: Rejected" in printed
    assert "Order unique-uuid-here status: Rejected" in printed


def test_the_usage_section_places_and_cancels_when_the_order_is_sound(
    gateway: PaperGateway, home: Path, loop_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def usage() -> None:
        client, names = await connected(home)
        (place,) = blocks("2. Place an Order")
        await run(place.replace("'MARKET'", "'LIMIT'"), names)
        await run(blocks("3. Monitor Order Status")[0], names)
        await run(blocks("5. Cancel Order")[0], names)
        await until(lambda: client.ledger.get("unique-uuid-here").status.final)
        await run(blocks("4. Get Execution Reports")[0], names)
        await client.disconnect_async()

    loop_run(usage())
    printed = capsys.readouterr().out
    assert "Order placed successfully: ID=" in printed
    assert "status: Cancelled" in printed


@pytest.mark.parametrize(
    "title", ["Market Order", "Limit Order", "Stop Order", "Stop Limit Order"], ids=lambda t: t.lower()
)
def test_every_order_type_of_the_document_is_taken(
    title: str, gateway: PaperGateway, home: Path, loop_run: Any
) -> None:
    (code,) = blocks(title)

    async def place() -> int | None:
        client, _ = await connected(home)
        # The gateway remembers: under one id it would be the same order, sent from another journal.
        intent_id = f"typed-{title.replace(' ', '-')}"
        intent = {"intent_id": intent_id, "symbol": "SPY", "direction": "BUY", **ast.literal_eval(code)}
        order_id = await client.place_order(intent)
        await until(lambda: client.ledger.get(intent_id).acked_at is not None)
        await client.disconnect_async()
        return order_id

    assert loop_run(place()) is not None


def test_the_callbacks_exist_with_the_documents_names_and_leading_parameters() -> None:
    for code in blocks("IBKR Callbacks"):
        name, parameters = re.search(r"def (\w+)\(self, ([^)]*)\)", code).groups()  # type: ignore[union-attr]
        wanted = [p.split(":")[0].strip() for p in parameters.split(",") if "..." not in p]
        actual = list(inspect.signature(getattr(IBKRExecutionWrapper, name)).parameters)[1:]
        assert actual[: len(wanted)] == wanted, name


def test_the_orchestrator_section_runs_as_it_is_written(
    gateway: PaperGateway, home: Path, loop_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def orchestrate() -> None:
        bus = home / "bus.db"
        names: dict[str, Any] = {
            "ibkr_config": {"host": "127.0.0.1", "port": PORT, "client_id": 2},
            "kafka_consumer": EmbeddedConsumer(bus, "order_intents", group_id="spec"),
            "kafka_producer": EmbeddedProducer(bus),
            "order_intent": {
                "intent_id": "some-uuid",
                "symbol": "SPY",
                "direction": "BUY",
                "quantity": 100,
                "order_type": "MARKET",
            },
        }
        system, single, monitor = blocks("Orchestrator Usage")
        for code in (system, single, monitor):
            await run(code, names)
        await names["orchestrator"].stop()
        await names["ibkr_client"].disconnect_async()

    loop_run(orchestrate())
    printed = capsys.readouterr().out
    assert "Order placed and tracked" in printed
    assert "Active orders: " in printed
    assert "Order SPY: " in printed


def test_the_risk_section_runs_as_it_is_written_and_can_be_extended() -> None:
    names: dict[str, Any] = {
        "order_intent": {"symbol": "SPY", "direction": "BUY", "quantity": 100, "order_type": "MARKET"}
    }
    exec("from toolkit.app.order_orchestrator import SimpleRiskChecker", names)
    check, extend = blocks("Risk Validation")
    exec(check, names)
    assert names["is_valid"] is True

    exec(extend, names)
    custom = names["CustomRiskChecker"]({"max_gross_exposure": 150, "blocked_symbols": ["GME"]})
    order = names["order_intent"]
    assert custom.validate(order)
    assert not custom.validate({**order, "symbol": "GME"})
    assert not custom.validate({**order, "quantity": 151})


def test_the_documents_own_check_of_exposure_adds_shares_to_dollars_and_ours_before_it_does_not() -> None:
    """150 shares of SPY at 500 are 75,000 dollars; its last comparison takes them for 150."""
    (_, extend) = blocks("Risk Validation")
    names: dict[str, Any] = {}
    exec("from toolkit.app.order_orchestrator import SimpleRiskChecker", names)
    exec(extend, names)
    order = {"symbol": "SPY", "direction": "BUY", "quantity": 150, "order_type": "MARKET"}
    custom = names["CustomRiskChecker"]({"max_gross_exposure": 1000})
    custom.bind(Desk())
    assert custom.current_exposure + order["quantity"] <= custom.max_gross_exposure
    assert not custom.validate(order)
    assert [decision.code for decision in custom.violations(order)] == ["MAX_GROSS_EXPOSURE"]
    assert custom.validate({**order, "quantity": 2})


def test_reports_have_every_field_of_the_documents_examples(
    gateway: PaperGateway, home: Path, loop_run: Any
) -> None:
    executed, refused = (ast.literal_eval(code) for code in blocks("Execution Reports"))

    async def trade() -> list[dict[str, Any]]:
        client, _ = await connected(home)
        base = {"symbol": "SPY", "direction": "BUY", "order_type": "MARKET"}
        await client.place_order({**base, "intent_id": "good", "quantity": 100})
        await client.place_order({**base, "intent_id": "bad", "quantity": 1001})
        await until(lambda: client.ledger.get("good").known_commission is not None)
        reports = await client.get_execution_reports()
        await client.disconnect_async()
        return reports

    reports = {report["intent_id"]: report for report in loop_run(trade())}
    assert executed.keys() <= reports["good"].keys()
    assert executed["executions"][0].keys() <= reports["good"]["executions"][0].keys()
    assert refused.keys() <= reports["bad"].keys()
    for name, example in executed.items():
        value = reports["good"][name]
        assert isinstance(value, int | float if isinstance(example, int | float) else type(example)), name
    assert reports["bad"]["execution_id"].startswith("REJ-")
    json.dumps(reports)


def test_the_environment_variables_are_read_under_the_documents_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (code,) = blocks("Environment Variables", "bash")
    for name, value in re.findall(r"^(\w+)=(\S+)", code, re.MULTILINE):
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert (settings.ibkr_host, settings.ibkr_port, settings.ibkr_client_id) == ("127.0.0.1", 4002, 2)
    assert settings.ibkr_account == "DU123456"
    assert (settings.max_order_quantity, settings.max_gross_exposure) == (1000, 1_000_000)
    assert (settings.prometheus_port, settings.log_level) == (8002, "INFO")


def test_the_order_states_are_the_documents_words() -> None:
    words = re.findall(r"^\| `(\w+)` \|", section("Order States"), re.MULTILINE)
    assert set(words) <= {status.value for status in OrderStatus}


def test_the_health_check_runs_and_the_metrics_have_the_documents_names(
    gateway: PaperGateway, home: Path, loop_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def monitor() -> str:
        from prometheus_client import generate_latest

        client, names = await connected(home)
        metrics = Metrics(client)
        await run(blocks("Monitoring & Metrics")[0], names)
        base = {"symbol": "SPY", "direction": "BUY", "order_type": "LIMIT", "limit_price": 10}
        await client.place_order({**base, "intent_id": "a", "quantity": 5000})
        await client.place_order({**base, "intent_id": "b", "quantity": 1})
        await client.place_order({**base, "intent_id": "c", "quantity": 1, "limit_price": 10.001})
        await client.place_order({"intent_id": "d", **base, "quantity": 1, "limit_price": 900})
        await until(lambda: client.ledger.get("c").final and client.ledger.get("d").final)
        text = generate_latest(metrics.registry).decode()
        await client.disconnect_async()
        return text

    series = loop_run(monitor())
    assert "Connected: True" in capsys.readouterr().out
    for code in blocks("Prometheus Metrics", ""):
        for name in re.findall(r"^(\w+)", code, re.MULTILINE):
            assert re.search(rf"^{name}(_count)?({{| )", series, re.MULTILINE), name


def test_the_paper_trading_test_passes_as_a_program_of_its_own(
    gateway: PaperGateway, home: Path, tmp_path: Path
) -> None:
    (code,) = blocks("Testing")
    program = tmp_path / "paper_trading_test.py"
    program.write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Paper trading test passed" in done.stdout
