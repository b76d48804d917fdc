"""Trained networks as files: safetensors whose header says how to build them again.

Nothing in such a file is code: a network is built from the name of a system and a flag, and the
file's tensors must fit it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from edge.errors import OutputError, RecordError
from train.engine.files import replacing
from train.models.registry import SYSTEMS


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What a file holds."""

    path: Path
    system: str
    tiny: bool
    classes: tuple[str, ...]
    """What the head tells apart; none where there is no head."""
    origin: Mapping[str, Any]
    """Data, settings and figures of the training."""
    state: Mapping[str, Tensor]
    """Weights; those of the encoder begin with `encoder.`."""


def save(
    path: Path,
    system: str,
    net: nn.Module,
    classes: Sequence[str],
    origin: Mapping[str, Any],
    *,
    tiny: bool,
) -> None:
    """Writes a network that has an `encoder`; OutputError where that fails."""
    manifest = {"system": system, "tiny": tiny, "classes": list(classes), "origin": origin}
    state = {name: t.detach().cpu().contiguous() for name, t in net.state_dict().items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            save_file(state, new, {"manifest": json.dumps(manifest)})
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def read(path: Path) -> Saved:
    """What `save` wrote; RecordError where the file is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            manifest = json.loads(file.metadata()["manifest"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        classes = tuple(map(str, manifest["classes"]))
        saved = Saved(
            path,
            str(manifest["system"]),
            bool(manifest["tiny"]),
            classes,
            manifest["origin"],
            state,
        )
    except FileNotFoundError as error:
        raise RecordError(f"there is no trained network {path}: train one first") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if saved.system not in SYSTEMS:
        raise _damaged(path)
    return saved


def fill(net: nn.Module, saved: Saved, part: str = "") -> None:
    """Puts the weights whose names begin with `part` into a network; RecordError if they misfit."""
    weights = {n.removeprefix(part): t for n, t in saved.state.items() if n.startswith(part)}
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise RecordError(
            f"{saved.path} holds a {'tiny ' if saved.tiny else ''}{saved.system}: another kind or "
            "size of network was asked for"
        ) from error


def _damaged(path: Path) -> RecordError:
    return RecordError(f"{path} is damaged, or no network that `edge-train` wrote")
