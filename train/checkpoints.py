"""Trained networks as files: safetensors whose header says how to build them again.

Nothing in such a file is code: a network is built from the name of a system and a flag, and the
file's tensors must fit it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from edge.errors import OutputError, RecordError
from train.models.encoder import Classifier
from train.systems import SYSTEMS, classifier


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """A network that was read."""

    system: str
    net: Classifier
    """In evaluation mode."""
    classes: tuple[str, ...]
    origin: Mapping[str, Any]
    """Data, folds, settings and figures of its training."""


def save(
    path: Path,
    system: str,
    net: nn.Module,
    classes: Sequence[str],
    origin: Mapping[str, Any],
    *,
    tiny: bool,
) -> None:
    """Writes a `Classifier`, or an encoder alone, which has no classes."""
    manifest = {"system": system, "tiny": tiny, "classes": list(classes), "origin": origin}
    state = {name: t.detach().cpu().contiguous() for name, t in net.state_dict().items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(state, path, {"manifest": json.dumps(manifest)})
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def load(path: Path) -> Saved:
    """Reads a classifier; RecordError where the file is missing, damaged, or an encoder alone."""
    manifest, state = _read(path)
    try:
        classes = tuple(map(str, manifest["classes"]))
        net = classifier(manifest["system"], len(classes), tiny=manifest["tiny"])
        net.load_state_dict(state)
        return Saved(manifest["system"], net.eval(), classes, manifest["origin"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise _damaged(path) from error


def load_encoder(path: Path, encoder: nn.Module) -> None:
    """Puts a trained encoder's weights into one; RecordError if they do not fit."""
    manifest, state = _read(path)
    prefix = "encoder." if manifest.get("classes") else ""
    try:
        encoder.load_state_dict(
            {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
        )
    except RuntimeError as error:
        raise RecordError(
            f"{path} holds a {manifest.get('system')} of another kind or size than is asked for"
        ) from error


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            manifest = json.loads(file.metadata()["manifest"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise RecordError(f"there is no trained network {path}: train one first") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(manifest, dict) or manifest.get("system") not in SYSTEMS:
        raise _damaged(path)
    return manifest, state


def _damaged(path: Path) -> RecordError:
    return RecordError(f"{path} is damaged, or no network that `edge-train` wrote")
