"""A recording as a board would have sampled it."""

from dataclasses import replace
from typing import Final

import numpy as np

from edge.leads import wire_names
from edge.replay import Recording, resampled
from firmware_bridge.decoders import FrontEnd

SKETCH_FS: Final = 190.0
"""Rate in Hz of boards that do not tell theirs: about that of the AD8232 sketch."""
_ONE_BOARD, _OFFSET_NV = 8, 10_000_000


def as_board(recording: Recording, front_end: FrontEnd, fs: float | None = None) -> Recording:
    """What the board would sample of it: at its rate, or `fs` in Hz, on its leads.

    A board with more leads than the recording has the first again after the last; from the ninth
    on 10 mV higher, as electrodes differ, by which a Daisy's halves are told apart.
    """
    if fs is None:
        rates = {"sent": recording.fs, "estimated": SKETCH_FS}
        fs = rates[front_end.fs] if isinstance(front_end.fs, str) else front_end.fs
    if front_end.leads != "sent":
        columns = [i % len(recording.leads) for i in range(len(front_end.leads))]
        offset = np.where(np.arange(len(columns)) < _ONE_BOARD, 0, _OFFSET_NV).astype(np.int32)
        nv = recording.nv[:, columns] + offset
        recording = replace(recording, leads=front_end.leads, nv=nv)
    else:
        recording = replace(recording, leads=wire_names(recording.leads))
    return resampled(recording, fs)
