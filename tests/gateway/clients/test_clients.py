"""
Clients of others, unmodified and each in a process of its own, trade against the gateway.

A small program per library does the same things in the same order and prints what it saw; the tests
read that. AAPL is quoted 150.00 (300) - 150.02 (400).
"""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.clients.environments import CLIENTS, Client
from toolkit.gateway import PaperGateway

PROGRAM_S = 60


class Seen:
    """What one client's program printed, by what it is about."""

    def __init__(self, client: Client, done: subprocess.CompletedProcess[str]) -> None:
        self.client = client
        self._done = done
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self._facts = {line.pop("saw"): line for line in lines}

    def __call__(self, what: str) -> dict[str, Any]:
        """The facts about one thing; fails with the program's errors when it never got there."""
        assert what in self._facts, f"{self.client.name} never saw {what}:\n{self._done.stderr[-3000:]}"
        return self._facts[what]

    @property
    def exit_code(self) -> int:
        return self._done.returncode


@pytest.fixture(scope="module", params=CLIENTS, ids=[client.name for client in CLIENTS])
def seen(request: pytest.FixtureRequest) -> Iterator[Seen]:
    """One run of a client's program against a gateway of its own."""
    command, environment = request.param.command()
    with PaperGateway(quotes=None, hours="always") as gateway:
        gateway.market.set_quote("AAPL", 150, 150.02, 300, 400)
        done = subprocess.run(
            [*command, gateway.host, str(gateway.port)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROGRAM_S,
            check=False,
        )
        yield Seen(request.param, done)


def test_it_connects_at_the_newest_version_that_both_speak(seen):
    assert seen("connected") == {"version": seen.client.version, "accounts": ["DU123456"]}


def test_it_reads_the_details_of_a_contract(seen):
    details = seen("details")
    assert (details["con_id"], details["min_tick"], details["zone"]) == (265598, 0.01, "US/Eastern")
    assert len(details["trading_hours"].split(";")) == len(details["liquid_hours"].split(";")) == 6


def test_an_unknown_contract_is_error_200(seen):
    assert seen("unknown contract") == {"codes": [200]}


def test_its_market_order_is_filled_with_an_execution_and_a_commission(seen):
    assert seen("market") == {
        "status": "Filled",
        "shares": 100,
        "price": 150.02,
        "side": "BOT",
        "ref": "market",
        "commission": 1,
    }


def test_its_limit_order_rests_and_is_cancelled_with_202(seen):
    assert seen("limit") == {"ended": "Cancelled", "codes": [202]}


@pytest.mark.parametrize("kind", ["stop", "stop limit"])
def test_its_stop_orders_rest_until_they_are_triggered(seen, kind):
    assert seen(kind) == {"status": "PreSubmitted"}


def test_an_order_id_used_twice_is_error_103(seen):
    assert seen("duplicate order id") == {"codes": [103]}


def test_it_finds_its_executions_again(seen):
    assert seen("executions") == {"shares": [100]}


def test_it_finds_the_orders_that_ended(seen):
    assert seen("completed orders") == {"rows": [["LMT", "Cancelled"], ["MKT", "Filled"]]}


def test_it_reads_positions_and_the_account_summary(seen):
    assert seen("positions") == {"rows": [["AAPL", 100]]}
    # 100 shares bought at 150.02 stand at the middle, 150.01, and 1 USD of commission is paid.
    assert seen("summary") == {"net_liquidation": 999_998}


def test_it_reads_quotes(seen):
    assert seen("market data") == {"quote": [150, 300, 150.02, 400]}


def test_it_reads_bars_of_the_past(seen):
    assert seen("history") == {"bars": [[len("20260102"), 150.01, 150.01, 150.01, 150.01]]}


def test_it_reads_the_profit_of_a_position(seen):
    assert seen("profit") == {"position": 100, "value": 15_001}


def test_it_reads_what_an_order_would_mean(seen):
    assert seen("what if")["margin"] > 0


def test_what_is_not_served_ends_with_an_error(seen):
    assert seen("what is not served") == {"codes": [430]}


def test_a_second_client_with_its_id_is_refused_with_326(seen):
    assert seen("client id in use") == {"codes": [326]}


def test_another_client_sees_its_working_orders(seen):
    assert seen("everyone's orders") == {"rows": [[1, "STP"], [1, "STP LMT"]]}


def test_its_program_ends_well(seen):
    assert seen.exit_code == 0
