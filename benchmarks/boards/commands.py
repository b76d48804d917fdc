"""The subcommands of the boards: what becomes of their bytes."""

from benchmarks import options
from benchmarks.boards.decode import decode
from benchmarks.boards.faults import RECORDS as FAULTY
from benchmarks.boards.faults import faults
from benchmarks.boards.layouts import layouts
from benchmarks.boards.overflow import overflow
from benchmarks.boards.probing import probing
from benchmarks.boards.reconnect import reconnect
from benchmarks.boards.replay import RECORDS, replays
from benchmarks.boards.sketches import sketches
from benchmarks.options import Command, Commands, add_command
from firmware_bridge.decoders import PROTOCOLS


def add(commands: Commands) -> None:
    """Adds them to `edge-bench`."""
    _add_played(commands)
    _add_recognised(commands)
    _add_in_real_time(commands)


def _protocols(command: Command) -> None:
    command.add_argument(
        "--protocols",
        nargs="+",
        choices=PROTOCOLS,
        default=list(PROTOCOLS),
        metavar="NAME",
        help="some of edge-run --list-protocols (default: all)",
    )


def _seed(of: str) -> options.Option:
    def option(command: Command) -> None:
        command.add_argument(
            "--seed", type=int, default=0, metavar="N", help=f"seed of {of} (default: 0)"
        )

    return option


def _add_played(commands: Commands) -> None:
    add_command(
        commands,
        "replay",
        lambda args: replays(args.data / "mitdb", args.records, args.protocols),
        "records through each board's bytes on a pseudo-terminal, against direct replay",
        *(_protocols, options.data, options.record_set(default=RECORDS)),
        description="Plays whole records as each board, through its bytes on a pseudo-terminal, "
        "and replays them directly at the board's rate and resolution: samples and events must be "
        "equal. Three records take a minute for every two protocols.",
    )
    command = add_command(
        commands,
        "decode",
        lambda args: decode(args.duration, args.repeats),
        "what decoding costs, for each protocol",
        options.json_file,
        description="Decodes a minute of each protocol on one core, in reads as a port gives them, "
        "and holds it against the protocol's fastest baud.",
    )
    command.add_argument(
        "--duration",
        type=options.number(0.1, 3600),
        default=60.0,
        metavar="S",
        help="of the signal (default: 60)",
    )
    options.repeats(command)
    add_command(
        commands,
        "faults",
        lambda args: faults(args.data / "mitdb", args.records, args.protocols, args.seed),
        "10,000 faults in an hour of each board's bytes: beats and samples against none",
        *(_protocols, options.data),
        options.record_set(default=FAULTY, words="records, one after the other"),
        _seed("the faults"),
        description="Plays two records as each board twice, unharmed and with 10,000 faults in "
        "bursts of ten seconds, every minute. Beats and samples between bursts must be the same, "
        "and no beat may be found that is not there. Half a minute a protocol.",
    )


def _add_recognised(commands: Commands) -> None:
    add_command(
        commands,
        "probing",
        lambda args: probing(args.data, args.protocols),
        "whether boards are recognised, at their speed and at others",
        *(_protocols, options.data),
        description="Each board plays 50 recordings to readers at four speeds: at its own it must "
        "be recognised for sure, at others never be taken for another. Noise and text are no "
        "board.",
    )
    add_command(
        commands,
        "layouts",
        lambda args: layouts(args.data),
        "whether boards are recognised by frames that no encoder of ours has made",
        options.data,
        description="Packs 50 recordings as each board's makers describe its frames: the board "
        "must be recognised for sure, and every sample be equal. A minute.",
    )
    add_command(
        commands,
        "sketches",
        lambda args: sketches(args.data),
        "whether text is read as sketches print it",
        options.data,
        description="Prints 50 recordings in some 70 kinds of text: leads, clocks, other columns "
        "must be told apart for sure, and every sample be read. Four minutes.",
    )


def _add_in_real_time(commands: Commands) -> None:
    command = add_command(
        commands,
        "reconnect",
        lambda args: reconnect(args.data / "mitdb" / args.record, args.protocols, args.times),
        "how soon a pulled plug is told, and beats come when it is back, in real time",
        *(_protocols, options.record, options.data),
        description="Plays a record in real time and pulls the plug for three seconds, again and "
        "again: 15 s each time.",
    )
    command.add_argument(
        "--times", type=options.times, default=5, metavar="N", help="pulls (default: 5)"
    )
    command = add_command(
        commands,
        "overflow",
        lambda args: overflow(args.protocols, args.stand, args.seed),
        "where samples are put when nobody has read for longer than buffers last",
        *(_protocols, options.json_file),
        description="Noise as each board, in real time, whose reader stands still once while the "
        "system's buffer overflows, as a UART's does: the gap must be behind what lay there.",
    )
    command.add_argument(
        "--stand",
        type=options.number(1, 600),
        default=40.0,
        metavar="S",
        help="seconds (default: 40)",
    )
    _seed("the noise")(command)
