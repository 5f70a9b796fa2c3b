"""The operations documents: every name in them is one, and every alert has its section."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess

import pytest
import yaml

from tests.documents import BLOCKS, DOCUMENTS, RUNBOOKS, headings, words
from toolkit.app.alerts import Kind
from toolkit.cli import main
from toolkit.runbooks import find
from toolkit.settings import Settings

ROOT = RUNBOOKS.parent
COMING = {
    *("preflight", "kafka_orchestration", "open_session", "close_session", "reconcile"),
    *("end_of_day", "disaster_recovery_drill", "flatten"),
}
"""Runbooks that a document may name; one that is not there yet is only not looked into."""


# --- what cannot run here -----------------------------------------------------------------------------


def lines_for(kind: str) -> list[str]:
    found = [block for each in BLOCKS.values() for block in each if block.kind == kind]
    return [line for block in found for line in block.lines]


def test_every_block_says_where_it_runs() -> None:
    assert {block.kind for found in BLOCKS.values() for block in found} == {"", "host", "runbook"}


@pytest.mark.parametrize("line", lines_for("host"))
def test_a_command_for_the_host_is_one_and_names_what_there_is(line: str) -> None:
    done = subprocess.run(["/bin/bash", "-n", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    program, *arguments = shlex.split(line)
    for argument in arguments:
        if argument.startswith("runbooks/"):
            assert list(ROOT.glob(argument)), argument
    if program == "systemctl":
        units = [name for name in arguments[1:] if not name.startswith("--")]
        files = {path.name for folder in ("deploy", "schedule") for path in (RUNBOOKS / folder).iterdir()}
        for unit in units:
            assert unit in files or f"{unit}.service" in files or unit == "toolkit-*", unit
    if program == "docker":
        compose = yaml.safe_load((ROOT / arguments[2]).read_text())
        services = arguments[-1:] if arguments[-2] in ("ps", "restart") else []
        services += arguments[arguments.index("-d") + 1 :] if "-d" in arguments else []
        assert set(services) <= compose["services"].keys()


@pytest.mark.parametrize("line", lines_for("runbook"))
def test_a_runbook_that_is_to_be_run_is_there(line: str) -> None:
    toolkit, command, name = shlex.split(line)
    assert (toolkit, command) == ("toolkit", "run")
    assert find(name) is not None


# --- names --------------------------------------------------------------------------------------------


def literals() -> set[str]:
    """Every word that the program itself has in its texts."""
    found: set[str] = set()
    for path in (ROOT / "toolkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(re.findall(r"\w+", node.value))
    return found


def test_every_setting_and_code_that_the_documents_name_is_one() -> None:
    known = literals() | {name.upper() for name in Settings.model_fields} | {"TWS_USERID", "TWS_PASSWORD"}
    named = {
        word
        for text in DOCUMENTS.values()
        for quoted in re.findall(r"`([^`]+)`", words(text))
        for word in re.findall(r"\b[A-Z][A-Z_]{3,}\b", quoted)
    }
    assert len(named) > 30
    assert named - known - {"CAPITALS"} == set()


def test_every_command_that_the_documents_name_is_one() -> None:
    for text in DOCUMENTS.values():
        for named in re.findall(r"`toolkit ([a-z-]+)", words(text)):
            assert named in main.commands, named


def test_every_runbook_that_the_documents_name_is_there_or_coming() -> None:
    there = {path.stem for path in RUNBOOKS.glob("*.ipynb")}
    named = {
        word
        for text in DOCUMENTS.values()
        for word in re.findall(r"`(?:toolkit run )?([a-z]+_[a-z_]+|preflight|flatten)`", words(text))
    }
    parts = {"broken_farms", "polling_s"}
    series = {word for word in named if word.startswith("toolkit_")}
    assert named - parts - series <= there | COMING


def test_every_alert_has_a_heading_that_says_what_to_do() -> None:
    rules = yaml.safe_load((RUNBOOKS / "deploy" / "alerts.yaml").read_text())["groups"][0]["rules"]
    there = {heading.lower() for heading in headings(DOCUMENTS["INCIDENT_PLAYBOOK"])}
    for rule in rules:
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (RUNBOOKS / file).is_file()
        assert anchor in there, rule["alert"]
    assert {kind.value.lower() for kind in Kind} <= there


def test_every_section_about_an_alert_says_what_it_means_what_to_do_and_how_to_know_that_it_is_over() -> None:
    text = DOCUMENTS["INCIDENT_PLAYBOOK"]
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    assert len(sections) >= 15
    for section in sections:
        assert "**Means**:" in section, section[:30]
        assert "**Do**:" in section, section[:30]
        assert "**Over when**" in section or "restricted" in section[:20].lower(), section[:30]


def test_every_link_leads_somewhere() -> None:
    for name, text in DOCUMENTS.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            file, _, anchor = target.partition("#")
            there = DOCUMENTS[file.removesuffix(".md")] if file else text
            anchors = {heading.lower().replace(" ", "-") for heading in headings(there)}
            assert not anchor or anchor in anchors, f"{name}: {target}"


def test_each_row_of_the_raci_table_has_one_who_answers_and_one_who_does() -> None:
    rows = [line.split("|")[1:-1] for line in DOCUMENTS["RACI"].splitlines() if line.startswith("|")]
    table = [cells for cells in rows if len(cells) == 5 and set("".join(cells[1:])) <= set(" ARCI")]
    assert len(table) >= 14
    for what, *roles in table:
        marks = " ".join(roles).split()
        assert marks.count("A") == 1, what
        assert "R" in marks, what
