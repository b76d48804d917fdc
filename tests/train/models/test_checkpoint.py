"""A network in a file is the same one wherever it is read, whatever a version's defaults are."""

import json
from dataclasses import asdict, dataclass, make_dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from edge.errors import RecordError
from train.engine.checkpoint import Checkpoint
from train.models import registry, student
from train.models.checkpoint import read, save
from train.models.registry import SYSTEMS, System, classifier


def ecg() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two windows of noise."""
    random = torch.Generator().manual_seed(0)
    peaks = torch.tensor([[90, 190, 290, -1], [50, -1, -1, -1]])
    return torch.randn(2, 12, 1000, generator=random), torch.ones(2, 12, dtype=torch.bool), peaks


@pytest.mark.parametrize("name", [*registry.TEACHERS, "xresnet"])
@pytest.mark.parametrize("tiny", [True, False])
def test_a_network_is_read_as_it_was_written(name: str, tiny: bool, tmp_path: Path) -> None:
    net = classifier(name, 3, tiny=tiny).eval()
    path = tmp_path / "net.safetensors"
    facts = save(path, name, net, "abc", {"seed": 1}, {"fs": 100.0})
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode  # a colleague may read it
    saved = read(path)
    assert json.dumps(saved.facts.as_json()) == json.dumps(facts.as_json())
    with torch.no_grad():
        torch.testing.assert_close(saved.classifier()(*ecg()), net(*ecg()), rtol=0, atol=0)


@pytest.mark.parametrize("name", [*registry.TEACHERS, "xresnet"])
def test_another_versions_defaults_change_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every default is another one when the file is read."""
    path = tmp_path / "net.safetensors"
    net = classifier(name, 3, tiny=True).eval()
    save(path, name, net, "abc", {})
    system = SYSTEMS[name]
    later = make_dataclass(
        "Later",
        [(field, object, -1) for field in asdict(system.config())],
        frozen=True,
    )
    monkeypatch.setitem(registry.NETWORKS, name, System(system.encoder, later, later()))
    with torch.no_grad():
        torch.testing.assert_close(read(path).classifier()(*ecg()), net(*ecg()), rtol=0, atol=0)


def test_what_cannot_be_built_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.safetensors"
    save(path, "xresnet", classifier("xresnet", 3, tiny=True), "abc", {})

    @dataclass
    class Earlier:
        stem: int = 8

    system = SYSTEMS["xresnet"]
    with monkeypatch.context() as patch:
        patch.setitem(registry.NETWORKS, "xresnet", System(system.encoder, Earlier, Earlier()))
        with pytest.raises(RecordError, match="settings this version does not know"):
            read(path).classifier()
    old = {"system": "xresnet", "tiny": True, "classes": ["a"], "origin": {}}
    save_file({"a": torch.zeros(1)}, path, {"manifest": json.dumps(old)})
    with pytest.raises(RecordError, match="older versions: train it again"):
        read(path)
    save(path, "xresnet", torch.nn.ModuleDict({"encoder": system(True)}), (), {})
    with pytest.raises(RecordError, match="`finetune` it first"):
        read(path).classifier()
    save_file({"a": torch.zeros(1)}, path, {"manifest": "[]"})
    with pytest.raises(RecordError, match="damaged"):
        read(path)
    student.save(student.Student(student.StudentConfig()), path)
    with pytest.raises(RecordError, match=r"beat classifier .*: `edge-quantize` reads it"):
        read(path)
    Checkpoint(path, "0123", {"net": torch.nn.Linear(1, 1)}).save(epoch=1)
    with pytest.raises(RecordError, match="a stopped training goes on from"):
        read(path)
