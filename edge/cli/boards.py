"""What `edge-run` does about boards besides watching them: lists, probing, calibration."""

import math
import termios
from collections.abc import Iterator
from contextlib import closing

from edge.leads import select_leads
from firmware_bridge.block import SampleBlock
from firmware_bridge.calibration import Boards, Pulse, config_file
from firmware_bridge.decoders import PROTOCOLS
from firmware_bridge.decoders.scales import FIRST_LINES
from firmware_bridge.errors import CalibrationError, PortError, ProtocolError
from firmware_bridge.identify import Sighting, bauds, hexdump, look, not_understood, text_line
from firmware_bridge.link import LinkChange, SerialLink, list_ports
from firmware_bridge.ports import Line

_DUMPED = 128


def ports() -> list[str]:
    """A line a serial port."""
    lines = [f"{device:20} {description}" for device, description in list_ports()]
    return lines or ["no serial port found: is the board plugged in?"]


def protocols() -> list[str]:
    """A table of what is understood, a line each."""
    head = ("name", "baud", "rate", "leads", "scale")
    rows = [(*head, "counts losses", "checksum", "lead off", "commands", "board")]
    for name, board in PROTOCOLS.items():
        commands = [
            word
            for word, command in (
                ("identify", board.commands.identify),
                ("start", board.commands.start),
                ("stop", board.commands.stop),
            )
            if command
        ]
        rows.append(
            (
                name,
                ", ".join(map(str, board.bauds)),
                board.fs if isinstance(board.fs, str) else f"{board.fs:g} Hz",
                board.leads if isinstance(board.leads, str) else ", ".join(board.leads),
                board.scale,
                "yes" if board.sequence else "no",
                "yes" if board.checksum else "no",
                board.lead_off,
                ", ".join(commands) or "none",
                board.board,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def probe(port: str, baud: int | None, ask: bool) -> Iterator[str]:
    """What is seen at each baud, as lines for people; ProtocolError if nothing is sure of it."""
    speeds = [baud] if baud else bauds()
    with closing(Line(port, speeds[0])) as line:
        yield f"{'baud':>8}  {'bytes':>7}  {'protocol':10}  {'sure':4}  why"
        seen: list[Sighting] = []
        try:
            for sighting in look(line, speeds, ask):
                seen.append(sighting)
                speed, data, guess = sighting
                name, sure, why = guess or ("", None, "no known protocol fits" if data else "")
                word = "" if sure is None else "yes" if sure else "no"
                yield f"{speed or '-':>8}  {len(data):7}  {name:10}  {word:4}  {why}".rstrip()
        except (OSError, termios.error):
            raise PortError(f"{port} went away while it was probed") from None
    if any(guess and guess.sure for *_, guess in seen):
        return
    for speed, data, _ in seen:
        if data:
            at = f" at {speed} baud" if speed else ""
            yield f"the first {min(_DUMPED, len(data))} of {len(data)} bytes{at}:"
            yield from hexdump(data[:_DUMPED])
            if not any(guess for *_, guess in seen) and (text := text_line(data)):
                raise ProtocolError(not_understood(port, text, at))
    raise ProtocolError(
        f"nothing on {port} is recognised for sure: give --protocol if you know it, or --ask if "
        "the board waits for a command"
    )


def calibrate(link: SerialLink, lead: str | int | None, scale: float) -> Iterator[str]:
    """Store a scale for the board on `link`; NaN: measure a pulse of 1 mV on `lead`.

    Gives lines for people. PortError if the port vanishes, CalibrationError if no pulse comes or
    the scale cannot be stored, RecordError if there is no such lead.
    """
    boards, pulse = Boards(), Pulse()
    measure = math.isnan(scale)
    column: int | None = None
    for item in link:
        if isinstance(item, LinkChange):
            if item.state == "down":
                raise PortError(item.detail)
            yield item.detail
        elif isinstance(item, SampleBlock):
            if any(scale.unit == FIRST_LINES for scale in item.scale):
                raise CalibrationError(
                    "its numbers are larger than those of any usual converter, and have another "
                    "scale at each start: let the sketch print mV"
                )
            if item.scale and not item.scale[0].mv:
                continue  # no number has come yet
            if measure:
                if column is None:
                    column = select_leads(item.leads, None if lead is None else [lead])[0]
                    yield f"waiting for steps of 1 mV on {item.leads[column]}"
                measured = pulse.take(item, column)
                if measured is None:
                    continue
                scale = measured
                yield f"the step of 1 mV came as {1 / scale:.4g} mV"
            board, protocol = link.board
            assert protocol  # there are samples
            table = boards.store(board, protocol, scale)
            yield f"samples of {table} are multiplied by {scale:.4g} from now on ({config_file()})"
            if board is None:
                yield "it has no USB serial number: this holds for all that send the same"
            return
    raise CalibrationError("no pulse of 1 mV came before the line ended")
