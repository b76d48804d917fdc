"""Models to int8 bundles."""

from edge.extras import run


def main() -> int:
    """Run `edge-quantize`."""
    return run("quantize.cli", "quantize")
