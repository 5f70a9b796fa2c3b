"""The controls panel and its kill switch, without a browser: pressed, posted to, and seen in the ledger."""

from __future__ import annotations

import html
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

import toolkit
from tests.waiting import wait_until
from toolkit.desk.desk import Desk
from toolkit.desk.kill import KillSwitch
from toolkit.desk.panel import Panel
from toolkit.errors import NotConnectedError
from toolkit.gateway import PaperGateway


@pytest.fixture
def panel(desk: Desk) -> Iterator[Panel]:
    panel = desk.panel()
    yield panel
    panel.close()


def told(part: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", part.value)).split())


def post(address: str, method: str = "POST") -> int:
    """Status of a request to the kill switch's address."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


class TestPanel:
    def test_says_what_is_in_force_since_when_and_by_whom(self, panel: Panel, desk: Desk) -> None:
        assert told(panel.state).startswith("● ACTIVE")
        assert panel.resume.disabled
        desk.halt("lunch", by="ann")
        panel.start()
        wait_until(lambda: "HALTED since" in told(panel.state))
        assert "by ann: lunch" in told(panel.state)
        assert not panel.resume.disabled

    def test_halts_and_reduces_under_the_name_and_reason_that_were_given(
        self, panel: Panel, desk: Desk
    ) -> None:
        panel.name.value, panel.reason.value = "ann", "news"
        panel.reduce_only.click()
        assert desk.control.endswith("by ann: news")
        assert desk.control.startswith("REDUCE_ONLY")
        panel.halt.click()
        assert desk.control.startswith("HALTED")

    def test_a_resume_without_a_reason_is_refused_and_says_so(self, panel: Panel, desk: Desk) -> None:
        panel.halt.click()
        panel.resume.click()
        assert told(panel.message) == "A resume needs a name and a reason."
        assert desk.control.startswith("HALTED")
        panel.reason.value = "all is well"
        panel.resume.click()
        assert desk.control.startswith("ACTIVE")

    def test_a_paper_account_needs_no_arming(self, panel: Panel) -> None:
        assert "arm" not in told(panel.state)

    def test_a_closed_desk_names_the_command_that_still_works(self, panel: Panel, desk: Desk) -> None:
        desk.close()
        panel._follow()
        assert "toolkit kill" in told(panel.note)
        panel.halt.click()
        assert panel.halt.disabled

    def test_without_a_front_end_a_summary_stays(self, panel: Panel) -> None:
        assert "ACTIVE" in panel._summary()


class TestArming:
    @pytest.fixture
    def live_panel(self, home: Path) -> Iterator[Panel]:
        with (
            PaperGateway(port=0, account="U1234567", quotes=None) as gateway,
            toolkit.connect(port=gateway.port, home=home, read_only=False) as desk,
        ):
            yield desk.panel()

    def test_wants_the_last_four_characters_and_an_amount(self, live_panel: Panel) -> None:
        assert "not armed" in told(live_panel.state)
        live_panel.arm.click()
        assert "last four characters of U1234567" in told(live_panel.message)
        live_panel.last_four.value, live_panel.amount.value = "4567", "lots"
        live_panel.arm.click()
        assert "The amount is the text 'lots'" in told(live_panel.message)
        live_panel.amount.value = "25000"
        live_panel.arm.click()
        assert "ARMED until" in told(live_panel.state)
        assert "up to 25,000.00" in told(live_panel.state)
        live_panel.disarm.click()
        assert "not armed" in told(live_panel.state)

    def test_shows_when_it_ends(self, live_panel: Panel) -> None:
        live_panel.minutes.value, live_panel.last_four.value, live_panel.amount.value = 15, "4567", "1"
        live_panel.arm.click()
        token = live_panel.desk.engine.client.controls.standing.token
        assert token is not None
        assert 14 * 60 < (token.until - datetime.now(UTC)).total_seconds() <= 15 * 60


class TestKill:
    def test_h44_the_address_cancels_what_works_and_stops_what_comes(
        self, desk: Desk, market: PaperGateway
    ) -> None:
        resting = desk.buy("SPY", 10, limit=500)
        assert post(KillSwitch.of(desk.engine).address()) == 200
        wait_until(lambda: desk.order(resting).final)
        assert len(market.ledger.cancels) == 1
        assert "past a busy kernel" in desk.control

    def test_a_press_that_arrives_both_ways_is_one_kill(self, desk: Desk) -> None:
        switch = KillSwitch.of(desk.engine)
        switch.press("one", "the panel")
        wait_until(lambda: desk.control.startswith("KILLED"))
        before = desk.control
        assert post(f"{switch.address()}?press=one") == 200
        assert desk.control == before

    def test_every_button_of_an_engine_shares_one_address(self, desk: Desk) -> None:
        assert KillSwitch.of(desk.engine).address() == KillSwitch.of(desk.engine).address()

    @pytest.mark.parametrize(
        ("change", "method", "status"),
        [
            (lambda address: address, "GET", 405),
            (lambda address: address[:-1] + "!", "POST", 403),
            (lambda address: address.rpartition("/")[0], "POST", 403),
        ],
        ids=["fetched only", "wrong token", "no token"],
    )
    def test_whoever_has_no_token_or_only_looks_kills_nothing(
        self, desk: Desk, change: Any, method: str, status: int
    ) -> None:
        assert post(change(KillSwitch.of(desk.engine).address()), method) == status
        assert desk.control == "ACTIVE"

    def test_a_peer_that_talks_nonsense_is_told_so_and_holds_up_nobody(self, desk: Desk) -> None:
        address = KillSwitch.of(desk.engine).address()
        port = int(address.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as silent:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
                peer.sendall(b"x" * 20_000 + b"\r\n\r\n")
                assert b"400" in peer.recv(100)
            assert post(address) == 200
            silent.close()

    def test_the_address_listens_on_this_machine_only_and_ends_with_the_desk(self, desk: Desk) -> None:
        switch = KillSwitch.of(desk.engine)
        address = switch.address()
        assert address.startswith("http://127.0.0.1:")
        desk.close()
        with pytest.raises(urllib.error.URLError):
            post(address)
        switch.press("late", "the panel")
        assert "`toolkit kill`" in switch.problem
        with pytest.raises(NotConnectedError, match="`toolkit kill` works without it"):
            KillSwitch(desk.engine).address()

    def test_the_button_passes_a_press_on_and_says_that_it_heard(self, panel: Panel, desk: Desk) -> None:
        panel.kill._on_message(panel.kill, {"kind": "kill", "press": "p1"}, [])
        assert panel.kill.heard == "p1"
        wait_until(lambda: desk.control.startswith("KILLED"))
        assert "pressed in the panel" in desk.control


@pytest.mark.parametrize(
    ("button", "cell"),
    [("desk.panel().kill", "time.sleep(600)"), ("desk.blotter()", "while True: pass")],
    ids=["the panel's while a cell sleeps", "the blotter's while a cell computes"],
)
def test_h53_a_kill_is_heard_by_the_installed_kernel(
    market: PaperGateway, home: Path, button: str, cell: str
) -> None:
    """The private way of ipykernel that ``hear_while_busy`` relies on, on a kernel's subshell (UI.md 2)."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        code = (
            f"import time, toolkit\ndesk = toolkit.connect(port={market.port})\n"
            f"desk.buy('SPY', 10, limit=500)\nbutton = {button}\nprint(button.comm.comm_id)"
        )
        printed: list[str] = []
        client.execute_interactive(
            code, timeout=60, output_hook=lambda m: printed.append(m["content"].get("text", ""))
        )
        comm_id = "".join(printed).strip()
        assert re.fullmatch(r"[0-9a-f]+", comm_id), printed
        message = client.session.msg("create_subshell_request")
        client.control_channel.send(message)
        subshell = client.get_control_msg(timeout=30)["content"]["subshell_id"]
        client.execute(cell)
        wait_until(lambda: client.get_iopub_msg(timeout=30)["content"].get("execution_state") == "busy")
        press = {"method": "custom", "content": {"kind": "kill", "press": "p1"}}
        told = client.session.msg("comm_msg", {"comm_id": comm_id, "data": press})
        told["header"]["subshell_id"] = subshell
        pressed = time.monotonic()
        client.shell_channel.send(told)
        wait_until(lambda: market.ledger.cancels, deadline=30)
        print(f"from the press to the cancel at the gateway: {time.monotonic() - pressed:.3f} s")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
