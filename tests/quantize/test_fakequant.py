import copy

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from quantize.fakequant import MIN_RANGE, FakeQuant, fine_tune
from quantize.graph import fold
from tests.quantize.synthetic import beats, trained
from train.models.student import ConvBN, Student, StudentConfig
from train.student.training import logits

TWIN = FakeQuant(Student(StudentConfig()))


@given(seed=st.integers(0, 2**31), groups=st.sampled_from([1, 4]), stride=st.sampled_from([1, 2]))
@settings(deadline=None, max_examples=20)
def test_folding_a_batch_norm_changes_nothing(seed: int, groups: int, stride: int) -> None:
    torch.manual_seed(seed)
    module = ConvBN(4, 8, kernel=6 + stride % 2, stride=stride, groups=groups).double().eval()
    conv, norm = module
    assert isinstance(conv, torch.nn.Conv2d)
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    for tensor in (norm.running_mean, norm.weight, norm.bias):
        torch.nn.init.normal_(tensor)
    norm.running_var.uniform_(1e-3, 5)
    weight, bias = fold(conv, norm)
    x = torch.randn(3, 4, 32, dtype=torch.float64)
    padding = int(conv.padding[1])
    folded = torch.nn.functional.conv1d(x, weight, bias, stride, padding, groups=groups)
    torch.testing.assert_close(folded, module(x[:, :, None])[:, :, 0], rtol=1e-9, atol=1e-9)


@given(lo=st.floats(-1e3, 1e3), width=st.floats(0, 1e3))
def test_a_range_keeps_zero_exact_and_is_covered(lo: float, width: float) -> None:
    twin = copy.copy(TWIN)
    twin.ranges = {"ecg": (lo, lo + width)}
    q = twin.quantization("ecg")
    assert -128 <= q.zero_point <= 127  # so 0 is (0 + zero_point) exactly
    assert q.scale * 255 >= MIN_RANGE * 0.999
    for edge in (min(lo, 0), max(lo + width, 0)):  # at most a rounded step lies outside
        step = round(edge / q.scale) + q.zero_point
        assert -129 <= step <= 128


def test_outputs_lie_on_the_int8_grid() -> None:
    _, twin = trained()
    q = twin.quantization("logits")
    steps = logits(twin, beats(200, seed=2)).double() / q.scale + q.zero_point
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-3)
    assert steps.min() >= -128.001
    assert steps.max() <= 127.001
    assert len(set(steps.round().flatten().tolist())) > 50


def test_the_twin_says_what_the_student_says() -> None:
    student, twin = trained()
    test = beats(2000, seed=3)
    exact, rounded = logits(student, test), logits(twin, test)
    assert (exact.argmax(1).numpy() == test.label).mean() > 0.95
    assert (exact.argmax(1) == rounded.argmax(1)).double().mean() > 0.98


def test_calibrating_is_without_rounding_and_repeatable() -> None:
    student, _ = trained()
    some = beats(300, seed=4)
    one, two = FakeQuant(student), FakeQuant(student)
    one.calibrate(some)
    two.calibrate(some)
    two.calibrate(some)
    assert one.ranges == two.ranges
    exact = logits(student, some)
    lo, hi = one.ranges["logits"]
    assert lo == pytest.approx(float(exact.min()), abs=1e-4)
    assert hi == pytest.approx(float(exact.max()), abs=1e-4)


@pytest.mark.parametrize("distillation", [0.0, 0.5, 1.0])
def test_fine_tuning_mends_what_rounding_broke(distillation: float) -> None:
    student, _ = trained()
    train, test = beats(1024, seed=5), beats(1000, seed=6)
    twin = FakeQuant(student)
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in twin.weight.values():
            weight.add_(torch.randn_like(weight) * weight.abs().max() / 10)
    twin.calibrate(train)
    before = (logits(twin, test).argmax(1).numpy() == test.label).mean()
    done: list[tuple[int, int]] = []
    fine_tune(
        twin,
        student,
        train,
        epochs=6,
        learning_rate=3e-3,
        distillation=distillation,
        progress=lambda step, steps: done.append((step, steps)),
    )
    after = (logits(twin, test).argmax(1).numpy() == test.label).mean()
    assert before < 0.7
    assert after > before + 0.2
    assert done == [(i + 1, 24) for i in range(24)]


def test_fine_tuning_repeats_itself_from_a_seed() -> None:
    student, _ = trained()
    train = beats(512, seed=7)
    twins = []
    for seed in (1, 1, 2):
        twin = FakeQuant(student)
        twin.calibrate(train)
        fine_tune(twin, student, train, epochs=1, seed=seed)
        twins.append(twin)
    same = [torch.equal(twins[0].weight["stem"], twin.weight["stem"]) for twin in twins]
    assert same == [True, True, False]


def test_dead_channels_stay_within_int32() -> None:
    student, _ = trained()
    student = copy.deepcopy(student)
    torch.nn.init.zeros_(student.stem[1].weight)  # type: ignore[arg-type]
    torch.nn.init.constant_(student.stem[1].bias, 5.0)  # type: ignore[arg-type]
    twin = FakeQuant(student)
    twin.calibrate(beats(100, seed=8))
    quant = twin.quantised()
    assert not quant.weight["stem"].any()
    real = quant.bias["stem"] * quant.bias_scale(quant.graph.convs()[0]).astype(float)
    np.testing.assert_allclose(real, 5.0, rtol=1e-3)
