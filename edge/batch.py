"""A whole array at once: its beats, its alarms, and whatever else a stream of it would tell."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.alarms import Setting
from edge.arrays import LIKELY_MV, ArrayReader, heights
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.classify import Backend
from edge.events import Alarm, Beat, Event
from edge.monitor import Monitor
from firmware_bridge.units import nanovolts

LEAST_S: Final = 2.0
"""Seconds of the shortest array: the detector learns from two beats."""
_LOOKED_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Annotation:
    """What `annotate` found."""

    events: list[Event]
    """All of them in order, as `edge-run --jsonl` gives them; the last is `edge.events.Stats`."""
    scale: tuple[float, ...] | None
    """Millivolts that 1 was taken for, of each lead, where the unit is unknown; else None."""

    @property
    def beats(self) -> list[Beat]:
        """Every beat once, with its final label."""
        return [event for event in self.events if isinstance(event, Beat) and event.final]

    @property
    def alarms(self) -> list[Alarm]:
        """Every on- and offset of an alarm."""
        return [event for event in self.events if isinstance(event, Alarm)]


def annotate(
    samples: ArrayLike,
    fs: float,
    *,
    leads: Sequence[str] | None = None,
    unit: str | None = "mV",
    model: Bundle | str = DEFAULT_BUNDLE,
    backend: Backend | None = None,
    alarms: Mapping[str, Setting] | None = None,
) -> Annotation:
    """The beats and alarms of an ECG.

    Args:
        samples: [n], or [n, leads]; whatever numpy reads as real numbers. NaN is a lost sample.
        fs: Samples a second.
        leads: Their names; by default "lead 0" and so on.
        unit: nV, uV, mV or V. None where it is unknown: the usual QRS complex of each lead is taken
            to be 1 mV high, which `Annotation.scale` tells.
        model: Name of a shipped bundle, or path of one.
        backend: "litert" or "onnx"; by default the first that is installed.
        alarms: Limits other than those of `edge.alarms.RULES`, or "off", by name.

    Warns:
        UserWarning: The samples seem to be in another unit: no lead moves as much as a QRS complex
            does, or all move more.

    Raises:
        ValueError: The samples are none that can be used, or one of the arguments cannot be.
        BundleError, BackendError: The model cannot be loaded.

    """
    reader = ArrayReader(fs, leads, "mV" if unit is None else unit)
    x = reader.array(samples)
    if len(x) < LEAST_S * fs:
        raise ValueError(
            f"the samples are {len(x) / fs:.3g} s of signal: at least {LEAST_S:g} s are needed"
        )
    scale = None
    if unit is None:
        scale = tuple((1.0 / heights(x, fs)).tolist())
        reader = ArrayReader(fs, leads, scale)
    monitor = Monitor(model, backend=backend, alarms=alarms)
    events = [event for block in reader.blocks(x) for event in monitor.push(block)]
    events += [event for block in reader.rest() for event in monitor.push(block)]
    if unit is not None:
        _doubt(x[: round(_LOOKED_S * fs)], fs, unit)
    return Annotation(events + monitor.flush(), scale)


def _doubt(x: NDArray[Any], fs: float, unit: str) -> None:
    """Warn where every lead that moves is much too low or too high for that unit."""
    mv = heights(x, fs, still=np.nan) * (nanovolts(unit) or 1.0) * 1e-6
    mv = mv[~np.isnan(mv)]
    low, high = LIKELY_MV
    if len(mv) and ((mv < low).all() or (mv > high).all()):
        warnings.warn(
            f"if there are heartbeats in these samples, their QRS complexes are {mv.max():.3g} mV "
            f"high in {unit}, which is unlikely: give their unit, or unit=None if it is unknown",
            stacklevel=3,
        )
