"""Synthetic rhythms keep every beat, and are what their labels say."""

import numpy as np
import pytest

from edge.synthetic import synthesize
from train.student.rhythms import Retimed, block, with_other_rhythm


def staged(seed: int, script: str = "N" * 900) -> tuple[Retimed, np.ndarray, np.ndarray]:
    """Another rhythm of a made recording; its R peaks and labels before."""
    recording = synthesize(script, 250.0, np.random.default_rng(0))
    r, label = (np.array(x) for x in zip(*recording.beats, strict=True))
    normal = label == "N"
    sinus = normal & np.roll(normal, 1) & np.roll(normal, -1)
    sinus[[0, -1]] = False
    return with_other_rhythm(recording.mv, r, label, sinus, np.random.default_rng(seed)), r, label


@pytest.mark.parametrize("seed", range(6))
def test_every_beat_is_kept_in_order_and_at_a_peak(seed: int) -> None:
    changed, r, _ = staged(seed)
    assert len(changed.r) == len(r)
    assert (np.diff(changed.r) >= 0.25 * 250).all()
    assert changed.r[-1] < len(changed.stream)
    lead = changed.stream[:, 0]
    tops = [int(np.argmax(lead[i - 8 : i + 9])) - 8 for i in changed.r[1:-1].tolist()]
    assert np.abs(tops).max() <= 2


def test_s_beats_come_early_and_are_no_majority_over_all() -> None:
    early, shares = [], []
    for seed in range(12):
        changed, _, _ = staged(seed)
        rr = np.diff(changed.r) / 250
        first = (changed.label[1:] == "S") & (changed.label[:-1] == "N")
        normal = (changed.label[1:] == "N") & (changed.label[:-1] == "N")
        if first.sum() > 10:
            early.append(np.median(rr[first]) / np.median(rr[normal]))
        shares.append((changed.label == "S").mean())
    assert len(early) >= 4
    assert np.median(early) < 0.9
    assert 0.02 < np.mean(shares) < 0.4


def test_block_leaves_out_one_beat_at_a_time() -> None:
    shares = []
    for seed in range(12):
        rhythm = block(np.random.default_rng(seed))
        ratios, kinds = zip(*(next(rhythm) for _ in range(1000)), strict=True)
        assert set(kinds) == {"N"}  # a conducted beat is not early, however short its interval
        cycles = np.array(ratios) / np.quantile(ratios, 0.05)
        left_out = cycles > 1.55
        assert cycles[left_out].max() < 2.3
        assert cycles[~left_out].max() < 1.3
        shares.append(left_out.mean())
    assert 0.05 < min(shares) < 0.2 < max(shares) < 0.5


def test_beats_of_other_classes_and_their_neighbours_keep_their_labels() -> None:
    changed, _, label = staged(3, "NNNNVNNNNNSN" * 60)
    odd = label != "N"
    near = odd | np.roll(odd, 1) | np.roll(odd, -1)
    assert (changed.label[near] == label[near]).all()
    assert (changed.label[~near] == "S").any()


def test_nothing_sinus_means_nothing_ectopic() -> None:
    recording = synthesize("V" * 200, 250.0, np.random.default_rng(0))
    r, label = (np.array(x) for x in zip(*recording.beats, strict=True))
    none = np.zeros(len(r), np.bool_)
    changed = with_other_rhythm(recording.mv, r, label, none, np.random.default_rng(0))
    assert (changed.label == "V").all()


def test_the_same_seed_gives_the_same_rhythm() -> None:
    one, again, other = staged(1)[0], staged(1)[0], staged(2)[0]
    np.testing.assert_array_equal(one.stream, again.stream)
    assert not np.array_equal(one.r, other.r)
