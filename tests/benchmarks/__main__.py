"""``python -m tests.benchmarks [--quick]``: measure, and print the table. Nothing is asserted."""

from __future__ import annotations

import argparse

from tests.benchmarks import (
    blotter,
    desk,
    gateway,
    plane,
    reports,
    reports_frame,
    risk,
    risk_frame,
    session_report,
)
from tests.benchmarks.measure import report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, under a minute")
    quick = parser.parse_args().quick
    parts = (plane, gateway, risk, risk_frame, reports_frame, reports, session_report, desk, blotter)
    report([figure for part in parts for figure in part.run(quick=quick)])


if __name__ == "__main__":
    main()
