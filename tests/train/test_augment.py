"""Made ectopic beats look like ectopic beats, and nothing else is touched."""

import numpy as np
import torch

from edge.beats import CONTEXT, SAMPLES
from edge.filters import STREAM_FS
from edge.stream import BeatStream, BeatView
from edge.synthetic import synthesize
from train.student.augmentation import augment_morphology, mask, with_shape
from train.student.training import PROVISIONAL

CLASSES = ("N", "S", "V", "F")
N, V = 0, 2


def steady(n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Observations of a steady rhythm: a P wave in beat and template, ratios 0; a tenth are V."""
    t = torch.arange(SAMPLES)
    wave = torch.exp(-(((t - 28) / 4) ** 2)) * 0.2 + torch.exp(-(((t - 48) / 3) ** 2))
    ecg = wave.repeat(n, 2, 1)
    label = torch.where(torch.arange(n) % 10 == 0, V, N)
    ecg[label == V, 0] = torch.exp(-(((t - 48) / 9) ** 2))
    context = torch.zeros(n, len(CONTEXT))
    context[:, CONTEXT.index("rr_next_known")] = 1.0
    return ecg, context, label


def random() -> torch.Generator:
    """The same each time."""
    return torch.Generator().manual_seed(0)


def made(n: int = 4000) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    ecg, context, label = steady(n)
    return *augment_morphology(
        ecg, context, label, CLASSES, torch.Generator().manual_seed(0)
    ), label


def test_some_normals_become_early_beats_of_another_shape() -> None:
    _, context, label, old = made()
    rows = (label == V) & (old == N)
    assert 0.01 < rows.sum() / (old == N).sum() < 0.05
    feature = {name: context[rows, i] for i, name in enumerate(CONTEXT)}
    assert (feature["rr_to_mean_60s"] <= np.log(0.88) + 1e-6).all()
    assert (feature["qrs_width"] > 0.2).all()
    assert (feature["qrs_similarity"] < 0.95).all()


def test_what_is_not_seen_yet_stays_so() -> None:
    ecg, context, label = steady(4000)
    ecg[:, 0, 70:] = 0
    changed, _, _ = augment_morphology(
        ecg, context, label, CLASSES, torch.Generator().manual_seed(0)
    )
    assert not changed[:, 0, 70:].any()


def test_the_input_stays_as_it_is_and_beats_of_other_classes_too() -> None:
    ecg, context, label = steady(500)
    label[:] = CLASSES.index("F")
    before = ecg.clone(), context.clone(), label.clone()
    after = augment_morphology(ecg, context, label, CLASSES, random())
    for old, kept, new in zip(before, (ecg, context, label), after, strict=True):
        torch.testing.assert_close(kept, old)
        torch.testing.assert_close(new, old)


def test_an_irregular_rhythm_gets_no_made_early_beats() -> None:
    ecg, context, label = steady(2000)
    context[:, CONTEXT.index("rr_irregularity_8")] = 0.6
    _, _, changed = augment_morphology(
        ecg, context, label, CLASSES, torch.Generator().manual_seed(0)
    )
    assert torch.equal(changed, label)


def test_shape_features_are_those_of_the_runtime() -> None:
    mv = synthesize("NNNNSNNNVNNN" * 4, STREAM_FS, np.random.default_rng(0)).mv
    views = [v for v in BeatStream(2).push(mv) if isinstance(v, BeatView)]
    ecg = torch.from_numpy(np.concatenate([v.input.ecg for v in views]))
    context = torch.from_numpy(np.concatenate([v.input.context for v in views]))
    torch.testing.assert_close(with_shape(ecg, context), context, atol=1e-4, rtol=0)


def test_a_hidden_look_is_the_runtimes_own_provisional_one() -> None:
    mv = synthesize("NNNNSNNNVNNN" * 4, STREAM_FS, np.random.default_rng(1)).mv
    views = [v for v in BeatStream(2).push(mv) if isinstance(v, BeatView)]
    provisional = {v.id: v.input for v in views if not v.final}
    finals = [v for v in views if v.final][1:]  # the first has no template yet
    ecg, context = mask(
        torch.from_numpy(np.concatenate([v.input.ecg for v in finals])),
        torch.from_numpy(np.concatenate([v.input.context for v in finals])),
        torch.full((2 * len(finals),), PROVISIONAL),
    )
    expected = [provisional[v.id] for v in finals]
    np.testing.assert_array_equal(ecg.numpy(), np.concatenate([e.ecg for e in expected]))
    np.testing.assert_allclose(
        context.numpy(), np.concatenate([e.context for e in expected]), atol=1e-4
    )
