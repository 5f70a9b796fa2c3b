"""Rules that the tree itself must keep: who imports whom, one set of dependencies, silent tools."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.risk.shown import code_shown_by, limit_shown_by
from toolkit.risk.limits_table import codes_table, limits_table

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "toolkit"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

BASE = {"errors", "settings"}
MAY_IMPORT = {
    "errors": set(),
    "limits_file": {"errors"},
    "trading_day": {"errors"},
    "settings": {"errors", "limits_file"},
    "orders": {"errors"},
    "intents": {"errors", "orders"},
    "risk": {"errors", "orders"},
    "journal": {"errors", "orders"},
    "broker": BASE | {"orders", "risk", "journal"},
    "bus": BASE | {"orders"},
    "reports": BASE | {"orders"},
    "app": BASE | {"orders", "risk", "journal", "broker", "bus"},
    "flex": {"errors", "orders"},
    "gateway": {"errors"},
    "desk": BASE | {"intents", "orders", "risk", "journal", "broker", "bus", "app", "reports", "gateway"},
    "runbooks": BASE | {"orders", "risk", "journal", "broker", "bus", "app", "reports", "gateway", "desk"},
}
"""Folder or file -> the parts of this package that it may import; what is not listed may import all."""

ONLY_IN = {
    "ib_async": {"broker"},
    "kafka": {"bus/kafka.py"},
    "anywidget": {"desk"},
    "prometheus_client": {"app/metrics.py"},
    "exchange_calendars": {"trading_day.py"},
    "papermill": {"runbooks"},
}
"""Library -> the folders or files that may import it."""


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports, wherever in the file, those for type checking included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_dependencies_point_inwards(part: str) -> None:
    for path in (path for path in MODULES if part_of(path) == part):
        ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("toolkit.")}
        assert ours <= MAY_IMPORT[part] | {part}, path


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_of_the_edge_is_imported_at_its_edge_only(library: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if any(name.split(".")[0] == library for name in imports_of(path))
    }
    assert users
    for user in users:
        assert any(user == home or user.startswith(f"{home}/") for home in ONLY_IN[library]), user


def test_the_main_flow_is_numbered_without_a_gap() -> None:
    numbers = []
    for path in MODULES:
        opening = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        numbers += [(int(n), int(total)) for n, total in re.findall(r"^Flow (\d)/(\d)", opening)]
    assert sorted(numbers) == [(n, len(numbers)) for n in range(1, len(numbers) + 1)]


def test_conda_and_pip_install_the_same() -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    conda = re.findall(r"^      - (.+)$", text, re.MULTILINE)
    extras = PROJECT["optional-dependencies"]
    assert sorted(conda) == sorted(PROJECT["dependencies"] + extras["notebook"] + extras["test"])
    assert f"python{PROJECT['requires-python']}" in text


def test_no_file_outgrows_what_one_can_read_at_a_sitting() -> None:
    long = {path.name: n for path in MODULES if (n := len(path.read_text().splitlines())) > 400}
    assert long == {}


def test_the_top_level_holds_only_what_it_should() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    names = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    assert {name for name in names if not name.startswith(".")} <= {
        "toolkit",
        "notebooks",
        "tests",
        "runbooks",
        "environment.yml",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    }


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "{'pandas', 'numpy', 'ib_async', 'kafka', 'pydantic', 'click', 'matplotlib'}"
    code = f"import sys, toolkit; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "tool",
    [("ruff", "check", "-q", "."), ("ruff", "format", "--check", "-q", "."), ("mypy",)],
    ids=["lint", "format", "types"],
)
def test_the_tools_have_nothing_to_say(tool: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_test_that_the_readme_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/.]*)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readmes_tables_of_limits_and_codes_are_those_in_force_with_the_tests_that_show_them() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert limits_table(limit_shown_by).strip() in readme
    assert codes_table(code_shown_by).strip() in readme
