"""Recordings to models."""

from edge.extras import run


def main() -> int:
    """Run `edge-train`."""
    return run("train.cli", "train")
