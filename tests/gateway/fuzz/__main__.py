"""``python -m tests.gateway.fuzz --seconds N [--seed S]``: garbage against a gateway; 1 when it was hurt."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys

from tests.gateway.fuzz.run import fuzz


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to attack")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**9), help="what to send; default: any"
    )
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds between two attacks of one attacker"
    )
    options = parser.parse_args()
    # Told to end, it takes the gateway and the attackers with it.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    print(f"fuzzing for {options.seconds:g} s with --seed {options.seed}", flush=True)
    outcome = fuzz(options.seed, options.seconds, options.pause)
    print(outcome, flush=True)
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
