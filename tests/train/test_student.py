from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from train.models.student import CONTEXT_LIMIT, Student, StudentConfig, load, save


def windows(n: int, config: StudentConfig) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    ecg = torch.randn(n, config.channels, config.samples, generator=generator)
    return ecg, torch.randn(n, config.context, generator=generator)


@pytest.mark.parametrize(
    "config",
    [
        StudentConfig(),
        StudentConfig(channels=1, samples=64, context=3, classes=("N", "V"), stem=4),
        StudentConfig(stages=(8, 8, 16), context_units=4, shape_units=8),
    ],
)
def test_shapes_follow_the_config(config: StudentConfig) -> None:
    student = Student(config).eval()
    assert student(*windows(5, config)).shape == (5, len(config.classes))


def test_costs_are_those_that_torch_counts() -> None:
    student = Student(StudentConfig()).eval()
    with FlopCounterMode(display=False) as counter:
        student(*windows(1, student.config))
    assert student.multiply_adds == counter.get_total_flops() // 2
    assert student.multiply_adds <= 500_000
    decays = [p for name, p in student.named_parameters() if p.ndim > 1]
    assert student.weights == sum(p.numel() for p in decays)
    assert 3_000 <= student.weights <= 25_000


def test_only_training_is_random() -> None:
    student = Student(StudentConfig())
    inputs = windows(4, student.config)
    assert not torch.equal(student.train()(*inputs), student(*inputs))
    assert torch.equal(student.eval()(*inputs), student(*inputs))


def test_context_is_standardised_and_bounded() -> None:
    student = Student(StudentConfig(context=3)).eval()
    context = torch.tensor([[1.0, 5.0, -2.0]]) + torch.randn(500, 3) * torch.tensor([0.1, 1, 30])
    student.fit_context(context)
    z = student.standardise(context)
    assert z.mean(0).abs().max() < 0.1
    assert (z.std(0) - 1).abs().max() < 0.1
    ecg = torch.zeros(1, 2, 128)
    far, farther = student.standardise(torch.tensor([[1e3, 1e4, 1e5], [1e4, 1e5, 1e6]]))
    assert torch.equal(far, farther)
    assert far.max() == CONTEXT_LIMIT
    assert torch.equal(student(ecg, torch.full((1, 3), 1e4)), student(ecg, torch.full((1, 3), 1e5)))


def test_a_constant_feature_does_no_harm() -> None:
    student = Student(StudentConfig(context=2)).eval()
    student.fit_context(torch.ones(10, 2))
    assert student(torch.zeros(1, 2, 128), torch.ones(1, 2)).isfinite().all()


def test_saved_and_loaded_students_are_equal(tmp_path: Path) -> None:
    student = Student(StudentConfig(stem=8, classes=("N", "S", "V")))
    student(*windows(16, student.config))  # moves the batch norms
    save(student, tmp_path / "student.safetensors")
    again = load(tmp_path / "student.safetensors")
    assert again.config == student.config
    inputs = windows(3, student.config)
    assert torch.equal(again(*inputs), student.eval()(*inputs))
