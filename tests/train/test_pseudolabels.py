"""What the student says of recordings' beats, as a corpus."""

from pathlib import Path

import numpy as np

from tests.train.made import Made
from train.data.pseudolabels import PseudoLabelled
from train.data.windows import AAMI, Cut, cut
from train.metrics.ec57 import match


def test_the_student_names_most_beats_as_they_were_made() -> None:
    made = Made()
    named = PseudoLabelled(made)
    right = beats = 0
    for record in named.records:
        recording, said = named.read(record)
        same, truth = made.read(record)
        np.testing.assert_array_equal(recording.nv, same.nv)
        assert (np.diff(said.beats) > 0).all()
        found = match(truth.beats, said.beats, round(0.15 * recording.fs))
        beats += len(truth.beats)
        right += np.sum(said.aami[found[found >= 0]] == truth.aami[found >= 0])
    assert right > 0.8 * beats


def test_windows_of_it_hold_names_and_labels(tmp_path: Path) -> None:
    windows = cut(PseudoLabelled(Made()), Cut(), tmp_path, bar=False)
    plain = cut(Made(), Cut(), tmp_path, bar=False)
    names = windows.column("beats")
    assert {AAMI.index("N"), AAMI.index("V")} <= set(names[names >= 0].tolist())
    np.testing.assert_array_equal(windows.column("labels"), plain.column("labels"))
    assert windows.name != plain.name
