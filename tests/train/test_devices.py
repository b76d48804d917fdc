"""Networks on a device that is not there: whatever feeds or reads one does it where it is."""

import ast
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import distributed, nn

import train
from edge.replay import Recording
from tests.train.elsewhere import ELSEWHERE, There, elsewhere
from tests.train.made import Made
from train.data.corpus import LEADS, Record, Reference
from train.data.joined import Joined
from train.data.windows import Cut, Windows, cut
from train.engine import devices
from train.engine.batches import each, given
from train.engine.devices import where
from train.engine.distributed import one_after_the_other
from train.engine.loop import FitConfig, Objective, fit
from train.engine.prediction import predict
from train.models.beatssl import TINY, BeatSsl, WaveNet
from train.models.delineator import TINY as DELINEATOR
from train.models.delineator import Delineator
from train.models.informed import Informed
from train.models.registry import SYSTEMS, classifier
from train.objectives.beatssl import TwoLevel
from train.objectives.contrast import Cmsc, W2v, W2vCmscRlm
from train.objectives.delineation import WaveTask
from train.objectives.ecgnat import ContrastiveTask, MaskedAutoencoder
from train.objectives.supervised import Augmentation, BeatTask, RecordTask
from train.student import distillation
from train.student.distillation import InContext, soft_targets
from train.student.forms import Form
from train.studies import saliency, segmentation
from train.studies.beatnet import figures as beatnet
from train.studies.beatnet import jobs as beatnet_jobs
from train.studies.beatssl import figures as beatssl
from train.studies.beatssl import jobs as beatssl_jobs
from train.studies.diagnosis import Part, diagnose
from train.studies.ecgnat import figures as ecgnat
from train.studies.ecgnat import jobs as ecgnat_jobs
from train.studies.heartbeatai import figures as heartbeatai
from train.studies.heartbeatai import jobs as heartbeatai_jobs

BRIEF = FitConfig(epochs=1, batch=4)
KINDS = 3


@dataclass(frozen=True)
class Twelve(Made):
    """Of all leads, with waves that somebody marked."""

    classes: tuple[str, ...] = ("steady", "ventricular", "atrial")

    def read(self, record: Record) -> tuple[Recording, Reference]:
        two, reference = super().read(record)
        nv = np.stack([two.nv[:, i % 2] * (1 + i) // 4 for i in range(len(LEADS))], 1)
        waves = np.zeros(nv.shape, np.int8)
        for r in reference.beats:
            waves[r - 10 : r + 10] = 2
        return replace(two, leads=LEADS, nv=nv[:2500]), replace(reference, waves=waves[:2500])


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    return cut(Twelve(8), Cut(waves=True), tmp_path_factory.mktemp("windows"), bar=False)


def teacher(encoder: nn.Module) -> Informed:
    torch.manual_seed(0)
    return Informed(encoder, torch.randn(20, 5))


def in_context(windows: Windows) -> InContext:
    peaks = windows.column("peaks")
    return InContext(windows, np.ones((*peaks.shape, 5), np.float32))


OBJECTIVES: dict[str, Callable[[], Objective]] = {
    **{
        f"records {name}": partial(
            lambda name: RecordTask(classifier(name, KINDS, tiny=True)), name
        )
        for name in SYSTEMS
    },
    "positive": lambda: RecordTask(
        classifier("heartbeatai", KINDS, tiny=True), positive=torch.ones(KINDS)
    ),
    "contrast": lambda: ContrastiveTask(classifier("ecgnat", KINDS, tiny=True)),
    "masked": lambda: MaskedAutoencoder(SYSTEMS["ecgnat"](True)),  # type: ignore[arg-type]
    "two levels": lambda: TwoLevel(BeatSsl(TINY)),
    "cmsc": lambda: Cmsc(BeatSsl(TINY)),
    "w2v": lambda: W2v(BeatSsl(TINY)),
    "w2v, cmsc and rlm": lambda: W2vCmscRlm(BeatSsl(TINY)),
    "waves": lambda: WaveTask(Delineator(DELINEATOR), 100.0),
    "segments": lambda: segmentation.Segmentation(WaveNet(BeatSsl(TINY))),
    **{
        f"beats {name}": partial(
            lambda name: BeatTask(
                teacher(SYSTEMS[name](True)), torch.ones(4), Augmentation(flipped=0.2), 0.02
            ),
            name,
        )
        for name in SYSTEMS
    },
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_it_is_trained_there_as_here(name: str, windows: Windows) -> None:
    source = in_context(windows) if name.startswith("beats") else windows
    rows = np.arange(8)
    torch.manual_seed(0)
    here = OBJECTIVES[name]()
    losses = fit(here, source, rows, BRIEF)
    torch.manual_seed(0)
    with elsewhere():
        there = OBJECTIVES[name]()
        assert fit(there, source, rows, BRIEF) == pytest.approx(losses, rel=1e-4)
        assert where(there) == ELSEWHERE
        assert all(isinstance(x, There) for x in there.state_dict().values())


def test_who_forgets_where_a_network_is_is_told(windows: Windows) -> None:
    """The test above could not fail otherwise."""
    rows = np.arange(2)
    with elsewhere():
        net = classifier("heartbeatai", KINDS, tiny=True).to(ELSEWHERE).eval()
        batch = windows.batch(rows)
        with pytest.raises(RuntimeError, match="on another device"):
            net(batch.ecg, batch.leads, batch.peaks)
        batch = given(net, windows, rows)
        with pytest.raises((RuntimeError, TypeError)):
            net(batch.ecg, batch.leads, batch.peaks).detach().numpy()


def of_classifier(name: str, windows: Windows, rows: np.ndarray) -> Any:
    return predict(classifier(name, KINDS, tiny=True).to(devices.device()), windows, rows)


def of_teacher(windows: Windows, rows: np.ndarray) -> Any:
    """What `distill`, `crossval` and the study of teaching ask of one."""
    net = teacher(SYSTEMS["ecgnat"](True)).to(devices.device())
    return soft_targets(net, in_context(windows), {})


def diagnosed(windows: Windows, rows: np.ndarray) -> float:
    net = classifier("heartbeatai", KINDS, tiny=True)
    return diagnose(net, windows, Part(rows, rows, rows), config=BRIEF)


def shared(windows: Windows, rows: np.ndarray) -> Any:
    joined = Joined([windows], windows.classes)
    return predict(heartbeatai_jobs.taught("mixstyle", joined, rows, 8, 0, True), joined, rows)


def delineated(windows: Windows, rows: np.ndarray) -> Any:
    net = Delineator(DELINEATOR).to(devices.device())
    batch = given(net, windows, rows)
    return net.log_p(batch.ecg, batch.leads)


READERS: dict[str, Callable[[Windows, np.ndarray], Any]] = {
    **{name: partial(of_classifier, name) for name in SYSTEMS},
    "teacher": of_teacher,
    "diagnosis": diagnosed,
    "shared labels": shared,
    "accuracy": lambda windows, rows: ecgnat_jobs.accuracy(
        classifier("ecgnat", KINDS, tiny=True).to(devices.device()), windows, rows
    ),
    "attention": lambda windows, rows: beatnet_jobs.of_leads(
        classifier("beatnet", KINDS, tiny=True).to(devices.device()), windows, rows
    ),
    "frozen": lambda windows, rows: beatssl_jobs.frozen(
        BeatSsl(TINY).to(devices.device()), windows, Part(rows, rows, rows)
    ),
    "segments": lambda windows, rows: segmentation.counted(
        WaveNet(BeatSsl(TINY)).to(devices.device()), windows, rows
    ),
    "delineation": delineated,
    "nearest": lambda windows, rows: beatssl.embedded(
        BeatSsl(TINY).to(devices.device()), windows, rows
    ).features,
    "beatnet's picture": lambda windows, rows: beatnet.figure_of(
        classifier("beatnet", KINDS, tiny=True).to(devices.device()), windows, 0
    ).axes[0].get_title("left"),
    "ecgnat's picture": lambda windows, rows: ecgnat.figure_of(
        MaskedAutoencoder(SYSTEMS["ecgnat"](True)).to(devices.device()),  # type: ignore[arg-type]
        windows, 0,
    ).get_suptitle(),
    "heartbeatai's picture": lambda windows, rows: heartbeatai.figure_of(
        classifier("heartbeatai", KINDS, tiny=True).to(devices.device()), windows, 0, 1
    ).get_suptitle(),
    "ecgnat's saliency": lambda windows, rows: saliency.figure_of(
        classifier("ecgnat", KINDS, tiny=True).to(devices.device()), windows, 0, 1, "ECG-NAT"
    ).get_suptitle(),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_it_is_read_there_as_here(
    name: str, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saliency, "COPIES", 2)
    monkeypatch.setattr(distillation, "_predicted", lambda windows: np.arange(len(windows)))
    monkeypatch.setattr(Form, "named", staticmethod(lambda name: name))
    rows = np.arange(len(windows))
    torch.manual_seed(0)
    here = READERS[name](windows, rows)
    torch.manual_seed(0)
    with elsewhere():
        there = READERS[name](windows, rows)
    if isinstance(here, str | dict):
        assert there == here
    else:
        np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-4)


def test_batches_are_read_in_one_place() -> None:
    """But for what is made of other windows."""
    root = Path(str(train.__file__)).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "batch"
    }
    assert found == {"engine/batches.py", "student/distillation.py"}


def test_batches_come_in_order_and_what_goes_wrong_is_heard(windows: Windows) -> None:
    net, rows = nn.Linear(1, 1), np.arange(len(windows)).repeat(40)
    got = [batch.peaks for batch in each(net, windows, rows)]
    assert torch.equal(torch.cat(got), windows.batch(rows).peaks)
    with pytest.raises(IndexError):
        list(each(net, windows, np.array([len(windows)])))
    next(each(net, windows, rows))  # may be left off


@pytest.mark.parametrize(("bf16", "precision"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_card_is_told_by_its_local_rank(
    bf16: bool, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(including_emulation: bool = True) -> bool:
        return bf16 or including_emulation

    assert devices.half(devices.device()) is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", known)
    monkeypatch.setenv("RANK", "9")
    assert devices.device() == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert devices.device() == torch.device("cuda", 1)
    assert devices.half(devices.device()) == precision


def test_a_card_is_shared_by_a_few_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    assert devices.side_by_side() == 64
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.side_by_side() == 4


def test_in_fp16_gradients_are_scaled_and_a_stopped_run_is_the_same(
    windows: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the processor, which does it too: a small loss would have none left otherwise."""
    monkeypatch.setattr(devices, "half", lambda on: torch.float16)
    scales: list[float] = []

    class Small(RecordTask):
        def forward(self, *given: Any) -> torch.Tensor:
            return super().forward(*given) * 1e-4

    class Scaler(torch.amp.GradScaler):
        def update(self, *given: Any) -> None:
            super().update(*given)
            scales.append(self.get_scale())

    monkeypatch.setattr(torch.amp, "GradScaler", Scaler)

    def run(folder: Path, epochs: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        task = Small(classifier("heartbeatai", KINDS, tiny=True))
        before = {name: x.clone() for name, x in task.state_dict().items()}
        try:
            fit(task, windows, np.arange(8), replace(BRIEF, epochs=3), folder, lambda: next(stop))
        except StopIteration:
            return {}
        assert any(not torch.equal(x, before[name]) for name, x in task.state_dict().items())
        return {name: x.clone() for name, x in task.state_dict().items()}

    stop = iter([0.1, 0.2, 0.3])
    unbroken = run(tmp_path / "a", 3)
    assert max(scales) > 1e3
    stop = iter([0.1])
    assert not run(tmp_path / "b", 3)
    stop = iter([0.2, 0.3])
    for name, x in run(tmp_path / "b", 3).items():
        assert torch.equal(x, unbroken[name]), name


def _in_turn(rank: int, store: Path) -> None:
    """One of two processes, the first of which takes longer than a training has patience."""
    distributed.init_process_group(
        "gloo", f"file://{store}", timedelta(seconds=2), world_size=2, rank=rank
    )
    with one_after_the_other():
        time.sleep(0 if rank else 5)
    distributed.destroy_process_group()


@pytest.mark.slow
def test_nobody_is_given_up_who_waits_for_the_first(tmp_path: Path) -> None:
    """Though the training's own patience is short."""
    fork = get_context("fork")  # with all that is imported
    both = [fork.Process(target=_in_turn, args=(rank, tmp_path / "store")) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc is meant")
def test_freed_memory_stays_at_hand() -> None:
    devices.settle()

    def faults() -> int:
        torch.ones(100_000_000, dtype=torch.uint8)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    *_, before, after = (faults() for _ in range(20))  # the first few find a place that is left
    assert after - before < 1000  # of 24,000 pages
