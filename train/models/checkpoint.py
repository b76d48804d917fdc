"""Trained networks as files: safetensors whose header says how to build them again.

Nothing in such a file is code: a network is built from the name of a system and its sizes, and the
file's tensors must fit it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from edge.errors import OutputError, RecordError
from train.engine.files import replacing
from train.models.encoder import Classifier
from train.models.facts import Facts, Statement, damaged
from train.models.registry import NETWORKS, headed

OTHERS: Final = {
    "config": "the beat classifier that `edge-train distill` wrote: `edge-quantize` reads it",
    "state": "what a stopped training goes on from: give the network that it ends with",
}
"""Files that are written elsewhere (`train.models.student`, `train.engine.checkpoint`), by a key of
their headers."""


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What a file holds."""

    path: Path
    facts: Facts
    state: Mapping[str, Tensor]
    """Weights; those of an encoder begin with `encoder.`."""

    def encoder(self) -> nn.Module:
        """A new encoder, or delineator, of the same sizes, its weights not yet put in.

        RecordError if it is unknown.
        """
        try:
            return NETWORKS[self.facts.system].of(self.facts.config)
        # Sizes that contradict each other surface in torch as almost any exception.
        except (KeyError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise RecordError(
                f"{self.path} holds a {self.facts.system} whose settings this version does not "
                f"know ({error})"
            ) from error

    def classifier(self) -> Classifier:
        """The network itself, in evaluation mode; RecordError where it has no head."""
        if not self.facts.classes:
            raise RecordError(f"{self.path} tells no classes apart: `finetune` it first")
        net = headed(self.encoder(), len(self.facts.classes))
        fill(net, self)
        return net.eval()

    def reader(self) -> nn.Module:
        """What reads records, in evaluation mode; RecordError where the file cannot."""
        if not self.facts.delineates:
            return self.classifier()
        net = self.encoder()
        fill(net, self)
        return net.eval()


def save(
    path: Path,
    system: str,
    net: nn.Module,
    classes: Sequence[str],
    origin: Mapping[str, Any],
    window: Mapping[str, float] | None = None,
    statements: Sequence[Statement] = (),
) -> Facts:
    """Writes a network that has an `encoder`, or a delineator, and gives its header.

    OutputError if that fails.
    """
    config: Any = getattr(net, "encoder", net).config
    facts = Facts(system, asdict(config), tuple(classes), origin, window or {}, tuple(statements))
    state = {name: t.detach().cpu().contiguous() for name, t in net.state_dict().items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            save_file(state, new, {"manifest": json.dumps(facts.as_json())})
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    return facts


def read(path: Path) -> Saved:
    """What `save` wrote; RecordError where the file is missing, damaged or of another kind."""
    if path.suffix == ".onnx":
        raise RecordError(f"{path} is ONNX, to read with: name the file that it was exported from")
    try:
        with safe_open(path, framework="pt") as file:
            told = file.metadata() or {}
            for kind, what in OTHERS.items():
                if kind in told:
                    raise RecordError(f"{path} is {what}")
            facts = Facts.of_json(json.loads(told["manifest"]), path)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        by = "pretrain" if path.stem == "pretrained" else "finetune"
        raise RecordError(
            f"there is no trained network {path}: train one first, by `edge-train {by}`"
        ) from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise damaged(path) from error
    if facts.system not in NETWORKS:
        raise damaged(path)
    return Saved(path, facts, state)


def fill(net: nn.Module, saved: Saved, part: str = "") -> None:
    """Puts the weights whose names begin with `part` into a network; RecordError if they misfit."""
    weights = {n.removeprefix(part): t for n, t in saved.state.items() if n.startswith(part)}
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise RecordError(
            f"{saved.path} holds a network of {saved.facts.system}, and what was asked for is of "
            "another system, or of another size (--tiny)"
        ) from error
