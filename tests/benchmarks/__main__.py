"""``python -m tests.benchmarks [--quick]``: measure, and print the table. Nothing is asserted."""

from __future__ import annotations

import argparse

from tests.benchmarks import desk, gateway, risk, risk_frame
from tests.benchmarks.measure import report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, under a minute")
    quick = parser.parse_args().quick
    report(
        [
            *gateway.run(quick=quick),
            *risk.run(quick=quick),
            *risk_frame.run(quick=quick),
            *desk.run(quick=quick),
        ]
    )


if __name__ == "__main__":
    main()
