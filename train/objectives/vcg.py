"""Augmentation in the vectorcardiogram's space: the heart turned in the chest, and nearer to it.

After 3KG (Gopal et al. 2021, arXiv 2106.04452), as Beat-SSL uses it: the three-dimensional
vectorcardiogram of a record by the inverse Dower transform (Edenbrandt and Pahlm 1988), rotated and
scaled, and back to leads by the transform's pseudo-inverse.
"""

from typing import Final

import torch
from torch import Tensor

from train.data.corpus import LEADS
from train.engine.randomness import RandomStream

NEEDED: Final = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""Leads that the transform is of."""

INVERSE_DOWER: Final = (
    (0.156, -0.010, -0.172, -0.074, 0.122, 0.231, 0.239, 0.194),
    (-0.227, 0.887, 0.057, -0.019, -0.106, -0.022, 0.041, 0.048),
    (0.022, 0.102, -0.229, -0.310, -0.246, -0.063, 0.055, 0.108),
)
"""X (to the left), Y (to the feet) and Z (to the back) of each lead in `NEEDED`."""

_LIMBS: Final = {"III": (-1, 1), "aVR": (-0.5, -0.5), "aVL": (1, -0.5), "aVF": (-0.5, 1)}
"""The other limb leads of I and II."""

_NEEDED: Final = [LEADS.index(lead) for lead in NEEDED]


def _all_leads() -> Tensor:
    """All leads of those in `NEEDED`, [12, 8]."""
    rows = torch.zeros(len(LEADS), len(NEEDED))
    for i, lead in enumerate(LEADS):
        if lead in NEEDED:
            rows[i, NEEDED.index(lead)] = 1
        else:
            rows[i, :2] = torch.tensor(_LIMBS[lead])
    return rows


def rotation(angles: Tensor) -> Tensor:
    """Rotations about X, then Y, then Z by radians, [B, 3] -> [B, 3, 3]."""
    cos, sin = angles.cos(), angles.sin()
    turn = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
    for axis in range(3):
        a, b = [i for i in range(3) if i != axis]
        one = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
        one[:, a, a] = one[:, b, b] = cos[:, axis]
        one[:, a, b], one[:, b, a] = -sin[:, axis], sin[:, axis]
        turn = one @ turn
    return turn


def turned(
    ecg: Tensor, leads: Tensor, degrees: float, scale: float, random: RandomStream
) -> Tensor:
    """ECG [B, 12, T] turned by up to `degrees` about each axis, and larger by up to `scale` along
    each: a factor for X, Y and Z.

    Windows that lack a lead in `NEEDED` have no vectorcardiogram and come back as they are; a lead
    that is absent stays flat.
    """
    n = len(ecg)
    angles = torch.deg2rad(degrees * (2 * random.uniform(n, 3) - 1))
    factor = 1 + (scale - 1) * random.uniform(n, 3, 1)
    dower = torch.tensor(INVERSE_DOWER, device=ecg.device)
    back = _all_leads().to(ecg.device) @ torch.linalg.pinv(dower)
    moved = back @ (factor * rotation(angles)) @ dower @ ecg[:, _NEEDED]
    whole = leads[:, _NEEDED].all(1)[:, None, None]
    return torch.where(whole, moved, ecg) * leads[:, :, None]


def time_masked(ecg: Tensor, share: float, random: RandomStream) -> Tensor:
    """ECG [B, 12, T] of which each lead is flat for that share of its length.

    A stretch that begins anywhere, of each lead at a place of its own, and goes on at the lead's
    start where it would pass its end (so in public copies of 3KG).
    """
    n, leads, t = ecg.shape
    start = (t * random.uniform(n, leads, 1)).long()
    since = (torch.arange(t, device=ecg.device) - start) % t
    return ecg.masked_fill(since < round(share * t), 0)
