"""`edge-train cache`: what windows take, and making room."""

import argparse
import sys
from pathlib import Path

from edge.cli.values import number
from edge.errors import RecordError
from train.data.cache import ROOM_GB, WINDOWS, entries, prune


def add(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=WINDOWS,
        help="where windows were cut to (default: %(default)s)",
    )
    parser.add_argument(
        "--prune",
        type=_room,
        nargs="?",
        const=ROOM_GB,
        metavar="GB",
        help="remove what was used longest ago, until the rest takes no more than so many GB "
        "(default: %(const)g)",
    )
    parser.set_defaults(command=lambda: _cache)


def _room(text: str) -> float:
    """Gigabytes."""
    return number(text, 0, sys.float_info.max, "give so many GB")


def _cache(args: argparse.Namespace) -> None:
    if args.folder != WINDOWS and not args.folder.is_dir():
        raise RecordError(f"there is no folder {args.folder}")
    if args.prune is not None:
        for entry in prune(args.folder, args.prune):
            print(f"removed {entry}", file=sys.stderr)
    left = entries(args.folder)
    for entry in left:
        print(entry)
    print(f"{sum(entry.size for entry in left) / 1e9:9.3f} GB in {args.folder}")
