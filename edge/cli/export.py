"""`edge-export`: a recording as EDF+, BDF+ or CSV, for other programs."""

import argparse
import sys
from collections.abc import Sequence

from edge import export
from edge.cli.start import interruptible
from edge.cli.values import add_leads, add_rate, output
from edge.errors import EdgeError
from edge.extras import missing
from edge.replay import Opened

_EPILOG = """\
examples:
  edge-export ecg day.edf                   all hours of --record ecg, joined: EDF+
  edge-export ecg/20261129T010000Z hour.csv one of them, and hour.annotations.csv
  edge-export mitdb/208 208.bdf --annotations atr
  edge-export mine.npy mine.edf --fs 250    a table or an array that tells no rate

EDF+ holds 16 bits a sample, BDF+ 24: what is rounded is said. Gaps are empty in
CSV; in EDF+ and BDF+, which know none, they are filled, and annotated as gaps.

exit codes:
  0  written     5  the recording, or its annotations, cannot be used
  2  usage       7  a package is missing: pip install 'edge-ecg[replay]'
                 8  the file cannot be written, or is there already
"""


def start() -> int:
    """Run the command; a signal that ends it leaves no half file."""
    interruptible()
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit code."""
    args = _parse(argv)
    try:
        given = export.load(args.record, args.lead, args.annotations, args.fs)
        export.check(args.out, overwrite=args.overwrite)  # before all of it is read
        if args.out.suffix.lower() == ".csv":
            told = export.write_csv(given, args.out, overwrite=args.overwrite)
        else:
            from edge import edf  # of the extra `replay`

            told = edf.write(given, args.out, overwrite=args.overwrite)
    except EdgeError as error:
        print(f"edge-export: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        return missing(error, "replay")
    except KeyboardInterrupt:
        return 130
    for sentence in [*given.opened.told, *_scaled(given.opened), *told]:
        print(f"edge-export: {sentence}", file=sys.stderr)
    return 0


def _scaled(opened: Opened) -> list[str]:
    """What stands as volts in the file, though nobody knows them."""
    each = zip(opened.leads, opened.scale or (), strict=False)
    return [
        f"{lead} has no unit: 1 is written as {mv:.4g} mV, so that its usual QRS complex is 1 mV"
        for lead, mv in each
        if mv is not None
    ]


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="edge-export",
        description="Writes a recording, with its annotations, as EDF+, BDF+ or CSV.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "record",
        metavar="RECORD",
        help="a folder of edge-run --record or an hour of it, another WFDB record, EDF, CSV or "
        "NumPy file",
    )
    parser.add_argument(
        "out",
        metavar="OUT",
        type=output(".edf", ".bdf", ".csv"),
        help="a file: .edf, .bdf or .csv",
    )
    parser.add_argument(
        "--annotations",
        metavar="NAME",
        help="of a WFDB record, such as atr for RECORD.atr; default: those of edge-run or of EDF+",
    )
    add_leads(parser)
    add_rate(parser)
    parser.add_argument("--overwrite", action="store_true", help="a file that is there already")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(start())
