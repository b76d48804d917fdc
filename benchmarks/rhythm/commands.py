"""The subcommands of the rhythm: rhythm and alarms."""

import argparse

from benchmarks import options
from benchmarks.options import Commands, add_command
from benchmarks.report import Report
from benchmarks.rhythm.bedside_report import alarms
from benchmarks.rhythm.challenge import challenge
from benchmarks.rhythm.picture import draw
from benchmarks.rhythm.report import rhythm
from benchmarks.sets import data_set

_CHALLENGE = "cinc2017"


def add(commands: Commands) -> None:
    """Adds them to `edge-bench`."""
    command = add_command(
        commands,
        "rhythm",
        _rhythm,
        "alarms, atrial fibrillation above all, against the annotated rhythm",
        options.record_set(
            *("cpsc2021", _CHALLENGE),
            words="records: sets and names of mitdb with commas between, or another set",
        ),
        *(options.leads, options.model, options.plotted, options.data),
    )
    command.set_defaults(draw=draw)
    command = add_command(
        commands,
        "alarms",
        _alarms,
        "alarms where a bedside monitor alarmed, rightly or not (some 7 minutes on two cores)",
        *(options.leads, options.model, options.data),
    )
    command.add_argument(
        "--set", dest="records", choices=["cinc2015"], required=True, help="the records"
    )


def _rhythm(args: argparse.Namespace) -> Report:
    if args.records == _CHALLENGE:
        if args.plot:
            args.refuse("--plot draws rhythms over time: cinc2017 has one for each record")
        return challenge(args.data / args.records, model=args.model)
    return rhythm(data_set(args.data, args.records), args.lead, model=args.model)


def _alarms(args: argparse.Namespace) -> Report:
    return alarms(args.data / args.records, args.lead, model=args.model)
