"""Which channels of a file are an ECG, by their names, units and rates."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from edge.errors import RecordError
from edge.files import Channel
from edge.rates import check_rate, possible
from firmware_bridge.text import narrow
from firmware_bridge.units import nanovolts

_ECG: Final = re.compile(
    r".*[eé][ck]g.*|lead *\d{1,2}"
    r"|(lead|mod|derivation)? *("
    r"i{1,3}|-?av[rlf]|v|v\d{1,2}r?|v\d-v\d|m?l(i{1,3}|\d)|mv\d|mcl\d?r?|c[cmrs]\d|d(i{1,3}|\d)"
    r"|[eas]-[si]|v?[xyz])",
    re.IGNORECASE,
)
"""Names of ECG leads, with the blanks, dots and underlines turned to blanks."""
_MADE_OF_ECG: Final = re.compile(
    r".*e[ck]g[\s._]+(rate|hr|bpm|rri?|qual|sqi|phase|label|[pqrst][ _]?(peak|onset|offset|wave))",
    re.IGNORECASE,
)
"""How names begin of what programs make of an ECG."""
_NOT_ECG: Final = re.compile(
    r"resp|eeg|emg|eog|pleth|ppg|pcg|stim|trig|mark|gsr|eda|acc|temp|gyro?|magn?|hum|press|batt"
    r"|(heart|pulse|respiration|breath)[ _]*rate|[hrp]r\b|rri?\b|bpm|beats?\b"
    r"|(acc|[agm])[_ .]?[xyz]$|label|class|target|annot|symbol|r[ _]?(peak|wave|loc)|peaks?\b|qrs"
    r"|lo[+-]|lead.?s?.?off|status|state|flag|index|idx|seq|count|steps?\b|light|lux|gps|lat\b|lon\b"
    r"|quality|sqi|mask"
    r"|square|sine|ramp|pulse|event|ttl|sync|[eb]df annotations"
    r"|(et)?co2|abp|art|pap|cvp|icp|s[ap]o2"
    r"|air|flow|snor|thor|abd|chin|(left|right|[lr])? *leg|[lr]oc\b"
    r"|(fp[12z]|[fcpo]z|o[12]|t[3-8])\b"
    r"|(fp|[fcpot]){0,2}(z|\d{1,2})-(fp|[afcpotm]){1,2}(z|\d{1,2})\b",
    re.IGNORECASE,
)
"""How the names of channels begin that are recorded beside an ECG in the same units.

The last two are electrodes of an EEG.
"""
_MOST: Final = 64
_OTHER: Final = re.compile(
    r"(mm|cm|m|in)?(hg|h2o).*|k?pa|%.*|.*bpm|.*/min|.*/mn|[kmg]?hz|.*deg.*|°.*|c|f|celsius|kelvin"
    r"|[num]?(l|g|s|sec|m|w|j|a)(/.*)?|.*ohms?|.*ω|gr?a?v?|s|mm?|cm|lpm|min|h|us|µs|μs|[num]?siemens"
    r"|db.*|lux|rpm|rad.*",
    re.IGNORECASE,
)
"""Units of something else than a voltage, and not those that say nothing (NU, adu, bits...)."""

_NO_UNIT: Final = re.compile(
    r"-|\?|nu|n/?u|au|a\.u\.|adu|bits?|lsb|counts?|none|n/?a|unitless|x?10\^-?\d|1", re.IGNORECASE
)
_OF_TIME: Final = re.compile(
    r"[mnuµμ]?s(ec(onds?)?)?|(milli|micro)?seconds?|samples?|min(utes?)?|"
    r"[dmyhs:./ -]*(hh?:mm?)[dmyhs:./ -]*",
    re.IGNORECASE,
)


def is_unit(text: str) -> bool:
    """Whether this is a unit, of times too, or what stands in the place of one."""
    text = text.strip()
    return nanovolts(text) is not None or bool(
        _OTHER.fullmatch(text) or _NO_UNIT.fullmatch(text) or _OF_TIME.fullmatch(text)
    )


def is_other(channel: Channel) -> bool:
    """Whether the unit is known, and of no voltage."""
    unit = (channel.unit or "").strip()
    return nanovolts(unit) is None and bool(_OTHER.fullmatch(unit))


def is_named(channel: Channel) -> bool:
    """Whether the name is that of an ECG lead."""
    name = re.sub(r"[\s._]+", " ", channel.name).strip()
    return bool(_ECG.fullmatch(name)) and not _MADE_OF_ECG.match(name)


def is_beside(channel: Channel) -> bool:
    """Whether the name is that of something else."""
    name = channel.name.strip()
    return bool(_MADE_OF_ECG.match(name) or (_NOT_ECG.match(name) and not is_named(channel)))


def leads(name: str, channels: Sequence[Channel]) -> list[int]:
    """Those that seem to be the ECG leads of the file called `name`; RecordError if none does.

    Those in volts before those whose unit says nothing, unless only these have a lead's name.
    Where rates differ, or other signals are named, those with the name of a lead before others;
    then the rate that most have, the first of two.
    """
    maybe = [
        i
        for i, channel in enumerate(channels)
        if channel.likely and not is_other(channel) and not is_beside(channel)
    ]
    held = [i for i in maybe if channels[i].held]
    if maybe and not held:
        raise RecordError(f"record {name} holds no samples of {narrow(channels[maybe[0]].name)}")
    volts = [i for i in held if nanovolts(channels[i].unit or "") is not None]
    named = [i for i in held if is_named(channels[i])]
    found = volts if {*volts} & {*named} or not named else named
    found = found or held
    beside = any(map(is_beside, channels))
    if beside or len({channels[i].fs for i in found}) > 1:
        found = [i for i in found if is_named(channels[i])] or found
    if not found:
        names = ", ".join(narrow(channel.name) for channel in channels)
        raise RecordError(
            f"record {name} has no ECG lead among its channels {names}: "
            "name it if there is one (`edge-run --lead`)"
        )
    rates = Counter(channels[i].fs for i in found if possible(channels[i].fs))
    fs = rates.most_common(1)[0][0] if rates else channels[found[0]].fs
    check_rate(fs, f"the rate of record {name}", RecordError)
    found = [i for i in found if channels[i].fs == fs]
    if len(found) > _MOST:
        raise RecordError(
            f"record {name} has {len(found)} channels that may be ECG leads, and more than {_MOST} "
            "are not played unasked: choose with --lead"
        )
    return found
