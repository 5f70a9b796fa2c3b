"""``toolkit demo``: a paper-trading day on this machine, with nothing else installed."""

from toolkit.demo.run import run_demo

__all__ = ["run_demo"]
