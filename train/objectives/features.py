"""What a cardiologist would measure, of each beat and of a whole window: roughly, and for sure.

Contrastive targets compare windows by these. They are of fixed places around the R peak, so there
is no delineation that could fail, and all of a batch is measured at once.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from train.data.corpus import LEADS
from train.engine.devices import in_full
from train.models.encoder import masked_mean, roi

FRONT: Final = ("I", "aVF", "V2", "V5")
"""Leads whose areas tell an axis: to the left, to the feet, and of the chest."""
BEAT: Final = (
    *("RR before", "RR after"),
    *(f"QRS area {lead}" for lead in FRONT),
    *("QRS size", "QRS width"),
    *(f"T area {lead}" for lead in FRONT),
    *("ST V2", "ST V5"),
)
"""What is measured of a beat: intervals as a share of the window's mean, areas and levels in mV."""
RECORD: Final = ("RR", "RR spread", "RR change", *BEAT[2:])
"""What is measured of a window: log of the mean interval in seconds, deviation and root mean
square of successive differences as shares of it, and means over its beats."""

_FRONT: Final = [LEADS.index(lead) for lead in FRONT]
_BEFORE, _AFTER = 0.10, 0.40
_QRS, _ST, _T = (-0.06, 0.06), (0.08, 0.12), (0.16, 0.40)
"""Stretches around R in seconds."""


def features(ecg: Tensor, peaks: Tensor, fs: float) -> tuple[Tensor, Tensor]:
    """Features of windows, [B, len(RECORD)], and of their beats, [B, P, len(BEAT)].

    ECG [B, 12, T] in mV (0 where a lead is absent), peaks [B, P] (-1: none). Beats that are none
    have those of nothing in particular. No gradient.
    """
    ecg, there = ecg.detach().float(), peaks >= 0
    mean, before, after, change = _intervals(peaks, fs)
    window = roi(ecg, peaks, 1, round(_BEFORE * fs), round(_AFTER * fs))

    def part(stretch: tuple[float, float]) -> Tensor:
        first, last = (round((s + _BEFORE) * fs) for s in stretch)
        return window[..., first : last + 1]

    qrs, st, t = part(_QRS), part(_ST), part(_T)
    steep = part((-_BEFORE, _BEFORE)).diff(dim=3).square().sum(2)
    at = torch.arange(steep.shape[2], device=ecg.device) / fs
    share = steep / steep.sum(2, keepdim=True).clamp(min=1e-9)
    centre = (share * at).sum(2, keepdim=True)
    width = (share * (at - centre).square()).sum(2).sqrt()
    shape = torch.cat(
        [
            qrs[:, :, _FRONT].mean(3),
            (qrs.amax(3) - qrs.amin(3)).mean(2, keepdim=True).add(0.05).log(),
            width[:, :, None],
            t[:, :, _FRONT].mean(3),
            st[:, :, _FRONT[2:]].mean(3),
        ],
        2,
    )
    beats = torch.cat([before[:, :, None], after[:, :, None], shape], 2)
    known = there[:, 1:]
    spread = masked_mean((before[:, 1:, None] - 1).square(), known, 1).sqrt()
    uneven = masked_mean(change[:, :, None].square(), there[:, 2:], 1).sqrt()
    record = torch.cat([mean.log(), spread, uneven, masked_mean(shape, there, 1)], 1)
    return record, beats


def _intervals(peaks: Tensor, fs: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean RR in seconds [B, 1]; RR before and after each beat [B, P], their changes [B, P - 2].

    The latter as shares of the mean; 1, and 0, where there is none to tell.
    """
    there = peaks >= 0
    rr = peaks.diff(dim=1) / fs
    known = there[:, 1:]
    mean = masked_mean(rr[:, :, None], known, 1)
    mean = torch.where(known.any(1, keepdim=True), mean, 1.0)
    relative = torch.where(known, rr / mean, 1.0)
    change = torch.where(known[:, 1:], relative.diff(dim=1), 0.0)
    return mean, F.pad(relative, (1, 0), value=1.0), F.pad(relative, (0, 1), value=1.0), change


def similarity(features: Tensor) -> Tensor:
    """Similarity of things from 0 to 1, [n, M] -> [n, n]: 1 for the same, 1/2 for the unrelated.

    The cosine of features standardised over the things at hand, none of them beyond 3 deviations.
    """
    z = (features - features.mean(0)) / features.std(0, correction=0).clamp(min=1e-6)
    z = F.normalize(z.clamp(-3, 3), dim=1, eps=1e-6)
    with in_full(z):  # rounding grows with the power it is given
        return (1 + z @ z.T) / 2
