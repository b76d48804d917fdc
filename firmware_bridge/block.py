"""The one thing that crosses from the bridge into the runtime."""

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class LeadState(enum.Enum):
    """Whether an electrode touches skin, as far as the board can tell."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"
    """The board has no lead-off detection, or does not report it."""


@dataclass(frozen=True, slots=True, eq=False)
class SampleBlock:
    """Consecutive samples of one stream.

    The sample index is the time base: `start` counts every sample since the stream began,
    lost ones too, so a gap moves `start` forward and arrival time is never needed.
    """

    start: int
    """Index of the first sample since the stream began, lost samples counted."""
    mv: NDArray[np.float32]
    """Samples in millivolts, shape [n, leads]."""
    fs: float
    """Sampling rate in Hz, constant over a stream."""
    leads: tuple[str, ...]
    """Lead names, one a column of `mv`."""
    lead_state: tuple[LeadState, ...]
    """Electrode contact a lead, valid for the whole block."""
    saturated: tuple[bool, ...]
    """Whether the board reports that a lead's converter was at its rail in this block."""
    lost: int = 0
    """Samples lost between the block before and this one (already counted in `start`)."""
    device_time_s: float | None = None
    """The board's own clock at the first sample, where it sends one."""
    restart: bool = False
    """The board began anew before this block: how much was lost is not known, whatever it counts.
    """

    def __len__(self) -> int:
        """Number of samples in time."""
        return len(self.mv)


def mv_from_nv(nv: NDArray[np.integer | np.float64]) -> NDArray[np.float32]:
    """Whole nanovolts to millivolts: the one conversion that every path shares."""
    return (nv * 1e-6).astype(np.float32)
