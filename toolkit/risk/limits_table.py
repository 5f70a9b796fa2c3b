"""The tables of limits and codes for people."""

from __future__ import annotations

from collections.abc import Callable

from toolkit.risk.catalogue import LIMITS, OTHER_CODES, Limit


def limits_table(shown_by: Callable[[Limit], str]) -> str:
    """
    Every limit as Markdown: environment variable, denial codes, meaning, unit, default and test.

    Args:
        shown_by: gives the tests that show a limit at work, in words.
    """
    rows = ["| Limit | Denied as | Meaning | Unit | Default | Test |", "|---|---|---|---|---|---|"]
    for limit in LIMITS:
        codes = ", ".join(f"`{code}`" for code in limit.codes)
        cells = (f"`{limit.name.upper()}`", codes, limit.meaning, limit.unit, _shown(limit.default))
        rows.append(f"| {' | '.join(cells)} | {shown_by(limit)} |")
    return "\n".join(rows) + "\n"


def codes_table(shown_by: Callable[[str], str]) -> str:
    """
    Every code that no limit of its own stands behind, as Markdown: code, meaning and test.

    Args:
        shown_by: gives the test that shows a code at work, in words.
    """
    rows = ["| Denied as | Meaning | Test |", "|---|---|---|"]
    rows += [f"| `{code}` | {meaning} | {shown_by(code)} |" for code, meaning in OTHER_CODES.items()]
    return "\n".join(rows) + "\n"


def _shown(default: object) -> str:
    match default:
        case bool():
            return str(default).lower()
        case int():
            return f"{default:,}"
        case _:
            return "none"
