"""Augmentation of windows: V shapes that go to other patients, and beats not yet seen whole.

DS1 has V beats of a dozen patients. Their shape, stretched, scaled and turned, takes the place of
that of other V beats and of N beats moved in time, so that what counts is how a beat differs from
its own patient's template. Context features are computed anew. The ranges are our choice.
"""

from typing import Final

import torch
from torch import Tensor

from edge.beats import BEFORE, CONTEXT, P_PART, QRS_LAGS, QRS_PART, SAMPLES, T_PART

CLIP: Final = 1.5
VENTRICULAR: Final = 0.03
"""Share of N observations that become V."""
REPLACED: Final = 0.5
"""Share of V observations that get another V observation's shape."""
STEADY: Final = 0.25
"""`rr_irregularity_8` up to which a rhythm is steady enough to make an early beat in it."""

_RR = [CONTEXT.index(name) for name in CONTEXT if name.startswith("rr_to_")]
_PREVIOUS = CONTEXT.index("rr_previous_to_mean_60s")
_NEXT_TO_RR = CONTEXT.index("rr_next_to_rr")
_NEXT = CONTEXT.index("rr_next_to_mean_60s")
_KNOWN = CONTEXT.index("rr_next_known")
_IRREGULAR = [CONTEXT.index(name) for name in CONTEXT if name.startswith("rr_irregularity_")]
_T = CONTEXT.index("t_similarity")
_SHAPE = [
    CONTEXT.index(name)
    for name in (
        *("qrs_similarity", "qrs_width", "qrs_height"),
        *("p_similarity", "p_height", "p_difference", "t_similarity"),
    )
]


def mask(ecg: Tensor, context: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Final observations as they were when `seen` [B] samples of each window had been seen.

    `ecg` [B, 2, T] and `context` [B, F] as in `train.student.beats.Beats`. Returns copies.
    """
    ecg, context = ecg.clone(), context.clone()
    ecg[:, 0] *= torch.arange(SAMPLES) < seen[:, None]
    context[:, [_NEXT_TO_RR, _NEXT, _KNOWN]] = 0
    context = with_shape(ecg, context)
    context[:, _T] = 0
    return ecg, context


def augment_morphology(
    ecg: Tensor, context: Tensor, label: Tensor, classes: tuple[str, ...], rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch of final observations with some of them changed; see the module's text.

    `ecg` [B, 2, T], `context` [B, F] and `label` [B] as in `train.student.beats.Beats`. Returns
    copies.
    """
    normal, ventricular = classes.index("N"), classes.index("V")
    ecg, context, label = ecg.clone(), context.clone(), label.clone()
    donors = torch.nonzero(label == ventricular).flatten()
    if not len(donors):
        return ecg, context, label
    draw = torch.rand(len(label), generator=rng)
    steady = (label == normal) & (context[:, _IRREGULAR[0]] < STEADY)
    moved = torch.nonzero(steady & (draw < VENTRICULAR)).flatten()
    recipients = torch.nonzero((label == ventricular) & (draw > 1 - REPLACED)).flatten()
    context[moved] = _moved(context[moved], rng)
    label[moved] = ventricular
    recipients = torch.cat([moved, recipients])
    chosen = donors[torch.randint(len(donors), (len(recipients),), generator=rng)]
    ecg[recipients, 0] = _deformed(ecg[chosen, 0], ecg[recipients, 0] != 0, rng)
    context[recipients] = with_shape(ecg[recipients], context[recipients])
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


def _deformed(beat: Tensor, seen: Tensor, rng: torch.Generator) -> Tensor:
    """Beats [n, T] stretched about R, scaled, some turned; zero where nothing is `seen` yet."""
    n = len(beat)
    stretch = _uniform((n, 1), 0.8, 1.25, rng)
    place = (BEFORE + (torch.arange(SAMPLES) - BEFORE) / stretch).clamp(0, SAMPLES - 1)
    left = place.floor().long().clamp(max=SAMPLES - 2)
    part = place - left
    shape = beat.gather(1, left) * (1 - part) + beat.gather(1, left + 1) * part
    sign = 1 - 2.0 * (torch.rand(n, 1, generator=rng) < 0.3)
    deformed: Tensor = seen * sign * _uniform((n, 1), 0.6, 1.5, rng) * shape
    return deformed


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
