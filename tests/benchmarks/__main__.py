"""``python -m tests.benchmarks [--quick] [--kafka] [--readme] [FILE ...]``: measure; nothing is asserted."""

from __future__ import annotations

import argparse
from importlib import import_module

from tests.benchmarks import readme
from tests.benchmarks.measure import report

FILES = (
    "plane",
    "front",
    "latency",
    "growth",
    "memory",
    "pauses",
    "restart",
    "chain",
    "start",
    "gateway",
    "risk",
    "risk_frame",
    "reports_frame",
    "reports",
    "session_report",
    "desk",
    "blotter_tick",
    "blotter",
)
GOALS = (*FILES[: FILES.index("gateway")], "reports_frame", "blotter_tick")
"""Those that answer to a goal."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"some of: {', '.join(FILES)}")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds; the goals alone")
    parser.add_argument("--kafka", action="store_true", help="a real Kafka too, see tests/kafka_broker.py")
    parser.add_argument("--readme", action="store_true", help="write the goals' table into README.md")
    asked = parser.parse_args()
    if unknown := set(asked.files) - set(FILES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(FILES)}")
    names = [*(asked.files or (GOALS if asked.quick else FILES)), *(["kafka"] if asked.kafka else [])]
    figures = [
        figure
        for name in names
        for figure in import_module(f"tests.benchmarks.{name}").run(quick=asked.quick)
    ]
    report(figures)
    if asked.readme:
        readme.write(figures, quick=asked.quick)


if __name__ == "__main__":
    main()
