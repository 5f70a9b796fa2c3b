"""Limits from one YAML file: read strictly, shown with their units, changed with a name and a reason."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.commands import intents_csv, only_line, running
from tests.waiting import wait_until
from toolkit.cli import main
from toolkit.errors import ConfigError
from toolkit.gateway import PaperGateway
from toolkit.journal.reader import JournalReader
from toolkit.orders.controls import LimitsSet
from toolkit.settings import Settings


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture
def file(home: Path) -> Path:
    home.mkdir()
    return home / "limits.yaml"


def limits_set(home: Path) -> list[LimitsSet]:
    with JournalReader(home / "journal.db") as journal:
        return [fact for _, fact in journal.controls() if isinstance(fact, LimitsSet)]


# --- reading -----------------------------------------------------------------------------------------


def test_limits_of_the_file_are_in_force(file: Path) -> None:
    file.write_text("max_order_quantity: 250\nblocked_symbols: [GME, AMC]\nallow_short: false\n")
    limits = Settings.load().limits
    assert limits["max_order_quantity"] == Decimal(250)
    assert limits["blocked_symbols"] == "GME,AMC"
    assert limits["allow_short"] is False


def test_a_limit_that_is_null_is_not_enforced(file: Path) -> None:
    file.write_text("max_open_orders_per_side: null\n")
    assert Settings.load().limits["max_open_orders_per_side"] is None


def test_an_empty_file_sets_nothing(file: Path) -> None:
    file.write_text("# nothing yet\n")
    assert Settings.load().limits == Settings().limits


def test_another_file_can_be_named_and_must_then_be_there(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("max_order_quantity: 250\n")
    other = tmp_path / "tight.yaml"
    monkeypatch.setenv("LIMITS_FILE", str(other))
    with pytest.raises(ConfigError, match=r"tight.yaml cannot be read .*No such file"):
        Settings.load()
    other.write_text("max_order_quantity: 5\n")
    assert Settings.load().limits["max_order_quantity"] == 5
    assert Settings.load(limits_file=file).limits["max_order_quantity"] == 250


def test_what_a_caller_says_beats_the_file(file: Path) -> None:
    file.write_text("max_order_quantity: 250\n")
    assert Settings.load(max_order_quantity=7).limits["max_order_quantity"] == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_order_quantitty: 5\n", "did you mean max_order_quantity?"),
        ("ibkr_port: 4001\n", "sets ibkr_port, which is no limit; known are"),
        ("max_order_quantity: 5\nmax_order_quantity: 6\n", "sets max_order_quantity more than once"),
        ("max_order_quantity: lots\n", "max_order_quantity in"),
        ("max_order_quantity: -1\n", "max_order_quantity in"),
        ("max_order_quantity: true\n", "give a number"),
        ("max_order_quantity: .nan\n", "max_order_quantity in"),
        ("allow_short: perhaps\n", "allow_short in"),
        ("- 5\n", "holds no limits"),
        ("max_order_quantity: [\n", "cannot be read"),
        ("max_order_quantity: !!python/object:os.system x\n", "cannot be read"),
    ],
)
def test_what_is_no_limit_is_refused_in_one_sentence(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Settings.load()
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_limit_in_file_and_environment_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("max_order_quantity: 250\n")
    monkeypatch.setenv("MAX_ORDER_QUANTITY", "300")
    with pytest.raises(ConfigError, match=r"is set in .* and by MAX_ORDER_QUANTITY; keep one"):
        Settings.load()


# --- the commands ------------------------------------------------------------------------------------


def test_show_tells_value_unit_and_source_of_every_limit(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("max_position: 40\n")
    monkeypatch.setenv("PRICE_COLLAR_BPS", "50")
    rows = {line.split()[0]: " ".join(line.split()) for line in invoke("limits", "show").stdout.splitlines()}
    assert rows["max_position"] == f"max_position 40 units {file}"
    assert rows["price_collar_bps"] == "price_collar_bps 50 bps environment PRICE_COLLAR_BPS"
    assert rows["max_order_quantity"] == "max_order_quantity 1000 units default"
    assert rows["max_net_exposure"].startswith("max_net_exposure none account currency")


def test_set_writes_the_file_and_journals_who_when_old_new_and_why(file: Path, home: Path) -> None:
    file.write_text("max_position: 40\n")
    done = invoke("limits", "set", "max_order_quantity", "250", "--by", "ann", "--reason", "smaller book")
    assert done.exit_code == 0, done.output
    assert "max_order_quantity: 250  # units" in file.read_text()
    assert Settings.load().limits["max_position"] == 40
    before, after = limits_set(home)
    assert before.limits["max_order_quantity"] == "1000"
    assert (after.by, after.reason) == ("ann", "smaller book")
    assert after.limits["max_order_quantity"] == "250"
    assert after.changed == {"max_order_quantity": "1000"}
    assert f"last put in force: {after.limits_hash}" in invoke("limits", "show").stdout


@pytest.mark.parametrize(("name", "value"), [("max_order_quantity", "lots"), ("max_ordr", "5")])
def test_a_set_that_is_refused_leaves_file_and_journal_alone(
    file: Path, home: Path, name: str, value: str
) -> None:
    assert invoke("limits", "set", name, value, "--reason", "x").exit_code == 2
    assert not file.exists()
    file.write_text("# mine\nmax_position: 40\n")
    assert invoke("limits", "set", name, value, "--reason", "x").exit_code == 2
    assert file.read_text() == "# mine\nmax_position: 40\n"
    assert not (home / "journal.db").exists()


def test_set_needs_a_reason(file: Path) -> None:
    done = invoke("limits", "set", "max_order_quantity", "5")
    assert done.exit_code == 2
    assert "--reason" in done.stderr


def test_a_running_service_enforces_a_new_limit_from_the_next_order_on(
    gateway: PaperGateway, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_PORT", str(gateway.port))
    limits = tmp_path / "limits.yaml"
    limits.write_text("max_order_quantity: 100\n")
    monkeypatch.setenv("LIMITS_FILE", str(limits))
    with running("serve", PROMETHEUS_PORT="0"):
        assert invoke("limits", "set", "max_order_quantity", "9", "--reason", "calm").exit_code == 0
        invoke("submit", intents_csv(tmp_path / "x.csv", "a,SPY,BUY,10,LIMIT,400", "b,SPY,BUY,9,LIMIT,400"))
        wait_until(lambda: "b" in gateway.ledger.orders)
        with JournalReader(home / "journal.db") as journal:
            states = journal.states()
    assert states["a"].reason_code == "MAX_ORDER_QUANTITY"
    last = limits_set(home)[-1]
    assert states["b"].limits_hash == last.limits_hash
    assert (last.reason, last.changed) == ("calm", {"max_order_quantity": "100"})
    assert set(gateway.ledger.orders) == {"b"}


def test_serve_takes_a_limits_file(tmp_path: Path, home: Path) -> None:
    done = invoke("serve", "--limits", tmp_path / "none.yaml")
    assert done.exit_code == 2
    assert "none.yaml cannot be read" in only_line(done.stderr)
