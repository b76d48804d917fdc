"""Which channels of a file are an ECG, by their names, units and rates."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from edge.errors import RecordError
from edge.files import Channel
from edge.filters import FS_MAX, FS_MIN
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
_NOT_ECG: Final = re.compile(
    r"resp|eeg|emg|eog|pleth|ppg|pcg|stim|trig|mark|gsr|eda|acc|temp"
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
_OTHER: Final = re.compile(
    r"(mm|cm|m|in)?(hg|h2o).*|k?pa|%.*|.*bpm|.*/min|.*/mn|[kmg]?hz|.*deg.*|°.*|c|f|celsius|kelvin"
    r"|[num]?(l|g|s|sec|m|w|j|a)(/.*)?|.*ohms?|.*ω|gr?a?v?|s|mm?|cm|lpm|min|h|us|µs|μs|[num]?siemens"
    r"|db.*|lux|rpm|rad.*",
    re.IGNORECASE,
)
"""Units of something else than a voltage, and not those that say nothing (NU, adu, bits...)."""


def is_other(channel: Channel) -> bool:
    """Whether the unit is known, and of no voltage."""
    unit = (channel.unit or "").strip()
    return nanovolts(unit) is None and bool(_OTHER.fullmatch(unit))


def is_named(channel: Channel) -> bool:
    """Whether the name is that of an ECG lead."""
    return bool(_ECG.fullmatch(re.sub(r"[\s._]+", " ", channel.name).strip()))


def leads(name: str, channels: Sequence[Channel]) -> list[int]:
    """Those that seem to be the ECG leads of the file called `name`; RecordError if none does.

    Those in volts before those whose unit says nothing, unless only these have a lead's name.
    Where rates differ, or other signals are named, those with the name of a lead before others;
    then the rate that most have, the first of two.
    """
    maybe = [
        i
        for i, channel in enumerate(channels)
        if not is_other(channel) and not _NOT_ECG.match(channel.name.strip())
    ]
    held = [i for i in maybe if channels[i].held]
    if maybe and not held:
        raise RecordError(f"record {name} holds no samples of {narrow(channels[maybe[0]].name)}")
    volts = [i for i in held if nanovolts(channels[i].unit or "") is not None]
    named = [i for i in held if is_named(channels[i])]
    found = volts if {*volts} & {*named} or not named else named
    found = found or held
    beside = any(_NOT_ECG.match(channel.name.strip()) for channel in channels)
    if beside or len({channels[i].fs for i in found}) > 1:
        found = [i for i in found if is_named(channels[i])] or found
    if not found:
        names = ", ".join(narrow(channel.name) for channel in channels)
        raise RecordError(
            f"record {name} has no ECG lead among its channels {names}: "
            "name one with --lead if there is"
        )
    rates = Counter(channels[i].fs for i in found if FS_MIN <= channels[i].fs <= FS_MAX)
    if not rates:
        raise RecordError(rate_refused(name, channels[found[0]].fs))
    fs = rates.most_common(1)[0][0]
    return [i for i in found if channels[i].fs == fs]


def rate_refused(name: str, fs: float) -> str:
    """Why a rate cannot be played."""
    return f"record {name} was sampled at {fs:g} Hz: only {FS_MIN:g} to {FS_MAX:g} Hz can be played"
