"""
P3: every hazard of the catalogue that costs orders, fills or outages has tests that name it.

A test names a hazard by its number, in its own name (``test_h14_...``) or in its docstring (``H14``).
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent
HAZARDS: Final = range(1, 48)
"""Those that cost orders, fills or outages; those above are of the platform."""


def named() -> dict[int, set[str]]:
    """Hazard -> the tests that name it."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                text = f"{node.name} {ast.get_docstring(node) or ''}"
                for number in re.findall(r"(?:_h|\bH)(\d+)(?=_|\b)", text):
                    found[int(number)].add(f"{path.name}::{node.name}")
    return found


def test_every_hazard_that_concerns_us_has_a_test_that_names_it() -> None:
    tests = named()
    assert [number for number in HAZARDS if not tests[number]] == []
