"""The PhysioNet/CinC Challenge 2015: is an alarm of a bedside monitor in intensive care true?

Each record has the monitor's alarm at 5:00. Records whose names end in `l` go on for half a minute,
those in `s` end there.
"""

import csv
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast, get_args

from edge.errors import RecordError

Kind = Literal[
    "Asystole",
    "Bradycardia",
    "Tachycardia",
    "Ventricular_Flutter_Fib",
    "Ventricular_Tachycardia",
]
"""What the bedside monitor alarmed. By the challenge's definitions: no QRS for 4 s; below 40/min
for 5 beats; above 140/min for 17 beats; fibrillation, flutter or the like for 4 s; 5 ventricular
beats above 100/min."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
ALARM_S: Final = 300.0
"""Where every record has its alarm."""
EVENT_S: Final = 10.0
"""The event of a true alarm began at most so long before it: the challenge takes that from the
standard for monitors (ANSI/AAMI EC13)."""


class BedsideAlarm(NamedTuple):
    """A record's alarm."""

    record: str
    kind: Kind
    true: bool
    """What the annotators say of it."""

    @property
    def block(self) -> int:
        """Ten consecutive records: who the patients are is not published, but neighbours may be
        one, so what is chosen leaving records out leaves out blocks.
        """
        return int(self.record[1:-1]) // 10


def read_alarms(folder: Path) -> tuple[BedsideAlarm, ...]:
    """The alarms of all records, in the order of the file `ALARMS`; a RecordError if that fails."""
    try:
        rows = list(csv.reader((folder / "ALARMS").read_text("utf-8").splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise RecordError(
            f"{folder} holds no file ALARMS: run `edge-train fetch {folder.name} --data "
            f"{folder.parent}`, or name the folder that holds {folder.name}/ with --data"
        ) from error
    if not rows or not all(map(_is_alarm, rows)):
        raise RecordError(f"{folder / 'ALARMS'} is damaged: get it again")
    return tuple(BedsideAlarm(name, cast(Kind, kind), true == "1") for name, kind, true in rows)


def _is_alarm(row: list[str]) -> bool:
    return (
        len(row) == 3
        and row[0][1:-1].isdecimal()
        and row[0].isalnum()
        and row[1] in KINDS
        and row[2] in ("0", "1")
    )
