"""A recording's samples as JSON on standard output, for what is no Python.

    python -m edge.cli.samples [RECORD] [--seconds S]    the demo without RECORD

gives `{"fs": 360.0, "leads": ["MLII"], "nv": [[-145000], ...]}`: a row a sample, in nanovolts;
-2147483648 stands for one that is invalid.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from edge import demo, replay
from edge.cli.values import positive
from edge.errors import EdgeError


def main(argv: Sequence[str] | None = None) -> int:
    """Write them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="edge.cli.samples", description=__doc__.splitlines()[0])
    parser.add_argument("record", nargs="?", help="a WFDB record; default: the demo of edge-run")
    parser.add_argument("--seconds", type=positive, help="of the record, at most")
    args = parser.parse_args(argv)
    try:
        recording = replay.read(args.record) if args.record else demo.stream()[0]
    except EdgeError as error:
        print(f"edge.cli.samples: {error}", file=sys.stderr)
        return error.exit_code
    nv = recording.nv
    if args.seconds:
        nv = nv[: max(1, round(min(args.seconds, 1e9) * recording.fs))]
    json.dump({"fs": recording.fs, "leads": recording.leads, "nv": nv.tolist()}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
