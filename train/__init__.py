"""Recordings to models."""

import sys

from edge.extras import run


def main() -> int:
    """Run `edge-train`."""
    alone = sys.argv[1:2] == ["fetch"]  # it needs less
    return run("train.fetching" if alone else "train.cli", "train")
