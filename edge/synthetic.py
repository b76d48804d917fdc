"""An electrocardiogram made from a script of beats, with its own labels.

The dynamical model of McSharry, Clifford, Tarassenko & Smith, "A dynamical model for generating
synthetic electrocardiogram signals", IEEE Trans Biomed Eng 2003;50:289-294: a phase turns once a
beat, and each wave is a Gaussian at its angle. We take the sum of the Gaussians, which is its
closed form, instead of integrating it. Our choices: the phase is counted from each R at the
speed of 60 beats a minute; the angle and width of P and T follow the square root of the RR
interval on their side, those of QRS do not; the waves of each beat type; and the noise.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEADS = ("MLII", "V5")


class _Wave(NamedTuple):
    angle: float
    """Radians after R."""
    width: float
    """Standard deviation in radians."""
    mv: tuple[float, float]
    """Height in each lead."""


_P = (_Wave(-1.05, 0.16, (0.14, 0.09)),)
_P_ECTOPIC = (_Wave(-0.85, 0.13, (-0.09, -0.05)),)
_QRS = (
    _Wave(-0.22, 0.07, (-0.10, -0.08)),
    _Wave(0.0, 0.08, (1.20, 0.95)),
    _Wave(0.20, 0.08, (-0.22, -0.40)),
)
_T = (_Wave(1.60, 0.33, (0.30, 0.22)), _Wave(1.95, 0.24, (0.12, 0.10)))
_QRS_VENTRICULAR = (
    _Wave(-0.12, 0.22, (1.25, 0.45)),
    _Wave(0.12, 0.20, (0.75, 0.90)),
    _Wave(0.62, 0.26, (-0.55, -0.70)),
)
_T_VENTRICULAR = (_Wave(1.95, 0.42, (-0.55, -0.35)),)

# P, QRS and T of each beat type.
_WAVES: dict[str, tuple[tuple[_Wave, ...], ...]] = {
    "N": (_P, _QRS, _T),
    "S": (_P_ECTOPIC, _QRS, _T),
    "V": ((), _QRS_VENTRICULAR, _T_VENTRICULAR),
}

# Interval before a premature beat, and before one more of its like, in sinus intervals.
_COUPLING = {"S": (0.62, 0.60), "V": (0.60, 0.52)}
_ARREST = 2.2
"""Length of a sinus arrest, in sinus intervals."""


@dataclass(frozen=True, slots=True, eq=False)
class Synthetic:
    """A made signal, and what was put into it. All times are sample indices."""

    fs: float
    mv: NDArray[np.float64]
    """The leads of `LEADS` in millivolts, shape [n, 2]."""
    beats: tuple[tuple[int, str], ...]
    """R peak and label, N, S or V, of every beat, those under noise included."""
    noise: tuple[tuple[int, int], ...]
    """Start and end of each stretch of movement noise."""
    lead_off: tuple[tuple[int, int], ...]
    """Start and end of each stretch without electrode contact; the signal there is drawn on."""


def synthesize(script: str, fs: float, rng: np.random.Generator, rr_s: float = 0.82) -> Synthetic:
    """Make the beats of `script` one after the other, about `rr_s` seconds apart.

    `N` is a sinus beat, `S` and `V` are premature ones, and a run where they stand together; a
    fully compensatory pause follows V, a shorter one S. `-` is a sinus arrest. What stands in
    round brackets lies under noise, in square ones the leads are off. The sinus interval
    breathes (0.25 Hz) and drifts (0.1 Hz), as in the paper.
    """
    phases = rng.uniform(0, 2 * np.pi, 2)
    times: list[float] = []
    labels = ""
    stretches: dict[str, list[float]] = {"(": [], "[": []}
    t, after, rest = 0.6, 1.0, 0.0
    for symbol in script:
        sinus = rr_s * (
            1
            + 0.03 * np.sin(2 * np.pi * 0.25 * t + phases[0])
            + 0.02 * np.sin(2 * np.pi * 0.1 * t + phases[1])
            + 0.005 * rng.normal()
        )
        if symbol in "()":
            stretches["("].append(t + 0.5 * sinus)
        elif symbol in "[]":
            stretches["["].append(t + 0.5 * sinus)
        elif symbol == "-":
            rest = _ARREST
        else:
            if not labels:
                interval = 0.0
            elif symbol == "N":
                interval = after + rest
                after = 1.0
            else:
                interval = _COUPLING[symbol][labels[-1] == symbol]
                after = 1.12 if symbol == "S" else 2 - interval
            t += sinus * interval
            rest = 0.0
            times.append(t)
            labels += symbol
    mv = _waves(np.array(times), labels, fs, rr_s)
    noise, lead_off = (
        tuple((round(a * fs), round(b * fs)) for a, b in zip(s[::2], s[1::2], strict=True))
        for s in stretches.values()
    )
    mv += _electrodes(mv.shape, fs, rng)
    for start, end in noise:
        mv[start:end] += _movement((end - start, len(LEADS)), fs, rng)
    beats = tuple((round(r * fs), label) for r, label in zip(times, labels, strict=True))
    return Synthetic(fs, mv, beats, noise, lead_off)


def _waves(times: NDArray[np.float64], labels: str, fs: float, rr_s: float) -> NDArray[np.float64]:
    """The heart alone: the sum of every beat's Gaussians."""
    mv = np.zeros((round((times[-1] + rr_s) * fs), len(LEADS)))
    before = np.diff(times, prepend=times[0] - rr_s)
    after = np.diff(times, append=times[-1] + rr_s)
    for i, r in enumerate(times):
        near = slice(max(0, int((r - 0.7) * fs)), int((r + 1.0) * fs))
        phase = 2 * np.pi * (np.arange(len(mv))[near] / fs - r)
        for waves, rr in zip(_WAVES[labels[i]], (before[i], 1.0, after[i]), strict=True):
            stretch = np.sqrt(np.clip(rr, 0.3, 1.0))
            for wave in waves:
                turn = (phase / stretch - wave.angle) / wave.width
                mv[near] += np.exp(-(turn**2) / 2)[:, None] * wave.mv
    return mv


def _electrodes(shape: tuple[int, ...], fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """What is always there: breathing and drift of the baseline, mains, amplifier noise."""
    angle = 2 * np.pi * np.arange(shape[0])[:, None] / fs
    slow = 0.08 * np.sin(0.25 * angle) + 0.05 * np.sin(0.07 * angle + 1)
    gain = rng.uniform(0.6, 1.4, shape[1])
    out: NDArray[np.float64] = gain * (slow + 0.004 * np.sin(50 * angle))
    return out + rng.normal(0, 0.008, shape)


def _movement(shape: tuple[int, ...], fs: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A patient who moves: muscle noise, and four electrode jumps a second that decay in 0.3 s."""
    noise = np.where(rng.random(shape) < 4 / fs, rng.normal(0, 2.5, shape), 0.0)
    decay = np.exp(-np.arange(1.5 * fs) / (0.3 * fs))
    for lead in range(shape[1]):
        noise[:, lead] = np.convolve(noise[:, lead], decay)[: shape[0]]
    noise += rng.normal(0, 0.5, shape)
    # It comes and goes within a fifth of a second.
    edge = np.minimum(np.arange(shape[0]), np.arange(shape[0])[::-1]) / (0.2 * fs)
    return noise * np.minimum(edge, 1.0)[:, None]
