"""The table of limits for people."""

from __future__ import annotations

from toolkit.risk.catalogue import LIMITS


def limits_table() -> str:
    """The table as Markdown: environment variable, denial codes, meaning, unit and default of every limit."""
    rows = ["| Limit | Denied as | Meaning | Unit | Default |", "|---|---|---|---|---|"]
    for limit in LIMITS:
        codes = ", ".join(f"`{code}`" for code in limit.codes)
        rows.append(
            f"| `{limit.name.upper()}` | {codes} | {limit.meaning} | {limit.unit} | {_shown(limit.default)} |"
        )
    return "\n".join(rows) + "\n"


def _shown(default: object) -> str:
    match default:
        case bool():
            return str(default).lower()
        case int():
            return f"{default:,}"
        case _:
            return "none"
