"""Augmentation that teaches rhythm: premature beats and fibrillation made from steady beats.

DS1 has S beats of eight patients with more than five of them; a network that is free to learn
those by heart does so. So S beats are also made from the N beats of everybody: moved in time,
with the P wave changed and the T wave before laid under it; and N beats are put into an
irregular rhythm without P waves, so that irregularity is learnt to excuse prematurity. Done on
windows and context features. The ranges are our choice.
"""

from typing import Final

import torch
from torch import Tensor

from edge.beats import CONTEXT, P_PART, QRS_PART, T_PART

CLIP: Final = 1.5
PREMATURE: Final = 0.05
"""Share of N beats that become S."""
FIBRILLATING: Final = 0.05
"""Share of N beats that become fibrillating ones."""

_RR = [CONTEXT.index(name) for name in CONTEXT if name.startswith("rr_to_")]
_PREVIOUS = CONTEXT.index("rr_previous_to_mean_60s")
_NEXT_TO_RR = CONTEXT.index("rr_next_to_rr")
_NEXT = CONTEXT.index("rr_next_to_mean_60s")
_KNOWN = CONTEXT.index("rr_next_known")
_IRREGULAR = [CONTEXT.index(name) for name in CONTEXT if name.startswith("rr_irregularity")]
_P_FEATURES = [CONTEXT.index(name) for name in ("p_similarity", "p_height", "p_difference")]
STEADY: Final = 0.25
"""`rr_irregularity_8` up to which a rhythm is steady enough to make a premature beat in it."""


def rhythm(
    ecg: Tensor, context: Tensor, label: Tensor, normal: int, premature: int, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Some of a batch's N looks changed into S ones and into fibrillating N ones.

    `ecg` [B, 2, T], `context` [B, F] and `label` [B] as in `train.beats.Beats`; `normal` and
    `premature` are the labels of N and S. Returns changed copies.
    """
    ecg, context, label = ecg.clone(), context.clone(), label.clone()
    draw = torch.rand(len(label), generator=rng)
    is_normal = label == normal
    steady = context[:, _IRREGULAR[0]] < STEADY
    early = torch.nonzero(is_normal & steady & (draw < PREMATURE)).flatten()
    ecg[early], context[early] = _premature(ecg[early], context[early], rng)
    label[early] = premature
    chaos = torch.nonzero(is_normal & (draw > 1 - FIBRILLATING)).flatten()
    ecg[chaos], context[chaos] = _fibrillating(ecg[chaos], context[chaos], rng)
    return ecg, context, label


def _premature(ecg: Tensor, context: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    n = len(ecg)
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
    context[:, _IRREGULAR] += torch.rand(n, 2, generator=rng) * torch.tensor([0.3, 0.2])
    part = slice(P_PART.start - 5, P_PART.stop)
    wave = _about_mean(ecg[:, 0, part])
    t_wave = _about_mean(ecg[:, 1, T_PART.start : T_PART.start + wave.shape[1]])
    under = (torch.rand(n, 1, generator=rng) < 0.6) * _uniform((n, 1), 0.5, 1.2, rng)
    ecg[:, 0, part] += (_uniform((n, 1), -0.8, 0.8, rng) - 1) * wave + under * t_wave
    return ecg, _with_p_features(ecg, context)


def _fibrillating(ecg: Tensor, context: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    n = len(ecg)
    rr, previous, following = 0.25 * torch.randn(3, n, generator=rng)
    context[:, _RR] = 0.3 * context[:, _RR] + rr[:, None]
    context[:, _PREVIOUS] = previous
    context[:, _NEXT_TO_RR] = context[:, _KNOWN] * (following - rr)
    context[:, _NEXT] = context[:, _KNOWN] * following
    context[:, _IRREGULAR] = _uniform((n, 2), 0.3, 0.7, rng)
    # no P wave, in the patient's template neither
    part = slice(P_PART.start - 5, P_PART.stop)
    wave = _about_mean(ecg[:, :, part])
    ecg[:, :, part] += (_uniform((n, 1, 1), 0.0, 0.2, rng) - 1) * wave
    ecg[:, :, part] += 0.02 * torch.randn(wave.shape, generator=rng)
    return ecg, _with_p_features(ecg, context)


def _with_p_features(ecg: Tensor, context: Tensor) -> Tensor:
    """The P features of `edge.beats`, computed again from changed windows."""
    beat, template = _about_mean(ecg[:, 0, P_PART]), _about_mean(ecg[:, 1, P_PART])
    similarity = (beat * template).sum(1) / (beat.norm(dim=1) * template.norm(dim=1) + 1e-9)
    height = torch.log((_ptp(beat) + 1e-9) / (_ptp(template) + 1e-9))
    change = (ecg[:, 0, P_PART] - ecg[:, 1, P_PART]).square().mean(1).sqrt()
    difference = 8 * change / (_ptp(ecg[:, 1, QRS_PART]) + 1e-9)
    context[:, _P_FEATURES] = torch.stack([similarity, height, difference], 1)
    return context.clamp(-CLIP, CLIP)


def _about_mean(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def _ptp(x: Tensor) -> Tensor:
    return x.amax(1) - x.amin(1)


def _uniform(shape: int | tuple[int, ...], low: float, high: float, rng: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=rng)
