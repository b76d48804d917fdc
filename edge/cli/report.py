"""`edge-report`: a recording through the deployed path, as pages for a person."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edge import extras, whole
from edge.bundle import DEFAULT_BUNDLE, Bundle, figures
from edge.cli.progress import followed
from edge.cli.start import interruptible
from edge.cli.values import add_leads, add_rate, output
from edge.errors import EdgeError
from edge.live import played
from edge.monitor import Monitor
from edge.replay import Opened
from edge.report import html
from edge.report.clock import Clock
from edge.report.counts import Counter, hours
from edge.report.found import Found, gather
from edge.report.layout import Document
from edge.report.pages import document
from edge.report.strips import choose, cut, leads

_INTERRUPTED = 130
_EPILOG = """\
examples:
  edge-report mitdb/208                     208-report.html
  edge-report night.edf -o night.pdf        on paper: true to scale at 100 %
  edge-report mine.csv --fs 250 --lead II

exit codes:
  0  the report is written              6  the model bundle cannot be used
  2  usage                              7  a package is missing
  5  the recording or a lead of it      8  the report cannot be written, or
     cannot be used                        is there already

This is no medical device.
"""


def start() -> int:
    """Run the command; a signal that ends it leaves no half report."""
    interruptible()
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = parse(argv)
    try:
        return _run(args)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except EdgeError as error:
        print(f"edge-report: {error}", file=sys.stderr)
        return error.exit_code


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options that were given, or the defaults; exits with 2 and a sentence else."""
    parser = argparse.ArgumentParser(
        prog="edge-report",
        description="Makes a report of an ECG recording, of hours or days: tables by the hour, "
        "trend, heart rate variability, and strips of what matters.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("record", help="a WFDB record, EDF, CSV or NumPy file")
    parser.add_argument(
        "-o",
        dest="out",
        type=output(".html", ".pdf"),
        metavar="FILE",
        help="what to write, .html or .pdf; default: RECORD-report.html here",
    )
    add_leads(parser)
    add_rate(parser)
    parser.add_argument(
        "--model",
        default=DEFAULT_BUNDLE,
        metavar="BUNDLE",
        help="name of a shipped model or path of a bundle; default: %(default)s",
    )
    parser.add_argument("--overwrite", action="store_true", help="if the report is there already")
    return parser.parse_args(argv)


def _run(args: argparse.Namespace) -> int:
    write: Callable[[Document, Path], None] = _html
    if args.out and args.out.suffix.lower() == ".pdf":
        try:
            from edge.report import pdf
        except ModuleNotFoundError as error:
            return extras.missing(error, "report")
        write = pdf.write
    bundle = Bundle.load(args.model)
    monitor = Monitor(bundle)
    opened = Opened(args.record, args.lead, args.fs)
    path: Path = args.out or Path(f"{_file(opened.name)}-report.html")
    with whole.made(path, overwrite=args.overwrite) as part:
        found = gather(followed("edge-report", played(opened, monitor, bundle)))
        write(_document(opened, found, args.model), part)
    print(path)
    return 0


def _document(opened: Opened, found: Found, model: str) -> Document:
    counter = Counter(found)
    clock = Clock(opened.began, found.seconds)
    chosen = choose(found, counter, clock.time)
    columns = leads(opened.leads)
    cut(opened, chosen.strips, columns)
    shown = [opened.leads[i] for i in columns]
    parts = hours(found.seconds, clock.until(3600.0))
    return document(found, counter, parts, chosen, clock, opened.fs, shown, figures(model))


def _html(document: Document, path: Path) -> None:
    with path.open("w", encoding="utf-8") as out:
        html.write(document, out)


def _file(name: str) -> str:
    """A record's name as one of a file here."""
    return name.replace("/", "_").replace("\0", "_").lstrip(".-")[:100] or "record"


if __name__ == "__main__":
    sys.exit(start())
