"""The one thing that crosses from the bridge into the runtime."""

import enum
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class LeadState(enum.Enum):
    """Whether an electrode touches skin, as far as the board can tell."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"
    """The board has no lead-off detection, or does not report it."""


class Scale(NamedTuple):
    """What the numbers of a line of text were taken for."""

    mv: float
    """Millivolts of 1."""
    unit: str
    """For people, such as mV, or counts of 10 bits."""
    told: bool
    """By the line; else it is no more than usual."""


class Step(NamedTuple):
    """Of a lead, what `SampleBlock.counts` are."""

    nv: float
    """Nanovolts of 1."""
    bits: int
    """That hold each, its sign included."""


NANOVOLT = Step(1.0, 32)
"""Where no other step is known."""


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
    scale: tuple[Scale, ...] = ()
    """Of text, a lead each; empty where the protocol or the user knows the scale."""
    counts: NDArray[np.int64] | None = None
    """The samples as whole numbers of the board's own steps, shape [n, leads]: `mv` to the last bit
    of its converter; None where nobody knows more than `mv`."""
    step: tuple[Step, ...] = ()
    """Of `counts`, a lead each."""

    @property
    def scaled(self) -> str:
        """How numbers of text were taken, one clause for people; "" where that is known."""
        units = dict.fromkeys(scale.unit for scale in self.scale)
        if not units or all(scale.told for scale in self.scale):
            return " and ".join(f"in {unit}" for unit in units)
        return f"scale unknown, taken for {' and '.join(units)}"

    def part(self, first: int, end: int | None = None) -> Self:
        """Its samples from `first` to before `end`, both counted in the block."""
        time_s = self.device_time_s
        return replace(
            self,
            start=self.start + first,
            mv=self.mv[first:end],
            lost=0 if first else self.lost,
            device_time_s=None if time_s is None else time_s + first / self.fs,
            counts=None if self.counts is None else self.counts[first:end],
        )

    def __len__(self) -> int:
        """Number of samples in time."""
        return len(self.mv)


def mv_from_nv(nv: NDArray[np.integer | np.float64]) -> NDArray[np.float32]:
    """Whole nanovolts to millivolts: the one conversion that every path shares."""
    return (nv * 1e-6).astype(np.float32)
