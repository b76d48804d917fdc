"""Figures."""

from edge.extras import run


def main() -> int:
    """Run `edge-bench`."""
    return run("benchmarks.cli", "bench")
