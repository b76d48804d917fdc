"""Corruption of data sets: fewer records, fewer leads, and noise of nstdb."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.replay import INVALID, Recording, read, resampled
from firmware_bridge.block import mv_from_nv
from train.data.corpus import Changed, Record, Reference, standard_lead
from train.data.mitdb import Annotations, require
from train.data.nstdb import noise_amplitude, noise_ratio, qrs_amplitude
from train.data.preparation import r_peaks


@dataclass(frozen=True)
class Few(Changed):
    """The first records of a corpus."""

    count: int

    @property
    def records(self) -> Sequence[Record]:
        """So many of them."""
        return self.corpus.records[: self.count]


@dataclass(frozen=True)
class FewerLeads(Changed):
    """A corpus of which some standard leads remain; R peaks are then found in those alone."""

    leads: tuple[str, ...]

    @property
    def name(self) -> str:
        """Tells the leads."""
        return "-".join([self.corpus.name, *self.leads])

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """What is left; delineation of other leads goes too."""
        whole, reference = self.corpus.read(record)
        kept = [i for i, lead in enumerate(whole.leads) if standard_lead(lead) in self.leads]
        names = tuple(whole.leads[i] for i in kept)
        waves = None if reference.waves is None else reference.waves[:, kept]
        return replace(whole, leads=names, nv=whole.nv[:, kept]), replace(reference, waves=waves)


@dataclass(frozen=True)
class Noisy(Changed):
    """A corpus with one of nstdb's noises in every lead, at one ratio of signal to noise.

    The ratio is `train.data.nstdb`'s, of each lead by itself: the power of a sine as high as its
    QRS complexes, at the R peaks found before, to that of the noise, both at the recording's rate.
    Each lead has its own piece of either channel, drawn by the record's name and `draw`; so leads
    that are sums of others no longer are, as if each had electrodes of its own.
    """

    folder: Path
    """Of nstdb."""
    noise: str
    snr_db: float
    draw: int = 0
    """Of how many, each with other pieces of the noise, this is which."""

    @property
    def name(self) -> str:
        """Tells the noise."""
        again = f"-{self.draw}" if self.draw else ""
        return f"{self.corpus.name}-{self.noise}-{self.snr_db:g}dB{again}"

    def read(self, record: Record) -> tuple[Recording, Reference]:
        """The signal with noise; RecordError where nstdb is missing."""
        clean, reference = self.corpus.read(record)
        return self.spoilt(clean, zlib.crc32(record.name.encode()) + self.draw), reference

    def spoilt(self, clean: Recording, seed: int) -> Recording:
        """A recording with noise; without a single R peak it stays clean."""
        noise, fs = _noise(self.folder, self.noise, clean.fs), clean.fs
        peaks = r_peaks(clean)
        mv = np.where(clean.nv == INVALID, 0, clean.nv) * 1e-6
        half = int(0.05 * fs)
        peaks = peaks[(peaks >= half) & (peaks < len(mv) - half)]
        if not len(peaks):
            return clean
        beats = Annotations(fs, peaks, np.full(len(peaks), "N"), (), ())
        rms = qrs_amplitude(mv, beats) * noise_ratio(self.snr_db)
        gain = rms[:, None] / noise_amplitude(noise, fs)
        rng = np.random.default_rng(seed)
        nv = clean.nv.copy()
        for i in range(nv.shape[1]):
            channel = int(rng.integers(noise.shape[1]))
            start = int(rng.integers(len(noise)))
            piece = noise[(start + np.arange(len(nv))) % len(noise), channel]
            added = np.rint((piece - piece.mean()) * gain[i, channel] * 1e6).astype(np.int32)
            nv[:, i] = np.where(nv[:, i] == INVALID, INVALID, nv[:, i] + added)
        return replace(clean, nv=nv)


@cache
def _noise(folder: Path, name: str, fs: float) -> NDArray[np.float64]:
    """In mV, [n, 2]."""
    require(folder)
    return mv_from_nv(resampled(read(folder / name), fs).nv).astype(np.float64)
