"""`edge-train diagnose`: networks read a record, or a folder; safetensors alone need torch."""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Final

from edge import whole
from edge.archive.records import listed
from edge.cli.progress import followed
from edge.errors import ExtraError, RecordError
from edge.report.layout import Picture
from firmware_bridge.text import printable
from train.reading import page
from train.reading.nets import ONNX, opened
from train.reading.reader import Reader, Reading

_TOLD: Final = 10
"""Records that are named on the screen; all are in the file."""


def diagnose(args: argparse.Namespace) -> None:
    """Runs `edge-train diagnose`; RecordError at the end where some record could not be read."""
    if args.explain and not args.page:
        raise RecordError("--explain draws a picture on the page: add --page OUT.html")
    for out in filter(None, (args.json, args.page)):
        whole.check(out, overwrite=True)
    nets = [opened(path) for path in args.net]
    reader = Reader(nets)
    if args.explain:
        _require_insides(reader)
    if args.record.is_dir():
        _many(args)
        return
    reading = reader.read(args.record, args.fs, partial(followed, "edge-train"))
    if args.json:
        _written(args.json, json.dumps(reading.as_json(), indent=1) + "\n")
    if args.page:
        picture = _picture(reader, reading) if args.explain else None
        page.write(reading, [net.facts for net in nets], args.page, picture)
    print(_told(reading))  # last: who reads it may have enough before its end


def _many(args: argparse.Namespace) -> None:
    """A line of JSON a record; those that cannot be read say why."""
    from train.reading.many import kept, told

    if args.page:
        raise RecordError("--page is of one record: name it instead of its folder")
    records = listed(args.record)
    of = records, args.net, args.fs
    bad = 0
    for row in kept(*of, args.json) if args.json else told(*of):
        if not args.json:
            print(json.dumps(row), flush=True)
        if row["error"]:
            bad += 1
            if bad <= _TOLD:
                sentence = f"edge-train: {row['record']}: {row['error']}"
                print(printable(sentence), file=sys.stderr)
    if bad:
        where = args.json or "the lines"
        more = f": the first {_TOLD} are named, all of them in {where}" if bad > _TOLD else ""
        raise RecordError(f"{bad} of {len(records)} records could not be read{more}")


def _written(path: Path, text: str) -> None:
    with whole.made(path, overwrite=True) as part:
        part.write_text(text, "utf-8")


def _told(reading: Reading) -> str:
    """For a terminal."""
    lines = [printable(f"{reading.record}: {reading.seconds:g} s of {', '.join(reading.leads)}")]
    for said in reading.statements:
        sign = "*" if said.stated else " "
        as_ = said.percent
        least = "no threshold" if said.threshold is None else f"stated from {said.threshold:{as_}}"
        spread = "" if said.spread is None else f", ± {said.spread:.1%} over {len(said.each)}"
        known = reading.windows > 1 and said.windows is not None
        seen = f", in {said.windows} of {reading.windows} windows" if known else ""
        lines.append(
            f"{sign} {printable(said.name):12} {said.probability:>6{as_}}  ({least}{spread}{seen})"
        )
    if waves := reading.delineation:
        lines += [
            f"  {i.name:16} {i.median_ms:4} ms  ({i.least_ms} to {i.greatest_ms}, in {i.beats} of "
            f"{waves.beats} beats)"
            for i in waves.intervals
        ]
    of = reading.rhythm
    rate = "too few beats" if of.rate_mean is None else f"{of.rate_mean:.0f}/min"
    beats = ", ".join(f"{n} {label}" for label, n in of.beats.items())
    lines.append(f"rhythm: {rate}; beats: {beats or 'none'}; {', '.join(of.alarms) or 'no alarm'}")
    lines += [printable(sentence) for sentence in reading.told]
    return "\n".join([*lines, "No medical device: see the network's card for what it is worth."])


def _require_insides(reader: Reader) -> None:
    """RecordError where the first network has none to show."""
    if not reader.nets:
        raise RecordError("--explain shows what a network states by: a delineator states nothing")
    if (path := reader.nets[0].path).suffix == ONNX:
        raise RecordError(f"{path} is ONNX, which shows no insides: give the safetensors file")


def _picture(reader: Reader, reading: Reading) -> Picture:
    """The first network's own, of what is stated first, and of where that is likeliest."""
    net, likely = reader.nets[0], reading.statements[0]
    try:
        from train.commands.explain import read_picture
    except ModuleNotFoundError as error:
        raise ExtraError(f"--explain needs {error.name}: `pip install '.[train]'`") from None
    png = read_picture(net.path, reading.recording, likely.name, likely.highest_at_s)
    return Picture(
        "What the network made of it",
        png,
        f"Of the window from {likely.highest_at_s:g} s, which is drawn above"
        + ", here repeated until it is full" * (reading.seconds < net.facts.window["seconds"])
        + "; the probabilities in it are not calibrated. What a network attends to is no reason: "
        "it may be right for a wrong one.",
    )
