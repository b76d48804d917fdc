"""What is measured: `edge-bench`, a room for each part of the project."""

from edge.extras import run


def main() -> int:
    """Run `edge-bench`; returns its exit code."""
    return run("benchmarks.cli", "bench")
