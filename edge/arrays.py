"""Arrays as a source of sample blocks: whatever numpy reads as numbers, in any voltage."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.rates import check_rate
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.text import narrow, printable
from firmware_bridge.units import nanovolts

LIKELY_MV: Final = (0.02, 20.0)
"""A usual QRS complex is not lower, and not higher."""
_RISE_S: Final = 0.04  # a QRS complex goes most of its height in it, the baseline hardly moves
_WINDOW_S: Final = 2.0  # holds a beat
_MOST_NV: Final = np.iinfo(np.int32).max


def pieces(x: NDArray[Any], rows: int = 1 << 16) -> Iterator[NDArray[np.float64]]:
    """An array, `rows` at a time: bounds the memory that working on it takes."""
    return (x[at : at + rows].astype(np.float64) for at in range(0, len(x), rows))


def heights(x: NDArray[Any], fs: float, still: float = 1.0) -> NDArray[np.float64]:
    """Of the usual QRS complex of each lead, [leads]: what the signal goes in 40 ms, at most.

    The median of windows that hold a beat each, but for those where the lead does not move; `still`
    where it never does.
    """
    window, rise = round(_WINDOW_S * fs), round(_RISE_S * fs)
    most = [
        np.nan_to_num(np.abs(part[rise:] - part[:-rise])).max(axis=0)
        for part in pieces(x, window)
        if len(part) == window
    ]
    usual = np.full(x.shape[1], still)
    for lead, found in enumerate(np.transpose(most)):
        if found.any():
            usual[lead] = np.median(found[found > 0])
    return usual


class ArrayReader:
    """Turns one array after another into the sample blocks of one stream.

    A sample that is NaN is lost: where it is in every lead, the next block begins later. Samples
    are kept to the nanovolt, as those of a recording are, so the events are the same.
    """

    def __init__(
        self, fs: float, leads: Sequence[object] | None, unit: str | tuple[float, ...] = "mV"
    ) -> None:
        """`unit`: that of the samples, or how many mV 1 is of each lead.

        ValueError, in one sentence, for a rate, names or a unit that cannot be.
        """
        check_rate(fs, "fs", ValueError)
        self._fs = round(float(fs), 3)  # as recordings have it, and frames on the wire
        self._leads = None if leads is None else _names(leads)
        self._nv = np.array(unit) * 1e6 if isinstance(unit, tuple) else _voltage(unit)
        self._next = 0  # sample of the stream
        self._blocked = 0  # up to which sample blocks were given

    def array(self, samples: ArrayLike) -> NDArray[Any]:
        """Samples as real numbers, [n, leads], not copied where they are that already.

        What a masked array masks is NaN. ValueError, in one sentence, for what is no such array or
        seems to be transposed. The first array names the leads, if nobody has.
        """
        if isinstance(samples, np.ma.MaskedArray):
            samples = np.ma.filled(samples.astype(np.float64), np.nan)
        try:
            x = np.asarray(samples)
            if x.dtype.kind == "O":  # Python's own numbers, perhaps
                x = x.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("the samples are no array of numbers [n] or [n, leads]") from None
        if x.dtype.kind not in "iuf":
            raise ValueError(
                f"the samples are of type {printable(str(x.dtype), 40)}: give real numbers"
            )
        if x.ndim not in (1, 2):
            raise ValueError(f"the samples have shape {x.shape}: give [n] or [n, leads]")
        rows, columns = x.shape if x.ndim == 2 else (len(x), 1)
        named = len(self._leads) if self._leads else None
        turned = columns > rows > 0 if named is None else columns != named == rows
        if x.ndim == 2 and turned:
            hint = ", or name the leads" if named is None else ""
            raise ValueError(
                f"samples of shape {x.shape} seem to be transposed: give [n, leads], "
                f"as their .T has it{hint}"
            )
        if x.ndim == 1 and named == rows > 1:
            raise ValueError(f"one sample of {named} leads is given as [1, {named}], not [{rows}]")
        if columns == 0 or (named is not None and columns != named):
            raise ValueError(f"the samples have {columns} lead(s), not {named or 'one or more'}")
        if self._leads is None:
            self._leads = tuple(f"lead {i}" for i in range(columns))
        return x.reshape(rows, columns)

    def blocks(self, samples: ArrayLike) -> Iterator[SampleBlock]:
        """The next samples; ValueError as for `array`, and for what is infinite or above 2.1 V."""
        x = self.array(samples)
        for piece in pieces(x):
            self._check(piece)  # before anything is taken
        for piece in pieces(x):
            nv = np.rint(piece * self._nv)
            here = np.diff(~np.isnan(nv).all(axis=1), prepend=False, append=False)
            for start, end in np.flatnonzero(here).reshape(-1, 2).tolist():
                yield self._block(self._next + start, mv_from_nv(nv[start:end]))
            self._next += len(nv)

    def rest(self) -> Iterator[SampleBlock]:
        """The stream ends: an empty block where its last samples were lost."""
        if self._leads and self._blocked < self._next:
            yield self._block(self._next, np.empty((0, len(self._leads)), np.float32))

    def _block(self, start: int, mv: NDArray[np.float32]) -> SampleBlock:
        assert self._leads
        lost, self._blocked = start - self._blocked, start + len(mv)
        states = (LeadState.UNKNOWN,) * len(self._leads)
        return SampleBlock(
            start, mv, self._fs, self._leads, states, (False,) * len(self._leads), lost
        )

    def _check(self, piece: NDArray[np.float64]) -> None:
        assert self._leads
        if np.isinf(piece).any():
            raise ValueError("some samples are infinite: NaN is what stands for a lost one")
        far = (np.abs(piece * self._nv) > _MOST_NV).any(axis=0)
        if far.any():
            name = self._leads[int(far.argmax())]
            raise ValueError(f"samples of {name} exceed 2.1 V: name the unit that they are in")


def _voltage(unit: str) -> float:
    nv = nanovolts(str(unit))
    if nv is None:
        raise ValueError(f"{narrow(str(unit))!r} is no voltage: give nV, uV, mV or V")
    return nv


def _names(leads: Sequence[object]) -> tuple[str, ...]:
    given = () if isinstance(leads, str) else tuple(leads)
    names = tuple(narrow(name) for name in given if isinstance(name, str) and name)
    if not given or len(names) < len(given):
        raise ValueError("leads must be a list of names, one for each column of the samples")
    if len(set(names)) < len(names):
        raise ValueError(f"two leads have one name: {', '.join(names)}")
    return names
