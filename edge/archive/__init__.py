"""The deployed path over many recordings: `edge-score`, a row a record, annotations beside."""

from edge import extras


def main() -> int:
    """Run `edge-score`; returns its exit code."""
    return extras.run("edge.archive.cli", "archive")
