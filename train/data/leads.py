"""The twelve standard leads of a recording, as far as they are there: for training and reading."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.replay import INVALID, Recording
from train.data.corpus import LEADS, standard_lead
from train.data.preparation import alive
from train.data.tables import listed

LEAST_S: Final = 2.0
"""Of signal: less holds no beat and what is before it."""
_FROM_I_AND_II: Final = {
    "III": (-1.0, 1.0),
    "aVR": (-0.5, -0.5),
    "aVL": (1.0, -0.5),
    "aVF": (-0.5, 1.0),
}
"""Einthoven's and Goldberger's leads as sums of I and II."""


THERE: Final = 0.9
"""Of the signal, less than which is told."""


def whole(recording: Recording) -> tuple[Recording, tuple[str, ...]]:
    """The twelve leads of a recording, in order, as far as they are there, and what was missing.

    Those that Einthoven's law gives are calculated; a flat lead is a missing one. RecordError where
    none is left, or there is too little signal: what is missing is none.
    """
    named = [standard_lead(lead) for lead in recording.leads]
    held: dict[str, NDArray[np.int32]] = {}
    flat: list[str] = []
    twice: list[str] = []
    for lead in LEADS:
        channels = [nv for name, nv in zip(named, recording.nv.T, strict=True) if name == lead]
        if (found := next(filter(alive, channels), None)) is not None:
            held[lead] = found
        elif channels:
            flat.append(lead)
        if len(channels) > 1:
            twice.append(lead)
    if not (held or flat):
        raise RecordError(
            f"record {recording.name} has none of the twelve standard leads, but "
            f"{listed('channel', recording.leads)}: name them in its header, as I, II, V1; for "
            "NumPy in an .npz file with an array a lead"
        )
    if not held:
        raise RecordError(f"record {recording.name} has no signal in {', '.join(flat)}")
    seconds = {lead: (nv != INVALID).sum() / recording.fs for lead, nv in held.items()}
    if (most := max(seconds.values())) < LEAST_S:
        raise RecordError(
            f"record {recording.name} has {most:.3g} s of signal: {LEAST_S:g} s are the least"
        )
    short = [lead for lead in held if seconds[lead] < LEAST_S]
    held = {lead: nv for lead, nv in held.items() if lead not in short}
    there = np.stack([*held.values()], 1) != INVALID
    made = []
    if "I" in held and "II" in held:
        i, ii = held["I"], held["II"]
        absent = (i == INVALID) | (ii == INVALID)
        for lead, (a, b) in _FROM_I_AND_II.items():
            if lead not in held:
                sum_ = np.rint(a * i + b * ii).clip(INVALID + 1, -(INVALID + 1))
                held[lead] = np.where(absent, INVALID, sum_).astype(np.int32)
                made.append(lead)
    missing = [lead for lead in LEADS if lead not in held]
    told = []
    if (share := there.mean()) < THERE:
        told.append(
            f"{1 - share:.0%} of the signal are missing, and a flat line to networks that state "
            "classes: what they say of the rest is worth less by an unknown amount"
        )
    if twice:
        told.append(
            f"{', '.join(twice)}: in several channels, of which the first with signal is read"
        )
    if flat:
        told.append(f"{', '.join(flat)}: no signal, as if not there")
    if short:
        told.append(f"{', '.join(short)}: less than {LEAST_S:g} s of signal, as if not there")
    if made:
        told.append(f"{', '.join(made)}: calculated from I and II")
    if missing:
        told.append(
            f"{', '.join(missing)}: missing; the figures of the network are of twelve leads, "
            "with fewer it is worse by an unknown amount"
        )
    leads = tuple(lead for lead in LEADS if lead in held)
    nv = np.stack([held[lead] for lead in leads], 1)
    return Recording(recording.name, recording.fs, leads, nv), tuple(told)
