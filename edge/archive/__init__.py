"""The deployed path over many recordings: `edge-score`, a row a record, annotations beside."""

from edge.extras import run


def main() -> int:
    """Run `edge-score`; returns its exit code."""
    return run("edge.archive.cli", "archive")
