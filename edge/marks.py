"""What a recording's annotations mean: events as WFDB annotations, and back.

docs/recorder.md lists them. All text is ASCII and at most 255 characters, as the format has it.
"""

import re
from typing import Final, Literal, NamedTuple

from edge.events import (
    Alarm,
    Beat,
    Clock,
    Event,
    Label,
    Link,
    Overrun,
    Quality,
    Rhythm,
    RhythmName,
)
from firmware_bridge.block import LeadState

Symbol = Literal["N", "S", "V", "F", "Q", "+", "~", '"']
"""Those that are written."""
CODES: Final[dict[str, int]] = {
    "N": 1, "V": 5, "F": 6, "S": 9, "Q": 13, "~": 14, '"': 22, "+": 28,
}  # fmt: skip
"""The format's number of each."""
NOTE: Final = '"'
UNKNOWN: Final = "unknown"
"""Text of a Q whose label is U."""
RHYTHMS: Final[dict[RhythmName, str]] = {
    "regular": "(N",
    "irregular": "(IRREG",
    "bradycardia": "(BRADY",
    "tachycardia": "(TACHY",
    "asystole": "(ASYS",
    "atrial_fibrillation": "(AFIB",
    "supraventricular_tachycardia": "(SVTA",
    "ventricular_fibrillation": "(VF",
    "ventricular_tachycardia": "(VT",
    "accelerated_ventricular_rhythm": "(IVR",
    "bigeminy": "(B",
    "trigeminy": "(T",
    "unknown": "(UNKNOWN",
}
"""Names as in PhysioNet's databases where they have one, else in their way."""
_LONGEST: Final = 255
_LEAD: Final = re.compile(r"lead (\d+) (on|off|unknown|saturated|unsaturated)(?: .*)?")
_GAP: Final = re.compile(r"gap (\d+) samples, [\d.]+ s")
_INVALID: Final = re.compile(r"invalid (\d+) samples, [\d.]+ s, lead (\d+)")
_BEAT: Final = re.compile(r"(\S)(?: (.*))?")


class Mark(NamedTuple):
    """One annotation of a stream."""

    sample: int
    """As `Event.sample`."""
    symbol: str
    """One character, as in WFDB: a `Symbol`, or another one of somebody else's."""
    text: str = ""


def of(event: Event, leads: tuple[str, ...]) -> Mark | None:
    """What an event is in a recording with these leads; None for what is not kept.

    Rhythms come whenever one is told, though it may be the same. Contacts and gaps are not told by
    events here, since those know only of the leads that are watched: see `contact` and `gap`.
    """
    match event:
        case Beat(final=True):
            return beat(event.sample, event.label)
        case Rhythm():
            return Mark(event.sample, "+", RHYTHMS[event.label])
        case Quality():
            number = leads.index(event.lead) if event.lead in leads else 0
            return Mark(event.sample, "~", text(f"{event.reason} {number} {event.lead}"))
        case Alarm():
            return alarm(event, "on" if event.active else "off")
        case Link():
            return note(event.sample, f"link {event.state}: {event.detail}")
        case Clock() | Overrun():
            return note(event.sample, f"{event.type}: {event.detail}")
        case _:
            return None


def beat(sample: int, label: Label) -> Mark:
    """A final label."""
    return Mark(sample, "Q", UNKNOWN) if label == "U" else Mark(sample, label)


def alarm(event: Alarm, state: Literal["on", "off", "still"], sample: int | None = None) -> Mark:
    """An alarm that begins, ends, or is still on where a file begins, which is at `sample` then."""
    at = event.sample if sample is None else sample
    head = f"alarm {state} {event.name} {event.priority}"
    if state != "still":
        head += f" {max(0.0, event.t - event.since):.3f} s ago"
    return note(at, f"{head}: {event.text}")


def gap(sample: int, lost: int, fs: float) -> Mark:
    """So many samples are missing from `sample` on."""
    return note(sample, f"gap {lost} samples, {lost / fs:.3f} s")


def contact(sample: int, lead: int, name: str, state: str) -> Mark:
    """A lead's electrode, or converter: `LeadState`'s values, "saturated" or "unsaturated"."""
    return note(sample, f"lead {lead} {state} {name}")


def note(sample: int, said: str) -> Mark:
    """Words."""
    return Mark(sample, NOTE, text(said))


def text(said: str) -> str:
    """As much of it as an annotation holds."""
    return said.encode("ascii", "backslashreplace").decode()[:_LONGEST]


class Contact(NamedTuple):
    """What is known of a lead from a sample on."""

    sample: int
    lead: int
    """Its number in the recording."""
    state: LeadState | None
    """None: as before."""
    saturated: bool | None


def read_contact(sample: int, said: str) -> Contact | None:
    """What `contact` has written."""
    found = _LEAD.fullmatch(said)
    if found is None:
        return None
    lead, state = int(found[1]), found[2]
    if state in ("saturated", "unsaturated"):
        return Contact(sample, lead, None, state == "saturated")
    return Contact(sample, lead, LeadState(state), None)


def invalid(sample: int, n: int, lead: int, fs: float) -> Mark:
    """A lead's samples are invalid in the file."""
    return note(sample, f"invalid {n} samples, {n / fs:.3f} s, lead {lead}")


def read_gap(said: str) -> tuple[int, int | None] | None:
    """Samples that `gap` or `invalid` tells of, and the lead, None for all."""
    if found := _GAP.fullmatch(said):
        return int(found[1]), None
    if found := _INVALID.fullmatch(said):
        return int(found[1]), int(found[2])
    return None


def words(mark: Mark) -> str:
    """A mark where there are no symbols, as in EDF+: rhythms and notes are text already."""
    return mark.text if mark.symbol in ("+", NOTE) else f"{mark.symbol} {mark.text}".rstrip()


def read_words(sample: int, said: str) -> Mark:
    """What `words` has written."""
    if said.startswith("("):
        return Mark(sample, "+", said)
    if found := _BEAT.fullmatch(said):
        return Mark(sample, found[1], found[2] or "")
    return Mark(sample, NOTE, said)
