"""Made premature beats look like premature beats, and nothing else is touched."""

import numpy as np
import torch

from edge.beats import CONTEXT, SAMPLES
from train.augment import rhythm

N, S = 0, 1


def steady(n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """N looks of a steady rhythm: a P wave in beat and template, every ratio 0."""
    t = torch.arange(SAMPLES)
    wave = torch.exp(-(((t - 28) / 4) ** 2)) * 0.2 + torch.exp(-(((t - 48) / 3) ** 2))
    ecg = wave.repeat(n, 2, 1)
    context = torch.zeros(n, len(CONTEXT))
    context[:, CONTEXT.index("rr_next_known")] = (torch.arange(n) % 2).float()
    return ecg, context, torch.zeros(n, dtype=torch.int64)


def test_some_normals_become_early_beats_with_a_pause_and_another_p_wave() -> None:
    ecg, context, label = steady(4000)
    new_ecg, new_context, new_label = rhythm(
        ecg, context, label, N, S, torch.Generator().manual_seed(0)
    )
    made = new_label == S
    assert 0.03 < made.float().mean() < 0.08
    feature = {name: new_context[made, i] for i, name in enumerate(CONTEXT)}
    assert (feature["rr_to_mean_60s"] <= np.log(0.88) + 1e-6).all()
    known = feature["rr_next_known"] == 1
    assert feature["rr_next_to_rr"][known].mean() > 0.2
    assert not feature["rr_next_to_rr"][~known].any()
    assert feature["p_similarity"].mean() < 0.7
    qrs = slice(40, 60)
    torch.testing.assert_close(new_ecg[made][:, :, qrs], ecg[made][:, :, qrs])


def test_other_beats_stay_as_they_are_and_the_input_too() -> None:
    ecg, context, label = steady(500)
    label[:] = 2
    before = ecg.clone(), context.clone(), label.clone()
    after = rhythm(ecg, context, label, N, S, torch.Generator().manual_seed(0))
    for old, kept, new in zip(before, (ecg, context, label), after, strict=True):
        torch.testing.assert_close(kept, old)
        torch.testing.assert_close(new, old)


def test_an_irregular_rhythm_gets_no_made_premature_beats() -> None:
    ecg, context, label = steady(2000)
    context[:, CONTEXT.index("rr_irregularity_8")] = 0.6
    _, _, new_label = rhythm(ecg, context, label, N, S, torch.Generator().manual_seed(0))
    assert (new_label == N).all()
