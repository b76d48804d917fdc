"""Made-up beats that can be told apart, and a student trained on them for a moment."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from edge.bundle import Bundle, Training
from quantize.export import write_bundle
from quantize.fakequant import FakeQuant, fine_tune
from train.models.student import Student, StudentConfig
from train.student.beats import Beats
from train.student.training import tensors

FEATURES = 6


def beats(n: int, seed: int) -> Beats:
    """Narrow N, early S, wide V and in-between F beats over one shared template, with noise."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 4, n)
    time = (np.arange(128) - 48) / 125
    width = np.array([0.02, 0.02, 0.06, 0.035])[label, None] * rng.uniform(0.8, 1.2, (n, 1))
    p = np.array([0.15, 0.05, 0.0, 0.1])[label, None]
    beat = np.exp(-0.5 * (time / width) ** 2) + p * np.exp(-0.5 * ((time + 0.16) / 0.03) ** 2)
    template = np.exp(-0.5 * (time / 0.02) ** 2) + 0.15 * np.exp(-0.5 * ((time + 0.16) / 0.03) ** 2)
    ecg = np.stack([beat, np.broadcast_to(template, beat.shape)], 1)
    ecg = ecg + rng.normal(0, 0.05, ecg.shape)
    context = rng.normal(0, 0.2, (n, FEATURES))
    context[:, 0] += np.array([0, -1.2, -0.3, 0])[label]
    return Beats(
        ecg=ecg.astype(np.float32),
        context=context.astype(np.float32),
        label=label.astype(np.int64),
        record=np.full(n, "synthetic"),
        form=np.full(n, "synthetic"),
        sample=np.arange(n, dtype=np.int64),
        weight=np.ones(n),
        synthetic=np.zeros(n, bool),
    )


@cache
def trained() -> tuple[Student, FakeQuant]:
    """A student that knows `beats`, and its fine-tuned twin."""
    torch.set_num_threads(1)  # as in training: sums in another order give other weights
    torch.manual_seed(1)
    train = beats(2048, seed=1)
    student = Student(StudentConfig(context=FEATURES))
    student.fit_context(torch.from_numpy(train.context))
    optimiser = torch.optim.Adam(student.parameters(), 3e-3)
    for rows in np.random.default_rng(1).permutation(len(train)).reshape(-1, 64).repeat(4, 0):
        out = student(*tensors(train, rows))
        loss = F.cross_entropy(out, torch.from_numpy(train.label[rows]))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    student.eval()
    twin = FakeQuant(student)
    twin.calibrate(train)
    fine_tune(twin, student, train, epochs=2)
    return student, twin


def write(folder: Path) -> Bundle:
    """The trained student's bundle."""
    student, twin = trained()
    return write_bundle(
        folder,
        student,
        twin,
        name="synthetic",
        version="1",
        fs_hz=125,
        before_r=48,
        channels=("beat", "template"),
        context=tuple(f"feature{i}" for i in range(FEATURES)),
        thresholds={"unknown_below": 0.5},
        training=Training("synthetic beats", "none", 1, "test", {}),
        figures={},
    )
