"""Augmentation that teaches rhythm and shape: ectopic and fibrillating beats made from real ones.

DS1 has S beats of eight patients with more than five of them, and V beats of a dozen; a network
that is free to learn those by heart does so. So S beats are also made from everybody's N beats:
moved in time, with the P wave changed and the T wave before laid under it. V beats lend their
shape, stretched, scaled and turned, to other V beats and to N beats moved in time, so that what
counts is how a beat differs from its own patient's template. And N beats are put into an irregular
rhythm without P waves, so that irregularity is learnt to excuse prematurity. All of it is done on
windows, and the context features are computed anew. The ranges are our choice.
"""

from typing import Final

import torch
from torch import Tensor

from edge.beats import BEFORE, CONTEXT, P_PART, QRS_LAGS, QRS_PART, SAMPLES, T_PART

CLIP: Final = 1.5
PREMATURE: Final = 0.05
"""Share of N looks that become S."""
VENTRICULAR: Final = 0.03
"""Share of N looks that become V."""
FIBRILLATING: Final = 0.05
"""Share of N looks that become fibrillating ones."""
LENT: Final = 0.5
"""Share of V looks that get another V look's shape."""
STEADY: Final = 0.25
"""`rr_irregularity_8` up to which a rhythm is steady enough to make an early beat in it."""

_RR = [CONTEXT.index(name) for name in CONTEXT if name.startswith("rr_to_")]
_PREVIOUS = CONTEXT.index("rr_previous_to_mean_60s")
_NEXT_TO_RR = CONTEXT.index("rr_next_to_rr")
_NEXT = CONTEXT.index("rr_next_to_mean_60s")
_KNOWN = CONTEXT.index("rr_next_known")
_IRREGULAR = [CONTEXT.index(name) for name in CONTEXT if name.startswith("rr_irregularity_")]
_SHAPE = [
    CONTEXT.index(name)
    for name in (
        *("qrs_similarity", "qrs_width", "qrs_height"),
        *("p_similarity", "p_height", "p_difference", "t_similarity"),
    )
]
_BEFORE_QRS = slice(P_PART.start - 5, P_PART.stop)


def ectopy(
    ecg: Tensor, context: Tensor, label: Tensor, classes: tuple[str, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch with some of its looks changed; see the module's text.

    `ecg` [B, 2, T], `context` [B, F] and `label` [B] as in `train.beats.Beats`. Returns copies.
    """
    normal, premature, ventricular = (classes.index(name) for name in "NSV")
    ecg, context, label = ecg.clone(), context.clone(), label.clone()
    whole_v = torch.nonzero((label == ventricular) & (context[:, _KNOWN] == 1)).flatten()
    draw = torch.rand(len(label), generator=rng)
    is_normal = label == normal
    early = is_normal & (context[:, _IRREGULAR[0]] < STEADY)
    to_s = torch.nonzero(early & (draw < PREMATURE)).flatten()
    to_v = torch.nonzero(early & (draw >= PREMATURE) & (draw < PREMATURE + VENTRICULAR)).flatten()
    chaos = torch.nonzero(is_normal & (draw > 1 - FIBRILLATING)).flatten()

    context[to_s] = _moved(context[to_s], rng)
    ecg[to_s] = _with_other_p(ecg[to_s], rng)
    label[to_s] = premature
    ecg[chaos], context[chaos] = _fibrillating(ecg[chaos], context[chaos], rng)
    changed = [to_s, chaos]
    if len(whole_v):
        context[to_v] = _moved(context[to_v], rng)
        label[to_v] = ventricular
        lent = torch.nonzero((label == ventricular) & (draw > 1 - LENT)).flatten()
        borrowers = torch.unique(torch.cat([to_v, lent]))
        lenders = whole_v[torch.randint(len(whole_v), (len(borrowers),), generator=rng)]
        ecg[borrowers, 0] = _lent(ecg[lenders, 0], ecg[borrowers, 0] != 0, rng)
        changed.append(borrowers)
    rows = torch.cat(changed)
    context[rows] = with_shape(ecg[rows], context[rows])
    return ecg, context, label


def _moved(context: Tensor, rng: torch.Generator) -> Tensor:
    """The RR features of a beat that comes too early, alone or within a run of its like."""
    n = len(context)
    short = torch.log(_uniform(n, 0.45, 0.88, rng))
    in_run = torch.rand(n, generator=rng) < 0.4
    jitter = 0.1 * torch.randn(n, 2, generator=rng)
    context[:, _RR] += short[:, None]
    context[:, _PREVIOUS] = torch.where(in_run, short + jitter[:, 0], context[:, _PREVIOUS])
    # what was taken from the interval before is given back, in part or in full, after it;
    # within a run the next interval is short too
    pause = torch.log(1 + (1 - short.exp()) * _uniform(n, 0.0, 1.1, rng))
    goes_on = in_run & (torch.rand(n, generator=rng) < 0.6)
    following = torch.where(goes_on, short + jitter[:, 1], pause)
    context[:, _NEXT_TO_RR] = context[:, _KNOWN] * (following - short)
    context[:, _NEXT] = context[:, _KNOWN] * following
    context[:, _IRREGULAR] += torch.rand(n, 3, generator=rng) * torch.tensor([0.3, 0.2, 0.1])
    return context


def _with_other_p(ecg: Tensor, rng: torch.Generator) -> Tensor:
    """The P wave faded or turned, the T wave of the beat before perhaps under it."""
    n = len(ecg)
    wave = _about_mean(ecg[:, 0, _BEFORE_QRS])
    t_wave = _about_mean(ecg[:, 1, T_PART.start : T_PART.start + wave.shape[1]])
    under = (torch.rand(n, 1, generator=rng) < 0.6) * _uniform((n, 1), 0.5, 1.2, rng)
    ecg[:, 0, _BEFORE_QRS] += (_uniform((n, 1), -0.8, 0.8, rng) - 1) * wave + under * t_wave
    return ecg


def _lent(beat: Tensor, seen: Tensor, rng: torch.Generator) -> Tensor:
    """Beats [n, T] stretched about R, scaled, some turned; zero where nothing is `seen` yet."""
    n = len(beat)
    stretch = _uniform((n, 1), 0.8, 1.25, rng)
    place = (BEFORE + (torch.arange(SAMPLES) - BEFORE) / stretch).clamp(0, SAMPLES - 1)
    left = place.floor().long().clamp(max=SAMPLES - 2)
    part = place - left
    shape = beat.gather(1, left) * (1 - part) + beat.gather(1, left + 1) * part
    sign = 1 - 2.0 * (torch.rand(n, 1, generator=rng) < 0.3)
    lent: Tensor = seen * sign * _uniform((n, 1), 0.6, 1.5, rng) * shape
    return lent


def _fibrillating(ecg: Tensor, context: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    n = len(ecg)
    rr, previous, following = 0.25 * torch.randn(3, n, generator=rng)
    context[:, _RR] = 0.3 * context[:, _RR] + rr[:, None]
    context[:, _PREVIOUS] = previous
    context[:, _NEXT_TO_RR] = context[:, _KNOWN] * (following - rr)
    context[:, _NEXT] = context[:, _KNOWN] * following
    context[:, _IRREGULAR] = _uniform((n, 3), 0.3, 0.7, rng)
    # no P wave, in the patient's template neither
    wave = _about_mean(ecg[:, :, _BEFORE_QRS])
    ecg[:, :, _BEFORE_QRS] += (_uniform((n, 1, 1), 0.0, 0.2, rng) - 1) * wave
    ecg[:, :, _BEFORE_QRS] += 0.02 * torch.randn(wave.shape, generator=rng)
    return ecg, context


def with_shape(ecg: Tensor, context: Tensor) -> Tensor:
    """`context` [B, F] with its shape features computed from `ecg` [B, 2, T], as `edge.beats`."""
    beat, template = ecg[:, 0], ecg[:, 1]
    qrs, p, t = (template[:, part] for part in (QRS_PART, P_PART, T_PART))
    places = _unit(beat[:, torch.from_numpy(QRS_LAGS)])
    similarity = (places * _unit(qrs)[:, None]).sum(2).amax(1)
    own = beat[:, QRS_PART]
    rise = torch.log(_rise(own) / _rise(qrs))
    height = torch.log((_ptp(own) + 1e-9) / (_ptp(qrs) + 1e-9))
    own_p = beat[:, P_PART]
    p_similarity = (_unit(own_p) * _unit(p)).sum(1)
    p_height = torch.log((_ptp(own_p) + 1e-9) / (_ptp(p) + 1e-9))
    p_change = 8 * (own_p - p).square().mean(1).sqrt() / (_ptp(qrs) + 1e-9)
    t_similarity = context[:, _KNOWN] * (_unit(beat[:, T_PART]) * _unit(t)).sum(1)
    context = context.clone()
    context[:, _SHAPE] = torch.stack(
        [similarity, rise, height, p_similarity, p_height, p_change, t_similarity], 1
    )
    return context.clamp(-CLIP, CLIP)


def _about_mean(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def _unit(x: Tensor) -> Tensor:
    centred = _about_mean(x)
    unit: Tensor = centred / (centred.norm(dim=-1, keepdim=True) + 1e-9)
    return unit


def _ptp(x: Tensor) -> Tensor:
    return x.amax(1) - x.amin(1)


def _rise(qrs: Tensor) -> Tensor:
    return (_ptp(qrs) + 1e-9) / (qrs.diff(dim=1).abs().amax(1) + 1e-9)


def _uniform(shape: int | tuple[int, ...], low: float, high: float, rng: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=rng)
